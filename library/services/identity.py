"""Who is who: joining two authors or two series, and parting them again.

A joined row stays, pointing at the one it went into, and names resolve through it: the next import finds the joined
row whatever the files say. Every joining is journalled and can be undone; what was undone is never joined again by a
refresh. A person may join them again.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from config.errors import ConflictError, ValidationError
from library.domain.people import person_key
from library.domain.titles import series_key
from library.models import (
    Author,
    AuthorAlias,
    BookAuthor,
    Copy,
    Follow,
    Gap,
    Merge,
    MergeKind,
    Series,
    SeriesAlias,
    SeriesEntry,
)
from library.services.gaps import analyze_gaps
from library.services.resolving import series_keys

Row = TypeVar("Row", Author, Series)
STRONGER = {Follow.NONE: 0, Follow.FROM_NOW: 1, Follow.ALL: 2}


def merge_authors(
    *, keep: Author, gone: Author, now: datetime.datetime, user: User | None = None, origin: str = "user"
) -> Merge:
    """`gone` becomes another name of `keep`: its books and series go over, series of one name are joined too.

    ValidationError for an author and itself; ConflictError where one of them was joined to another already.
    """
    with transaction.atomic():
        keep, gone = _locked(Author, keep, gone)
        merge = Merge.objects.create(kind=MergeKind.AUTHOR, kept_id=keep.pk, gone_id=gone.pk, origin=origin, actor=user)
        books = list(BookAuthor.objects.filter(author=gone).values_list("book_id", flat=True))
        merge.moved = {"follow": keep.follow, "followed_at": _text(keep.followed_at), **_move_books(keep, gone)}
        merge.moved["series"] = _move_series(keep, gone, merge, now, user, origin)
        merge.moved["merged"] = _repoint(gone, keep)
        merge.save(update_fields=["moved"])
        Gap.objects.open().filter(author=gone).delete()
        _join(keep, gone)
        _recount_authors([keep.pk, gone.pk], books, now)
    return merge


def merge_series(
    *,
    keep: Series,
    gone: Series,
    now: datetime.datetime,
    user: User | None = None,
    origin: str = "user",
    parent: Merge | None = None,
    recount: bool = True,
) -> Merge:
    """`gone` becomes another name of `keep`: its places go over; where both place a book, the one of `keep` holds."""
    with transaction.atomic():
        keep, gone = _locked(Series, keep, gone)
        merge = Merge.objects.create(
            kind=MergeKind.SERIES, kept_id=keep.pk, gone_id=gone.pk, origin=origin, actor=user, parent=parent
        )
        held = set(SeriesEntry.objects.filter(series=keep).values_list("book_id", flat=True))
        entries = list(SeriesEntry.objects.filter(series=gone))
        moved = [entry.pk for entry in entries if entry.book_id not in held]
        merge.moved = {
            "follow": keep.follow,
            "followed_at": _text(keep.followed_at),
            "entries": moved,
            "kept_back": [entry.pk for entry in entries if entry.book_id in held],
            "merged": _repoint(gone, keep),
        }
        SeriesEntry.objects.filter(pk__in=moved).update(series=keep)
        Gap.objects.open().filter(series=gone).delete()
        merge.save(update_fields=["moved"])
        _join(keep, gone)
        if recount:
            analyze_gaps(now=now, series_ids=[keep.pk], author_ids=[], keep_report=False)
    return merge


def undo_merge(*, merge: Merge, now: datetime.datetime) -> Merge:
    """Part again what was joined. What the files called by the name that comes back goes with it, also what was read
    since. ConflictError when it is undone already."""
    with transaction.atomic():
        if not Merge.objects.filter(pk=merge.pk, undone_at=None).update(undone_at=now):
            raise ConflictError("These were parted already.", context={"merge": merge.pk})
        if merge.kind == MergeKind.AUTHOR:
            _part_authors(merge, now)
        else:
            _part_series(merge, now)
    merge.refresh_from_db()
    return merge


def were_parted(a: Row, b: Row) -> bool:
    """Whether a person undid the joining of these two."""
    kind = MergeKind.AUTHOR if isinstance(a, Author) else MergeKind.SERIES
    pairs = Q(kept_id=a.pk, gone_id=b.pk) | Q(kept_id=b.pk, gone_id=a.pk)
    return Merge.objects.filter(pairs, kind=kind, undone_at__isnull=False).exists()


def add_author_alias(*, author: Author, name: str, origin: str = "user") -> AuthorAlias:
    """Another name of an author. ConflictError where it is the name of another author: those are to be merged."""
    key = person_key(name)[:500]
    if not key:
        raise ValidationError("An alias has at least one letter.", fields={"name": "has no letter"})
    other = Author.objects.filter(name_key=key).exclude(Q(pk=author.pk) | Q(merged_into=author)).first()
    taken = AuthorAlias.objects.filter(name_key=key).exclude(author=author).select_related("author").first()
    if other or taken:
        owner = other or (taken.author if taken else author)
        raise ConflictError(f"{name} is {owner.name}. Merge the two authors instead.", context={"author": owner.pk})
    alias, _ = AuthorAlias.objects.update_or_create(
        name_key=key, defaults={"author": author, "name": name.strip()[:500], "origin": origin}
    )
    return alias


def add_series_alias(*, series: Series, name: str, origin: str = "user") -> SeriesAlias:
    """Another name of a series. ConflictError where its author has another series of that name."""
    key = series_key(name)[:500]
    if not key:
        raise ValidationError("An alias has at least one letter.", fields={"name": "has no letter"})
    same = Series.objects.filter(name_key=key, author=series.author_id).exclude(Q(pk=series.pk) | Q(merged_into=series))
    if other := same.first():
        raise ConflictError(f"{name} is a series already. Merge the two instead.", context={"series": other.pk})
    alias, _ = SeriesAlias.objects.update_or_create(
        series=series, name_key=key, defaults={"name": name.strip()[:500], "origin": origin}
    )
    return alias


# --- Joining ----------------------------------------------------------------------------------------------------------


def _locked(model: type[Row], keep: Row, gone: Row) -> tuple[Row, Row]:
    if keep.pk == gone.pk:
        raise ValidationError(f"{keep.name} cannot be merged with itself.")
    rows = model._default_manager.select_for_update().in_bulk([keep.pk, gone.pk])
    for row in rows.values():
        if row.merged_into_id:
            raise ConflictError(
                f"{row.name} was merged into another already; undo that first, or choose the other.",
                context={"id": row.pk, "merged_into": row.merged_into_id},
            )
    return rows[keep.pk], rows[gone.pk]


def _join(keep: Any, gone: Any) -> None:
    """The stronger wish holds for both."""
    gone.merged_into = keep
    gone.save(update_fields=["merged_into", "updated_at"])
    if STRONGER[Follow(gone.follow)] > STRONGER[Follow(keep.follow)]:
        keep.follow, keep.followed_at = gone.follow, gone.followed_at
        keep.save(update_fields=["follow", "followed_at", "updated_at"])


def _repoint(gone: Any, keep: Any) -> list[int]:
    """What was merged into `gone` before is merged into `keep` now: names resolve in one step."""
    rows = type(gone)._default_manager.filter(merged_into=gone)
    ids = list(rows.values_list("pk", flat=True))
    rows.update(merged_into=keep)
    return ids


def _move_books(keep: Author, gone: Author) -> dict[str, Any]:
    held = set(BookAuthor.objects.filter(author=keep).values_list("book_id", flat=True))
    rows = list(BookAuthor.objects.filter(author=gone))
    twice = [row for row in rows if row.book_id in held]
    moved = [row.pk for row in rows if row.book_id not in held]
    BookAuthor.objects.filter(pk__in=[row.pk for row in twice]).delete()
    BookAuthor.objects.filter(pk__in=moved).update(author=keep)
    return {"books": moved, "twice": [[row.book_id, row.order] for row in twice]}


def _move_series(
    keep: Author, gone: Author, merge: Merge, now: datetime.datetime, user: User | None, origin: str
) -> list[int]:
    moved = []
    own = {row.name_key: row for row in Series.objects.filter(author=keep)}
    for row in Series.objects.filter(author=gone):
        twin = own.get(row.name_key)
        if twin is None:
            Series.objects.filter(pk=row.pk).update(author=keep)
            moved.append(row.pk)
        elif row.merged_into_id is None and twin.merged_into_id is None:
            merge_series(keep=twin, gone=row, now=now, user=user, origin=origin, parent=merge, recount=False)
    return moved


# --- Parting ----------------------------------------------------------------------------------------------------------


def _part_authors(merge: Merge, now: datetime.datetime) -> None:
    keep, gone = (Author.objects.select_for_update().get(pk=pk) for pk in (merge.kept_id, merge.gone_id))
    _come_back(keep, gone, merge)
    BookAuthor.objects.filter(pk__in=merge.moved["books"], author=keep).update(author=gone)
    for book_id, order in merge.moved["twice"]:
        BookAuthor.objects.get_or_create(book_id=book_id, author=gone, defaults={"order": order})
    Series.objects.filter(pk__in=merge.moved["series"], author=keep).update(author=gone)
    for child in merge.children.filter(undone_at=None):
        undo_merge(merge=child, now=now)
    _call_back_books(keep, gone)
    books = list(BookAuthor.objects.filter(author__in=[keep, gone]).values_list("book_id", flat=True))
    _recount_authors([keep.pk, gone.pk], books, now)


def _call_back_books(keep: Author, gone: Author) -> None:
    """Books that were read since under the name that comes back, and never under the one that stays."""
    names: dict[int, set[str]] = {}
    for book_id, written in Copy.objects.filter(book__book_authors__author=keep).values_list("book_id", "authors"):
        names.setdefault(book_id or 0, set()).update(person_key(name) for name in written)
    ids = [pk for pk, keys in names.items() if gone.name_key in keys and keep.name_key not in keys]
    BookAuthor.objects.filter(author=keep, book_id__in=ids).exclude(
        book_id__in=BookAuthor.objects.filter(author=gone).values("book_id")
    ).update(author=gone)


def _part_series(merge: Merge, now: datetime.datetime) -> None:
    keep, gone = (Series.objects.select_for_update().get(pk=pk) for pk in (merge.kept_id, merge.gone_id))
    _come_back(keep, gone, merge)
    there = SeriesEntry.objects.filter(series=gone).values("book_id")
    went = SeriesEntry.objects.filter(pk__in=merge.moved["entries"], series=keep)
    went.exclude(book_id__in=there).update(series=gone)
    _call_back_entries(keep, gone)
    analyze_gaps(now=now, series_ids=[keep.pk, gone.pk], author_ids=[], keep_report=False)


def _call_back_entries(keep: Series, gone: Series) -> None:
    """Places that copies read since name by the name that comes back."""
    entries = SeriesEntry.objects.filter(series=keep, source="library", is_locked=False)
    names: dict[int, set[str]] = {}
    for book_id, said in Copy.objects.filter(book__series_entries__in=entries).values_list("book_id", "series"):
        names.setdefault(book_id or 0, set()).update(key for place in said for key in series_keys(place["name"]))
    ids = [pk for pk, keys in names.items() if gone.name_key in keys and keep.name_key not in keys]
    there = SeriesEntry.objects.filter(series=gone).values("book_id")
    entries.filter(book_id__in=ids).exclude(book_id__in=there).update(series=gone)


def _come_back(keep: Any, gone: Any, merge: Merge) -> None:
    model = type(gone)
    gone.merged_into = None
    gone.save(update_fields=["merged_into", "updated_at"])
    model._default_manager.filter(pk__in=merge.moved["merged"], merged_into=keep).update(merged_into=gone)
    if keep.follow == gone.follow and keep.follow != merge.moved["follow"]:
        # What it was before it took over the other's wish; a rule that was set since stays.
        keep.follow, keep.followed_at = merge.moved["follow"], merge.moved["followed_at"]
        keep.save(update_fields=["follow", "followed_at", "updated_at"])


def _recount_authors(author_ids: Sequence[int], book_ids: Iterable[int], now: datetime.datetime) -> None:
    series = SeriesEntry.objects.filter(book_id__in=list(book_ids)).values_list("series_id", flat=True)
    live = list(Series.objects.filter(pk__in=series, merged_into=None).values_list("pk", flat=True))
    analyze_gaps(now=now, series_ids=live, author_ids=list(author_ids), keep_report=False)


def _text(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
