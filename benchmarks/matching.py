"""Time and memory of matching many copies against a large catalogue, and how often the match is the true work.

    python benchmarks/matching.py FOLDER [--works N] [--copies N ...] [--identifiers]

FOLDER holds `catalog.jsonl`, `series.jsonl` and `books.jsonl` as `../shared/synthetic/make_synthetic.py --format jsonl
--catalog-rows 1000000 --out FOLDER` writes them. The library's titles are noisy (subtitles, slips, series in front),
and without `--identifiers` copies carry no ASIN or ISBN, so that the words alone must tell. Each number of copies is
matched by a fresh process, so that no cache is warm for the next.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from library.domain.facts import SeriesPlace
from library.domain.holdings import HeldFacts
from library.domain.matching import MatchIndex, Outcome, WorkFacts


def rows(path: Path, limit: int | None = None) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, itertools.islice(lines, limit))


def identifiers(row: dict[str, Any]) -> frozenset[tuple[str, str]]:
    return frozenset((scheme, row[scheme]) for scheme in ("asin", "isbn") if row[scheme])


def read_works(folder: Path, limit: int) -> Iterator[WorkFacts]:
    names = {row["id"]: row["name"] for row in rows(folder / "series.jsonl")}
    for row in rows(folder / "catalog.jsonl", limit):
        title = f"{row['title']}: {row['subtitle']}" if row["subtitle"] else row["title"]
        name = names.get(row["series_id"])
        series = (SeriesPlace(name, row["position"]),) if name else ()
        yield WorkFacts(row["work_id"], title, (row["author"],), series, identifiers(row), years=(row["year"],))


def read_copies(folder: Path, limit: int, *, with_identifiers: bool) -> Iterator[tuple[int, HeldFacts]]:
    for row in rows(folder / "books.jsonl", limit):
        series = (SeriesPlace(row["series"], row["series_number"]),) if row["series"] else ()
        known = identifiers(row) if with_identifiers else frozenset()
        yield row["work_id"], HeldFacts(row["title"], (row["author"],), series, identifiers=known)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, works: int, copies: int, *, with_identifiers: bool) -> dict[str, Any]:
    started = time.perf_counter()
    index = MatchIndex(read_works(folder, works))
    built = time.perf_counter() - started
    held = list(read_copies(folder, copies, with_identifiers=with_identifiers))
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    for truth, copy in held:
        match = index.match(copy)
        counts[match.outcome] += 1
        counts[f"{match.outcome} right"] += match.work_id == truth
    matched = time.perf_counter() - started
    return {
        "works": len(index),
        "copies": len(held),
        "index_seconds": round(built, 1),
        "match_seconds": round(matched, 1),
        "ms_per_copy": round(1000 * matched / max(1, len(held)), 3),
        "peak_mib": round(peak_mib()),
        **{name: round(counts[name] / max(1, len(held)), 4) for name in Outcome},
        "certain_and_wrong": counts[Outcome.CERTAIN] - counts[f"{Outcome.CERTAIN} right"],
        "best_is_true": round(sum(counts[f"{name} right"] for name in Outcome) / max(1, len(held)), 4),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--works", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--identifiers", action="store_true", help="copies carry their ASIN and ISBN")
    options = parser.parse_args()
    if not (options.folder / "catalog.jsonl").exists():
        print(f"There is no catalog.jsonl in {options.folder}; make it as the head of this file says.", file=sys.stderr)
        return 2
    if len(options.copies) == 1:
        found = measure(options.folder, options.works, options.copies[0], with_identifiers=options.identifiers)
        print(json.dumps(found))
        return 0
    for copies in options.copies:
        command = [
            sys.executable,
            __file__,
            str(options.folder),
            "--works",
            str(options.works),
            "--copies",
            str(copies),
        ]
        subprocess.run([*command, *(["--identifiers"] if options.identifiers else [])], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
