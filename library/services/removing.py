"""Taking library roots and servers out of the product. Their files stay untouched; what they held is recounted."""

import datetime
from collections.abc import Sequence

from django.db import transaction

from library.models import Audiobookshelf, Copy, LibraryRoot
from library.services.gaps import recount_books
from library.services.shelf import refresh_ownership


def remove_roots(*, roots: Sequence[LibraryRoot], now: datetime.datetime) -> int:
    """Forget the roots and their copies; returns how many copies went. Their books become gaps where they count."""
    with transaction.atomic():
        copies = Copy.objects.filter(root__in=roots)
        count = copies.count()
        books = sorted(set(copies.exclude(book=None).values_list("book_id", flat=True)))
        LibraryRoot.objects.filter(pk__in=[root.pk for root in roots]).delete()
        refresh_ownership([pk for pk in books if pk])
        recount_books([pk for pk in books if pk], now=now)
    return count


def remove_servers(*, servers: Sequence[Audiobookshelf], now: datetime.datetime) -> int:
    """Forget the servers with their roots; returns how many copies went."""
    with transaction.atomic():
        count = remove_roots(roots=list(LibraryRoot.objects.filter(server__in=servers)), now=now)
        Audiobookshelf.objects.filter(pk__in=[server.pk for server in servers]).delete()
    return count
