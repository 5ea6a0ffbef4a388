"""Authors as people add, change and delete them; favourites; narrators."""

import datetime
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config.errors import ConflictError
from library.domain.people import person_key, sort_name
from library.models import Author, AuthorAlias, Book, BookAuthor, BookNarrator, BookStatus, Narrator
from library.services.gaps import analyze_gaps


def add_author(*, values: Mapping[str, Any], now: datetime.datetime) -> Author:
    """A new author. ConflictError when somebody is known under this name, in any spelling, or under this alias."""
    author = Author()
    with transaction.atomic():
        _assign(author, values, now)
        _save(author)
        analyze_gaps(now=now, series_ids=[], author_ids=[author.pk], keep_report=False)
    author.refresh_from_db()
    return author


def change_author(*, author: Author, values: Mapping[str, Any], now: datetime.datetime) -> Author:
    """Write the given values and recount. ConflictError when the name is another author's."""
    with transaction.atomic():
        fresh = Author.objects.select_for_update(no_key=True).get(pk=author.pk)
        _assign(fresh, values, now)
        _save(fresh)
        analyze_gaps(now=now, series_ids=[], author_ids=[fresh.pk], keep_report=False)
    fresh.refresh_from_db()
    return fresh


def delete_author(*, author: Author) -> dict[str, Any]:
    """Delete an author without active books. ConflictError otherwise; archived books lose the name."""
    with transaction.atomic():
        Author.objects.select_for_update().get(pk=author.pk)
        active = BookAuthor.objects.filter(author=author, book__status=BookStatus.ACTIVE).count()
        if active:
            raise ConflictError(
                f"{author.name} has {active} active books. Archive them or give them another author first.",
                context={"resource": "author", "id": author.pk, "active_books": active},
            )
        removed = {"id": author.pk, "name": author.name}
        BookAuthor.objects.filter(author=author).delete()
        author.delete()
    return removed


def _assign(author: Author, values: Mapping[str, Any], now: datetime.datetime) -> None:
    if "name" in values:
        author.name = values["name"]
        author.sort_name = sort_name(author.name)[:500]
        author.name_key = person_key(author.name)[:500]
    if "follow" in values and values["follow"] != author.follow:
        author.follow, author.followed_at = values["follow"], now
    for name in ("total_books", "identifiers", "is_favorite"):
        if name in values:
            setattr(author, name, values[name])


def _save(author: Author) -> None:
    alias = AuthorAlias.objects.filter(name_key=author.name_key).exclude(author_id=author.pk).first()
    held_id = alias.author_id if alias else None
    if held_id is None:
        try:
            with transaction.atomic():
                author.save()
            return
        except IntegrityError:
            held_id = Author.objects.filter(name_key=author.name_key).values_list("pk", flat=True).first()
    raise ConflictError(
        f"There is an author named {author.name!r} already, perhaps in another spelling.",
        code="duplicate_resource",
        context={"resource": "author", "id": held_id},
    )


def favourite_authors(*, min_books: int) -> QuerySet[Author]:
    """Those who are marked, and those with at least `min_books` books on the shelf."""
    return Author.objects.filter(merged_into=None).filter(Q(is_favorite=True) | Q(owned_count__gte=min_books))


def books_of_author(author: Author) -> QuerySet[Book]:
    """The author's active books."""
    return Book.objects.active().filter(pk__in=BookAuthor.objects.filter(author=author).order_by().values("book_id"))


def narrators_with_counts() -> QuerySet[Narrator]:
    """Narrators with how many active books they read, and how many of these are on the shelf."""
    active = BookNarrator.objects.filter(narrator=OuterRef("pk"), book__status=BookStatus.ACTIVE).order_by()
    return Narrator.objects.annotate(book_count=_count(active), owned_count=_count(active.filter(book__is_owned=True)))


def _count(links: QuerySet[BookNarrator]) -> Coalesce:
    """How many links there are, counted only for the rows that are shown."""
    found = Subquery(links.values("narrator").annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    return Coalesce(found, 0)
