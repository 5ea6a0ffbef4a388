"""The routes: one row per resource of the API; pages, health and schema beside them."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from library.api.authors import AuthorViewSet
from library.api.books import BookViewSet
from library.api.calendar import CalendarViewSet
from library.api.gaps import GapsViewSet
from library.api.matches import MatchViewSet
from library.api.metadata import MetadataViewSet
from library.api.narrators import NarratorViewSet
from library.api.series import SeriesViewSet
from scheduling.api.runs import RunViewSet

SCHEDULING = [
    ("runs", RunViewSet),
]
LIBRARY = [
    ("books", BookViewSet),
    ("series", SeriesViewSet),
    ("authors", AuthorViewSet),
    ("narrators", NarratorViewSet),
    ("metadata", MetadataViewSet),
    ("gaps", GapsViewSet),
    ("matches", MatchViewSet),
    ("calendar", CalendarViewSet),
]
ROUTES = [*SCHEDULING, *LIBRARY]

router = SimpleRouter(use_regex_path=False)
for prefix, viewset in ROUTES:
    router.register(prefix, viewset, basename=prefix.replace("/", "-"))

urlpatterns = [
    path("api/calendar.ics/", CalendarViewSet.as_view({"get": "file"}), name="calendar-file"),
    path("api/", include(router.urls)),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
