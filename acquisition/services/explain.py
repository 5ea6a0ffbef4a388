"""The whole reasoning about a release beside a book, and why a wanted book is not here yet. Nothing is written."""

import datetime

from acquisition.domain.deciding import consider
from acquisition.domain.facts import OfferedRelease
from acquisition.domain.release_names import parse_release
from acquisition.models import Decision, DownloadBook, SearchState
from acquisition.services.profiles import profiles_of
from acquisition.services.searching import circumstances
from acquisition.services.wanted_facts import known_runtimes, wanted_book
from config.errors import ValidationError
from library.models import Book, Gap
from library.services.explain import Explanation, explain_gap, explain_path, explain_title, find_book, told

KINDS = ("path", "title", "release", "gap")


def explain(*, kind: str, text: str, author: str = "", book: str = "", now: datetime.datetime) -> Explanation:
    """One of `KINDS`. A book is named by its number or title, a gap also as `gap:NUMBER`. ValidationError says what is
    missing, NotFoundError which book is not known."""
    if kind == "path":
        return explain_path(text)
    if kind == "title":
        return explain_title(text, author=author)
    if kind == "release":
        if not book:
            raise ValidationError("A release is judged for a book: name it.", fields={"book": "Is needed."})
        return explain_release(text, find_book(book), now=now)
    prefix, _, number = text.partition(":")
    gap = (
        Gap.objects.filter(pk=int(number)).first()
        if prefix == "gap" and number.isdigit() and len(number) < 19
        else None
    )
    return explain_missing(gap.book if gap else find_book(text), now=now)


def explain_release(name: str, book: Book, *, now: datetime.datetime) -> Explanation:
    """How a release name is read, whether it is the book and why, and every gate that it fails."""
    wanted = wanted_book(book)
    chosen = profiles_of([book])[book.pk]
    # A name alone has no link; a made-up one keeps the gates to what the name says.
    offer = OfferedRelease(guid=name, title=name, magnet_url="magnet:?xt=urn:btih:" + "0" * 40)
    verdict = consider(
        offer,
        wanted,
        runtimes_seconds=known_runtimes(book),
        profile=chosen.profile,
        around=circumstances(book, now),
        sources=chosen.sources,
    )
    identity = verdict.candidate.identity
    found = Explanation(f"The release “{name}”\nfor “{book.title}” (number {book.pk})")
    found.add("How its name is read", [line for line in told(parse_release(name)) if not line.startswith("raw:")])
    found.add("The book that is wanted", told(wanted))
    same = "It is this book" if identity.matches else "It is another book"
    found.add("Is it the book?", [f"{same}, {identity.certainty:.0%} certain.", *identity.reasons])
    found.add(
        "What speaks against it",
        [f"{r.message} ({'for good' if r.permanent else 'for now'})" for r in verdict.rejections]
        or ["Nothing that its name tells; size, seeders and age are judged with the indexer's offer."],
    )
    return found.add("How it would rank", verdict.why)


def explain_missing(book: Book, *, now: datetime.datetime) -> Explanation:
    """Why a book is missing, and what was done to get it: searches, decisions, downloads."""
    found = explain_gap(book, now=now)
    state = SearchState.objects.filter(book=book).first()
    if state is None:
        found.add("Searching", ["It has not been searched for."])
    else:
        again = f" Next from {state.next_search_at:%Y-%m-%d %H:%M}." if state.next_search_at else ""
        found.add("Searching", [f"Searched {state.search_count} times. {state.last_outcome}{again}"])
    latest = list(Decision.objects.filter(book=book)[:10])
    found.add("What was offered", [_decision(decision) for decision in latest])
    downloads = DownloadBook.objects.filter(book=book).select_related("download").order_by("-pk")[:5]
    return found.add("Downloads", [f"{link.download}: {link.download.status}" for link in downloads])


def _decision(decision: Decision) -> str:
    verdict = "accepted" if decision.is_accepted else "rejected"
    why = "; ".join(str(reason.get("message", "")) for reason in decision.reasons)
    return f"{decision.release_title} ({decision.indexer_name}): {verdict}" + (f": {why}" if why else ".")
