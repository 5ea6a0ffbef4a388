"""Series in the admin: their entries in order with the state of each, and the follow rule with its effect."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from config.admin_base import MODERATOR, RecordAdmin, RoleInline, button, count_of, titles, who
from config.admin_display import bar, link, pill
from config.admin_site import BEHIND, SHELF, site
from library.models import BookStatus, Copy, Exclusion, Follow, Gap, Series, SeriesAlias, SeriesEntry, Universe
from library.services.following import follow_series, include_books
from library.services.gaps import analyze_gaps, preview_follow
from scheduling.models import Trigger
from scheduling.services.runs import request_run

# How a row of a series looks, by the reason of its gap.
LOOKS = {
    "missing": ("poor", "missing"),
    "covered": ("good", "covered"),
    "upcoming": ("busy", "upcoming"),
    "excluded": ("calm", "excluded"),
    "not_followed": ("calm", "not followed"),
    "no_position": ("calm", "no position"),
}


def entry_rows(series: Series) -> list[dict[str, Any]]:
    """The entries in order, each with what is known of it. Three queries, whatever the length."""
    entries = list(
        series.entries.exclude(book__status=BookStatus.ARCHIVED)
        .select_related("book")
        .order_by(F("position_first").asc(nulls_last=True), "pk")
    )
    gaps = {gap.book_id: gap for gap in Gap.objects.open().filter(series=series).select_related("covered_by")}
    excluded = set(Exclusion.objects.filter(book__series_entries__series=series).values_list("book_id", flat=True))
    copies: dict[int, Copy] = {}
    for copy in Copy.objects.present().filter(book__series_entries__series=series).order_by("-pk"):
        copies[copy.book_id or 0] = copy
    return [_entry_row(entry, gaps.get(entry.book_id), copies.get(entry.book_id), excluded) for entry in entries]


def _entry_row(entry: SeriesEntry, gap: Gap | None, copy: Copy | None, excluded: set[int]) -> dict[str, Any]:
    if copy and gap is None:
        tone, word = "good", "on the shelf"
    elif gap is None:
        tone, word = ("calm", "excluded") if entry.book_id in excluded else ("calm", "not counted yet")
    else:
        tone, word = LOOKS.get(gap.reason, ("fair", gap.reason.replace("_", " ")))
    return {
        "entry": entry, "book": entry.book, "gap": gap, "copy": copy, "tone": tone, "word": word,
        "is_excluded": entry.book_id in excluded,
        "explanation": gap.explanation if gap else "",
    }  # fmt: skip


class SeriesAliasInline(RoleInline):
    model = SeriesAlias
    fields = ("name", "origin")


@admin.register(Series, site=site)
class SeriesAdmin(RecordAdmin):
    section, order, pin = SHELF, 10, 10
    change_role = MODERATOR
    list_display = ("name", "author_link", "completion", "missing_count", "on_the_shelf", "follow", "source")
    list_filter = (
        "completion_status", "follow", "catalogue_source", "counts_novellas",
        ("merged_into", admin.EmptyFieldListFilter),
    )  # fmt: skip
    list_select_related = ("author",)
    search_fields = ("name", "aliases__name", "author__name")
    autocomplete_fields = ("author", "universe")
    raw_id_fields = ("merged_into",)
    inlines = (SeriesAliasInline,)
    panels: ClassVar[tuple[str, ...]] = ("library/admin/series.html",)
    buttons: ClassVar[tuple[str, ...]] = ("follow_all", "follow_new", "unfollow", "recount", "refresh")
    fields = (
        "name", "sort_name", "author", "universe", "counts_novellas", "preference", "total_books", "follow",
        "followed_at", "catalogue_source", "catalogue_id", "catalogue_checked_at", "completion_at", "merged_into",
    )  # fmt: skip
    editable = ("sort_name", "universe", "counts_novellas", "preference", "total_books")

    @admin.display(description="author", ordering="author__sort_name")
    def author_link(self, series: Series) -> str:
        return link(series.author)

    @admin.display(description="completion", ordering="completion_percentage")
    def completion(self, series: Series) -> str:
        return bar(series.completion_percentage)

    @admin.display(description="on the shelf", ordering="owned_count")
    def on_the_shelf(self, series: Series) -> str:
        return f"{series.covered_count} of {series.counted_count}"

    @admin.display(description="known from", ordering="catalogue_source")
    def source(self, series: Series) -> str:
        return pill(series.catalogue_source, "calm") if series.catalogue_source else pill("only the shelf", "fair")

    def panel_context(self, request: HttpRequest, obj: Series) -> dict[str, Any]:
        return {
            "series": obj,
            "entries": entry_rows(obj),
            "completion_bar": bar(obj.completion_percentage),
            "rules": [self._rule(obj, rule) for rule in (Follow.ALL, Follow.FROM_NOW)],
        }

    def _rule(self, series: Series, rule: Follow) -> dict[str, str]:
        """The effect of a follow rule, in words, before it is set."""
        gaps = preview_follow(series=series, follow=rule, now=timezone.now())
        name = "all books" if rule == Follow.ALL else "only books that come out from now on"
        effect = f"wants {count_of(len(gaps), 'book')}" + (f": {titles(gap.title for gap in gaps)}" if gaps else "")
        return {"name": name, "effect": effect, "is_set": "yes" if series.follow == rule else ""}

    def save_model(self, request: HttpRequest, obj: Series, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        analyze_gaps(now=timezone.now(), series_ids=[obj.pk], author_ids=[], keep_report=False)

    @button("Follow all books", when=lambda series: series.follow != Follow.ALL)
    def follow_all(self, request: HttpRequest, rows: list[Series]) -> str:
        return self._follow(rows, Follow.ALL)

    @button("Follow new books", when=lambda series: series.follow != Follow.FROM_NOW)
    def follow_new(self, request: HttpRequest, rows: list[Series]) -> str:
        return self._follow(rows, Follow.FROM_NOW)

    @button("Unfollow", when=lambda series: series.follow != Follow.NONE)
    def unfollow(self, request: HttpRequest, rows: list[Series]) -> str:
        return self._follow(rows, Follow.NONE)

    def _follow(self, rows: list[Series], rule: Follow) -> str:
        wanted = follow_series(series=rows, follow=rule, now=timezone.now())
        return f"The rule is set for {len(rows)} series; {count_of(wanted, 'book')} wanted."

    @button("Recount")
    def recount(self, request: HttpRequest, rows: list[Series]) -> str:
        ids = [series.pk for series in rows]
        result = analyze_gaps(now=timezone.now(), series_ids=ids, author_ids=[], keep_report=False)
        return f"{result.series} series recounted: {count_of(result.gaps, 'gap')}."

    @button("Refresh from the catalogue")
    def refresh(self, request: HttpRequest, rows: list[Series]) -> str:
        ids = sorted(series.pk for series in rows)
        params = {"series_ids": ids, "author_ids": [], "force": True, "limit": len(ids)}
        run = request_run(
            job="catalogue_refresh", params=params, trigger=Trigger.USER, user=who(request),
        )  # fmt: skip
        return f"The catalogue is asked about {len(ids)} series (run {run.pk}); see Runs."


@admin.register(SeriesAlias, site=site)
class SeriesAliasAdmin(RecordAdmin):
    section, order = BEHIND, 61
    list_display = ("name", "series_link", "origin")
    list_filter = ("origin",)
    list_select_related = ("series",)
    search_fields = ("name", "series__name")

    @admin.display(description="series")
    def series_link(self, alias: SeriesAlias) -> str:
        return link(alias.series)


@admin.register(SeriesEntry, site=site)
class SeriesEntryAdmin(RecordAdmin):
    section, order = BEHIND, 62
    list_display = ("book_link", "series_link", "label", "positions", "is_primary", "source", "is_locked")
    list_filter = ("source", "is_locked", "is_primary")
    list_select_related = ("book", "series")
    search_fields = ("book__title", "series__name")

    @admin.display(description="book")
    def book_link(self, entry: SeriesEntry) -> str:
        return link(entry.book)

    @admin.display(description="series")
    def series_link(self, entry: SeriesEntry) -> str:
        return link(entry.series)


@admin.register(Universe, site=site)
class UniverseAdmin(RecordAdmin):
    section, order = BEHIND, 63
    list_display = ("name",)
    search_fields = ("name",)


@admin.register(Exclusion, site=site)
class ExclusionAdmin(RecordAdmin):
    section, order = SHELF, 60
    list_display = ("book_link", "reason", "created_by", "created_at")
    list_select_related = ("book", "created_by")
    search_fields = ("book__title", "reason")
    date_hierarchy = "created_at"
    buttons: ClassVar[tuple[str, ...]] = ("want",)

    @admin.display(description="book")
    def book_link(self, exclusion: Exclusion) -> str:
        return link(exclusion.book)

    @button("Want it again")
    def want(self, request: HttpRequest, rows: list[Exclusion]) -> HttpResponse:
        include_books(books=[row.book for row in rows], now=timezone.now())
        return HttpResponseRedirect(reverse("admin:library_exclusion_changelist"))
