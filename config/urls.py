"""The routes: one row per resource of the API; pages, health and schema beside them."""

from django.urls import include, path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from accounts.api.audit_logs import AuditViewSet
from accounts.api.keys import KeyViewSet
from accounts.api.sessions import EntryViewSet, SessionViewSet
from accounts.api.users import UserViewSet
from acquisition.api.blocklist import BlocklistViewSet
from acquisition.api.decisions import DecisionViewSet
from acquisition.api.download_clients import DownloadClientViewSet
from acquisition.api.downloads import DownloadViewSet
from acquisition.api.events import EventsViewSet
from acquisition.api.gaps import GapAcquisitionViewSet
from acquisition.api.imports import ImportViewSet
from acquisition.api.indexers import IndexerViewSet
from acquisition.api.releases import ReleaseViewSet
from acquisition.api.settings import SettingsViewSet
from acquisition.api.system import FiguresViewSet, WorkViewSet
from acquisition.api.wanted import WantedViewSet
from config.admin_site import site
from library.api.scheduler import SchedulerConfigurationViewSet
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
    ("scheduler", SchedulerConfigurationViewSet),
]
ACQUISITION = [
    ("downloads", DownloadViewSet),
    ("gaps", GapAcquisitionViewSet),
    ("wanted", WantedViewSet),
    ("releases", ReleaseViewSet),
    ("decisions", DecisionViewSet),
    ("blocklist", BlocklistViewSet),
    ("indexers", IndexerViewSet),
    ("download-clients", DownloadClientViewSet),
    ("imports", ImportViewSet),
    ("events", EventsViewSet),
    ("system", FiguresViewSet),
    ("system", SettingsViewSet),
    ("system", WorkViewSet),
]
ROUTES = [*ACCOUNTS, *SCHEDULING, *LIBRARY, *ACQUISITION]

router = SimpleRouter(use_regex_path=False)
for prefix, viewset in ROUTES:
    router.register(prefix, viewset, basename=viewset.__name__)

urlpatterns = [
    path("api/", include(router.urls)),
    path("admin/", site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
