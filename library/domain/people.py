"""Names of persons: reading credits, keys, sorting, and whether two names are one person."""

import re
from functools import lru_cache

from rapidfuzz.distance import DamerauLevenshtein

from library.domain.name_words import (
    DEGREES,
    GENERATIONS,
    GIVEN_NAMES,
    HONORIFICS,
    MONONYMS,
    NICKNAMES,
    NOBODY,
    ORGANISATION_WORDS,
    PARTICLES,
    ROLE_WORDS,
    STANDING_TITLES,
    SUFFIXES,
    SURNAME_PREFIXES,
)
from library.domain.text import clean, compact, fold, fold_german, is_latin

_LEAD_IN = re.compile(
    r"^(?:(?:written|read|narrated|performed|translated|edited|illustrated|adapted|told|created)\s+(?:and\s+\w+\s+)?by\s*:?"
    r"|by|with|authors?\s*:|narrators?\s*:|gelesen von|erz[äa]hlt von|von(?=\s+[^,\s]+\s+[^,\s]+$)|lu par|narrado por|"
    r"le[íi]do por|letto da)\s+",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"\s*[(\[]([^()\[\]]{0,60})[)\]]")
_HARD_SEPARATOR = re.compile(r"\s*(?:;|\||•|·(?=\s)|\n|、|，|／|\s/\s|/(?=\s*[^\W\d_]{2})|&|\+)\s*")
_AND = re.compile(r"\s*,?\s+(?:and|und|et|with|feat\.?|featuring|med|och)\s+", re.IGNORECASE)
_ET_AL = re.compile(r"\s*,?\s+(?:et al\.?|and others|u\. ?a\.|& others)\s*$", re.IGNORECASE)
_ROLE_TAIL = re.compile(r"\s+[-–—:]\s+([^-–—]{2,40})$")
_INITIAL = re.compile(r"^(?:[^\W\d_]\.-?)+[^\W\d_]?$|^[^\W\d_]$|^[A-Z]{2,3}$")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MAX_LENGTH = 2000


def _is_role(text: str) -> bool:
    said = fold(text).split()
    return (
        bool(said)
        and any(w in ROLE_WORDS for w in said)
        and all(w in ROLE_WORDS or w in {"by", "and", "of", "the", "as", "with"} for w in said)
    )


def _without_roles(text: str) -> str:
    """`Jane Doe (Narrator)` and `Jane Doe - translator` are Jane Doe; `Hugh Munro (Saki)` keeps his pen name."""
    # A role, or years of life, in brackets; a pen name stays.
    text = _BRACKET.sub(lambda m: "" if _is_role(m[1]) or not re.search(r"[^\W\d]", m[1]) else m[0], text)
    while (tail := _ROLE_TAIL.search(text)) and _is_role(tail[1]):
        text = text[: tail.start()]
    while (lead := _LEAD_IN.match(text)) and lead.end() < len(text):
        text = text[lead.end() :]
    return text.strip(" ,.-–—:") + ("." if text.rstrip(" ,-").endswith(".") and len(text) > 1 else "")


def _is_organisation(text: str) -> bool:
    words = fold(text).split()
    return any(word in ORGANISATION_WORDS for word in words[1:]) or (
        words[1:2] == ["of"] and words[0] in ORGANISATION_WORDS
    )


def _is_suffix(piece: str) -> bool:
    folded = compact(piece)
    return folded in SUFFIXES or folded in DEGREES or folded in {"junior", "senior"}


def _is_initial(word: str) -> bool:
    return bool(_INITIAL.match(word))


def _is_given(word: str) -> bool:
    return fold(word) in GIVEN_NAMES or _is_initial(word)


def _is_surname(piece: str) -> bool:
    """Whether a piece before a comma can only be a family name: one word, or particles and a word."""
    parts = re.split(r"[\s]+", piece)
    if len(parts) == 1:
        return True
    lower = [fold(part.split("-")[-1]) for part in parts[:-1]]
    if all(word in SURNAME_PREFIXES or word == "of" for word in lower) or (len(parts) == 2 and parts[0] == "à"):
        return True
    # "Eça de Queirós": a word, then only particles before the last word.
    return (
        len(parts) >= 3 and all(word in PARTICLES and word != "and" for word in lower[1:]) and not _is_given(parts[0])
    )


def _turn(family: str, given: str) -> str:
    if compact(given) in STANDING_TITLES and " " in family:
        return f"{given} {family}"
    words = given.split()
    tail = ""
    if len(words) > 1 and _is_suffix(words[-1]) and compact(words[-1]) in GENERATIONS:
        tail = " " + words.pop()
    return f"{' '.join(words)} {family}{tail}"


def _is_turned_pair(a: str, b: str) -> bool:
    """Whether `a, b` is one person with the family name first, not two persons."""
    first, second = a.split(), b.split()
    if len(second) > 1 and fold(second[-1]) in PARTICLES:
        return True
    if fold(second[0]) == "the" and len(second) > 1:
        return False  # "Vega, The Tide": a name with an article is a whole one
    if len(first) > 1 and compact(first[0]) in STANDING_TITLES - {"st", "saint"}:
        return False  # "Marquis de Thorn, Paul Ash": a title stands before whole names
    if len(second) == 2 and compact(second[0]) in {"sir", "dame"}:
        return True  # "Conyers Thorn, Sir Aubrey"
    if len(first) > 2 and fold(first[0]) not in PARTICLES and len(second) > 1 and _is_full_name(second):
        return False  # "Lothar von Arnheim, Emily Oakes"
    if compact(a) in MONONYMS and len(second) > 1 and _is_given(second[0]):
        return False
    if compact(b) in STANDING_TITLES or _is_surname(a):
        return True
    if all(_is_initial(word) for word in second):
        return True
    if _is_given(first[0]):
        return False
    # "Orme Thorn, Hilda L." and "Corvus Albus, Titus": given names do not stand alone, nor end in an initial.
    if len(second) == 1 or _is_initial(second[-1]):
        return True
    # Two names of two words each are two persons, though a family name may also be a given name ("Grant Blake").
    return len(first) != 2 and all(_is_given(word) for word in second)


def _is_full_name(parts: list[str]) -> bool:
    """Whether the words go from a given name, or past an initial, to a family name."""
    opens = _is_given(parts[0]) or any(_is_initial(part) for part in parts[1:-1])
    return opens and not _is_given(parts[-1]) and fold(parts[-1]) not in PARTICLES


def _is_epithet(piece: str) -> bool:
    """`the Apostle`: what tells bearers of a single name apart, not another person."""
    words = piece.split()
    return words[0] == "the" and len(words) in (2, 3) and not _is_organisation(piece)


def _from_commas(text: str) -> list[str]:
    """Persons of a comma-separated text: a list of names, or names with the family name first."""
    pieces: list[str] = []
    suffixes: list[str] = []
    leading = ""
    for raw in text.split(","):
        piece = raw.strip()
        if not piece:
            continue
        if not pieces and compact(piece) in GENERATIONS:
            leading = f" {piece}"  # "III, Edward Marsh" was turned by a program that took III for a family name
            continue
        if pieces and _is_epithet(piece):
            suffixes[-1] += f" {piece}"
            continue
        if len(pieces) == 2 and compact(piece) in STANDING_TITLES:
            pieces[1] = f"{piece} {pieces[1]}"  # "Tennyson, Alfred, Lord"
            continue
        if pieces and _is_suffix(piece):
            suffixes[-1] = f" {piece}" if compact(piece) not in DEGREES else ""
            continue
        pieces.append(piece)
        suffixes.append("")
    if len(pieces) <= 1:
        return [pieces[0] + suffixes[0] + leading] if pieces else [leading.strip()]
    if _CJK.search(text):
        return pieces  # names of these scripts have the family name first, and no comma after it
    if len(pieces) == 2 and _is_turned_pair(pieces[0], pieces[1]):
        return [_turn(pieces[0], pieces[1]) + (suffixes[0] or suffixes[1])]
    if len(pieces) > 2 and len(pieces) % 2 == 0 and all(_is_surname(piece) for piece in pieces[::2]):
        return [_turn(f, g) + s for f, g, s in zip(pieces[::2], pieces[1::2], suffixes[1::2], strict=True)]
    return [piece + suffix for piece, suffix in zip(pieces, suffixes, strict=True)]


def _unjoined(name: str) -> list[str]:
    """Two persons whose separator was lost: `Robert Fell Susan Oakes`, `R.J. Fell Susan Oakes`."""
    parts = name.split()
    if len(parts) != 4 or "," in name:
        return [name]
    opens = [fold(parts[0]) in GIVEN_NAMES or _is_initial(parts[0]), fold(parts[2]) in GIVEN_NAMES]
    closes = [not _is_given(p) and fold(p) not in PARTICLES and not _is_suffix(p) for p in (parts[1], parts[3])]
    first_closes = closes[0] or (
        _is_initial(parts[0]) and fold(parts[1]) not in PARTICLES and not _is_initial(parts[1])
    )
    second_closes = closes[1] or _is_initial(parts[0])  # initials already show where the first name ends
    if all(opens) and first_closes and second_closes:
        return [" ".join(parts[:2]), " ".join(parts[2:])]
    return [name]


def _shared_family(first: str, rest: list[str]) -> str:
    """`Janet & Geoff Benge`: a lone given name before a full name takes its family name."""
    if " " in first or fold(first) not in GIVEN_NAMES or not rest:
        return first
    following = rest[0].split()
    return f"{first} {following[-1]}" if len(following) == 2 and _is_given(following[0]) else first


def _lists_persons(text: str) -> bool:
    """Whether a text with an organisation's word also names a person: `Paul Ash, Northern Film Company`."""
    pieces = [piece.split() for piece in re.split(r"[,;&]", text)]
    return len(pieces) > 1 and any(
        len(p) in (2, 3) and _is_given(p[0]) and not _is_organisation(" ".join(p)) for p in pieces
    )


def _split(text: str) -> list[str]:
    if _is_organisation(text) and not _lists_persons(text):
        return re.split(r"\s*;\s*", text)
    groups: list[str] = []
    for hard in _HARD_SEPARATOR.split(text):
        groups.extend(_AND.split(hard) if not _is_organisation(hard) else [hard])
    groups = [group.strip(" ,") for group in groups if group.strip(" ,")]
    people: list[str] = []
    for index, group in enumerate(groups):
        if "," in group:
            people.extend(_from_commas(group))
        else:
            people.extend(_unjoined(_shared_family(group, groups[index + 1 :])))
    return people


@lru_cache(maxsize=65536)
def parse_people(text: str) -> tuple[str, ...]:
    """The persons of a credit, in display order of words (`Christie, Agatha` becomes `Agatha Christie`), each once.

    Roles ("read by", "(Translator)", "- foreword") are dropped, and so are "various authors" and "full cast".
    """
    text = _ET_AL.sub("", _without_roles(clean(text)[:_MAX_LENGTH]))
    found: dict[str, str] = {}
    for raw in _split(text):
        name = _without_roles(raw).strip(" ,")
        key = compact(name)
        if not name or fold(name) in NOBODY or _is_role(name) or not any(c.isalnum() for c in name):
            continue
        found.setdefault(key or name, name)
    return tuple(found.values())


def _name_words(name: str) -> list[str]:
    """Folded words of one person in display order, honorifics, degrees and quoted nicknames left out."""
    people = parse_people(name)
    name = people[0] if len(people) == 1 else clean(name)
    name = re.sub(r"[\"“”(\[][^\"“”()\[\]]{0,60}[\"“”)\]]", " ", name) if not name.startswith(("(", "[", '"')) else name
    spread = re.sub(r"\b([^\W\d_])\.(?=[^\W\d_])", r"\1. ", name)
    kept = fold(spread).split()
    while len(kept) > 2 and kept[0] in HONORIFICS:
        kept = kept[1:]
    while len(kept) > 2 and kept[-1] in DEGREES:
        kept = kept[:-1]
    if len(kept) > 2 and kept[-2:] in (["ph", "d"], ["m", "d"]):
        kept = kept[:-2]
    return kept


@lru_cache(maxsize=65536)
def person_key(name: str) -> str:
    """A key that is equal for spellings of one name: order, case, accents, points and "Jr." do not matter.

    `Tolkien, J. R. R.`, `J.R.R. Tolkien` and `JRR TOLKIEN` are all `jrr tolkien`.
    """
    parts = _name_words(name)
    if len(parts) > 2 and parts[-1] in {"jr", "junior"}:
        parts = parts[:-1]
    merged: list[str] = []
    open_run = False
    for part in parts:
        single = len(part) == 1
        if single and open_run:
            merged[-1] += part
        else:
            merged.append(part)
        open_run = single
    return " ".join(merged)


_FAMILY_ARTICLES = frozenset({"le", "la", "du", "des", "del", "della"})


def sort_name(name: str) -> str:
    """The name as a shelf sorts it: `Tolkien, J.R.R.`; particles stay with the given name (`Goethe, Johann von`)."""
    people = parse_people(name)
    display = people[0] if people else clean(name)
    parts = display.split()
    tail = ""
    if len(parts) > 2 and _is_suffix(parts[-1]):
        tail = " " + parts.pop()
    if len(parts) < 2 or _is_organisation(display) or not is_latin(display) or fold(parts[-2]) in {"of", "the"}:
        return display
    family = 1
    if len(parts) > 2 and (
        parts[-2] in _FAMILY_ARTICLES or (parts[-2].istitle() and fold(parts[-2]) in SURNAME_PREFIXES)
    ):
        family = 2  # "Le Guin" and "le Carré" are whole names; "von" and "de" are not
    return f"{' '.join(parts[-family:])}, {' '.join(parts[:-family])}{tail}"


@lru_cache(maxsize=65536)
def surname(name: str) -> str:
    """The folded family name; for a single name that name, and empty text for none."""
    parts = [part for part in _name_words(name) if part not in GENERATIONS]
    return parts[-1] if parts else ""


def _family_agrees(a: str, b: str, *, given_equal: bool) -> bool:
    if a == b:
        return True
    longest = max(len(a), len(b))
    return (
        given_equal
        and min(len(a), len(b)) >= 7
        and longest - min(len(a), len(b)) <= 1
        and (DamerauLevenshtein.distance(a, b, score_cutoff=1) == 1)
    )


def _given_agrees(a: str, b: str) -> bool:
    if a == b or NICKNAMES.get(a, a) == NICKNAMES.get(b, b):
        return True
    if len(a) == 1 or len(b) == 1:
        return a[0] == b[0]
    return min(len(a), len(b)) >= 6 and DamerauLevenshtein.distance(a, b, score_cutoff=1) == 1


def _generation(parts: list[str]) -> tuple[list[str], str]:
    if len(parts) > 2 and parts[-1] in GENERATIONS:
        said = {"junior": "jr", "senior": "sr"}.get(parts[-1], parts[-1])
        return parts[:-1], said
    return parts, ""


def _spread_initials(parts: list[str]) -> list[str]:
    """`jrr tolkien` is `j r r tolkien`: a short first word without a vowel is a run of initials."""
    if len(parts) >= 2 and 2 <= len(parts[0]) <= 3 and not set(parts[0]) & set("aeiouy"):
        return [*parts[0], *parts[1:]]
    return parts


def _middles_agree(a: list[str], b: list[str]) -> bool:
    """Whether the middle names of one can be the middle names of the other, where both give some."""
    shorter, longer = sorted((a, b), key=len)
    position = 0
    for name in shorter:
        while position < len(longer) and not _given_agrees(name, longer[position]):
            position += 1
        if position == len(longer):
            return False
        position += 1
    return True


def _same_words(a: list[str], b: list[str]) -> bool:
    a, first = _generation(a)
    b, second = _generation(b)
    if (first and second and first != second) or ({first, second} & {"sr"} and first != second):
        return False
    a, b = _spread_initials(a), _spread_initials(b)
    if "".join(a) == "".join(b):
        return True
    if len(a) < 2 or len(b) < 2:
        return False
    given_equal = a[0] == b[0] and len(a[0]) > 1
    if not _family_agrees(a[-1], b[-1], given_equal=given_equal) or not _given_agrees(a[0], b[0]):
        return False
    return _middles_agree(a[1:-1], b[1:-1])


@lru_cache(maxsize=131072)
def same_person(a: str, b: str) -> bool:
    """Whether two names are one person as far as names can tell: order, initials, accents, nicknames, one slip.

    Symmetric. A family name alone, a name with a title behind it, and two persons in one string are not enough.
    """
    left, right = compact(a), compact(b)
    if not left or not right:
        return False
    if left == right:
        return True
    people = parse_people(a), parse_people(b)
    if len(people[0]) != 1 or len(people[1]) != 1 or any(re.search(r"\s[-–—]\s", x[0]) for x in people):
        return False
    words = _name_words(a), _name_words(b)
    if _same_words(*words):
        return True
    german = fold_german(people[0][0]).split(), fold_german(people[1][0]).split()
    return _same_words(words[0], german[1]) or _same_words(german[0], words[1])


def looks_like_person(text: str) -> bool:
    """Whether a text is rather a person's name than a title or series: two to four words, the first a given name."""
    parts = text.split()
    if re.fullmatch(r"[^,\d]+,\s*[^,\d]+", text) and _is_given(text.split(",")[1].split()[0]):
        return True
    plain = 2 <= len(parts) <= 4 and not any(c.isdigit() for c in text)
    return plain and (_is_given(parts[0]) or fold(parts[0]) in NICKNAMES) and fold(parts[-1]) not in PARTICLES


def any_same_person(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether two lists of names share a person."""
    keys = {person_key(name) for name in a}
    return any(person_key(name) in keys for name in b) or any(same_person(x, y) for x in a for y in b)
