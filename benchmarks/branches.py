"""How many branches of the API and the accounts the tests have gone through; fails below a share.

    python -m pytest --cov --cov-report= && python benchmarks/branches.py [--least 95]

Which files count is said in pyproject.toml (`tool.coverage.run`). Coverage's own figure mixes lines and branches; here
are branches alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def read() -> dict[str, dict[str, dict[str, int]]]:
    """Coverage's report by file; SystemExit when no test has left one."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "coverage.json"
        done = subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", str(place)], check=False)
        if done.returncode or not place.exists():
            raise SystemExit("There is nothing to judge: run the tests with --cov first.")
        found: dict[str, dict[str, dict[str, int]]] = json.loads(place.read_text())["files"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=float, default=95.0, help="The share in percent below which it fails.")
    least = parser.parse_args().least
    total = covered = 0
    for name, file in sorted(read().items()):
        branches, gone = file["summary"]["num_branches"], file["summary"]["covered_branches"]
        total, covered = total + branches, covered + gone
        if gone < branches:
            missing = ", ".join(f"{start}→{end}" for start, end in file["missing_branches"])
            print(f"{name:50} {gone:4} of {branches:4}   not {missing}")
    share = 100 * covered / max(total, 1)
    print(f"{covered} of {total} branches, {share:.1f} % (at least {least:.0f} %)")
    if share < least:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
