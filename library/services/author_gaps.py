"""Authors: figures for every one, and rows for the works of followed ones that no followed series reports."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from library.domain.gaps import EntryFacts, Reason, find_author_gaps
from library.models import Author, BookAuthor, BookKind, BookStatus, CompletionStatus, Follow, Gap, SeriesEntry
from library.services.gap_facts import excluded_books, follow_rule, held_by_book, preference_of
from library.services.gaps import Figures, GapResult, Ledger, write_figures

NEVER_COUNTED = (BookKind.PART, BookKind.GUIDE, BookKind.OMNIBUS)
SHORT_KINDS = (BookKind.NOVELLA, BookKind.SHORT)


def analyse_authors(ids: Sequence[int], settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    """A fixed number of queries for all of them together."""
    rows = {row.pk: row for row in Author.objects.filter(pk__in=ids, merged_into=None)}
    known = _count_works(list(rows), settings, now)
    figures: list[Figures] = []
    for pk, author in rows.items():
        total, owned, covered = known.get(pk, (0, 0, 0))
        total = max(total, author.total_books or 0)
        covered = min(covered, total)
        percentage = min(100, 100 * covered // total) if total else None
        figures.append((author, owned, covered, total, percentage, _status(percentage)))
        result.authors += 1
    write_figures(figures, now)
    followed = [author for author in rows.values() if author.follow != Follow.NONE]
    others = [pk for pk in ids if pk not in {author.pk for author in followed}]
    ledger = Ledger(now=now, result=result)
    ledger.close(Gap.objects.open().filter(series=None, author_id__in=others), reason="the author is not followed")
    if followed:
        _write_rows(followed, settings, now, result)


def _count_works(
    ids: Sequence[int], settings: dict[str, Any], now: datetime.datetime
) -> dict[int, tuple[int, int, int]]:
    """{author: (known, owned, covered)} of the works that count: what is on the shelf, and what is out, is wanted in
    its language and is not excluded. What an omnibus covers is covered here too."""
    never = list(NEVER_COUNTED) + ([] if settings["gaps.counts_novellas"] else list(SHORT_KINDS))
    languages = settings["gaps.languages"]
    is_wanted = Q(book__exclusion=None) & ~Q(book__kind__in=never)
    is_wanted &= Q(book__release_date=None) | Q(book__release_date__lte=now.date())
    if languages:
        is_wanted &= Q(book__language="") | Q(book__language__in=languages)
    is_owned = Q(book__is_owned=True)
    covered = Gap.objects.open().filter(book=OuterRef("book"), reason=Reason.COVERED.value)
    counts = (
        BookAuthor.objects.filter(author_id__in=ids, book__status=BookStatus.ACTIVE)
        .filter(is_wanted | (is_owned & ~Q(book__kind__in=NEVER_COUNTED)))
        .annotate(is_covered=Exists(covered))
        .values("author_id")
        .annotate(
            known=Count("pk"),
            owned=Count("pk", filter=is_owned),
            covered=Count("pk", filter=is_owned | Q(is_covered=True)),
        )
    )
    return {row["author_id"]: (row["known"], row["owned"], row["covered"]) for row in counts}


def _status(percentage: int | None) -> str:
    if percentage is None:
        return CompletionStatus.UNKNOWN
    if percentage == 100:
        return CompletionStatus.COMPLETE
    return CompletionStatus.PARTIAL if percentage >= 50 else CompletionStatus.INCOMPLETE


def _write_rows(authors: Sequence[Author], settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    ids = [author.pk for author in authors]
    works: dict[int, list[EntryFacts]] = defaultdict(list)
    listed = BookAuthor.objects.filter(author_id__in=ids, book__status=BookStatus.ACTIVE).order_by("book_id")
    for author_id, book_id, title, kind, language, release_date in listed.values_list(
        "author_id", "book_id", "book__title", "book__kind", "book__language", "book__release_date"
    ):
        works[author_id].append(EntryFacts(book_id, title, "", kind, language, release_date))
    book_ids = {int(work.book_id) for group in works.values() for work in group}
    in_followed = set(
        SeriesEntry.objects.filter(book__book_authors__author_id__in=ids, series__merged_into=None)
        .exclude(series__follow=Follow.NONE)
        .values_list("book_id", flat=True)
    )
    held = held_by_book(book_ids)
    excluded = excluded_books(book_ids)
    known = {
        gap.book_id: gap for gap in Gap.objects.open().filter(series=None, author__isnull=False, book_id__in=book_ids)
    }
    stale = {gap.pk: gap for gap in Gap.objects.open().filter(series=None, author_id__in=ids)}
    ledger = Ledger(now=now, result=result)
    done: set[int] = set()
    for author in authors:
        rule = follow_rule(author)
        report = find_author_gaps(
            (author.name,),
            works[author.pk],
            [copy for work in works[author.pk] for copy in held.get(int(work.book_id), [])],
            followed_book_ids=in_followed,
            preference=preference_of(settings, {}),
            follow=rule,
            excluded=excluded,
            today=now.date(),
        )
        dates = {int(work.book_id): work.release_date for work in works[author.pk]}
        for row in report.rows:
            book_id = int(row.book_id)
            gap = known.get(book_id) or Gap(book_id=book_id, author=author)
            if row.reason is Reason.OWNED or book_id in done or gap.author_id != author.pk:
                continue  # a work of two followed authors is one row, that of the first
            done.add(book_id)
            stale.pop(gap.pk, None)
            ledger.write(gap, row, is_wanted=row.is_gap and rule.follows(dates[book_id]))
    ledger.close(stale.values())
