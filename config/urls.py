"""The routes: one row per resource of the API; pages, health and schema beside them."""

from django.urls import include, path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from config.admin_site import site
from scheduling.api.runs import RunViewSet

SCHEDULING = [
    ("runs", RunViewSet),
]
ROUTES = [*SCHEDULING]

router = SimpleRouter(use_regex_path=False)
for prefix, viewset in ROUTES:
    router.register(prefix, viewset, basename=prefix.replace("/", "-"))

urlpatterns = [
    path("api/", include(router.urls)),
    path("admin/", site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
