"""Reading a title string: what is the title, and what does it say of series, position, part and edition.

Every rule is a small function with a name; `parse_title` tries them in an order from the surest form to the weakest.
A rule that is not sure says nothing, for an invented series does more harm than a missing one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from library.domain.positions import LABEL, NO_POSITION, NUMBER, PartOf, Positions, parse_number, parse_positions
from library.domain.text import fold, straighten, word_set
from library.domain.title_words import (
    ABRIDGED,
    DERIVED,
    DESCRIPTOR,
    DRAMATISED,
    EDITION_TAIL,
    GENERIC_SERIES,
    NOISE_GROUP,
    NOISE_TAIL,
    UNABRIDGED,
)

MAX_LENGTH = 500

_RANGE = rf"{NUMBER}(?:\s*(?:-|to|&|and|,|\+|through)\s*{NUMBER})?"
_DIGITS = r"\d{1,3}(?:\.\d{1,2})?"
_DIGIT_RANGE = rf"{_DIGITS}(?:\s*(?:-|&|,)\s*{_DIGITS})*"
_GROUP_AT_END = re.compile(r"\s*[(\[{]([^()\[\]{}]*)[)\]}]\s*$")
_GROUP_AT_START = re.compile(r"^\s*[(\[]([^()\[\]]*)[)\]]\s*(?=\S)")
_GROUP = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_PART_ONLY = re.compile(rf"^(?:part|pt)\.?\s*({NUMBER})(?:\s*(?:of|/)\s*({NUMBER}))?$", re.IGNORECASE)
_N_OF_M = re.compile(r"^(\d{1,2})\s*(?:of|/)\s*(\d{1,2})$", re.IGNORECASE)
_PART_TAIL = re.compile(
    rf"(?:\s*[,:;-]\s*|\s+)(?:part|pt)\.?\s+({NUMBER})(?:\s*(?:of|/)\s*({NUMBER}))?\s*$", re.IGNORECASE
)
# "Saltmarsh: Part 1 Ebb and Flow", "Saltmarsh, Part 1: Ebb and Flow"
_PART_INSIDE = re.compile(
    rf"\s*[,:;-]\s*(?:part|pt)\.?\s+({NUMBER})(?:\s*(?:of|/)\s*({NUMBER}))?(?=\s*[:;]\s|\s+-\s|\s+[A-Z])", re.IGNORECASE
)
_HASH = re.compile(rf"^(.*?)[\s,.:;-]*#\s*({_DIGIT_RANGE}|{NUMBER})\s*$", re.IGNORECASE)
_LABELLED = re.compile(rf"^(.*?)(?:[\s,:;-]+|\.\s+)({LABEL})\b\.?\s*#?\s*({_RANGE})(?:\s+of\s+\d+)?\s*$", re.IGNORECASE)
_ONLY_LABELLED = re.compile(rf"^({LABEL})\b\.?\s*#?\s*({_RANGE})(?:\s+of\s+\d+)?\s*$", re.IGNORECASE)
_OF_SERIES = re.compile(
    rf"^(?:an?\s+|the\s+)?({LABEL})\b\.?\s*({_RANGE})\s+(?:of|in|from)\s+(?!\d)(.+)$|"
    rf"^(?:the\s+)?({NUMBER})\s+(?:book|novel|volume)\s+(?:of|in)\s+(.+)$",
    re.IGNORECASE,
)
# "Neap - A Novel of the Tideland, Book 5"; not "Tales of the Weir, #2", which is the series' name.
_NOVEL_OF = re.compile(r"^an?\s+(?:novel|novella|short story|story|tale)\s+(?:of|from|in)\s+(?=the\s)", re.IGNORECASE)
_FROM_SERIES = re.compile(
    r"^(?:an?\s+)?(?:novels?|novellas?|short stor(?:y|ies)|stor(?:y|ies)|tales?)\s+(?:from|in)\s+(?=the\s)",
    re.IGNORECASE,
)
_VOLUME_TAIL = re.compile(rf"\bvol(?:\.|ume)?\s*#?\s*{_DIGIT_RANGE}$", re.IGNORECASE)
_BARE_NUMBER = re.compile(rf"^(.*\D)\s+({_DIGITS}(?:\s*-\s*{_DIGITS})?)\s*$")
_ROMAN_NUMBER = re.compile(r"^(.*\S\s\S.*)\s+([IVX]{1,5})$")
_COLLECTIVE = re.compile(
    r"^(?!an?\s)(?=\S+\s).*\b(?:series|saga|cycle|trilogy|duology|quartet|collection|chronicles|sequence)$", re.I
)
# "Apollo 13", "Area 51": what a number after such a word says is no place in a series.
_NUMBERED_THINGS = word_set(
    """
    apollo area article war room route flight chapter act scene number no channel district psalm section level day days
    hour hours platform apartment top of the and in at for to under over on plan class unit ward block cell bus
    train team formula code agent studio highway catch summer season seasons version size age about than by from
    with part parts pt lot season league king kings pope henry richard louis edward george world terminal stage step phase sector
    gate january february march april may june july august september october november december pieces years
    """
)


@dataclass(frozen=True, slots=True)
class Place:
    """A series and a place in it, as a title says it; the name or the place may be empty, not both."""

    series: str = ""
    positions: Positions = NO_POSITION


@dataclass(frozen=True, slots=True)
class ParsedTitle:
    """What a title string says.

    `title` is free of series, format and edition; it keeps a subtitle that matters (`Tideland: Swarm`) and loses one
    that only names the sort of book (`A Novel`), which `subtitle` holds. `position` is the canonical label of a
    position set, or empty. `number_in_title` says that the number stands in the title itself (`Herons, Vol. 2`), so
    that it tells works apart. `other_series` are further places. `part` is set for one part of a split book.
    """

    title: str
    subtitle: str = ""
    series: str = ""
    position: str = ""
    other_series: tuple[Place, ...] = ()
    part: PartOf | None = None
    is_abridged: bool | None = None
    is_dramatised: bool | None = None
    number_in_title: bool = False
    contents: str = ""

    @property
    def positions(self) -> Positions:
        return parse_positions(self.position)

    @property
    def main_title(self) -> str:
        """The title before its first colon or dash."""
        return re.split(r":\s|\s-\s", self.title, maxsplit=1)[0].strip() or self.title


def without_part(title: str) -> str:
    """A title without its part: `Saltmarsh` of `Saltmarsh, Part 1`."""
    match = _PART_TAIL.search(title)
    return title[: match.start()] if match and match.start() > 0 else title


def _tidy_series(name: str) -> str:
    name = name.strip(" ,;:-([{\"'") if name.strip(" ,;:-") else ""
    name = _NOVEL_OF.sub("", name).removeprefix("the ")
    said = [word for word in fold(name).split() if not word.isdigit()] or fold(name).split()
    return name if said and not set(said) <= GENERIC_SERIES else ""


def parse_place(text: str, *, bare_number: bool = False) -> Place | None:
    """A series with a place, as brackets and tails say it; None where the text does not.

    `bare_number` also accepts a number without `#` or `Book` (`[Sherlock Holmes 1]`).
    """
    text = text.strip(" ,;")
    if match := _OF_SERIES.match(text):
        series = _tidy_series(match[3] or match[5])
        return Place(series, parse_positions(match[2] or match[4])) if series else None
    if match := _ONLY_LABELLED.match(text):
        return Place("", parse_positions(match[2]))
    for pattern, number in ((_HASH, 2), (_LABELLED, 3)):
        if (match := pattern.match(text)) and (positions := parse_positions(match[number])):
            return Place(_tidy_series(match[1]), positions)
    if bare_number and (match := _BARE_NUMBER.match(text)) and _may_be_numbered(match[1]) and _tidy_series(match[1]):
        return Place(_tidy_series(match[1]), parse_positions(match[2]))
    if bare_number and (match := _ROMAN_NUMBER.match(text)) and _may_be_numbered(match[1]) and _tidy_series(match[1]):
        return Place(_tidy_series(match[1]), parse_positions(match[2]))
    return None


def _part(number: str, total: str | None) -> PartOf | None:
    value, whole = parse_number(number), parse_number(total or "0")
    if value is None or not 0 < value < 100:
        return None
    return PartOf(value * 0, int(value), int(whole or 0))


@dataclass(slots=True)
class _Reading:
    """A title while it is read: `text` shrinks as rules take their share."""

    text: str
    subtitle: str = ""
    places: tuple[Place, ...] = ()
    part: PartOf | None = None
    number_in_title: bool = False
    contents: str = ""

    @property
    def has_series(self) -> bool:
        return any(place.series for place in self.places)


def _take_group(reading: _Reading, content: str, *, trailing: bool) -> bool:
    """Whether a bracket says something other than title; what it says is taken."""
    content = content.strip()
    if not content or NOISE_GROUP.match(content):
        return True
    if match := _PART_ONLY.match(content) or _N_OF_M.match(content):
        reading.part = _part(match[1], match[2])
        return True
    pieces = re.split(r"\s*;\s*", content)
    # A second series after the first one's number: "Tideland, #3; The Wide Shore, #11".
    places = [parse_place(piece, bare_number=not reading.has_series) for piece in pieces]
    if places[0] is not None and (places[0].series or trailing):
        # Brackets are taken from the end, but the first of several names the series that matters most.
        reading.places = (*(place for place in places if place is not None), *reading.places)
        return True
    if trailing and " / " in content:
        reading.contents = content
        return True
    return False


def _take_brackets(reading: _Reading) -> None:
    """Rule: brackets at the end (and one at the start) hold series, part, edition or format."""
    while (match := _GROUP_AT_END.search(reading.text)) and match.start() > 0:
        if not _take_group(reading, match[1], trailing=True):
            break
        reading.text = reading.text[: match.start()].rstrip(" ,;-")
    if (match := _GROUP_AT_START.match(reading.text)) and _take_group(reading, match[1], trailing=False):
        reading.text = reading.text[match.end() :]
    # Format and edition in the middle: "Mistress! (Light Novel), Vol. 2".
    reading.text = _GROUP.sub(lambda m: _middle_group(reading, m), reading.text) or reading.text


def _middle_group(reading: _Reading, match: re.Match[str]) -> str:
    content = match[1].strip()
    part = _PART_ONLY.match(content) or _N_OF_M.match(content)
    if part and reading.part is None:
        reading.part = _part(part[1], part[2])
    return "" if part or NOISE_GROUP.match(content) else match[0]


def _take_noise_tail(reading: _Reading) -> None:
    """Rule: format and edition at the end are no title, if a title remains."""
    for pattern in (NOISE_TAIL, EDITION_TAIL):
        while (match := pattern.search(reading.text)) and match.start() > 0:
            reading.text = reading.text[: match.start()]


def _take_part_tail(reading: _Reading) -> None:
    """Rule: "Title, Part 2" is a part of Title; the words stay in the title, which is the name of that part."""
    match = _PART_TAIL.search(reading.text) or _PART_INSIDE.search(reading.text)
    if reading.part is None and match and match.start() > 0:
        part = _part(match[1], match[2])
        if part is not None:
            reading.part = part


def _take_descriptor(reading: _Reading) -> None:
    """Rule: a tag line such as "A LitRPG Adventure" is a subtitle, not the title."""
    pieces = re.split(r"(:\s+|\s+-\s+)", reading.text)
    tail = pieces[-1]
    if len(pieces) >= 3 and DESCRIPTOR.match(tail) and not DERIVED.search(tail) and not parse_place(tail):
        head = "".join(pieces[:-2])
        reading.subtitle = tail
        reading.text = head


def _take_series_tail(reading: _Reading) -> None:
    """Rule: "Title - Series, Book 3", "Title: Series, Book 3", "Title. Book I of the Series"."""
    for separator in (" - ", ": ", ". ", ", "):
        head, found, tail = reading.text.rpartition(separator)
        if not found or not head.strip():
            continue
        place = parse_place(tail, bare_number=separator in (" - ", ": ") and len(tail.split()) >= 3)
        if separator == ": " and "#" in tail and not re.search(r"[,:]\s*#", tail):
            continue  # "Nightjar: The Lost Year #1" is issue 1 of the whole
        if place is None or (separator in (", ", ". ") and not _OF_SERIES.match(tail.strip())):
            continue
        if place.series and separator == ": " and _VOLUME_TAIL.search(tail):
            # "Herons: A Life Afloat, Vol. 4": volumes are counted under the whole name, books under the series'.
            continue
        if place.series:
            reading.text, reading.places = head, (*reading.places, place)
            return
        if place.positions and separator != ", ":
            # "Series: Book 3": what stands before is the series, and all the title there is.
            reading.places += (Place(_tidy_series(head), place.positions),)
            reading.number_in_title, reading.text = True, head
            return


def _take_collective_tail(reading: _Reading) -> None:
    """Rule: "Title - Something Collection", "Title - Stories from the Something" name a series without a place."""
    head, found, tail = reading.text.rpartition(" - ")
    named = _COLLECTIVE.match(tail) or _FROM_SERIES.match(tail)
    if found and head.strip() and named and not reading.has_series:
        series = _tidy_series(_FROM_SERIES.sub("", tail))
        reading.text, reading.places = head, (*reading.places, Place(series))


def _take_series_head(reading: _Reading) -> None:
    """Rule: "Series, Book 3: Title", "Series #8 - Title", "Series 03 - Title"."""
    match = re.match(
        rf"^(.+?)[\s,:-]+(?:({LABEL})\b\.?\s*#?|#)\s*({_RANGE})\s*(?::\s+|\s*-\s+|\.\s+)(\S.*)$",
        reading.text,
        re.IGNORECASE,
    )
    if match and (series := _tidy_series(match[1])):
        reading.places += (Place(series, parse_positions(match[3])),)
        reading.text = match[4]
        return
    match = re.match(rf"^(\S.*?)\s+({_DIGITS})\s*(:\s+|\s+-\s+)(\S.*)$", reading.text)
    if match and _number_means_place(match[1], match[2]):
        reading.places += (Place(_tidy_series(match[1]), parse_positions(match[2])),)
        if match[2].startswith("0") or not DESCRIPTOR.match(match[4]):
            reading.text = match[4]
        else:
            reading.text, reading.subtitle, reading.number_in_title = match[1], match[4], True


def _take_label_head(reading: _Reading) -> None:
    """Rule: "Book 3 - Title" gives a place in a series that it does not name."""
    match = re.match(
        rf"^({LABEL})\b\.?\s*#?\s*({_DIGIT_RANGE})\s*(?::\s+|\s*-\s+|\.\s+)(\S.*)$", reading.text, re.IGNORECASE
    )
    if match and not reading.places:
        reading.places, reading.text = (Place("", parse_positions(match[2])),), match[3]


def _may_be_numbered(name: str) -> bool:
    words = fold(name).split()
    return 0 < len(words) <= 9 and words[-1] not in _NUMBERED_THINGS and not words[-1].isdigit()


def _number_means_place(name: str, number: str) -> bool:
    """Whether a number without a label after a name can be a place: `The Lamp Keepers 4`, not `Apollo 13`."""
    words = fold(name).split()
    if not _may_be_numbered(name) or re.search(r"[,\d]$", name):
        return False
    value = parse_number(number)
    if value is None or not 0 < value <= 40 or number.endswith(".0"):  # "Life 3.0" is a version
        return False
    return number.startswith("0") or len(words) >= 2 or value <= 9


def _take_number_tail(reading: _Reading) -> None:
    """Rule: "Series, Vol. 2", "Series Book Two", "Series 4": the number is the title's own."""
    match = _LABELLED.match(reading.text) or _HASH.match(reading.text)
    if match and (positions := parse_positions(match[match.lastindex or 2])) and _tidy_series(match[1]):
        name = _tidy_series(match[1])
        if positions.is_range:
            name = re.sub(r"\s+(?:omnibus|box(?:ed)? ?set|boxset|bundle)$", "", name, flags=re.IGNORECASE)
        reading.places += (Place(name, positions),)
        reading.number_in_title, reading.text = True, match[1].rstrip(" ,;:-")
        return
    match = _BARE_NUMBER.match(reading.text)
    name = match[1].rstrip() if match else ""
    if match and " - " not in name and not name.endswith("-") and _number_means_place(name, match[2]):
        reading.places += (Place(_tidy_series(match[1]), parse_positions(match[2])),)
        reading.number_in_title, reading.text = True, match[1].rstrip(" ,;:-")


def _take_known_series(reading: _Reading, known: Iterable[str]) -> None:
    """Rule: "Tideland: Eastern Reach" belongs to Tideland if that series is known."""
    folded = fold(reading.text)
    for name in sorted(known, key=len, reverse=True):
        match = re.match(rf"^(?:the\s+)?{re.escape(straighten(name))}\s*(?::|-)\s+(\S.*)$", reading.text, re.IGNORECASE)
        if match or (fold(name) and folded == fold(name)):
            reading.places += (Place(name),)
            return


def _flag(pattern: re.Pattern[str], text: str) -> bool | None:
    return True if pattern.search(text) else None


def _read(text: str, known_series: tuple[str, ...]) -> _Reading:
    reading = _Reading(text)
    _take_brackets(reading)
    _take_noise_tail(reading)
    _take_brackets(reading)
    named_by_bracket = reading.has_series
    for rule in (_take_series_tail, _take_collective_tail, _take_descriptor, _take_series_head, _take_label_head):
        if (not named_by_bracket and not reading.has_series) or rule is _take_descriptor:
            rule(reading)
    _take_noise_tail(reading)
    _take_part_tail(reading)
    if not reading.has_series:
        _take_number_tail(reading)
    if not reading.has_series and known_series:
        _take_known_series(reading, known_series)
    return reading


def _without_author(text: str, author: str) -> str:
    """`Rainbow Six - Tom Clancy` and `Tom Clancy - Rainbow Six` are Rainbow Six by Tom Clancy."""
    said = straighten(author)
    if len(said) < 4 or said.casefold() not in text.casefold():  # the cheap test first: patterns of names cost most
        return text
    name = re.escape(said)
    for pattern in (rf"^{name}\s*(?:-|:)\s+(?=\S)", rf"(?<=\S)\s+(?:-|by)\s+{name}$"):
        text = re.sub(pattern, "", text, flags=re.IGNORECASE)
    return text


# Letters, single spaces and apostrophes only: nothing that a rule could take, unless the last word is such a thing.
_PLAIN = re.compile(r"[^\W\d_]+(?:['\s][^\W\d_]+)*")
_TELLING = re.compile(
    r"abridged|k[üu]rzt|int[ée]gral|abr[ée]g|dramati|drama$|radio|audio|cast\b|h(?:[öo]|oe)r(?:buch|spiel)$|"
    r"\b(?:edition|version|text)$",
    re.IGNORECASE,
)


def _is_plain(text: str, author: str, known_series: tuple[str, ...]) -> bool:
    """Whether a title is words and no more, as most are: then no rule needs to look at it."""
    if known_series or not _PLAIN.fullmatch(text) or _TELLING.search(text):
        return False
    return parse_number(text.rpartition(" ")[2]) is None and (
        not author or straighten(author).casefold() not in text.casefold()
    )


@lru_cache(maxsize=65536)
def _parse(title: str, author: str, known_series: tuple[str, ...]) -> ParsedTitle:
    text = re.sub(r"^(.+),\s+(The|An?)$", r"\2 \1", straighten(title)[:MAX_LENGTH])
    if len(text) <= 80 and _is_plain(text, author, known_series):
        return ParsedTitle(title=text)
    reading = _read(_without_author(text, author), known_series)
    named = [place for place in reading.places if place.series] or list(reading.places)
    place = named[0] if named else Place()
    if not place.positions:
        place = replace(place, positions=next((p.positions for p in reading.places if not p.series), Positions()))
    abridged = False if UNABRIDGED.search(text) else _flag(ABRIDGED, text)
    return ParsedTitle(
        title=reading.text.strip(" ,;") or text,
        subtitle=reading.subtitle,
        series=place.series,
        position=place.positions.label,
        other_series=tuple(named[1:]),
        part=reading.part,
        is_abridged=abridged,
        is_dramatised=_flag(DRAMATISED, text),
        number_in_title=reading.number_in_title,
        contents=reading.contents,
    )


def parse_title(title: str, *, author: str = "", known_series: Iterable[str] = ()) -> ParsedTitle:
    """What a title string says of title, series, position, part and edition. Never raises; empty where it says nothing.

    `author` lets the author's name be taken off; `known_series` are names that may stand before a colon.
    """
    return _parse(title, author, tuple(known_series))
