"""Small files beside the audio that describe a book: metadata.json, OPF, NFO, desc.txt, reader.txt.

Read as Audiobookshelf 2.36 reads them. What cannot be read is a Problem of the book, never an error.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from library.clients.folders.said import Said, distinct, split_list, year_in
from library.clients.folders.text import clean, decode, plain
from library.domain.facts import Problem, SeriesPlace
from library.domain.folder_grammar import split_series_label
from library.domain.name_lists import parse_names

MAX_BYTES = 4_000_000

# --- metadata.json -----------------------------------------------------------------------------------------------


def from_metadata_json(data: bytes) -> Said:
    """Both shapes: fields at the top, or (before 2.3) nested under "metadata". Values of a wrong type say nothing."""
    try:
        loaded = json.loads(decode(data))
    except (ValueError, RecursionError):
        return _unreadable("metadata.json", "JSON")
    if not isinstance(loaded, dict):
        return _unreadable("metadata.json", "a JSON object")
    nested = loaded.get("metadata")
    book: Mapping[str, Any] = {**loaded, **nested} if isinstance(nested, dict) else loaded
    series = _texts(book.get("series"))
    chapters = book.get("chapters")
    return Said(
        title=_scalar(book.get("title")),
        subtitle=_scalar(book.get("subtitle")),
        authors=_texts(book.get("authors")) or (),
        narrators=_texts(book.get("narrators")),
        series=None if series is None else tuple(SeriesPlace(*split_series_label(label)) for label in series),
        asin=_scalar(book.get("asin")).upper(),
        isbn=_scalar(book.get("isbn")),
        publisher=_scalar(book.get("publisher")),
        published_year=year_in(_scalar(book.get("publishedYear"))) or year_in(_scalar(book.get("publishedDate"))),
        language=_scalar(book.get("language")),
        description=plain(_scalar(book.get("description"))),
        genres=_texts(book.get("genres")) or (),
        tags=_texts(book.get("tags")) or (),
        is_abridged=_flag(book.get("abridged")),
        is_explicit=_flag(book.get("explicit")),
        chapter_count=_chapter_count(chapters),
    )


def _unreadable(name: str, wanted: str) -> Said:
    problem = Problem("sidecar_unreadable", f"{name} is not {wanted} and was left out. Mend or delete it.", name)
    return Said(problems=(problem,))


def _scalar(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value))


def _texts(value: object) -> tuple[str, ...] | None:
    """A list of texts; None where it is absent or not a list."""
    if not isinstance(value, list):
        return None
    return distinct([clean(item) for item in value if isinstance(item, str)])


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _chapter_count(value: object) -> int | None:
    """None unless every chapter has a start, an end and a title: one bad chapter spoils the list."""
    if not isinstance(value, list) or not value:
        return None
    is_whole = all(isinstance(one, dict) and all(key in one for key in ("start", "end", "title")) for one in value)
    return len(value) if is_whole else None


# --- OPF ---------------------------------------------------------------------------------------------------------


def from_opf(data: bytes) -> Said:
    """A package document of EPUB 2 or 3, as Calibre writes it. Entities and external references are refused."""
    try:
        root = defusedxml.ElementTree.fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return _unreadable("The OPF file", "XML that can be trusted")
    elements = list(root.iter())
    metas = [element for element in elements if _local(element.tag) == "meta"]
    narrators = _creators(elements, metas, "nrt") or _calibre_narrators(metas)
    language = next(_values(elements, "language"), "")
    return Said(
        title=next(_values(elements, "title"), ""),
        subtitle=next(_values(elements, "subtitle"), ""),
        authors=_creators(elements, metas, "aut"),
        narrators=narrators or None,
        series=_opf_series(metas) or None,
        asin=_identifier(elements, "ASIN").upper(),
        isbn=_identifier(elements, "ISBN"),
        publisher=next(_values(elements, "publisher"), ""),
        published_year=year_in(next(_values(elements, "date"), "")),
        language="" if language.lower() in {"und", "undefined"} else language,
        description=plain(next(_values(elements, "description"), "")),
        genres=distinct(list(_values(elements, "subject"))),
        tags=distinct(list(_values(elements, "tag"))),
    )


def _local(name: object) -> str:
    """A tag or attribute without its namespace."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if _local(key) == name), "")


def _values(elements: Sequence[Element], name: str) -> Iterator[str]:
    for element in elements:
        text = clean("".join(element.itertext())) if _local(element.tag) == name else ""
        if text:
            yield text


def _creators(elements: Sequence[Element], metas: Sequence[Element], role: str) -> tuple[str, ...]:
    """Creators whose role attribute, or whose refining meta element, says `role`."""
    refined = {
        _attribute(meta, "refines").lstrip("#"): (meta.text or "").strip()
        for meta in metas
        if _attribute(meta, "property") == "role"
    }
    found: list[str] = []
    for element in elements:
        if _local(element.tag) != "creator":
            continue
        said = _attribute(element, "role") or refined.get(_attribute(element, "id"), "")
        if said == role:
            found.extend(parse_names(clean("".join(element.itertext()))))
    return distinct(found)


def _calibre_narrators(metas: Sequence[Element]) -> tuple[str, ...]:
    for meta in metas:
        if _attribute(meta, "name") != "calibre:user_metadata:#narrators":
            continue
        try:
            column = json.loads(_attribute(meta, "content"))
        except ValueError:
            continue
        return _texts(column.get("#value#") if isinstance(column, dict) else None) or ()
    return ()


def _opf_series(metas: Sequence[Element]) -> tuple[SeriesPlace, ...]:
    """Each `calibre:series`, with the `calibre:series_index` that follows it before the next series; else EPUB 3
    collections with their `group-position`."""
    found: list[SeriesPlace] = []
    for meta in metas:
        name, content = _attribute(meta, "name"), clean(_attribute(meta, "content"))
        if name == "calibre:series" and content:
            found.append(SeriesPlace(content))
        elif name == "calibre:series_index" and content and found and not found[-1].position:
            found[-1] = SeriesPlace(found[-1].name, _index(content))
    return tuple(found) or _collections(metas)


def _collections(metas: Sequence[Element]) -> tuple[SeriesPlace, ...]:
    positions = {
        _attribute(meta, "refines").lstrip("#"): _index((meta.text or "").strip())
        for meta in metas
        if _attribute(meta, "property") == "group-position"
    }
    named = [meta for meta in metas if _attribute(meta, "property") == "belongs-to-collection" and meta.text]
    return tuple(SeriesPlace(clean(meta.text or ""), positions.get(_attribute(meta, "id"), "")) for meta in named)


def _index(text: str) -> str:
    """Calibre writes whole numbers as `3.0`."""
    return text[:-2] if text.endswith(".0") else text


def _identifier(elements: Sequence[Element], scheme: str) -> str:
    for element in elements:
        if _local(element.tag) == "identifier" and _attribute(element, "scheme") == scheme:
            return clean("".join(element.itertext()))
    return ""


# --- NFO and plain texts -----------------------------------------------------------------------------------------

_NFO_LINE = re.compile(r"^\s*([A-Za-z][A-Za-z .()/-]{1,40}?)\s*:\s+(\S.*)$")
_NFO_DATES = frozenset(
    {
        "copyright",
        "audible.com release",
        "audiobook copyright",
        "release date",
        "book copyright",
        "date",
        "recording copyright",
    }
)
_RULE = re.compile(r"^\s*[=\-_*]{3,}\s*$")


def from_nfo(data: bytes) -> Said:
    """`Key: value` lines, then `Book Description`, a rule, and free text."""
    head, _, rest = re.sub(r"\r\n?", "\n", decode(data)).partition("Book Description")
    values: dict[str, str] = {}
    for line in head.split("\n"):
        match = _NFO_LINE.match(line)
        if match:
            values.setdefault(match.group(1).strip().lower(), clean(match.group(2)))
    title, _, subtitle = values.get("title", "").partition(": ")
    series = values.get("series name", "")
    narrators = parse_names(values.get("narrator") or values.get("read by", ""))
    return Said(
        title=title.strip(),
        subtitle=subtitle.strip(),
        authors=parse_names(values.get("author", "")),
        narrators=narrators or None,
        series=(SeriesPlace(series, values.get("position in series", "")),) if series else None,
        asin=values.get("asin", "").upper(),
        isbn=next((values[key] for key in ("isbn", "isbn-13", "isbn-10") if values.get(key)), ""),
        publisher=values.get("publisher", ""),
        published_year=_nfo_year(values),
        language=values.get("language", ""),
        description=_nfo_description(rest),
        genres=_commas(values.get("genre", "")),
        tags=_commas(values.get("tags", "")),
        is_abridged=_nfo_abridged(values),
    )


def _commas(text: str) -> tuple[str, ...]:
    return distinct(text.split(",")) if "," in text else split_list(text)


def _nfo_year(values: Mapping[str, str]) -> int | None:
    """The last year of the first date line that is there: `Copyright: 2006 by A (P)2008 B` gives 2008."""
    for key, value in values.items():
        years = re.findall(r"(?<!\d)(?:1\d{3}|20\d{2})(?!\d)", value) if key in _NFO_DATES else []
        if years:
            return int(years[-1])
    return None


def _nfo_abridged(values: Mapping[str, str]) -> bool | None:
    abridged, unabridged = values.get("abridged", "").lower(), values.get("unabridged", "").lower()
    if abridged[:3] in {"yes", "no"}:
        return abridged.startswith("yes")
    return not unabridged.startswith("yes") if unabridged[:3] in {"yes", "no"} else None


def _nfo_description(text: str) -> str:
    lines = text.split("\n")[1:]
    while lines and (not lines[0].strip() or _RULE.match(lines[0])):
        lines.pop(0)
    return plain(clean("\n".join(lines)))


def from_description_text(data: bytes) -> Said:
    """desc.txt: all of it is the description."""
    return Said(description=plain(clean(decode(data))))


def from_reader_text(data: bytes) -> Said:
    """reader.txt: its first line names the narrators."""
    first_line = next(iter(decode(data).strip().splitlines()), "")
    return Said(narrators=parse_names(clean(first_line)) or None)
