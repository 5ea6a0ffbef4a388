"""Build the shipped data: `python -m library.catalogue.build [listing.jsonl]`.

With a raw LibriVox listing it rebuilds `librivox.jsonl.gz`; always it rebuilds `series.json.gz` from `series/*.toml`.
Both are byte for byte the same for the same input. Series with problems (checks.py) are not built: they are printed.
"""

import gzip
import io
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from library.catalogue.checks import find_problems
from library.catalogue.recordings import Recording, clean_recordings, read_raw

HERE = Path(__file__).parent
RECORDINGS_FILE = HERE / "librivox.jsonl.gz"
SERIES_FILE = HERE / "series.json.gz"
SERIES_SOURCES = HERE / "series"


def pack(lines: Sequence[Any]) -> bytes:
    """One JSON document a line, compressed without a time stamp or file name."""
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as packed:
        packed.write(text.encode())
    return buffer.getvalue()


def read_series(folder: Path = SERIES_SOURCES) -> list[dict[str, Any]]:
    """Every curated series, sorted by id."""
    series = [row for path in sorted(folder.glob("*.toml")) for row in tomllib.loads(path.read_text("utf-8"))["series"]]
    return sorted(series, key=lambda row: str(row["id"]))


def read_recordings(path: Path = RECORDINGS_FILE) -> dict[str, Recording]:
    return {
        row["id"]: row for row in map(json.loads, gzip.decompress(path.read_bytes()).decode().strip("\n").split("\n"))
    }


def main(arguments: Sequence[str]) -> int:
    if arguments:
        recordings = clean_recordings(read_raw(Path(arguments[0])))
        RECORDINGS_FILE.write_bytes(pack(recordings))
        print(f"{len(recordings)} recordings, {len({row['work'] for row in recordings})} works")
    series = read_series()
    if problems := find_problems(series, read_recordings()):
        print(*problems, sep="\n", file=sys.stderr)
        return 1
    SERIES_FILE.write_bytes(pack(series))
    print(f"{len(series)} series, {sum(len(row['entries']) for row in series)} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
