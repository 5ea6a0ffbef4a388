"""What a folder or file path under a library root says of the book in it.

The broad reading, for every layout met in the wild: `Author/Series/Vol. 1 - 2020 - Title {Narrator} [ASIN]`,
`Author - Series/03 Title`, `Author - Title`, `AuthorName-TitleInCamelCase`, `(Series 05) Title - Author - read by X`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from library.domain.path_words import (
    ASIN,
    ASIN_LIKE,
    DISC_FOLDER,
    GENRE_FOLDERS,
    LEADING_PLACE,
    LEADING_YEAR,
    MEDIA_EXTENSIONS,
    NARRATOR_BRACES,
    ONLY_PLACE,
    READ_BY,
    ROOT_FOLDERS,
    STRICT_DISC_FOLDER,
    TECHNICAL,
    TRAILING_PLACE,
    TRAILING_YEAR,
)
from library.domain.people import looks_like_person, parse_people, person_key, same_person
from library.domain.positions import parse_positions
from library.domain.text import compact, fold, straighten
from library.domain.title_parsing import Place, parse_place, parse_title
from library.domain.title_words import NOISE_GROUP, NOISE_TAIL
from library.domain.works import series_key

_CAMEL = re.compile(r"(?<=[a-z\d])(?<!Mc)(?<!Mac)(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=\d)")
# "WhisperfromtheFen": small words that hardly any word ends in.
_GLUED_WORDS = re.compile(
    r"(?<=[a-z]{2})(?<!o)(of|for|from|with|in|on|at|to|by|and)(the)(?=[A-Z])|"
    r"(?<=[a-z]{2})(?<!o)(of|for|from|with)(?=[A-Z])"
)
_GROUP_START = re.compile(r"^\s*[(\[]([^()\[\]]+)[)\]]\s*(?:-\s*)?(?=\S)")
_GROUP_END = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*$")
_SERIES_WORD = re.compile(r"\s*(?:[\[(]series[\])]|\bseries\b|\bnovels\b|\bbooks\b|\bcollection\b)\s*$", re.IGNORECASE)
_NO_SERIES = re.compile(r"\d*\s*(?:audio\s?)?books|audiobook collection|collection|complete works", re.IGNORECASE)
# "2034 - A Novel of the Next World War": the year is the title.
_TAG_LINE = re.compile(r"^An?\s+(?:\w+\s+){0,2}(?:novel|story|memoir|history|tale)\b", re.IGNORECASE)
_SCOTTISH = re.compile(r"^(?:Mac|Mc|Fitz|De|Le|La|Van|O')[A-Z][a-z]+$")
_GLUED = re.compile(r"^((?:[A-Z][\w.'-]*\s)+[A-Z][\w.']*|(?:[A-Z][a-z.]*){2,})-([A-Z]\w*\S*(?:\s\S+)*)$")
_FULL_NAME = re.compile(r"^(.+?)\s+-{1,2}\s+[\[(][^\[\]()]+[\])]\s+-{1,2}\s+\S")
_DASH = re.compile(r"\s+-{1,2}\s+")
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class ParsedPath:
    """What a path says; empty where it says nothing. `position` is the canonical label of a position set."""

    title: str = ""
    authors: tuple[str, ...] = ()
    series: str = ""
    position: str = ""
    narrators: tuple[str, ...] = ()
    asin: str = ""
    year: int | None = None
    is_abridged: bool | None = None


@dataclass(slots=True)
class _Folder:
    """The name of the book's own folder while it is read; `text` shrinks as marks are taken from it."""

    text: str
    narrators: tuple[str, ...] = ()
    asin: str = ""
    year: int | None = None
    series: str = ""
    position: str = ""
    authors: tuple[str, ...] = ()
    is_abridged: bool | None = None


def _components(path: str) -> list[str]:
    parts = [re.sub(r"(?<=\w)_ ", ": ", straighten(part)) for part in re.split(r"[/\\]+", path[-_MAX_LENGTH:])]
    return [part for part in parts if part and part not in {".", ".."} and not re.fullmatch(r"[A-Za-z]:", part)]


def _without_extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return stem if dot and extension.casefold() in MEDIA_EXTENSIONS and stem else name


def _is_media(name: str) -> bool:
    return _without_extension(name) != name


def _is_book_of(series: str, stem: str) -> bool:
    """`Tideland 2 - Saltmarsh` in the folder Tideland is a book of that series, not a chapter of a book Tideland."""
    match = re.match(rf"^{re.escape(series)}\s+#?\d{{1,3}}(?:\.\d+)?\s+-\s+(\D.*)$", stem, re.IGNORECASE)
    return match is not None and not re.match(r"(?:chapter|part|track|dis[ck]|cd|section)\b", match[1], re.IGNORECASE)


def _repeats(folder: str, stem: str, name: str) -> bool:
    """Whether a file's name says no more than the folder's; a numbered `.m4b` is a whole book, not a chapter."""
    place = LEADING_PLACE.match(stem)
    if place and name.casefold().endswith((".m4b", ".aax", ".aaxc")):
        return fuzz.ratio(folder, fold(stem[place.end() :])) >= 80
    return fuzz.partial_ratio(folder, fold(stem)) >= 80


def _book_parts(path: str) -> list[str]:
    """The components that matter: no mount points above, no discs or media files below a book's folder."""
    parts = _components(path)
    absolute = path.strip().startswith(("/", "\\")) or re.match(r"\s*[A-Za-z]:", path) is not None
    while len(parts) > 1 and absolute and (fold(parts[0]) in ROOT_FOLDERS or parts[0].startswith(".")):
        parts = parts[1:]
    if len(parts) > 1 and _is_media(parts[-1]):
        stem = _without_extension(parts[-1])
        own = fold(re.sub(r"[\[({].*?[\])}]", " ", parts[-2]))
        # A file named after its folder adds nothing; else the folder is the author's or the series'.
        if (
            (_repeats(own, stem, parts[-1]) and not _is_book_of(parts[-2], stem))
            or len(parts) > 3
            or parse_place(parts[-2]) is not None
        ):
            parts = parts[:-1]
    if parts:
        parts[-1] = _without_extension(parts[-1])
    while len(parts) > 1 and (STRICT_DISC_FOLDER.match(parts[-1]) or (len(parts) > 2 and DISC_FOLDER.match(parts[-1]))):
        parts = parts[:-1]
    # "Title/Title - Author - read by X": the inner folder repeats the outer one and says more.
    if (
        len(parts) > 1
        and len(fold(parts[-2])) > 5
        and fold(parts[-1]).startswith(fold(parts[-2]))
        and len(parts) > 2
        and (_GROUP_START.match(parts[-2]) or " - " in parts[-1])
    ):
        del parts[-2]
    return parts


def _uncamel(text: str) -> str:
    """`TheFractalPrince` as words; text that has spaces is left alone."""

    def part(word: str) -> str:
        if not re.search(r"[a-z]{2}[A-Z][a-z]", word) or _SCOTTISH.match(word):
            return word
        parted = _GLUED_WORDS.sub(lambda m: " ".join(("", *(g for g in m.groups() if g), "")), word)
        return re.sub(r"\s+", " ", _CAMEL.sub(" ", parted))

    return " ".join(part(word) for word in text.split(" "))


def _take_marks(folder: _Folder) -> None:
    """Rule: ASIN, narrator in braces or after "read by", year, bitrate and length stand beside the title."""
    text = folder.text
    if match := ASIN.search(text) or ASIN_LIKE.search(text):
        folder.asin = match[1].upper()
        text = f"{text[: match.start()]} {text[match.end() :]}"
    if re.search(r"\bunabridged\b", text, re.IGNORECASE):
        folder.is_abridged = False
    elif re.search(r"\babridged\b", text, re.IGNORECASE):
        folder.is_abridged = True
    had_technical = TECHNICAL.search(text) is not None
    text = TECHNICAL.sub(" ", text)
    if match := NARRATOR_BRACES.search(text):
        folder.narrators = parse_people(match[1]) if not re.search(r"\d", match[1]) else ()
        text = f"{text[: match.start()]} {text[match.end() :]}"
    if match := READ_BY.search(text):
        folder.narrators = parse_people(match[1])
        text = text[: match.start()]
    for pattern in (LEADING_YEAR, TRAILING_YEAR):
        rest_is_title = (match := pattern.search(text)) and not _TAG_LINE.match(text[match.end() :].strip())
        if match and rest_is_title and (len(text) - len(match[0])) > 1:
            folder.year = folder.year or int(match[1])
            text = f"{text[: match.start()]} {text[match.end() :]}"
    text = re.sub(r"\s+", " ", text).strip(" -_,")
    match = _GROUP_END.search(text) if had_technical else None
    if match and match.start() and len(match[1].split()) <= 3 and not NOISE_GROUP.match(match[1].strip()):
        folder.narrators = folder.narrators or parse_people(match[1])  # "(Dufris) 192k": who reads stands before how
        text = text[: match.start()]
    folder.text = text


def _take_groups(folder: _Folder, series: str) -> None:
    """Rule: a bracket with a series and number, the series' name alone, or a format is no title."""
    if (
        (match := _GROUP_START.match(folder.text))
        and (place := parse_place(match[1], bare_number=True))
        and place.series
    ):
        folder.series, folder.position = place.series, place.positions.label
        folder.text = folder.text[match.end() :]
    while (match := _GROUP_END.search(folder.text)) and match.start() > 0:
        place = parse_place(match[1], bare_number=True)
        names_series = series and fuzz.ratio(series_key(series), series_key(match[1])) >= 80
        if place and place.positions and (place.series or series):
            folder.series = folder.series or place.series
            folder.position = folder.position or place.positions.label
        elif not (NOISE_GROUP.match(match[1].strip()) or names_series):
            break
        folder.text = folder.text[: match.start()]
    while (tail := NOISE_TAIL.search(folder.text)) and tail.start() > 0:
        folder.text = folder.text[: tail.start()]


def _is_author(text: str, authors: tuple[str, ...]) -> bool:
    people = parse_people(text)
    return bool(people) and all(any(same_person(p, a) for a in authors) for p in people)


def _take_author(folder: _Folder, authors: tuple[str, ...]) -> None:
    """Rule: the author's name before or after the title, as its own piece, is not title."""
    pieces = _DASH.split(folder.text)
    if len(pieces) > 1 and _is_author(pieces[0], authors):
        folder.text = " - ".join(pieces[1:])
    elif len(pieces) > 1 and _is_author(pieces[-1], authors):
        folder.text = " - ".join(pieces[:-1])
    else:
        for author in authors:  # "Agatha Christie -04- The Murder of Roger Ackroyd"
            match = re.match(rf"^{re.escape(author)}\s*-\s*(?=\d)", folder.text, re.IGNORECASE)
            if match:
                folder.text = folder.text[match.end() :]


def _place_of(text: str, series: str) -> Place | None:
    """The place that a piece of a folder's name is; with the known series a bare number is sure (`Fen World 5`)."""
    match = re.match(r"^(.*\D)\s+#?(\d{1,3}(?:\.\d{1,2})?)$", text)
    if series and match and series_key(match[1]) == series_key(series):
        return Place(series, parse_positions(match[2]))
    return parse_place(text, bare_number=True)


def _take_series_tail(folder: _Folder, series: str) -> None:
    """Rule: "Saltmarsh - Tideland 2" under Tideland: the place may also stand behind the title."""
    pieces = _DASH.split(folder.text)
    place = _place_of(pieces[-1], series) if len(pieces) > 1 and series else None
    if place and place.positions and series_key(place.series) == series_key(series):
        folder.position = folder.position or place.positions.label
        folder.text = " - ".join(pieces[:-1])


def _take_series_head(folder: _Folder, series: str) -> None:
    """Rule: "Cosmere 14 - Mistborn 6 - Title", "The Tide Cycle - 02 - Title": places before the title are taken."""
    while True:
        pieces = _DASH.split(folder.text)
        if len(pieces) < 2:
            return
        head = pieces[0]
        place = _place_of(head, series)
        if place is None and len(pieces) > 2 and not series and (only := ONLY_PLACE.match(pieces[1])):
            # "Tideland - 02 - Saltmarsh" and "Tideland - Book 2 - Saltmarsh"
            folder.series, folder.position = folder.series or head, folder.position or parse_positions(only[1]).label
            folder.text = " - ".join(pieces[2:])
            continue
        known = bool(series) and (series_key(head) == series_key(series) or fold(head) in fold(series))
        if place and place.series and place.positions:
            folder.series, folder.position = folder.series or place.series, folder.position or place.positions.label
        elif not known:
            return
        folder.text = " - ".join(pieces[1:])


def _take_place(folder: _Folder, *, in_series: bool, loose: bool) -> None:
    """Rule: a number before the title is its place: `1 - Title`, `Vol. 2 - Title`, `02 Title`; in the wild also after.

    A bare number and a space (`11 Bad Luck and Trouble`) only where the folder above names a series by dash or the
    number is padded, for there are `101 Dalmatians`.
    """
    match = LEADING_PLACE.match(folder.text)
    if match:
        number = match[1] or match[2] or match[3]
        labelled = match[1] is not None or match[2] is not None
        spaced = match[4].strip() == ""
        padded = number.startswith("0") or ("." in number and (in_series or loose))  # not "4.50 from Paddington"
        if (
            labelled
            or padded
            or (not spaced and in_series)
            or (spaced and loose and float(number.split()[0].split("-")[0]) <= 60)
        ):
            folder.position = folder.position or parse_positions(number.replace(" and ", " & ")).label
            folder.text = folder.text[match.end() :]
    if in_series and (match := TRAILING_PLACE.search(folder.text)) and match.start() > 0:
        folder.position = folder.position or parse_positions(match[1]).label
        folder.text = folder.text[: match.start()]
    if (match := LEADING_YEAR.match(folder.text)) and not _TAG_LINE.match(folder.text[match.end() :].strip()):
        folder.year = folder.year or int(match[1])
        folder.text = folder.text[match.end() :]


def _split_author_series(name: str) -> tuple[str, str]:
    """`Jo Nesbo - Harry Hole Series` and `IsaacAsimov-RobotSeries` as author and series; series empty if none."""
    pieces = _DASH.split(name, maxsplit=1)
    if len(pieces) == 1 and (match := re.match(r"^([A-Z][a-z]+[A-Z]\w*)-([A-Z0-9]\w*)$", name)):
        pieces = [_uncamel(match[1]), _uncamel(match[2])]
    if len(pieces) == 1 or not pieces[0].strip():
        return _uncamel(name), ""
    if _NO_SERIES.fullmatch(pieces[1].strip()):
        return pieces[0], ""  # "Bill Bryson - 5 Audiobooks" names no series
    return pieces[0], _SERIES_WORD.sub("", pieces[1]).strip(" -") or pieces[1]


def _read_folder(text: str, authors: tuple[str, ...], series: str, *, loose: bool) -> _Folder:
    folder = _Folder(text)
    _take_marks(folder)
    if not series and _GROUP_START.match(folder.text) is None and _DASH.search(folder.text) is None:
        loose = False
    _take_groups(folder, series)
    _take_author(folder, authors)
    _take_place(folder, in_series=bool(series), loose=loose)
    _take_series_head(folder, series)
    _take_series_tail(folder, series)
    _take_place(folder, in_series=bool(series or folder.series), loose=loose)
    _take_groups(folder, series or folder.series)
    folder.text = folder.text.strip(" -_,") or text
    return folder


def _unglue(title: str) -> str:
    """`OurOrientalHeritage-TheStoryOfCivilization-Volume1`: the first piece is the title, the rest its series."""
    pieces = title.split("-")
    return pieces[0] if " " not in title and all(p[:1].isupper() for p in pieces) else title


def _opens_with_place(text: str) -> bool:
    match = _GROUP_START.match(text)
    place = parse_place(match[1], bare_number=True) if match else None
    return place is not None and bool(place.series)


def _says_all(name: str) -> bool:
    """`Author - [Series 01] - Title`; not `1 - (2008) - Title`, which begins with a place."""
    match = _FULL_NAME.match(name)
    return match is not None and not ONLY_PLACE.match(match[1].strip()) and not re.match(r"\(?\d{4}\)?$", match[1])


def _single(name: str) -> ParsedPath:
    """One folder with no parents: `Author - Title`, `Author - Series 03 - Title`, `AuthorName-TitleName`, `Title`."""
    folder = _Folder(name)
    _take_marks(folder)
    text = folder.text
    glued = _GLUED.match(text) if " - " not in text else None
    pieces = [glued[1], _unglue(glued[2])] if glued else _DASH.split(text, maxsplit=1)
    authors: tuple[str, ...] = ()
    rest = text
    if len(pieces) == 2 and _GROUP_START.match(text) and _opens_with_place(text):
        # "(Tideland 02) Saltmarsh - Paul Ash": who begins with the place ends with the author.
        head, _, tail = text.rpartition(" - ")
        authors, rest = parse_people(tail), head
    elif len(pieces) == 2 and not ONLY_PLACE.match(pieces[0]) and parse_place(pieces[0]) is None:
        authors, rest = parse_people(_uncamel(pieces[0])), _uncamel(pieces[1])
    elif match_by := re.match(r"^(.+)\s+by\s+([A-Z][\w.'-]+(?:\s+[A-Z][\w.'-]+){1,3})$", text):
        authors, rest = parse_people(match_by[2]), match_by[1]
    inner = _read_folder(rest, authors, "", loose=False)
    return ParsedPath(
        title=inner.text,
        authors=authors,
        series=inner.series,
        position=inner.position,
        narrators=folder.narrators or inner.narrators,
        asin=folder.asin or inner.asin,
        year=folder.year or inner.year,
        is_abridged=folder.is_abridged,
    )


def _known_parts(parts: list[str]) -> tuple[str, str, bool]:
    """Author, series, and whether the series was named by a dash in the author's folder."""
    if len(parts) == 2:
        author, series = _split_author_series(parts[0])
        return author, series, bool(series)
    author, outer = _split_author_series(parts[-3])
    series = re.sub(r"^\d{1,2}\s+-\s+", "", parts[-2])
    if person_key(series) == person_key(author) or DISC_FOLDER.match(series):
        return author, outer, bool(outer)
    head, inner = _split_author_series(series)
    if inner and same_person(head, author):
        series = inner
    return author, series, bool(outer)


@lru_cache(maxsize=16384)
def parse_path(path: str, *, file: str = "") -> ParsedPath:
    """What `path` (a folder or file, relative or absolute) says of the book; `file` is one of its audio files.

    Never raises; what the path does not say stays empty.
    """
    parts = _book_parts(path) or _book_parts(file)
    if not parts:
        return ParsedPath()
    while len(parts) > 2 and fold(parts[0]) in {"audiobooks", "audiobook", "audio books", "my audiobooks"}:
        parts = parts[1:]
    while len(parts) > 1 and (fold(parts[0]) in GENRE_FOLDERS or (len(parts) == 2 and fold(parts[0]) in ROOT_FOLDERS)):
        parts = parts[1:]
    if len(parts) == 1 or _says_all(parts[-1]):
        return _single(parts[-1])  # "Author - [Series 01] - Title" says all that folders above could say
    author, series, dashed = _known_parts(parts)
    if len(parts) > 3 and not looks_like_person(author) and looks_like_person(parts[-4]):
        author = parts[-4]  # Author/Universe/Series/Title
    authors = parse_people(author) or (author,)
    folder = _read_folder(parts[-1], authors, series, loose=dashed)
    if series and not folder.position and re.match(r"\D", folder.text) and (only := ONLY_PLACE.match(folder.text)):
        folder.position = parse_positions(only[1]).label  # "Book 11" is all that the folder says
    if not series and not folder.series:
        parsed = parse_title(folder.text)
        if parsed.series and parsed.position and not parsed.number_in_title:
            folder.series, folder.position, folder.text = parsed.series, parsed.position, parsed.title
    named = folder.series if folder.series and not series else series
    if folder.series and compact(folder.series) == compact(series):
        named = series
    return ParsedPath(
        title=folder.text,
        authors=authors,
        series=named,
        position=folder.position,
        narrators=folder.narrators,
        asin=folder.asin,
        year=folder.year,
        is_abridged=folder.is_abridged,
    )
