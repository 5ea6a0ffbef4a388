"""What the name of a release says: MyAnonamouse's listing, Usenet subjects, scene names, and free text."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from acquisition.domain.release_words import (
    AUDIO_FORMATS,
    AUDIOBOOK_WORD,
    BITRATE,
    BRACKET,
    EBOOK_FORMATS,
    EBOOK_WORD,
    FORMAT,
    GROUP,
    IRC,
    IRC_INFO,
    LANGUAGE,
    NARRATED,
    NARRATOR_LABEL,
    NOISE,
    PACK,
    SIZE,
    USENET_TAIL,
    USENET_WRAP,
    YEAR,
)
from library.domain.languages import language_code
from library.domain.people import looks_like_person, parse_people
from library.domain.positions import NO_POSITION, Positions, parse_positions
from library.domain.text import fold, straighten
from library.domain.title_parsing import parse_place, parse_title
from library.domain.title_words import ABRIDGED, BUNDLE, DERIVED, DRAMATISED, EDITION_TAIL, UNABRIDGED

MAX_LENGTH = 600
_MAM = re.compile(r"^(?P<title>.+?)\s+by\s+(?P<authors>(?:(?!\sby\s).)+?)\s*\[(?P<tags>[^\[\]]*)\]\s*$", re.IGNORECASE)
_BY = re.compile(r"^(?P<title>.+)\s+by\s+(?P<authors>[^\d\[\](){}:]{3,80})$", re.IGNORECASE)
_DASH = re.compile(r"\s+-+\s+")


@dataclass(frozen=True, slots=True)
class ParsedRelease:
    """What a release name says; empty, None or false where it says nothing.

    `title` is as printed, free of author and technical marks. `readings` are the ways in which the words may part into
    title and author, the likeliest first, for judging identity. `language` is an ISO 639-1 code, `formats` all formats
    named, `format` the first, `content` is `audiobook` or `ebook`. `positions` are those of the series or of a pack.
    """

    raw: str
    title: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: str = ""
    positions: Positions = NO_POSITION
    year: int | None = None
    language: str = ""
    format: str = ""
    formats: tuple[str, ...] = ()
    bitrate_kbps: int | None = None
    is_abridged: bool | None = None
    is_dramatised: bool | None = None
    is_pack: bool = False
    content: str = "audiobook"
    group: str = ""
    readings: tuple[tuple[str, str], ...] = ()


def _is_dotted(text: str) -> bool:
    """Whether dots or underscores stand for spaces, as in scene names."""
    return text.count(" ") <= 1 and (text.count(".") >= 2 or text.count("_") >= 2)


def _undot(text: str) -> str:
    text = re.sub(r"(?<=[^\W_])\.(?=[^\W_])|(?<=[^\W_])\.(?=-)|(?<=-)\.|_|(?<=\w)\.(?=\()", " ", text)
    return re.sub(r"\s+", " ", text.replace(" . ", " ")).strip()


def _language(text: str) -> str:
    """The language named in a bracket, else as a word of its own after the first; a title may begin with one."""
    for bracket in BRACKET.findall(text):
        for word in re.split(r"[\s/,;|+-]+", bracket):
            if (len(word) == 3 and word.isupper()) or LANGUAGE.fullmatch(word):
                code = language_code(word) if not FORMAT.fullmatch(word) else ""
                if code and word.casefold() not in {"vip", "fld", "unk"}:
                    return code
    for match in LANGUAGE.finditer(text):
        lone = match[1].casefold() in {"latin", "english", "dan", "pol", "ita", "rus", "fre"}
        if match.start() > 0 and not lone:
            return language_code(match[1])
    return "en" if re.search(r"\b(?:in|language:?)\s+english\b", text, re.IGNORECASE) else ""


def _content(text: str, formats: tuple[str, ...], *, from_irc: bool) -> str:
    """An audio format or word makes an audiobook; an ebook format or word an ebook; IRC book channels offer ebooks."""
    if any(f in AUDIO_FORMATS for f in formats) or AUDIOBOOK_WORD.search(text):
        return "audiobook"
    if any(f in EBOOK_FORMATS for f in formats) or EBOOK_WORD.search(text):
        return "ebook"
    return "ebook" if from_irc else "audiobook"


def _strip_brackets(text: str) -> str:
    """Without brackets that hold marks, years or groups; what makes another book of it stays for the title rules."""

    def replace_bracket(match: re.Match[str]) -> str:
        inner = match[1].strip()
        if DERIVED.search(inner) or re.match(r"(?:part|pt)\.?\s*\d", inner, re.IGNORECASE):
            return match[0]
        if parse_place(inner, bare_number=True) and not YEAR.fullmatch(inner) and not BITRATE.search(inner):
            return match[0]
        return " "

    return re.sub(r"\s+", " ", BRACKET.sub(replace_bracket, text)).strip(" -_.,")


def _strip_marks(text: str) -> str:
    """Without formats, bitrates, sizes, and format words at the end."""
    text = SIZE.sub(" ", BITRATE.sub(" ", text))
    text = re.sub(rf"\s*[.\s]{FORMAT.pattern}\s*$", "", text, flags=re.IGNORECASE)
    text = FORMAT.sub(" ", text)
    previous = None
    while previous != text:
        previous = text
        text = EDITION_TAIL.sub("", text) or text
        text = re.sub(rf"(?:\s+-?\s*|\s*,\s*)(?:{NOISE.pattern})\s*$", "", text, flags=re.IGNORECASE).strip(" -_,")
        # A year at the end is the release's; but "George Orwell - 1984" would lose its title.
        if len(_DASH.split(text)) != 2 or not re.search(r"\s-\s+\d{4}$", text):
            text = re.sub(r"(?:\s+-?\s*|\s*,\s*)(?:1[5-9]|20)\d\d\s*$", "", text).strip(" -_,")
        if (match := LANGUAGE.search(text)) and match.end() == len(text) and match.start() > 0:
            text = text[: match.start()].strip(" -_,")
    return re.sub(r"\s+", " ", text).strip()


def _narrators(text: str) -> tuple[tuple[str, ...], str]:
    if match := NARRATOR_LABEL.search(text) or NARRATED.search(text):
        return parse_people(match[1]), f"{text[: match.start()]} {text[match.end() :].lstrip(')] ')}".strip()
    return (), text


def _readings(core: str) -> tuple[tuple[str, str], ...]:
    """The ways to part a name without markup into (title, author), likeliest first."""
    pieces = [piece for piece in _DASH.split(core) if piece.strip()]
    readings: list[tuple[str, str]] = []
    if match := _BY.match(core):
        readings.append((match["title"], match["authors"]))
    if len(pieces) >= 2:
        middle = [p for p in pieces[1:] if not parse_place(p.strip("[]() "), bare_number=True)] or pieces[1:]
        by_head, by_tail = (" - ".join(middle), pieces[0]), (" - ".join(pieces[:-1]), pieces[-1])
        ends_in_name = looks_like_person(pieces[-1]) and not looks_like_person(pieces[0])
        readings.extend((by_tail, by_head) if ends_in_name else (by_head, by_tail))
        if len(pieces) >= 3:
            readings.extend((piece, pieces[0]) for piece in pieces[1:])
        if ":" in pieces[0]:
            readings.append((core, ""))
    readings.append((core, ""))
    return tuple(dict.fromkeys(readings))


def _finish(release: ParsedRelease, title: str, context: str) -> ParsedRelease:
    """Adds what the title itself says: series, positions, pack, dramatised."""
    parsed = parse_title(title)
    places = [piece for piece in _DASH.split(context) if parse_place(piece.strip("[]() "), bare_number=True)]
    place = parse_place(places[0].strip("[]() "), bare_number=True) if places and not parsed.series else None
    positions = parsed.positions or (place.positions if place else NO_POSITION)
    if not positions and (span := re.search(r"(?<![\d-])(\d{1,3})\s?-\s?(\d{1,3})(?![\d-])", context)):
        positions = parse_positions(f"{int(span[1])}-{int(span[2])}")
    return replace(
        release,
        year=None if fold(title) == str(release.year) else release.year,
        series=parsed.series or (place.series if place else ""),
        positions=positions,
        is_pack=positions.is_range or bool(PACK.search(context)) or bool(BUNDLE.search(title)),
        is_dramatised=True if DRAMATISED.search(context) else None,
    )


@lru_cache(maxsize=32768)
def parse_release(text: str) -> ParsedRelease:
    """What a release name says. Never raises."""
    raw = re.sub(r"(?<=\w)_ ", ": ", straighten(text)[:MAX_LENGTH])
    from_irc = IRC.match(raw) is not None
    body = IRC_INFO.sub("", IRC.sub("", USENET_WRAP.sub("", raw)))
    if (quoted := re.search(r'"([^"]{5,})"', body)) and re.search(r"\byenc\b", body, re.IGNORECASE):
        body = quoted[1]
    while (shorter := USENET_TAIL.sub("", body)) != body:
        body = shorter
    formats = tuple(dict.fromkeys(found.casefold() for found in FORMAT.findall(body)))
    group = ""
    if _is_dotted(body):
        if match := GROUP.search(body):
            group, body = match[1], body[: match.start()]
        body = _undot(body)
    bitrate = BITRATE.search(body)
    years = [int(year) for year in YEAR.findall(body)]
    release = ParsedRelease(
        raw=raw,
        language=_language(body),
        format=formats[0] if formats else "",
        formats=formats,
        bitrate_kbps=int(bitrate[1]) if bitrate else None,
        is_abridged=False if UNABRIDGED.search(body) else (True if ABRIDGED.search(body) else None),
        year=years[-1] if years and not re.fullmatch(r"\d{4}", body.strip()) else None,
        content=_content(body, formats, from_irc=from_irc),
        group=group,
    )
    match = _MAM.match(body)
    # "(Read by Ray Porter) [M4B]" also has a "by" before a bracket, but inside another.
    if match and match["title"].count("(") == match["title"].count(")"):
        title, authors = match["title"].strip(), match["authors"].strip()
        release = replace(release, title=title, authors=parse_people(authors), readings=((title, authors),))
        return _finish(release, title, title)
    narrators, rest = _narrators(body)
    core = _strip_marks(_strip_brackets(rest)) or fold(body)
    readings = _readings(core)
    title, author = readings[0]
    release = replace(release, title=title, authors=parse_people(author), narrators=narrators, readings=readings)
    return _finish(release, title, rest)
