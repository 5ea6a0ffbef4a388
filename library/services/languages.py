"""Languages as people and tags write them, to codes."""

from functools import lru_cache

import langcodes


@lru_cache(maxsize=4096)
def language_code(text: str) -> str:
    """ISO 639-1 (or 639-3 where there is none) of "English", "eng", "en-US", "Deutsch"; empty when it is none of them."""
    text = text.strip()
    if not text:
        return ""
    try:
        code = langcodes.standardize_tag(text, macro=True)
        if langcodes.Language.get(code).is_valid():
            return langcodes.Language.get(code).language or ""
    except (langcodes.LanguageTagError, ValueError):
        pass
    try:
        return langcodes.find(text).language or ""
    except LookupError:
        return ""


@lru_cache(maxsize=1024)
def language_name(code: str) -> str:
    """The English name of a code; the code itself when it has none."""
    return langcodes.Language.get(code).display_name() if code else "an unknown language"
