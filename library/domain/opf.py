"""A book as an OPF document, as Calibre writes it, and as the library's reader and Audiobookshelf read it back."""

from xml.sax.saxutils import escape, quoteattr

from library.domain.naming import Nameable

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<package version="2.0" xmlns="http://www.idpf.org/2007/opf" unique-identifier="id">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">
"""
_FOOT = "  </metadata>\n</package>\n"


def sidecar_opf(book: Nameable) -> str:
    """The document. Only what is known stands in it; characters that XML cannot carry are left out."""
    lines = [
        _element("title", book.title),
        *(_element("creator", name, role="aut") for name in book.authors),
        *(_element("creator", name, role="nrt") for name in book.narrators),
        *(_element("identifier", value, scheme=scheme) for scheme, value in (("ASIN", book.asin), ("ISBN", book.isbn))),
        _element("subtitle", book.subtitle),
        _element("publisher", book.publisher),
        _element("date", str(book.published_year or "")),
        _element("language", book.language),
        _element("description", book.description),
        *(_element("subject", genre) for genre in book.genres),
        *_series(book),
    ]
    return _HEAD + "".join(f"    {line}\n" for line in lines if line) + _FOOT


def _element(name: str, value: str, **attributes: str) -> str:
    text = _plain(value)
    if not text:
        return ""
    said = "".join(f" opf:{key}={quoteattr(word)}" for key, word in attributes.items())
    return f"<dc:{name}{said}>{escape(text)}</dc:{name}>"


def _series(book: Nameable) -> list[str]:
    lines = []
    for place in book.series:
        lines.append(f'<meta name="calibre:series" content={quoteattr(_plain(place.name))}/>')
        if place.position.strip():
            lines.append(f'<meta name="calibre:series_index" content={quoteattr(_plain(place.position.strip()))}/>')
    return lines


def _plain(value: str) -> str:
    return "".join(c for c in value if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "￾￿"))
