"""Where an imported book goes: templates for folder and file names, and the metadata.json that goes with them.

A name made by the preset `AUDIOBOOKSHELF` is read back by Audiobookshelf, and by `folder_grammar`, as the same book.
What a path cannot carry (a range such as `1-3`, a colon, a second series) is told by `find_lost_fields` and stands in
`sidecar_metadata`, which overrides the path.

Templates: `{token}` is replaced, `{position:00}` pads a number with zeros, `{{` and `}}` are braces, `/` parts folders,
and `<...>` is left out when one of its tokens is empty.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from library.domain.facts import SeriesPlace
from library.domain.file_names import MAX_BYTES, byte_length, cut_bytes, safe_component
from library.domain.folder_grammar import is_disc_folder, parse_path, plain_number

TOKENS = frozenset(
    {
        "author",
        "series",
        "position",
        "title",
        "subtitle",
        "year",
        "narrator",
        "asin",
        "language",
        "abridged",
        "part",
    }
)
UNKNOWN_AUTHOR = "Unknown Author"
UNTITLED = "Untitled"
_LEXEMES = re.compile(r"\{\{|\}\}|\{(?P<token>[a-z]+)(?::(?P<pad>0+))?\}|[<>{}]|[^<>{}]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_READABLE_POSITION = re.compile(r"\d{1,3}(?:\.\d{1,2})?", re.ASCII)
_READABLE_ASIN = re.compile(r"[A-Z0-9]{10}", re.ASCII)
_SERIES_NUMBER = re.compile(r"[^#\s]+")
_LIKE_YEAR = re.compile(r"^( *\(?\d{4}\)? *)-", re.ASCII)
_LIKE_ASIN = re.compile(r"\[([A-Z0-9]{10})\]", re.ASCII)


class Nameable(Protocol):
    """What names are made of; `CopyFacts` is one. The first series is the one that gives the folder."""

    @property
    def title(self) -> str: ...
    @property
    def subtitle(self) -> str: ...
    @property
    def authors(self) -> tuple[str, ...]: ...
    @property
    def narrators(self) -> tuple[str, ...]: ...
    @property
    def series(self) -> tuple[SeriesPlace, ...]: ...
    @property
    def asin(self) -> str: ...
    @property
    def isbn(self) -> str: ...
    @property
    def publisher(self) -> str: ...
    @property
    def published_year(self) -> int | None: ...
    @property
    def language(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def genres(self) -> tuple[str, ...]: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def is_abridged(self) -> bool | None: ...
    @property
    def is_explicit(self) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class BookName:
    """A plain `Nameable`."""

    title: str
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: tuple[SeriesPlace, ...] = ()
    asin: str = ""
    isbn: str = ""
    publisher: str = ""
    published_year: int | None = None
    language: str = ""
    description: str = ""
    genres: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_abridged: bool | None = None
    is_explicit: bool | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    name: str
    width: int = 0


@dataclass(slots=True)
class _Group:
    items: list["str | _Token | _Group"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NamingTemplate:
    """A template for the folder, and one for the names of files (without suffix).

    `reads_back` keeps out of the folder what Audiobookshelf would misread there: positions and ASINs of unusual shape.
    Raises ValueError, with a sentence, for a template that cannot work.
    """

    folder: str
    file: str
    reads_back: bool = True

    def __post_init__(self) -> None:
        for text in (self.folder, self.file):
            names = _tokens_of(_parse(text))
            if "title" not in names:
                raise ValueError(f"The template {text!r} has no {{title}}, so books would share one name.")
        if "/" in self.file:
            raise ValueError("The template for files must not hold a slash; folders belong into the folder's template.")
        parts = self.folder.split("/")
        if "\\" in self.folder + self.file or any(part.strip(" .") == "" for part in parts):
            raise ValueError("A template is a relative path with forward slashes and no empty part, `.` or `..`.")


def _parse(template: str) -> _Group:
    """The tree of a template."""
    stack = [_Group()]
    for match in _LEXEMES.finditer(template):
        text = match.group()
        if match["token"]:
            if match["token"] not in TOKENS:
                raise ValueError(f"Unknown token {text} in the template; possible are {', '.join(sorted(TOKENS))}.")
            stack[-1].items.append(_Token(match["token"], len(match["pad"] or "")))
        elif text == "<":
            stack.append(_Group())
        elif text == ">":
            if len(stack) == 1:
                raise ValueError("A `>` in the template has no `<` before it.")
            group = stack.pop()
            stack[-1].items.append(group)
        elif text in "{}":
            raise ValueError("A single brace in the template: write `{{` or `}}` for a brace itself.")
        else:
            stack[-1].items.append(text[0] if text in ("{{", "}}") else text)
    if len(stack) > 1:
        raise ValueError("A `<` in the template is never closed.")
    return stack[0]


def _tokens_of(group: _Group) -> set[str]:
    names: set[str] = set()
    for item in group.items:
        if isinstance(item, _Token):
            names.add(item.name)
        elif isinstance(item, _Group):
            names |= _tokens_of(item)
    return names


AUDIOBOOKSHELF = NamingTemplate(
    folder="{author}/<{series}/><Vol {position} - ><{year} - >{title}< [{asin}]>< {{{narrator}}}>",
    file="{title}< - {part:00}>",
)
PLEX = NamingTemplate(
    folder="{author}/<{series}/><{year} - >{title}< [{series} {position}]>",
    file="{title}< ({year})>< [{series} {position}]>< - pt{part:00}>",
    reads_back=False,
)
PRESETS: Mapping[str, NamingTemplate] = {"audiobookshelf": AUDIOBOOKSHELF, "plex": PLEX}


def template_for(preset: str, folder: str = "", file: str = "") -> NamingTemplate:
    """The preset's templates, each replaced by one of the user's own where there is one. ValueError says what is wrong
    with those."""
    known = PRESETS.get(preset, AUDIOBOOKSHELF)
    return NamingTemplate(folder or known.folder, file or known.file, known.reads_back)


def render_folder(book: Nameable, template: NamingTemplate = AUDIOBOOKSHELF) -> str:
    """The book's folder, relative to the library root, with forward slashes.

    Never absolute, never `..`, no empty component, each at most 255 bytes.
    """
    folder = _render_path(_parse(template.folder), _values(book, template))
    if not template.reads_back:
        return folder
    misread = parse_path(folder)
    title = book.title
    if misread.year != _readable_year(book) and misread.year is not None:
        title = _LIKE_YEAR.sub("\\1–", safe_component(title))
    if misread.asin and misread.asin != book.asin:
        title = _LIKE_ASIN.sub(r"(\1)", title)
    if title == book.title:
        return folder
    return _render_path(_parse(template.folder), {**_values(book, template), "title": _title(title)})


def render_file(
    book: Nameable,
    *,
    suffix: str,
    part: int | None = None,
    part_count: int = 1,
    template: NamingTemplate = AUDIOBOOKSHELF,
) -> str:
    """The name of one file; `suffix` with its dot. Parts are numbered where there are several, all equally wide."""
    values = _values(book, template)
    if part is not None and part_count > 1:
        values["part"] = str(part).zfill(len(str(part_count)))
    suffix = "." + safe_component(suffix, max_bytes=16).lower() if suffix else ""
    return _fit(_parse(template.file), values, MAX_BYTES - byte_length(suffix))[0] + suffix


def _values(book: Nameable, template: NamingTemplate) -> dict[str, str]:
    """The tokens as safe text."""
    place = book.series[0] if book.series else SeriesPlace("")
    series = safe_component(place.name)
    position = place.position.strip() if series else ""
    if template.reads_back and not _READABLE_POSITION.fullmatch(position):
        position = ""
    is_odd_asin = template.reads_back and not _READABLE_ASIN.fullmatch(book.asin)
    year = _readable_year(book)
    return {
        "author": _joined(book.authors) or UNKNOWN_AUTHOR,
        "series": series,
        "position": safe_component(plain_number(position) if _NUMBER.fullmatch(position) else position),
        "title": _title(book.title),
        "subtitle": safe_component(book.subtitle),
        "year": str(year) if year else "",
        "narrator": _joined(book.narrators),
        "asin": "" if is_odd_asin else safe_component(book.asin),
        "language": safe_component(book.language),
        "abridged": "Abridged" if book.is_abridged else "",
        "part": "",
    }


def _title(title: str) -> str:
    safe = safe_component(title) or UNTITLED
    return f"{safe} (audiobook)" if is_disc_folder(safe) else safe


def _readable_year(book: Nameable) -> int | None:
    year = book.published_year
    return year if year and 1000 <= year <= 9999 else None


def _joined(names: Sequence[str]) -> str:
    """As many whole names as one component can hold."""
    joined = ""
    for name in filter(None, map(safe_component, names)):
        longer = f"{joined}, {name}" if joined else name
        if byte_length(longer) > MAX_BYTES:
            break
        joined = longer
    return joined


def _render_path(tree: _Group, values: Mapping[str, str]) -> str:
    return "/".join(_fit(tree, dict(values), MAX_BYTES))


def _fit(tree: _Group, values: dict[str, str], max_bytes: int) -> list[str]:
    """The components, made short enough: first without narrators, then without subtitle, then with less title."""
    for dropped in ("", "narrator", "subtitle"):
        values = {**values, dropped: ""}
        components = _components(tree, values)
        excess = max(map(byte_length, components)) - max_bytes
        if excess <= 0:
            return components
    shorter = cut_bytes(values["title"], max(byte_length(values["title"]) - excess, 32)).rstrip(" .")
    components = _components(tree, {**values, "title": shorter})
    return [safe_component(component, max_bytes=max_bytes) for component in components]


def _components(tree: _Group, values: Mapping[str, str]) -> list[str]:
    text, _ = _rendered(tree, values)
    components = [safe_component(part, max_bytes=64 * MAX_BYTES) for part in text.split("/")]
    return [component for component in components if component] or [UNTITLED]


def _rendered(group: _Group, values: Mapping[str, str]) -> tuple[str, bool]:
    """(text, whether every token had a value); inner groups without values vanish without harm to the outer."""
    pieces: list[str] = []
    is_whole = True
    for item in group.items:
        if isinstance(item, str):
            pieces.append(item)
        elif isinstance(item, _Token):
            value = _padded(values[item.name], item.width)
            is_whole = is_whole and bool(value)
            pieces.append(value)
        else:
            text, inner_is_whole = _rendered(item, values)
            pieces.append(text if inner_is_whole else "")
    return "".join(pieces), is_whole


def _padded(value: str, width: int) -> str:
    """`3` -> `03`, `2.5` -> `02.5`; what is no number stays."""
    if not width or not _NUMBER.fullmatch(value):
        return value
    whole, dot, fraction = value.partition(".")
    return whole.zfill(width) + dot + fraction


def find_lost_fields(book: Nameable, folder: str) -> tuple[str, ...]:
    """Fields that `folder` does not say, or says otherwise, to a reader of Audiobookshelf's grammar; all of them stand
    in `sidecar_metadata`."""
    read = parse_path(folder)
    place = book.series[0] if book.series else SeriesPlace("")
    position = place.position.strip()
    pairs: dict[str, tuple[Any, Any]] = {
        "title": (book.title, read.title),
        "subtitle": (book.subtitle, read.subtitle),
        "authors": (book.authors, read.authors),
        "narrators": (book.narrators, read.narrators),
        "series": (_places(book.series[:1]), (read.series,) if read.series else ()),
        "position": (plain_number(position) if _NUMBER.fullmatch(position) else position, read.position),
        "published_year": (book.published_year, read.year),
        "asin": (book.asin, read.asin),
    }
    lost = [name for name, (said, heard) in pairs.items() if _normal(said) != _normal(heard)]
    if len(book.series) > 1 and "series" not in lost:
        lost.append("series")
    return tuple(lost)


def _places(series: Sequence[SeriesPlace]) -> tuple[str, ...]:
    return tuple(place.name for place in series)


def _normal(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_normal, value))
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def sidecar_metadata(book: Nameable) -> dict[str, Any]:
    """The book in the shape of Audiobookshelf's metadata.json. Unknown values are null, which overrides nothing; the
    empty lists of narrators and series override what a path might be taken to say."""
    return {
        "tags": list(book.tags),
        "chapters": [],
        "title": book.title,
        "subtitle": book.subtitle or None,
        "authors": list(book.authors),
        "narrators": list(book.narrators),
        "series": [_series_label(place) for place in book.series],
        "genres": list(book.genres),
        "publishedYear": str(book.published_year) if book.published_year is not None else None,
        "publishedDate": None,
        "publisher": book.publisher or None,
        "description": book.description or None,
        "isbn": book.isbn or None,
        "asin": book.asin or None,
        "language": book.language or None,
        "explicit": book.is_explicit,
        "abridged": book.is_abridged,
    }


def _series_label(place: SeriesPlace) -> str:
    position = place.position.strip()
    return f"{place.name} #{position}" if _SERIES_NUMBER.fullmatch(position) else place.name
