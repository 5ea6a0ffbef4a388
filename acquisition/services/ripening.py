"""What waited for a better release, and is taken now: the best of all that was found meanwhile."""

import datetime

from django.db.models import Exists, OuterRef

from acquisition.models import Decision
from acquisition.services.acquiring import FALLBACK_FRESH, take_known_best
from acquisition.services.waking import wake_monitor
from library.models import Book, Gap
from library.services.settings import get_setting

MOST = 200


def take_ripe(*, now: datetime.datetime) -> int:
    """Queue, for each wanted book whose good releases were left alone for a while, the best one whose time has come.

    Asks nobody: the releases are those that searches and feeds brought. Returns how many were queued.
    """
    if not get_setting("search.is_automatic"):
        return 0
    # The gate that delays comes last, so it is the first reason only where it is the only one.
    waits = Decision.objects.filter(book=OuterRef("pk"), is_temporary=True, created_at__gte=now - FALLBACK_FRESH)
    books = Book.objects.active().filter(Exists(waits.filter(reasons__0__code="delayed")))
    books = books.filter(Exists(Gap.objects.wanted().filter(book=OuterRef("pk"))))
    books = books.exclude(download_books__is_active=True).order_by("pk")[:MOST]
    taken = [download for book in books if (download := take_known_best(book=book, now=now))]
    if taken:
        wake_monitor()
    return len(taken)
