"""The routes."""

from django.urls import path
from django.views.generic import RedirectView

from config.admin_site import site

urlpatterns = [
    path("admin/", site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
