"""What the library's pages gain where books can be acquired: buttons, the answer to "why do I not have this yet?",
and the list of releases for one book."""

from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from acquisition.admin.profiles import LABELS, shown
from acquisition.models import Decision, Download, SearchState
from acquisition.services.asking import acquire_books, acquire_series, grab_decided
from acquisition.services.profiles import profile_rows, profiles_of
from acquisition.services.searching import search_book
from config.admin_base import MODERATOR, attempt, button, has_role, reason_of, require_role, who
from config.admin_display import change_url, size
from config.admin_site import site
from library.admin.books import BookAdmin as PlainBookAdmin
from library.admin.gaps import GapAdmin as PlainGapAdmin
from library.admin.series import SeriesAdmin as PlainSeriesAdmin
from library.models import Book, Gap, Series

MOST_DECISIONS = 100


def _to(row: Any) -> HttpResponse:
    return HttpResponseRedirect(change_url(row))


class SeriesAdmin(PlainSeriesAdmin):
    buttons: ClassVar[tuple[str, ...]] = ("acquire", *PlainSeriesAdmin.buttons)

    @button("Find what is missing", tone="primary", when=lambda series: series.missing_count)
    def acquire(self, request: HttpRequest, rows: list[Series]) -> HttpResponse:
        return _to(acquire_series(series=rows, user=who(request)))


class GapAdmin(PlainGapAdmin):
    buttons: ClassVar[tuple[str, ...]] = ("acquire", *PlainGapAdmin.buttons)

    @button("Acquire", tone="primary", when=lambda gap: gap.closed_at is None)
    def acquire(self, request: HttpRequest, rows: list[Gap]) -> HttpResponse:
        return _to(acquire_books(books=[gap.book for gap in rows], user=who(request)))


class BookAdmin(PlainBookAdmin):
    panels: ClassVar[tuple[str, ...]] = (*PlainBookAdmin.panels, "acquisition/admin/book_search.html")
    buttons: ClassVar[tuple[str, ...]] = ("acquire", "search_now", *PlainBookAdmin.buttons)

    def panel_context(self, request: HttpRequest, obj: Book) -> dict[str, Any]:
        state = SearchState.objects.filter(book=obj).first()
        return {
            **super().panel_context(request, obj),
            "search_state": state,
            "decisions": _shown(_latest(obj, state)[:5]),
            "downloads": list(Download.objects.filter(books=obj).order_by("-created_at")[:20]),
            "releases_url": reverse("admin:library_book_releases", args=[obj.pk]),
            "why_not": _why_not(obj, state),
            "profile_differs": _profile_differs(obj),
        }

    @button("Find and download", tone="primary", when=lambda book: not book.is_owned)
    def acquire(self, request: HttpRequest, rows: list[Book]) -> HttpResponse:
        return _to(acquire_books(books=rows, user=who(request)))

    @button("Search, and let me choose", in_list=False)
    def search_now(self, request: HttpRequest, rows: list[Book]) -> HttpResponse:
        found = search_book(book=rows[0], now=timezone.now(), interactive=True)
        for error in found.errors:
            self.message_user(request, error, level="warning")
        self.message_user(request, found.outcome)
        return HttpResponseRedirect(reverse("admin:library_book_releases", args=[rows[0].pk]))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:object_id>/releases/", wrap(self.releases_view), name="library_book_releases"),
            path("<int:object_id>/grab/<int:decision_id>/", wrap(self.grab_view), name="library_book_grab"),
            *super().get_urls(),
        ]

    def _book(self, object_id: int) -> Book:
        book = Book.objects.filter(pk=object_id).first()
        if book is None:
            raise Http404
        return book

    def releases_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What the last search found for a book, best first, each with every reason and a button."""
        book = self._book(object_id)
        state = SearchState.objects.filter(book=book).first()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Releases of {book.title}",
            "opts": self.opts,
            "book": book,
            "search_state": state,
            "decisions": _shown(_latest(book, state)),
            "may_grab": has_role(request, MODERATOR),
            "search_url": self.button_url(book, "search_now"),
        }
        return TemplateResponse(request, "acquisition/admin/releases.html", context)

    def grab_view(self, request: HttpRequest, object_id: int, decision_id: int) -> HttpResponse:
        """Take a release; a rejected one only with a reason."""
        require_role(request, MODERATOR)
        decision = (
            Decision.objects.filter(pk=decision_id, book_id=object_id)
            .select_related("book", "release__indexer")
            .first()
        )
        if decision is None or request.method != "POST":
            raise Http404

        def act() -> HttpResponse:
            return _to(
                grab_decided(decision=decision, reason=reason_of(request), user=who(request), now=timezone.now())
            )

        response = attempt(request, act)
        return response or HttpResponseRedirect(reverse("admin:library_book_releases", args=[object_id]))


def _latest(book: Book, state: SearchState | None) -> list[Decision]:
    """The decisions of the last search, best first; without one, the newest."""
    rows = Decision.objects.filter(book=book).select_related("release", "overruled_by")
    if state and state.last_searched_at:
        last = list(rows.filter(created_at__gte=state.last_searched_at).order_by("rank", "pk")[:MOST_DECISIONS])
        # The search by itself asks a query at a time; its last one may have found nothing where an earlier one did.
        return last or list(rows.order_by("-created_at", "rank")[:MOST_DECISIONS])
    return list(rows.order_by("rank", "pk")[:MOST_DECISIONS])


def _shown(decisions: list[Decision]) -> list[dict[str, Any]]:
    return [
        {"row": row, "release": row.release, "size": size(row.release.size_bytes) if row.release else "–"}
        for row in decisions
    ]


def _profile_differs(book: Book) -> list[dict[str, str]]:
    """What is wanted of a release of this book differently than in general, and who says so."""
    if book.is_owned:
        return []
    rows = profile_rows(profiles_of([book])[book.pk])
    return [
        {"label": LABELS[row["field"]][0], "value": shown(row["value"]) or "any", "source": row["source"]}
        for row in rows
        if row["source"] != "default" and row["field"] in LABELS
    ]


def _why_not(book: Book, state: SearchState | None) -> str:
    """Why the book is not here yet, in one sentence; empty when it is."""
    if book.is_owned:
        return ""
    active = Download.objects.active().filter(books=book).first()
    if active:
        return f"It is on its way: {active.status}."
    if state and state.last_outcome:
        return state.last_outcome
    return "It has not been searched for."


for _model, _admin in ((Series, SeriesAdmin), (Gap, GapAdmin), (Book, BookAdmin)):
    site.unregister(_model)
    site.register(_model, _admin)
