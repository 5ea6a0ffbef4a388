"""The report in the admin: what is not on the shelf, and why."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config.admin_base import RecordAdmin, button, count_of, who
from config.admin_display import link, moment_column, pill
from config.admin_site import BEHIND, SHELF, site
from library.admin.series import LOOKS
from library.models import Exclusion, Gap, GapAnalysis
from library.services.following import exclude_books, include_books
from library.services.gaps import recount_books


class OpenFilter(admin.SimpleListFilter):
    """Open gaps unless something else is asked for: closed ones are history."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("closed", "Closed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=["state"]),
            "display": "Open",
        }
        for value, words in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({"state": value}),
                "display": words,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Gap]) -> QuerySet[Gap]:
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() != "closed")


@admin.register(Gap, site=site)
class GapAdmin(RecordAdmin):
    section, order, pin = SHELF, 20, 20
    list_display = (
        "book_link",
        "why",
        "series_link",
        "position",
        "does_count",
        "is_wanted",
        moment_column("opened_at", "since"),
    )
    list_display_links = None
    list_filter = (OpenFilter, "reason", "entry_class", "counts", "is_wanted", "series__follow")
    list_select_related = ("book", "series", "author")
    search_fields = ("book__title", "series__name", "author__name", "explanation")
    date_hierarchy = "opened_at"
    panels: ClassVar[tuple[str, ...]] = ("library/admin/gap.html",)
    buttons: ClassVar[tuple[str, ...]] = ("unwant", "want", "recount")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gap]:
        excluded = Exists(Exclusion.objects.filter(book=OuterRef("book")))
        return super().get_queryset(request).annotate(is_excluded=excluded)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup.split("__")[0] in ("series", "author", "book") or super().lookup_allowed(lookup, value, request)

    @admin.display(description="book", ordering="book__sort_title")
    def book_link(self, gap: Gap) -> str:
        return link(gap.book)

    @admin.display(description="series", ordering="series__sort_name")
    def series_link(self, gap: Gap) -> str:
        return link(gap.series) if gap.series_id else link(gap.author)

    @admin.display(description="why", ordering="reason")
    def why(self, gap: Gap) -> str:
        tone, word = LOOKS.get(gap.reason, ("fair", gap.get_reason_display().lower()))
        return pill(gap.reason, tone, gap.explanation or word)

    @admin.display(description="counts", boolean=True, ordering="counts")
    def does_count(self, gap: Gap) -> bool:
        return gap.counts

    def panel_context(self, request: HttpRequest, obj: Gap) -> dict[str, Any]:
        return {"gap": obj, "why": self.why(obj)}

    @button("Not wanted", tone="danger", when=lambda gap: not gap.is_excluded and gap.closed_at is None)
    def unwant(self, request: HttpRequest, rows: list[Gap]) -> str:
        books = {gap.book_id: gap.book for gap in rows}
        count = exclude_books(books=list(books.values()), now=timezone.now(), user=who(request))
        return f"{count_of(count, 'book')} excluded; nothing asks for them again. See Exclusions to take it back."

    @button("Want it again", when=lambda gap: gap.is_excluded)
    def want(self, request: HttpRequest, rows: list[Gap]) -> str:
        count = include_books(books=[gap.book for gap in rows], now=timezone.now())
        return f"{count_of(count, 'exclusion')} taken back."

    @button("Recount")
    def recount(self, request: HttpRequest, rows: list[Gap]) -> str:
        result = recount_books({gap.book_id for gap in rows}, now=timezone.now())
        return f"{result.series} series recounted: {count_of(result.gaps, 'gap')}."


@admin.register(GapAnalysis, site=site)
class GapAnalysisAdmin(RecordAdmin):
    section, order = BEHIND, 20
    list_display = ("__str__", "scope_words", "opened_count", "closed_count", "run")
    list_select_related = ("run",)
    date_hierarchy = "created_at"

    @admin.display(description="scope")
    def scope_words(self, analysis: GapAnalysis) -> str:
        return "everything" if not analysis.scope else "some series or authors"
