"""How fast the hot endpoints answer, against a floor in the same run.

    python benchmarks/api.py [--books 100000 --series 12000 --authors 20000] [--database postgres://…] [--seconds 3]

The floor is a bare WSGI application on the same server that runs one SQL statement for the same rows and writes them
with orjson: no framework, no accounts, no limits. Both are served by granian with two processes; each figure is the
median time of one connection, and the requests a second of eight. Without --database a database is made on the
PostgreSQL of 127.0.0.1, and dropped at the end, and requests are counted in the Redis there; `sqlite` uses a file, and
counts in files.
"""

import argparse
import contextlib
import csv
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SYNTHETIC = ROOT.parent / "shared" / "synthetic" / "make_synthetic.py"
DEEP = 50_000


def make_data(folder: Path, books: int, series: int, authors: int) -> None:
    sizes = ["--books", str(books), "--series", str(series), "--authors", str(authors)]
    subprocess.run([sys.executable, str(SYNTHETIC), "--out", str(folder), *sizes], check=True, capture_output=True)


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def load(folder: Path) -> dict[str, Any]:
    """Fill the database through bulk writes; answers a key and an id for the measurements."""
    import django

    django.setup()
    from accounts.models import User
    from accounts.services.keys import create_key
    from library.domain.positions import parse_positions
    from library.domain.titles import series_key, title_key
    from library.models import Author, Book, BookAuthor, BookNarrator, Narrator, Series, SeriesEntry
    from library.services.text import sort_title

    Author.objects.bulk_create(
        [Author(pk=int(r["id"]), name=r["name"], sort_name=r["name"], name_key=f"{r['id']} {r['name']}"[:500])
         for r in rows(folder, "authors")], batch_size=2000,
    )  # fmt: skip
    Series.objects.bulk_create(
        [Series(pk=int(r["id"]), name=r["name"], sort_name=sort_title(r["name"]), name_key=series_key(r["name"]),
                author_id=int(r["author_id"]), counted_count=int(r["total_books"]), covered_count=int(r["books_owned"]),
                owned_count=int(r["books_owned"]), missing_count=int(r["books_missing"]),
                completion_percentage=int(r["completion_percentage"]), completion_status=r["completion_status"])
         for r in rows(folder, "series")], batch_size=2000, ignore_conflicts=True,
    )  # fmt: skip
    kept = set(Series.objects.values_list("pk", flat=True))
    narrators: dict[str, int] = {}
    books, authors, voices, entries = [], [], [], []
    for r in rows(folder, "books"):
        pk = int(r["id"])
        books.append(
            Book(pk=pk, title=r["title"], subtitle=r["subtitle"], sort_title=sort_title(r["title"]),
                 title_key=title_key(r["title"])[:500], isbn=r["isbn"], asin=r["asin"], abs_id=r["abs_id"],
                 publisher=r["publisher"], published_year=int(r["published_year"]), language="en", is_owned=True,
                 duration_seconds=int(r["duration_minutes"]) * 60, description=r["description"], status=r["status"],
                 completeness=int(r["completeness"]), import_source=r["import_source"])
        )  # fmt: skip
        authors.append(BookAuthor(book_id=pk, author_id=int(r["author_id"])))
        for order, name in enumerate(dict.fromkeys(r["narrator"].split(", "))):
            voices.append(
                BookNarrator(book_id=pk, narrator_id=narrators.setdefault(name, len(narrators) + 1), order=order)
            )
        if r["series_id"] and int(r["series_id"]) in kept:
            place = parse_positions(r["series_number"])
            entries.append(
                SeriesEntry(book_id=pk, series_id=int(r["series_id"]), label=r["series_number"],
                            positions=place.label, position_first=place.first, position_last=place.last)
            )  # fmt: skip
    Narrator.objects.bulk_create(
        [Narrator(pk=pk, name=name, sort_name=name, name_key=name) for name, pk in narrators.items()], batch_size=2000
    )
    started = time.perf_counter()
    Book.objects.bulk_create(books, batch_size=1000)
    for model, links in ((BookAuthor, authors), (BookNarrator, voices), (SeriesEntry, entries)):
        model._default_manager.bulk_create(links, batch_size=2000)  # type: ignore[attr-defined]
    print(f"books with their links and search index written in {time.perf_counter() - started:.1f} s")
    user = User.objects.create(username="bench", email="bench@example.org", role="viewer")
    _, key = create_key(user=user, name="bench")
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return {"key": key, "book": 777}


def floor_statements() -> dict[str, tuple[str, list[Any]]]:
    """The one statement of each measurement, as the database gets it."""
    from django.db import connection

    from library.api.book_details import with_details
    from library.api.book_rows import COLUMNS, TEXTS, with_nested
    from library.api.series import AUTHOR
    from library.api.series import COLUMNS as SERIES_COLUMNS
    from library.models import Book, Series
    from library.models.search_index import TABLE

    def text(queryset: Any) -> tuple[str, list[Any]]:
        sql, params = queryset.query.sql_with_params()
        return sql, list(params)

    newest = Book.objects.active().order_by("-created_at", "-id")
    nested = with_nested(Book.objects.all()).order_by("-created_at", "-id")
    last = newest.values("created_at", "id")[DEEP]
    behind = newest.filter(created_at__lte=last["created_at"]).exclude(
        created_at=last["created_at"], pk__gte=last["id"]
    )
    series = Series.objects.filter(merged_into=None, completion_percentage__range=(0, 99)).annotate(author_json=AUTHOR)
    if connection.vendor == "postgresql":
        found = f"SELECT book_id FROM {TABLE} WHERE document @@ to_tsquery('simple', %s) ORDER BY ts_rank('{{0.1, 0.4, 0.6, 1.0}}', document, to_tsquery('simple', %s)) DESC LIMIT 10"  # noqa: E501
        params: list[Any] = ["'crimson' & 'throne':*"] * 2
    else:
        found = f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH %s ORDER BY bm25({TABLE}, 10, 1, 4, 6, 1) LIMIT 10"
        params = ['"crimson" "throne"*']
    whole, _ = text(with_nested(Book.objects.all()).order_by().values(*COLUMNS, *TEXTS))
    return {
        "list": text(with_nested(newest).values(*COLUMNS, *TEXTS)[:100]),
        "detail": text(with_details(Book.objects.filter(pk=777))),
        "incomplete series": text(
            series.order_by("completion_percentage", "id").values(*SERIES_COLUMNS, "author_json")[:100]
        ),
        "search": (f'{whole} WHERE "library_book"."id" IN (SELECT * FROM ({found}) f)', params),
        "offset 50,000": text(nested.filter(pk__in=newest.values("pk")[DEEP : DEEP + 100]).values(*COLUMNS, *TEXTS)),
        "cursor, 50,000 deep": text(with_nested(behind).values(*COLUMNS, *TEXTS)[:100]),
    }


def addresses(book: int) -> dict[str, str]:
    return {
        "list": "/api/books/?limit=100",
        "detail": f"/api/books/{book}/",
        "incomplete series": "/api/series/incomplete/?limit=100",
        "search": "/api/books/search/?query=crimson+throne",
        "offset 50,000": f"/api/books/?limit=100&offset={DEEP}",
        "cursor, 50,000 deep": "",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(target: str, environment: dict[str, str], path: str, headers: dict[str, str]) -> Iterator[int]:
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers",
        "2", "--blocking-threads", "4", "--no-log", target,
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if get(http.client.HTTPConnection("127.0.0.1", port, timeout=5), path, headers)[0] < 500:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def measure(port: int, path: str, headers: dict[str, str], seconds: float) -> tuple[float, float, int]:
    """Median milliseconds at one connection, requests a second at eight, and the bytes of an answer."""
    one = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times, size = [], 0
    for _ in range(20):
        status, body = get(one, path, headers)
        if status != 200:
            raise SystemExit(f"{path} answered {status}: {body[:300]!r}")
        size = len(body)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        get(one, path, headers)
        times.append((time.perf_counter() - started) * 1000)
    counts = [0] * 8
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        mine = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.perf_counter() < end:
            if get(mine, path, headers)[0] == 200:
                counts[number] += 1

    started = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.median(times), sum(counts) / (time.perf_counter() - started), size


def deep_cursor(port: int, headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    _, body = get(connection, f"/api/books/?limit=100&offset={DEEP - 100}", headers)
    return str(json.loads(body)["page_info"]["next"])


def run(arguments: argparse.Namespace, database: str, folder: Path) -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "UNABRIDGED_DATA_DIR": str(folder / "data"),
        "UNABRIDGED_LOG_LEVEL": "WARNING",
        "UNABRIDGED_WEB_WORKERS": "2",
        **{f"UNABRIDGED_RATE_{tier}": "100000000/minute" for tier in ("AUTHENTICATED", "SEARCH", "METADATA", "PUBLIC")},
    }
    if database:
        environment |= {"DATABASE_URL": database, "REDIS_URL": arguments.redis}
    os.environ.update(environment)
    sys.path.insert(0, str(ROOT))
    print(f"making {arguments.books:,} books")
    make_data(folder / "synthetic", arguments.books, arguments.series, arguments.authors)
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, cwd=ROOT)
    facts = load(folder / "synthetic")
    floor_file = folder / "floor.json"
    floor_file.write_text(json.dumps(floor_statements(), default=str))
    headers = {"X-API-Key": facts["key"], "Accept": "application/json"}
    figures: dict[str, dict[str, tuple[float, float, int]]] = {}
    with served("config.wsgi:application", environment, "/api/books/777/", headers) as port:
        for name, path in addresses(facts["book"]).items():
            path = path or deep_cursor(port, headers)
            figures.setdefault(name, {})["ours"] = measure(port, path, headers, arguments.seconds)
    floor = {**environment, "BENCH_FLOOR": str(floor_file)}
    with served("benchmarks.api_floor:application", floor, "/detail", {}) as port:
        for name in figures:
            path = "/" + name.replace(" ", "%20").replace(",", "%2C")
            figures[name]["floor"] = measure(port, path, {}, arguments.seconds)
    print(f"\n{'':22}{'p50 ms':>9}{'floor':>9}{'ratio':>7}{'req/s':>9}{'floor':>9}{'ratio':>7}{'bytes':>9}")
    for name, both in figures.items():
        (ms, rate, size), (floor_ms, floor_rate, _) = both["ours"], both["floor"]
        times = f"{ms:9.2f}{floor_ms:9.2f}{ms / floor_ms:7.2f}"
        print(f"{name:22}{times}{rate:9.0f}{floor_rate:9.0f}{rate / floor_rate:7.2f}{size:9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, default=100_000)
    parser.add_argument("--series", type=int, default=12_000)
    parser.add_argument("--authors", type=int, default=20_000)
    parser.add_argument("--database", default="", help="A URL of an empty database, or `sqlite`.")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/15")
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    if not SYNTHETIC.exists():
        raise SystemExit(
            f"{SYNTHETIC.name} is not there: the synthetic library lies beside the repository, in ../shared."
        )
    with tempfile.TemporaryDirectory() as folder:
        if arguments.database == "sqlite":
            run(arguments, "", Path(folder))
        elif arguments.database:
            run(arguments, arguments.database, Path(folder))
        else:
            name = f"unabridged_bench_{os.getpid()}"
            subprocess.run(["psql", "-q", "-h", "127.0.0.1", "-c", f"CREATE DATABASE {name}", "postgres"], check=True)
            try:
                user = os.environ.get("USER") or "root"
                run(arguments, f"postgres://{user}@127.0.0.1/{name}", Path(folder))
            finally:
                from django.db import connections

                connections.close_all()
                drop = f"DROP DATABASE {name} WITH (FORCE)"
                subprocess.run(["psql", "-q", "-h", "127.0.0.1", "-c", drop, "postgres"], check=True)


if __name__ == "__main__":
    main()
