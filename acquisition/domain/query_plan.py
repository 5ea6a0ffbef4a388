"""What an indexer is asked for a book, from the query that is most likely to find it to the widest."""

from dataclasses import dataclass

from acquisition.domain.identity import WantedBook


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a query plan, in words and as a query."""

    name: str
    text: str = ""
    title: str = ""
    author: str = ""
    asin: str = ""
    isbn: str = ""
    series: str = ""


def plan_queries(wanted: WantedBook, *, asin: str = "", isbn: str = "") -> list[Tier]:
    """The search stops at the first tier that yields an accepted release.

    Title and author come before the identifier, although that is narrower: few indexers know identifiers, and each
    query is paid from the budget of a day. A tier without words is left out; it would ask for the newest releases.
    """
    surname = wanted.authors[0].split()[-1] if wanted.authors and wanted.authors[0].split() else ""
    title = wanted.title.strip()
    tiers = []
    if surname and title:
        tiers.append(Tier("title and author", f"{title} {surname}", title, wanted.authors[0]))
    if asin or isbn:
        tiers.append(Tier("identifier", asin or isbn, asin=asin, isbn=isbn, title=title))
    if title:
        tiers.append(Tier("title", title, title))
    for place in wanted.series:
        if place.position and place.name.strip():
            words = f"{place.name} {place.position}"
            tiers.append(Tier("series and number", words, series=place.name, author=" ".join(wanted.authors[:1])))
    return tiers
