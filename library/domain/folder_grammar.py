"""What the names of folders say about a book: `Author/Series/Vol 1 - 2006 - Title [ASIN] {Narrator}`.

The grammar is that of Audiobookshelf 2.36 (its documentation of the directory structure, and what was seen on a real
server); the two must agree, or a book would be filed under one name and read back under another.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from library.domain.name_lists import parse_names

_ASIN = re.compile(r"(?:(?<=\s)|^)\[([A-Z0-9]{10})\](?=\s|$)")
_NARRATORS = re.compile(r"^(?P<title>.*) \{(?P<narrators>.*)\}$")
_SEQUENCE = re.compile(
    r"^(?P<label>vol\.? |volume |book )?(?P<number>\d{1,3}(?:\.\d{1,2})?|\.\d{1,2})(?P<dot>\.?)(?: (?P<suffix>.*))?$",
    re.IGNORECASE | re.ASCII,
)
_YEAR = re.compile(r"^ *\(?(\d{4})\)? *- *(.+)", re.ASCII)
_DISC_FOLDER = re.compile(r"^(?:cd|dis[ck])\s*\d{1,3}$", re.IGNORECASE | re.ASCII)
_SERIES_NUMBER = re.compile(r" #([^#\s]+)$")
PART_SEPARATOR = " - "


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a path says. `title` is empty when the folder holds a number only ("Book 11"), as in Audiobookshelf."""

    title: str
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    series: str = ""
    position: str = ""
    year: int | None = None
    narrators: tuple[str, ...] = ()
    asin: str = ""


def parse_path(path: str, *, with_subtitle: bool = False) -> FolderFacts:
    """Read the path of a book's folder, relative to the library root, with forward slashes.

    `with_subtitle` takes what follows the first ` - ` of the title as subtitle (a setting of Audiobookshelf, off by
    default).
    """
    *parents, name = path.split("/")
    series = parents.pop().strip() if len(parents) > 1 else ""
    authors = parse_names(parents[-1]) if parents else ()
    name, asin = take_asin(name)
    name, narrators = _take_narrators(name)
    name, position = take_sequence(name) if series else (name, "")
    name, year = _take_year(name)
    title, subtitle = name.strip(), ""
    if with_subtitle:
        title, _, subtitle = (part.strip() for part in title.partition(PART_SEPARATOR))
    return FolderFacts(
        title=title,
        subtitle=subtitle,
        authors=authors,
        series=series,
        position=position,
        year=year,
        narrators=narrators,
        asin=asin,
    )


def parse_file_name(name: str) -> FolderFacts:
    """A book that is one file in the root: its name without extension is the title, and says nothing else."""
    stem, dot, _ = name.rpartition(".")
    return FolderFacts(title=(stem if dot and stem else name).strip())


def is_disc_folder(name: str) -> bool:
    """True for `CD 1`, `Disc 02`, `disk3`: such folders belong to the book above them."""
    return _DISC_FOLDER.match(name) is not None


def take_asin(name: str) -> tuple[str, str]:
    """`Title [B000000000]` -> (`Title`, `B000000000`); ten capitals or digits in square brackets, standing free."""
    match = _ASIN.search(name)
    if not match:
        return name, ""
    rest = name[: match.start()].rstrip() + " " + name[match.end() :].lstrip()
    return rest.strip(), match.group(1)


def _take_narrators(name: str) -> tuple[str, tuple[str, ...]]:
    match = _NARRATORS.match(name)
    if not match:
        return name, ()
    return match["title"], parse_names(match["narrators"])


def take_sequence(name: str) -> tuple[str, str]:
    """Take the number within the series off a title folder: (`Vol. 1 - Title`) -> (`Title`, `1`).

    Among the parts between ` - ` the first that is a number counts; a bare number directly before words
    ("101 Dalmatians") does not.
    """
    parts = name.split(PART_SEPARATOR)
    for index, part in enumerate(parts):
        match = _SEQUENCE.match(part)
        if match and (not match["suffix"] or match["label"] or match["dot"]):
            parts[index : index + 1] = [match["suffix"]] if match["suffix"] else []
            return PART_SEPARATOR.join(parts), plain_number(match["number"])
    return name, ""


def plain_number(text: str) -> str:
    """`01` -> `1`, `2.50` -> `2.5`, `.5` -> `0.5`."""
    number = f"{Decimal(text):f}"
    return number.rstrip("0").rstrip(".") if "." in number else number


def _take_year(name: str) -> tuple[str, int | None]:
    match = _YEAR.match(name)
    if not match:
        return name, None
    return match.group(2), int(match.group(1))


def split_series_label(label: str) -> tuple[str, str]:
    """`Oz #2.5` -> (`Oz`, `2.5`); a label without a number, or whose number holds a space, is all name."""
    label = label.strip()
    match = _SERIES_NUMBER.search(label)
    if not match:
        return label, ""
    return label[: match.start()].strip(), match.group(1)
