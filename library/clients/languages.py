"""Names and codes of languages, as catalogues write them, to ISO 639-1."""

import functools

import langcodes

# What catalogues write that is no name or code in CLDR.
OTHER_NAMES = {"mandarin_chinese": "zh", "mandarin chinese": "zh", "castilian": "es", "iw": "he", "multilingual": ""}
UNSAID = {"", "und", "mul", "zxx", "unknown", "none", "n/a", "other"}


@functools.lru_cache(maxsize=1024)
def language_code(written: str) -> str:
    """`English`, `english`, `eng`, `en-GB`, `Deutsch`, `ger` -> `en`, `en`, `en`, `en`, `de`, `de`.

    A language that has no two-letter code gives its three-letter one; empty when it is not known to be a language.
    """
    word = written.strip().casefold()
    if word in UNSAID:
        return ""
    if word in OTHER_NAMES:
        return OTHER_NAMES[word]
    tag = word.replace("_", "-")
    try:
        if langcodes.tag_is_valid(tag):
            return langcodes.Language.get(tag).language or ""
        return langcodes.find(word).language or ""
    except (LookupError, ValueError):
        return ""
