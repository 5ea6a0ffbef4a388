"""How fast a library of folders is read, against the floor of walking it.

    python benchmarks/read_folders.py [books]

Makes that many one-file books (10,000 by default) in a temporary folder, and times in one run: the floor (os.walk and
one stat a file), a first read (every file opened), and a second read with the fingerprints of the first (none opened).
Each phase has walked the same tree before, so the file system's cache is warm for all of them.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from library.clients.demo_audio import make_demo_book

from library.clients.folders import FolderReader, SeenCopy
from library.domain.facts import CopyFacts

PER_AUTHOR, PER_SERIES = 20, 5


def make_library(root: Path, books: int) -> None:
    seed = make_demo_book(root / ".seed", title="Seed", author="Nobody", seconds=2)[0].read_bytes()
    for number in range(books):
        author, series, place = number // PER_AUTHOR, number // PER_SERIES, number % PER_SERIES + 1
        folder = root / f"Author {author:04}" / f"Series {series:05}" / f"{place} - Title {number:06}"
        folder.mkdir(parents=True)
        (folder / f"{number:06}.mp3").write_bytes(seed)


def walk(root: Path) -> Iterator[int]:
    for folder, _, names in os.walk(root):
        for name in names:
            yield os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 (the floor)


def timed(action: Callable[[], int]) -> tuple[int, float]:
    start = time.perf_counter()
    count = action()
    return count, time.perf_counter() - start


def peak_memory(root: Path, known: dict[str, str]) -> int:
    tracemalloc.start()
    for _ in FolderReader(root, known=known).read():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("books", type=int, nargs="?", default=10_000)
    books = parser.parse_args().books
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_library(root, books)
        known: dict[str, str] = {}

        def first_read() -> int:
            found = (one for one in FolderReader(root).read() if isinstance(one, CopyFacts))
            known.update((one.path, one.fingerprint) for one in found)
            return len(known)

        def second_read() -> int:
            return sum(isinstance(one, SeenCopy) for one in FolderReader(root, known=known).read())

        sum(walk(root))
        _, floor = timed(lambda: sum(1 for _ in walk(root)))
        read, first = timed(first_read)
        seen, second = timed(second_read)
        if not read == seen == books:
            sys.exit(f"Expected {books} books, read {read} and saw {seen} again.")
        figures = {
            "books": books,
            "floor_seconds": round(floor, 3),
            "first_read_seconds": round(first, 3),
            "first_read_books_per_second": round(books / first),
            "second_read_seconds": round(second, 3),
            "second_read_books_per_second": round(books / second),
            "second_read_times_floor": round(second / floor, 2),
            "second_read_peak_bytes": peak_memory(root, known),
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
