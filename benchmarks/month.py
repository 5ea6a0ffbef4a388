"""A month of virtual time: a thousand wanted books, five indexers, one of them down for two days.

    python benchmarks/month.py [BOOKS] [DAYS]

Every service is the real one; the indexers are in this process and the clock is passed in. Prints what each indexer was
asked, how soon every book was searched for, and how long releases waited until they were taken. The database is an
SQLite file in a folder that is thrown away, unless DATABASE_URL names an empty one.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
BUDGETS = {"first": 200, "second": 200, "third": 100, "fourth": 50, "fifth": 300}
OUTAGE = {"second": ((10.0, 12.0),)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=int, nargs="?", default=1000)
    parser.add_argument("days", type=int, nargs="?", default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("UNABRIDGED_DATA_DIR", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        sys.path.insert(0, str(HERE))
        import django

        django.setup()
        from django.core.management import call_command

        from acquisition.tests.virtual_time import Plan, World

        call_command("migrate", verbosity=0)
        plans = [Plan(name, budget, outages=OUTAGE.get(name, ())) for name, budget in BUDGETS.items()]
        world = World(plans, given.books, given.days, releases=given.books // 5, old_releases=given.books // 10)
        world.prepare()
        started = time.perf_counter()
        world.run()
        print(json.dumps({**world.figures(), "seconds": round(time.perf_counter() - started)}, indent=1))


if __name__ == "__main__":
    main()
