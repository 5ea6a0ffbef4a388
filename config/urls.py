"""The routes: one row per resource of the API; pages, health and schema beside them."""

from django.urls import include, path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from accounts.api.audit_logs import AuditViewSet
from accounts.api.keys import KeyViewSet
from accounts.api.sessions import EntryViewSet, SessionViewSet
from accounts.api.users import UserViewSet
from acquisition.api.backups import BackupsViewSet
from acquisition.api.blocklist import BlocklistViewSet
from acquisition.api.decisions import DecisionViewSet
from acquisition.api.download_clients import DownloadClientViewSet
from acquisition.api.downloads import DownloadViewSet
from acquisition.api.events import EventsViewSet
from acquisition.api.explain import ExplainView
from acquisition.api.gaps import GapAcquisitionViewSet
from acquisition.api.imports import ImportViewSet
from acquisition.api.indexers import IndexerViewSet
from acquisition.api.integrations import IntegrationsViewSet
from acquisition.api.notifications import NotificationsViewSet
from acquisition.api.prowlarr import ProwlarrViewSet
from acquisition.api.release_profiles import ReleaseProfileViewSet
from acquisition.api.releases import ReleaseViewSet
from acquisition.api.renames import RenameViewSet
from acquisition.api.settings import SettingsViewSet
from acquisition.api.system import FiguresViewSet, WorkViewSet
from acquisition.api.tracker import TrackerViewSet
from acquisition.api.wanted import WantedViewSet
from config.admin_site import site
from config.api.schema_views import DocsView, SchemaView
from config.health import DeepView, HealthView, LiveView, ReadyView
from config.metrics import MetricsView
from library.api.authors import AuthorViewSet
from library.api.books import BookViewSet
from library.api.calendar import CalendarViewSet
from library.api.gaps import GapsViewSet
from library.api.matches import MatchViewSet
from library.api.metadata import MetadataViewSet
from library.api.narrators import NarratorViewSet
from library.api.scheduler import SchedulerConfigurationViewSet
from library.api.series import SeriesViewSet
from scheduling.api.runs import RunViewSet
from scheduling.api.scheduler import SchedulerViewSet

ACCOUNTS = [
    ("admin", EntryViewSet),
    ("admin", SessionViewSet),
    ("admin/users", UserViewSet),
    ("admin/keys", KeyViewSet),
    ("admin/audit-logs", AuditViewSet),
]
SCHEDULING = [
    ("runs", RunViewSet),
    ("scheduler", SchedulerViewSet),
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
    ("scheduler", SchedulerConfigurationViewSet),
]
ACQUISITION = [
    ("downloads", DownloadViewSet),
    ("gaps", GapAcquisitionViewSet),
    ("wanted", WantedViewSet),
    ("releases", ReleaseViewSet),
    ("decisions", DecisionViewSet),
    ("release-profiles", ReleaseProfileViewSet),
    ("blocklist", BlocklistViewSet),
    ("indexers", IndexerViewSet),
    ("prowlarr", ProwlarrViewSet),
    ("download-clients", DownloadClientViewSet),
    ("imports", ImportViewSet),
    ("renames", RenameViewSet),
    ("events", EventsViewSet),
    ("system", FiguresViewSet),
    ("system", SettingsViewSet),
    ("system", WorkViewSet),
    ("system", IntegrationsViewSet),
    ("system", NotificationsViewSet),
    ("system", TrackerViewSet),
    ("system", BackupsViewSet),
]
# An address is looked for from the top, so what is asked most stands first.
ROUTES = [*LIBRARY, *ACQUISITION, *SCHEDULING, *ACCOUNTS]

router = SimpleRouter(use_regex_path=False)
for prefix, viewset in ROUTES:
    router.register(prefix, viewset, basename=viewset.__name__)

urlpatterns = [
    path("api/system/health/", HealthView.as_view(), name="system-health"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(url_name="schema"), name="docs"),
    path("api/auth/", include("rest_framework.urls")),
    path("api/explain/", ExplainView.as_view(), name="explain"),
    path("api/calendar.ics/", CalendarViewSet.as_view({"get": "file"}), name="calendar-file"),
    path("api/", include(router.urls)),
    path("admin/", site.urls),
    path("health", HealthView.as_view(), name="health"),
    path("health/live", LiveView.as_view(), name="health-live"),
    path("health/ready", ReadyView.as_view(), name="health-ready"),
    path("health/deep", DeepView.as_view(), name="health-deep"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
