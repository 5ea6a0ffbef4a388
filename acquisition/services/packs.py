"""Taking packs: the file list is read before the grab, and only the files of wanted books are fetched."""

import datetime

from acquisition.domain.deciding import Verdict
from acquisition.domain.packs import PackPlan, plan_pack
from acquisition.domain.release_names import parse_release
from acquisition.domain.torrents import BadTorrent, parse_torrent
from acquisition.models import Decision, Download, Release
from acquisition.services.budgets import count_grab
from acquisition.services.grabbing import grab, offer_of
from acquisition.services.ports import ask, is_paused, open_indexer
from acquisition.services.searching import SearchResult
from acquisition.services.transitions import note
from acquisition.services.wanted_facts import wanted_books
from config.errors import ConflictError, ExternalAPIError
from library.domain.people import any_same_person
from library.models import Book

# A pack is measured by its files, so what its name says of title and size does not count against it.
FORGIVEN = frozenset({"pack", "another_book", "size", "size_for_runtime", "runtime"})
LOOKED_INTO = 2
WANTED_AT_MOST = 2000


def packs_of(found: SearchResult) -> list[Release]:
    """The packs among what was found that nothing speaks against but that they are packs, the best first."""
    pairs = zip(found.decisions, found.verdicts, strict=True)
    return [decision.release for decision, verdict in pairs if decision.release and _may_be_taken(decision, verdict)]


def _may_be_taken(decision: Decision, verdict: Verdict) -> bool:
    codes = {rejection.code for rejection in verdict.rejections}
    candidate = verdict.candidate
    authors = candidate.offer.authors or candidate.parsed.authors
    is_theirs = not authors or any_same_person(tuple(authors), candidate.wanted.authors)
    return "pack" in codes and codes <= FORGIVEN and is_theirs and candidate.delivery == "torrent"


def read_pack(*, release: Release, now: datetime.datetime) -> PackPlan:
    """Fetch the torrent and map its files to wanted books; an empty plan when its list is not to be had.

    Raises Unavailable, Rejected or Malformed when the indexer does not give it.
    """
    indexer = release.indexer
    if is_paused(indexer, now):
        return PackPlan()
    offer = offer_of(release)
    payload = ask(indexer, lambda: open_indexer(indexer).fetch(offer), now=now)
    count_grab(indexer, today=now.date())
    if not payload.torrent:
        return PackPlan()
    try:
        torrent = parse_torrent(payload.torrent)
    except BadTorrent:
        return PackPlan()
    files = [file for file in torrent.files if not file.is_padding]
    return plan_pack(
        files,
        wanted_books(_wanted_books()),
        authors=offer.authors or parse_release(offer.title).authors,
    )


def _wanted_books() -> list[Book]:
    """Books of open gaps that are wanted, not on the shelf, and not on their way."""
    rows = Book.objects.active().filter(gaps__closed_at=None, gaps__is_wanted=True, is_owned=False)
    return list(rows.exclude(download_books__is_active=True).distinct().order_by("pk")[:WANTED_AT_MOST])


def take_best_pack(*, found: SearchResult, now: datetime.datetime) -> Download | None:
    """Of the packs that were found, look into the first two and take the one that closes the most gaps per byte; only
    one that holds the book that was searched for."""
    plans: list[tuple[float, Release, PackPlan]] = []
    for release in packs_of(found)[:LOOKED_INTO]:
        try:
            plan = read_pack(release=release, now=now)
        except ExternalAPIError as error:
            found.errors.append(error.message)
            continue
        if found.book.pk in plan.books:
            plans.append((plan.value, release, plan))
    for _, release, plan in sorted(plans, key=lambda row: row[0], reverse=True):
        try:
            return grab_pack(release=release, plan=plan, now=now)
        except ConflictError:
            continue
    return None


def grab_pack(*, release: Release, plan: PackPlan, now: datetime.datetime) -> Download:
    """Queue a pack for its wanted books, each with its own files. ConflictError as for any grab."""
    books = list(Book.objects.filter(pk__in=list(plan.books)).order_by("pk"))
    download = grab(release=release, books=books, now=now, files=plan.books)
    Download.objects.filter(pk=download.pk).update(size_bytes=plan.wanted_bytes)
    words = f"A pack of {plan.book_count} books; {len(books)} of them are wanted, and only their files are fetched."
    note(download, words, code="pack", now=now)
    download.refresh_from_db()
    return download
