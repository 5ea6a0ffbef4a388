"""Languages as they are written in tags, catalogues and releases, read into ISO 639 codes."""

from functools import lru_cache

import langcodes
from langcodes import LanguageTagError

from library.domain.text import fold

# What langcodes does not find by name: names in the language itself and trackers' short forms, folded.
_OWN_NAMES = {
    "deutsch": "de", "francais": "fr", "espanol": "es", "castellano": "es", "italiano": "it", "nederlands": "nl",
    "portugues": "pt", "polski": "pl", "svenska": "sv", "dansk": "da", "norsk": "no", "suomi": "fi", "cesky": "cs",
    "cestina": "cs", "magyar": "hu", "turkce": "tr", "romana": "ro", "russkii": "ru", "russkij": "ru", "russkiy": "ru",
    "englisch": "en", "anglais": "en", "ingles": "en", "inglese": "en", "allemand": "de", "german": "de",
    "french": "fr",
    "franzosisch": "fr", "spanish": "es", "spanisch": "es", "italian": "it", "italienisch": "it", "dutch": "nl",
    "flemish": "nl", "vlaams": "nl", "truefrench": "fr", "vff": "fr", "vostfr": "fr", "ger": "de", "fre": "fr",
    "dut": "nl", "chi": "zh", "cze": "cs", "rum": "ro", "gre": "el", "mandarin": "zh", "cantonese": "yue",
    "brazilian": "pt", "castilian": "es", "latino": "es", "engl": "en", "english": "en", "eng": "en", "en": "en",
    "japanese": "ja", "russian": "ru", "polish": "pl", "swedish": "sv", "danish": "da", "norwegian": "no",
    "finnish": "fi", "czech": "cs", "hungarian": "hu", "portuguese": "pt", "korean": "ko", "chinese": "zh",
}  # fmt: skip


@lru_cache(maxsize=4096)
def language_code(text: str) -> str:
    """The ISO 639-1 code (639-3 where there is none) of a code or name in some language; empty if not known."""
    folded = fold(text)
    if not folded or len(folded) > 40:
        return ""
    first, _, rest = folded.partition(" ")
    if rest and len(rest) > 4:
        first = folded  # "en gb" is a code with a region; of "no such thing" the first word is not Norwegian
    for candidate in (folded, first):
        if candidate in _OWN_NAMES:
            return _OWN_NAMES[candidate]
    try:
        if len(first) in (2, 3):
            tag = langcodes.Language.get(first)
            return (tag.language or "") if tag.is_valid() else ""
        return langcodes.find(folded).language or ""
    except (LanguageTagError, LookupError):
        return ""


@lru_cache(maxsize=512)
def language_alpha3(code: str) -> str:
    """The bibliographic ISO 639-2 code (`eng`, `ger`, `fre`) of a language code; empty if not known."""
    try:
        return str(langcodes.Language.get(code).to_alpha3(variant="B")) if code else ""
    except (LanguageTagError, LookupError):
        return ""


@lru_cache(maxsize=512)
def language_name(code: str) -> str:
    """The English name for people (`German`); the code itself if not known."""
    try:
        return str(langcodes.Language.get(code).display_name()) if code else "an unknown language"
    except LanguageTagError:
        return code
