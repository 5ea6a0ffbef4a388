"""Names of people as they stand in folder names, tags and sidecars, read into single names.

The reading is that of Audiobookshelf (2.36), so that a shelf read from folders and the same shelf read from its API
name the same people: `&`, ` and `, `;` and `,` part names; `Last, First` is turned round; titles of address ("Sir"),
suffixes ("Jr.") and names in brackets are dropped; names in Chinese, Japanese or Korean are left as written.
"""

import re

_SEPARATORS = re.compile(r"&|;|\s+and\s+")
_CJK = re.compile("[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_IN_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]|\"[^\"]*\"")
_ROLE = re.compile(
    r"\s+-\s+(?:translat(?:or|ed by)|foreword|introduction|editor|contributor|afterword|adapt(?:er|or|ation))\b.*$",
    re.IGNORECASE,
)
_TITLES = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "dr",
        "prof",
        "professor",
        "sir",
        "dame",
        "lord",
        "lady",
        "rev",
        "reverend",
        "hon",
        "capt",
        "captain",
        "col",
        "colonel",
        "gen",
        "general",
        "lt",
        "maj",
        "sgt",
        "baron",
        "baroness",
        "fr",
        "father",
        "msgr",
    ]
)
_SUFFIXES = frozenset(["jr", "jnr", "sr", "snr", "esq", "esquire", "ii", "iii", "iv", "phd", "md", "mba", "cfp", "dds"])
_PARTICLES = frozenset(
    [
        "von",
        "van",
        "de",
        "der",
        "den",
        "du",
        "da",
        "di",
        "del",
        "della",
        "dela",
        "dos",
        "das",
        "la",
        "le",
        "el",
        "al",
        "ibn",
        "bin",
        "ter",
        "ten",
        "st",
        "saint",
    ]
)


def parse_names(text: str) -> tuple[str, ...]:
    """The people named in `text`, each as `First Last`, without repeats and in the order written."""
    chunks = [chunk.strip() for part in _SEPARATORS.split(text) for chunk in part.split(",")]
    chunks = [chunk for chunk in chunks if chunk]
    if not chunks:
        return ()
    if _CJK.search(chunks[0]):
        return tuple(dict.fromkeys(chunks))
    if len(chunks) > 1 and _is_last_name(chunks[0]):
        return tuple(dict.fromkeys(_turned_round(chunks)))
    names = (clean_name(chunk) for chunk in chunks if _word(chunk) not in _SUFFIXES)
    return tuple(dict.fromkeys(name for name in names if name))


def clean_name(name: str) -> str:
    """One name without role, nickname, title of address and suffix; never empty unless `name` is blank.

    A title stays where it is half of the name ("Lord Dunsany", "Dr. Seuss").
    """
    bare = " ".join(_IN_BRACKETS.sub(" ", _ROLE.sub("", name)).split())
    words = (bare or name).split()
    while len(words) > 2 and _word(words[0]) in _TITLES:
        words = words[1:]
    while len(words) > 2 and _word(words[-1]) in _SUFFIXES:
        words = words[:-1]
    return " ".join(words).strip(" ,")


def _turned_round(chunks: list[str]) -> list[str]:
    """`Last, First` pairs. An odd one left over is dropped, as Audiobookshelf does."""
    pairs = zip(chunks[::2], chunks[1::2], strict=False)
    return [" ".join(f"{clean_name(first)} {last}".split()) for last, first in pairs]


def _is_last_name(chunk: str) -> bool:
    """True for one word, or particles before one word ("Le Guin", "von Goethe")."""
    words = chunk.split()
    return all(_word(word) in _PARTICLES for word in words[:-1])


def _word(text: str) -> str:
    return text.replace(".", "").strip(" ,").casefold()
