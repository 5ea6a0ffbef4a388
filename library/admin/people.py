"""Authors and narrators in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config.admin_base import MODERATOR, RecordAdmin, RoleInline, button, count_of
from config.admin_display import bar, link
from config.admin_site import BEHIND, SHELF, site
from library.models import Author, AuthorAlias, Follow, Merge, Narrator
from library.services.following import follow_authors
from library.services.gaps import analyze_gaps
from library.services.identity import undo_merge


class AuthorAliasInline(RoleInline):
    model = AuthorAlias
    fields = ("name", "origin")


@admin.register(Author, site=site)
class AuthorAdmin(RecordAdmin):
    section, order = SHELF, 40
    change_role = MODERATOR
    list_display = ("name", "completion", "missing_count", "on_the_shelf", "follow", "is_favorite")
    list_filter = ("completion_status", "follow", "is_favorite", ("merged_into", admin.EmptyFieldListFilter))
    search_fields = ("name", "aliases__name")
    raw_id_fields = ("merged_into",)
    inlines = (AuthorAliasInline,)
    panels = ("library/admin/author.html",)
    buttons = ("follow_all", "follow_new", "unfollow", "recount")
    fields = ("name", "sort_name", "is_favorite", "total_books", "follow", "followed_at", "merged_into")
    editable = ("sort_name", "is_favorite", "total_books")

    @admin.display(description="completion", ordering="completion_percentage")
    def completion(self, author: Author) -> str:
        return bar(author.completion_percentage)

    @admin.display(description="on the shelf", ordering="owned_count")
    def on_the_shelf(self, author: Author) -> str:
        return f"{author.owned_count} of {author.counted_count}"

    def panel_context(self, request: HttpRequest, obj: Author) -> dict[str, Any]:
        books = obj.books.active().order_by("-is_owned", "sort_title", "pk")
        return {
            "author": obj,
            "series_rows": obj.series.filter(merged_into=None).order_by("sort_name"),
            "book_rows": books[:200],
            "completion_bar": bar(obj.completion_percentage),
        }

    @button("Follow all books", when=lambda author: author.follow != Follow.ALL)
    def follow_all(self, request: HttpRequest, rows: list[Author]) -> str:
        return self._follow(rows, Follow.ALL)

    @button("Follow new books", when=lambda author: author.follow != Follow.FROM_NOW)
    def follow_new(self, request: HttpRequest, rows: list[Author]) -> str:
        return self._follow(rows, Follow.FROM_NOW)

    @button("Unfollow", when=lambda author: author.follow != Follow.NONE)
    def unfollow(self, request: HttpRequest, rows: list[Author]) -> str:
        return self._follow(rows, Follow.NONE)

    def _follow(self, rows: list[Author], rule: Follow) -> str:
        wanted = follow_authors(authors=rows, follow=rule, now=timezone.now())
        return f"The rule is set for {count_of(len(rows), 'author')}; {count_of(wanted, 'book')} wanted."

    @button("Recount")
    def recount(self, request: HttpRequest, rows: list[Author]) -> str:
        ids = [author.pk for author in rows]
        result = analyze_gaps(now=timezone.now(), series_ids=[], author_ids=ids, keep_report=False)
        return f"{count_of(result.authors, 'author')} recounted."


@admin.register(AuthorAlias, site=site)
class AuthorAliasAdmin(RecordAdmin):
    section, order = BEHIND, 60
    list_display = ("name", "author_link", "origin", "created_at")
    list_filter = ("origin",)
    list_select_related = ("author",)
    search_fields = ("name", "author__name")
    raw_id_fields = ("author",)

    @admin.display(description="author")
    def author_link(self, alias: AuthorAlias) -> str:
        return link(alias.author)


@admin.register(Narrator, site=site)
class NarratorAdmin(RecordAdmin):
    section, order = SHELF, 45
    list_display = ("name", "book_count", "created_at")
    search_fields = ("name",)
    fields = ("name", "sort_name", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Narrator]:
        return super().get_queryset(request).annotate(number=Count("book_narrators"))

    @admin.display(description="books", ordering="number")
    def book_count(self, narrator: Any) -> int:
        return narrator.number


@admin.register(Merge, site=site)
class MergeAdmin(RecordAdmin):
    section, order = BEHIND, 80
    list_display = ("__str__", "kind", "origin", "actor", "created_at", "undone_at")
    list_filter = ("kind", "origin", ("undone_at", admin.EmptyFieldListFilter))
    list_select_related = ("actor",)
    date_hierarchy = "created_at"
    buttons = ("part",)

    @button("Part again", role=MODERATOR, tone="danger", when=lambda merge: merge.undone_at is None)
    def part(self, request: HttpRequest, rows: list[Merge]) -> str:
        for merge in rows:
            undo_merge(merge=merge, now=timezone.now())
        return f"{len(rows)} parted again."
