"""Small conversions of text for rows."""

import re

ARTICLES = re.compile(r"^(the|a|an|der|die|das|le|la|les|un|une|el|los|las|il|lo|i|gli)\s+(?=\S)", re.IGNORECASE)


def sort_title(title: str) -> str:
    """The title without a leading article, in lower case: what lists are ordered by."""
    return ARTICLES.sub("", title.strip()).casefold()
