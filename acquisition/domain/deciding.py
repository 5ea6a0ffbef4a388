"""Deciding on releases: gates first, each with a reason; then an order that explains itself. Pure.

A gate is a small function that answers a `Rejection` or None. Cheap ones come first, but all are asked, so that a
person sees every reason at once. A gate that raises counts as a rejection and says so: a fault must never grab.
"""

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from acquisition.domain.facts import OfferedRelease
from acquisition.domain.identity import Identity, WantedBook, is_release_of
from acquisition.domain.profile import MEGABYTE, Profile
from acquisition.domain.release_names import ParsedRelease, parse_release
from acquisition.domain.upgrades import Held, Quality, compare
from acquisition.domain.upgrades import Verdict as Better
from library.domain.book_files import group_books, is_audio
from library.domain.languages import language_code
from library.domain.people import any_same_person, same_person
from library.domain.title_parsing import parse_title
from library.domain.title_words import BUNDLE

BYTES_PER_KBIT = 125
ROUGHLY = 0.85
AUDIO_CATEGORIES = range(3000, 4000)
BOOK_CATEGORIES = range(7000, 8000)
EBOOK_FORMATS = frozenset({"epub", "mobi", "azw", "azw3", "pdf", "djvu", "cbz", "cbr", "fb2"})
LOSSLESS = frozenset({"flac", "wav", "alac"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why not. `permanent` is false when the same release may pass later (no seeders, a client at its limit)."""

    code: str
    message: str
    permanent: bool = True


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the database knows around one release and book, read in the transaction of the decision."""

    now: datetime.datetime
    is_blocklisted: bool = False
    is_owned: bool = False
    is_on_its_way: bool = False
    is_excluded: bool = False
    given_up: str = ""
    client_for: frozenset[str] = frozenset({"torrent", "direct"})
    indexer_minimum_seeders: int = 0
    indexer_name: str = ""
    indexer_priority: int = 25
    account_refusal: str = ""
    wedge_refusal: str = ""
    account_note: str = ""
    first_seen_at: datetime.datetime | None = None
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release beside the book it might be."""

    offer: OfferedRelease
    parsed: ParsedRelease
    identity: Identity
    wanted: WantedBook
    runtimes_seconds: tuple[int, ...]
    profile: Profile
    around: Circumstances
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def narrators(self) -> tuple[str, ...]:
        return self.offer.narrators or self.parsed.narrators

    @property
    def format(self) -> str:
        return (self.offer.format or self.parsed.format or "").lower()

    @property
    def language(self) -> str:
        return (self.offer.language or self.parsed.language or "").lower()

    @property
    def is_abridged(self) -> bool:
        said = self.offer.is_abridged
        return bool(self.parsed.is_abridged) if said is None else said

    @property
    def delivery(self) -> str:
        return "direct" if self.offer.direct_files else self.offer.protocol or "torrent"

    @property
    def bitrate_kbps(self) -> int | None:
        if self.offer.bitrate_kbps or self.parsed.bitrate_kbps:
            return self.offer.bitrate_kbps or self.parsed.bitrate_kbps
        if self.offer.size_bytes and self.runtimes_seconds:
            return round(self.offer.size_bytes / BYTES_PER_KBIT / max(self.runtimes_seconds))
        return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one candidate. `order` is compared from left to right, higher is better; `why` has its words."""

    candidate: Candidate
    rejections: tuple[Rejection, ...] = ()
    order: tuple[float, ...] = ()
    why: tuple[str, ...] = field(default=())

    @property
    def is_accepted(self) -> bool:
        return not self.rejections

    @property
    def is_temporary(self) -> bool:
        return bool(self.rejections) and not any(r.permanent for r in self.rejections)


Gate = Callable[[Candidate], Rejection | None]


def not_excluded(c: Candidate) -> Rejection | None:
    return Rejection("excluded", "You said that this book is not wanted.") if c.around.is_excluded else None


def not_blocklisted(c: Candidate) -> Rejection | None:
    return Rejection("blocklisted", "This release is on the blocklist.") if c.around.is_blocklisted else None


def has_audio(c: Candidate) -> Rejection | None:
    """By its name, its format, its categories, and its file list, where that is known."""
    categories = c.offer.categories
    is_book = any(n in BOOK_CATEGORIES for n in categories) and not any(n in AUDIO_CATEGORIES for n in categories)
    if c.parsed.content == "ebook" or c.format in EBOOK_FORMATS or is_book:
        return Rejection("not_audio", "This is an ebook, not an audiobook.")
    if c.offer.files and not any(is_audio(name) for name in c.offer.files):
        return Rejection("not_audio", "There is no audio among its files.")
    return None


def is_the_book(c: Candidate) -> Rejection | None:
    if c.identity.matches:
        return None
    return Rejection("another_book", "Another book: " + "; ".join(c.identity.reasons or ("the title does not agree",)))


def is_not_a_silent_pack(c: Candidate) -> Rejection | None:
    """A pack is taken for its books by its file list, never for one of them by its name. A set that is itself wanted
    (an omnibus) is no pack."""
    if is_set(c.wanted.title):
        return None
    if c.parsed.is_pack:
        return Rejection("pack", "A pack of several books; it is not taken for one of them without its file list.")
    count = len(group_books(c.offer.title, c.offer.files)) if c.delivery == "torrent" else 0
    if count > 1:
        return Rejection("pack", f"Its files are {count} books; it is not taken for one of them alone.")
    return None


def is_set(title: str) -> bool:
    """Whether a title names several books: an omnibus, a trilogy, books 1 to 3."""
    return bool(BUNDLE.search(title)) or parse_title(title).positions.is_range


def language_fits(c: Candidate) -> Rejection | None:
    allowed = {language_code(code) or code for code in c.profile.languages}
    said = language_code(c.language) or c.language
    if allowed and said and said not in allowed:
        return Rejection("language", f"In {said}, and wanted in {', '.join(c.profile.languages)}.")
    return None


def abridgement_fits(c: Candidate) -> Rejection | None:
    if c.is_abridged and not c.profile.accepts_abridged:
        return Rejection("abridged", "Abridged, and you want it whole.")
    return None


def dramatisation_fits(c: Candidate) -> Rejection | None:
    if c.parsed.is_dramatised and not c.profile.accepts_dramatised:
        return Rejection("dramatised", "Dramatised, and you want it read.")
    return None


def is_dramatised_as_wished(c: Candidate) -> Rejection | None:
    if c.profile.only_dramatised and not c.parsed.is_dramatised:
        return Rejection("not_dramatised", "Read, and you want the dramatised one.")
    return None


def narrator_fits(c: Candidate) -> Rejection | None:
    """Only a narrator that is named can be the wrong one; who is not named is heard at the import."""
    wanted = c.profile.narrators
    if not c.profile.only_narrators or not wanted or not c.narrators or any_same_person(c.narrators, wanted):
        return None
    return Rejection("narrator", f"Read by {' and '.join(c.narrators[:3])}, and wanted by {' or '.join(wanted[:3])}.")


def format_fits(c: Candidate) -> Rejection | None:
    if c.format and c.profile.formats and c.format not in c.profile.formats:
        return Rejection("format", f"The format {c.format} is not in the profile.")
    return None


def bitrate_fits(c: Candidate) -> Rejection | None:
    """A bitrate that is stated must be within the bounds. One that is worked out from size and runtime, which are both
    rough, only counts where it is clearly too low; what is too much for the runtime is judged by `size_fits`."""
    said = c.offer.bitrate_kbps or c.parsed.bitrate_kbps
    least, most = c.profile.minimum_bitrate_kbps, c.profile.maximum_bitrate_kbps
    if c.format in LOSSLESS:
        return None
    if said:
        fits = least <= said <= (most or said)
        return None if fits else Rejection("bitrate", f"{said} kbit/s; the profile allows {least} to {most}.")
    if not c.offer.size_bytes or not c.runtimes_seconds:
        return None
    about = c.offer.size_bytes / BYTES_PER_KBIT / min(c.runtimes_seconds)
    if about >= least * ROUGHLY:
        return None
    return Rejection("bitrate", f"About {about:.0f} kbit/s by size and runtime; the profile allows {least} to {most}.")


def words_fit(c: Candidate) -> Rejection | None:
    title = c.offer.title.casefold()
    for word in c.profile.must_not_contain:
        if word.casefold() in title:
            return Rejection("forbidden_word", f"Its name contains “{word}”.")
    for word in c.profile.must_contain:
        if word.casefold() not in title:
            return Rejection("required_word", f"Its name lacks “{word}”.")
    return None


def size_fits(c: Candidate) -> Rejection | None:
    """Bytes against the catalogue's runtime: outside every sensible bitrate it is another thing, or a part of it."""
    size = c.offer.size_bytes
    if not size:
        return None
    if not c.profile.minimum_size_mb * MEGABYTE <= size <= c.profile.maximum_size_mb * MEGABYTE and not _is_short(c):
        return Rejection("size", f"{size / MEGABYTE:.1f} MB is outside of what the profile allows.")
    if not c.runtimes_seconds or c.format in LOSSLESS:
        return None
    slowest = size / BYTES_PER_KBIT / max(c.runtimes_seconds)
    fastest = size / BYTES_PER_KBIT / min(c.runtimes_seconds)
    if fastest < _least_bitrate(c.format) or slowest > c.profile.maximum_bitrate_kbps:
        hours = max(c.runtimes_seconds) / 3600
        return Rejection("size_for_runtime", f"{size / MEGABYTE:.1f} MB cannot be {hours:.1f} hours of sound.")
    return None


def _least_bitrate(format_name: str) -> float:
    return 4.0 if format_name in ("opus", "ogg", "m4b", "m4a", "aac") else 7.0


def _is_short(c: Candidate) -> bool:
    return bool(c.runtimes_seconds) and max(c.runtimes_seconds) < 3 * 3600


def runtime_fits(c: Candidate) -> Rejection | None:
    said = c.offer.runtime_seconds
    if not said or not c.runtimes_seconds:
        return None
    nearest = min(c.runtimes_seconds, key=lambda runtime: abs(runtime - said))
    if abs(nearest - said) > max(0.1 * nearest, 300):
        return Rejection("runtime", f"{said / 3600:.1f} hours long, and the book is {nearest / 3600:.1f}.")
    return None


def seeders_suffice(c: Candidate) -> Rejection | None:
    least = max(c.profile.minimum_seeders, c.around.indexer_minimum_seeders)
    if c.delivery == "torrent" and c.offer.seeders is not None and c.offer.seeders < least:
        return Rejection("seeders", f"{c.offer.seeders} seeders, and {least} are asked for.", permanent=False)
    return None


def age_fits(c: Candidate) -> Rejection | None:
    if c.profile.maximum_age_days and c.offer.published_at:
        days = (c.around.now - c.offer.published_at).days
        if days > c.profile.maximum_age_days:
            return Rejection("age", f"{days} days old; the profile allows {c.profile.maximum_age_days}.")
    return None


def can_be_fetched(c: Candidate) -> Rejection | None:
    if not (c.offer.download_url or c.offer.magnet_url or c.offer.direct_files):
        return Rejection("no_way", "The indexer names no way to get it.")
    if c.delivery not in ("torrent", "direct"):
        return Rejection("protocol", f"It comes over {c.delivery}, which no download client here can fetch.")
    if c.delivery not in c.around.client_for:
        words = "a torrent client" if c.delivery == "torrent" else "the built-in downloader"
        return Rejection("no_client", f"It needs {words}, and none is set up and switched on.", permanent=False)
    return None


def is_not_here_yet(c: Candidate) -> Rejection | None:
    """A book on the shelf is only fetched again as an upgrade that the profile asks for, by the rule of the import."""
    if not c.around.is_owned:
        return None
    if not c.profile.upgrades_allowed or not c.around.held:
        return Rejection("owned", "It is on the shelf already.")
    quality = Quality(c.format, c.bitrate_kbps, c.language, c.narrators, c.is_abridged)
    found = compare(quality, c.around.held, c.profile)
    if found.verdict is Better.UPGRADE:
        return None
    code = {Better.NOT_ALLOWED: "good_enough", Better.SAME: "no_upgrade", Better.WORSE: "no_upgrade"}
    return Rejection(code.get(found.verdict, "owned"), f"It is on the shelf already. {found.reason}")


def is_not_on_its_way(c: Candidate) -> Rejection | None:
    if c.around.is_on_its_way:
        return Rejection("on_its_way", "A download of this book is under way.", permanent=False)
    return None


def was_not_given_up(c: Candidate) -> Rejection | None:
    """What failed to the end, or what a person cancelled, is not taken again by itself."""
    return Rejection("given_up", c.around.given_up) if c.around.given_up else None


def account_allows(c: Candidate) -> Rejection | None:
    return Rejection("account", c.around.account_refusal, permanent=False) if c.around.account_refusal else None


def wedge_rules_allow(c: Candidate) -> Rejection | None:
    return Rejection("wedge", c.around.wedge_refusal, permanent=False) if c.around.wedge_refusal else None


def is_not_delayed(c: Candidate) -> Rejection | None:
    """A release is left alone for some hours, so that a better one may appear; the best format need not wait."""
    hours, formats = c.profile.delay_hours, c.profile.formats
    if not hours or (formats and c.format == formats[0]):
        return None
    moments = (c.offer.published_at, c.around.first_seen_at, c.around.now)
    until = min(moment for moment in moments if moment) + datetime.timedelta(hours=hours)
    if until <= c.around.now:
        return None
    words = f"Good, and left alone until {until:%Y-%m-%d %H:%M} UTC, in case a better one appears."
    return Rejection("delayed", words, permanent=False)


GATES: tuple[Gate, ...] = (
    not_excluded,
    not_blocklisted,
    is_not_here_yet,
    is_not_on_its_way,
    was_not_given_up,
    has_audio,
    is_the_book,
    is_not_a_silent_pack,
    language_fits,
    abridgement_fits,
    dramatisation_fits,
    is_dramatised_as_wished,
    narrator_fits,
    format_fits,
    bitrate_fits,
    words_fit,
    size_fits,
    runtime_fits,
    seeders_suffice,
    age_fits,
    can_be_fetched,
    account_allows,
    wedge_rules_allow,
    is_not_delayed,
)

# Which fields of the profile a reason rests on, so that it can say who set them.
RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "language": ("languages",),
    "abridged": ("accepts_abridged",),
    "dramatised": ("accepts_dramatised",),
    "not_dramatised": ("only_dramatised",),
    "narrator": ("narrators", "only_narrators"),
    "format": ("formats",),
    "bitrate": ("minimum_bitrate_kbps", "maximum_bitrate_kbps"),
    "forbidden_word": ("must_not_contain",),
    "required_word": ("must_contain",),
    "size": ("minimum_size_mb", "maximum_size_mb"),
    "size_for_runtime": ("maximum_bitrate_kbps",),
    "seeders": ("minimum_seeders",),
    "age": ("maximum_age_days",),
    "owned": ("upgrades_allowed",),
    "good_enough": ("upgrade_until_format", "formats"),
    "no_upgrade": ("formats",),
    "delayed": ("delay_hours",),
}


def consider(
    offer: OfferedRelease,
    wanted: WantedBook,
    *,
    runtimes_seconds: Sequence[int] = (),
    profile: Profile,
    around: Circumstances,
    sources: Mapping[str, str] | None = None,
) -> Verdict:
    """All gates, then the order. `sources` says who set the fields of the profile that differ from the general one."""
    parsed = parse_release(offer.title)
    identity = is_release_of(with_offer(parsed, offer), wanted)
    candidate = Candidate(offer, parsed, identity, wanted, tuple(runtimes_seconds), profile, around, sources or {})
    rejections = tuple(r for gate in GATES if (r := _ask(gate, candidate)) is not None)
    try:
        order, why = rank(candidate)
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
        fault = Rejection("gate_failed", f"It could not be compared with others ({type(error).__name__}); not taken.")
        return Verdict(candidate, (*rejections, fault), NO_ORDER)
    return Verdict(candidate, rejections, order, why)


def with_offer(parsed: ParsedRelease, offer: OfferedRelease) -> ParsedRelease:
    """The parsed name, with the authors that the indexer states in a field of their own.

    They come first among the readings of the name: the whole name is the title, and these are its authors.
    """
    if not offer.authors or parsed.authors:
        return parsed
    stated = ", ".join(offer.authors)
    whole = parsed.title or parsed.raw
    readings = dict.fromkeys([(whole, stated), *((title, author or stated) for title, author in parsed.readings)])
    return replace(parsed, authors=offer.authors, readings=tuple(readings))


def _ask(gate: Gate, candidate: Candidate) -> Rejection | None:
    try:
        return _with_source(gate(candidate), candidate.sources)
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
        return Rejection("gate_failed", f"The check {gate.__name__} failed ({type(error).__name__}); not taken.")


def _with_source(rejection: Rejection | None, sources: Mapping[str, str]) -> Rejection | None:
    """The reason, with who set what it rests on where that is not the general profile."""
    if rejection is None or not sources:
        return rejection
    said = dict.fromkeys(sources[name] for name in RESTS_ON.get(rejection.code, ()) if name in sources)
    if not said:
        return rejection
    return replace(rejection, message=f"{rejection.message} (From {' and '.join(said)}.)")


NO_ORDER = (0.0,) * 9


def rank(c: Candidate) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The lexicographic order, and its parts in words."""
    formats = list(c.profile.formats)
    format_rank = len(formats) - formats.index(c.format) if c.format in formats else 0
    bitrate = c.bitrate_kbps or 0
    preferred = c.profile.preferred_bitrate_kbps
    bitrate_rank = -abs(math.log2(bitrate / preferred)) if bitrate > 0 and preferred else -2.0
    wanted_voices = c.profile.narrators
    voice = float(any(same_person(a, b) for a in wanted_voices for b in c.narrators))
    free = float(c.offer.download_volume_factor == 0 or c.delivery == "direct") if c.profile.prefers_freeleech else 0.0
    whole = float(len(c.offer.files or c.offer.direct_files) == 1 or c.format == "m4b")
    seeders = math.log1p(max(c.offer.seeders or 0, 0))
    age = -(c.around.now - c.offer.published_at).days if c.offer.published_at else -36_500
    order = (
        round(c.identity.certainty, 1),
        voice,
        float(format_rank),
        round(bitrate_rank, 1),
        whole,
        free,
        round(seeders, 2),
        float(-c.around.indexer_priority),
        float(age),
    )
    why = (
        f"certainty {c.identity.certainty:.2f}",
        "preferred narrator" if voice else "no narrator preference met",
        f"format {c.format or 'unknown'}",
        f"{bitrate} kbit/s" if bitrate else "bitrate unknown",
        "one file" if whole else "several files, or unknown",
        c.around.account_note or ("free" if free else "counts against the account"),
        f"{c.offer.seeders if c.offer.seeders is not None else 'unknown'} seeders",
        f"indexer priority {c.around.indexer_priority}",
        f"{-age} days old" if c.offer.published_at else "age unknown",
    )
    return order, why


def sort_verdicts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Accepted ones first, the best first; rejected ones after, those that fail least first."""
    return sorted(
        verdicts,
        key=lambda v: (v.is_accepted, v.order if v.is_accepted else (-len(v.rejections), *v.order)),
        reverse=True,
    )
