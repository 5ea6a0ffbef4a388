"""How importing and analysing a large library grows: time, memory and queries, and whether the gaps are right.

    python benchmarks/import_scale.py 100000
    DATABASE_URL=postgres://user@127.0.0.1/empty_database python benchmarks/import_scale.py 10000

A seeded library with the noise of real ones (titles with typos, series and numbers in them, missing numbers, second
authors) and the catalogue that it was drawn from are made by `../shared/synthetic/make_synthetic.py`. The books go
through the same doors as a real reader's; what is missing is known, so that the gaps can be scored. The database must
be empty; without DATABASE_URL it is an SQLite file in a folder that is thrown away.
"""

import argparse
import csv
import datetime
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
MAKER = HERE.parent / "shared" / "synthetic" / "make_synthetic.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=int, nargs="?", default=10_000, help="copies on the shelf")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("UNABRIDGED_DATA_DIR", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        sys.path.insert(0, str(HERE))
        data = Path(folder) / "synthetic"
        sizes = ["--books", given.books, "--series", given.books * 12 // 100, "--authors", given.books // 5]
        made = subprocess.run(
            [sys.executable, MAKER, "--out", data, *map(str, sizes)], check=False, capture_output=True, text=True
        )
        if made.returncode:
            sys.exit(f"The synthetic library could not be made with {MAKER}: {made.stderr}")
        import django

        django.setup()
        print(json.dumps(measure(data), indent=1))


def rows(data: Path, name: str) -> Iterator[dict[str, str]]:
    with (data / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def measure(data: Path) -> dict[str, Any]:
    """Every step of a library's first days, with its cost."""
    from django.core.management import call_command
    from django.db import connection

    from library.models import Book, Copy, LibraryRoot, ProviderState, Series
    from library.services.catalogue import refresh_catalogue
    from library.services.gaps import analyze_gaps, recount_books
    from library.services.providers import Asked, ensure_providers
    from library.services.shelf import read_root

    call_command("migrate", verbosity=0)
    ensure_providers()
    ProviderState.objects.update(is_enabled=False)
    root = LibraryRoot.objects.create(name="synthetic", path="/synthetic")
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    count = sum(1 for _ in rows(data, "books"))
    report: dict[str, Any] = {"books": count, "database": connection.vendor}

    def step(name: str, act: Callable[[], Any]) -> None:
        queries = 0

        def counting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(sql, params, many, context)

        started = time.perf_counter()
        with connection.execute_wrapper(counting):
            act()
        report[name] = {
            "seconds": round(time.perf_counter() - started, 1),
            "queries_per_1000": round(1000 * queries / count, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        print(name, report[name], file=sys.stderr, flush=True)

    reader = Reader(data)
    step("import", lambda: read_root(root=root, reader=reader, run_id=0, now=now))
    step("import_again", lambda: read_root(root=root, reader=reader, run_id=0, now=now))
    state, _ = ProviderState.objects.get_or_create(name="synthetic", defaults={"is_enabled": True})
    provider = Asked(state, Catalogue(data))
    step("refresh", lambda: refresh_catalogue(now=now, providers=[provider]))
    step("refresh_again", lambda: refresh_catalogue(now=now, providers=[provider], force=True))
    step("analysis", lambda: analyze_gaps(now=now))
    step("analysis_again", lambda: analyze_gaps(now=now))
    some = Copy.objects.exclude(book__series_entries=None).values_list("book_id", flat=True)[:100]
    step("recount_of_100_books", lambda: [recount_books([pk], now=now) for pk in some])
    report["rows"] = {"books": Book.objects.count(), "series": Series.objects.count()}
    report["gaps"] = score(data)
    return report


class Reader:
    """The books of the synthetic library as a reader of folders would give them."""

    uses_item_ids = False

    def __init__(self, data: Path) -> None:
        self.data = data

    def check(self) -> None:
        pass

    def read(self, known: Mapping[str, str], report: Callable[[int, int | None], None]) -> Iterator[Any]:
        from library.domain.facts import CopyFacts, FileFacts, FileKind, SeriesPlace
        from library.services.shelf import Unchanged

        for number, row in enumerate(rows(self.data, "books")):
            report(number, None)
            path = f"{row['author']}/{row['id']} - {row['title']}"
            if known.get(path) == row["abs_id"]:
                yield Unchanged(path)
                continue
            minutes = int(row["duration_minutes"])
            yield CopyFacts(
                path=path,
                title=row["title"],
                subtitle=row["subtitle"],
                authors=tuple(row["author"].split(", ")),
                narrators=tuple(row["narrator"].split(", ")),
                series=(SeriesPlace(row["series"], row["series_number"]),) if row["series"] else (),
                asin=row["asin"],
                isbn=row["isbn"],
                publisher=row["publisher"],
                published_year=int(row["published_year"]),
                description=row["description"],
                duration_seconds=minutes * 60.0,
                size_bytes=minutes * 480_000,
                files=(FileFacts(f"{path}/book.m4b", FileKind.AUDIO, minutes * 480_000, number, minutes * 60.0),),
                fingerprint=row["abs_id"],
            )


class Catalogue:
    """The synthetic catalogue as a provider."""

    name = "synthetic"
    capabilities = frozenset({"find_series", "get_series"})

    def __init__(self, data: Path) -> None:
        from library.domain.facts import CatalogueSeries, CatalogueSeriesEntry

        names = {row["id"]: row["name"] for row in rows(data, "series")}
        members: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in rows(data, "catalog"):
            if row["series_id"]:
                members[row["series_id"]].append(row)
        self.by_id = {
            key: CatalogueSeries(
                provider=self.name,
                provider_id=key,
                name=names[key],
                authors=(group[0]["author"],),
                entries=tuple(CatalogueSeriesEntry(row["position"], self._book(row)) for row in group),
            )
            for key, group in members.items()
            if key in names
        }
        self.by_name: dict[str, list[Any]] = defaultdict(list)
        for series in self.by_id.values():
            self.by_name[series.name].append(series)

    def _book(self, row: dict[str, str]) -> Any:
        from library.domain.facts import CatalogueBook, Identifier

        codes = [Identifier("asin", row["asin"], "us")] if row["asin"] else []
        return CatalogueBook(
            provider=self.name,
            provider_id=row["work_id"],
            title=row["title"],
            subtitle=row["subtitle"],
            authors=(row["author"],),
            published_year=int(row["year"]),
            identifiers=tuple(codes),
        )

    def find_series(self, name: str, *, author: str = "") -> list[Any]:
        return self.by_name.get(name, [])

    def get_series(self, provider_id: str, *, region: str = "") -> Any:
        return self.by_id.get(provider_id)

    def find_books(self, query: Any) -> list[Any]:
        return []

    def find_author_books(self, author: str) -> Iterable[Any]:
        return []


def score(data: Path) -> dict[str, Any]:
    """The rows that say `missing` against what was left out, novellas and main books alike."""
    from library.models import CatalogueRecord, Gap, Series

    work_of = dict(CatalogueRecord.objects.filter(kind="book").values_list("book_id", "provider_id"))
    known = set(Series.objects.filter(catalogue_source="synthetic").values_list("catalogue_id", flat=True))
    said = {work_of.get(pk, "") for pk in Gap.objects.open().filter(reason="missing").values_list("book_id", flat=True)}
    truth = {row["work_id"] for row in rows(data, "missing")}
    right = said & truth
    return {
        "truth": len(truth),
        "said": len(said),
        "precision": round(len(right) / max(1, len(said)), 5),
        "recall": round(len(right) / max(1, len(truth)), 5),
        "series_found": len(known),
        "false": sorted(said - truth)[:20],
        "not_found": sorted(truth - said)[:20],
    }


if __name__ == "__main__":
    main()
