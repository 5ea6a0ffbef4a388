"""The release profile and those of libraries in the admin: tried before they are stored, and by whom."""

from dataclasses import asdict
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import cast, signed_in
from acquisition.admin.profiles import as_initial
from acquisition.models import ReleaseProfile
from acquisition.services.profiles import default_profile
from library.models import LibraryRoot

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db: None) -> dict[str, Client]:
    return {role: signed_in(user) for role, user in cast().items()}


class TestReleaseProfiles:
    def form(self, **changes: Any) -> dict[str, Any]:
        values = as_initial(asdict(default_profile()), inherits=False)
        plain = {name: "on" if value is True else value for name, value in values.items() if value is not False}
        return {**plain, **changes}

    def test_a_change_is_tried_before_it_is_stored(self, people: dict[str, Client]) -> None:
        page = people["viewer"].post(reverse("admin:quality"), self.form(formats="mp3, m4b", **{"try": ""}))
        assert "There is no kept decision to judge again." in page.content.decode()
        assert default_profile().formats[0] == "m4b"
        assert people["viewer"].post(reverse("admin:quality"), self.form(formats="mp3")).status_code == 403
        assert people["admin"].post(reverse("admin:quality"), self.form(formats="mp3, m4b")).status_code == 302
        assert default_profile().formats == ("mp3", "m4b")

    def test_bounds_that_no_release_can_meet_are_said(self, people: dict[str, Client]) -> None:
        page = people["admin"].post(reverse("admin:quality"), self.form(minimum_bitrate_kbps="900"))
        assert "must not fall" in page.content.decode()

    def test_a_library_has_one_of_its_own(self, people: dict[str, Client]) -> None:
        root = LibraryRoot.objects.create(name="Kids", path="/nowhere")
        add = reverse("admin:acquisition_releaseprofile_add")
        sent = {"profile_name": "Short", "roots": [root.pk], "formats": "mp3", "accepts_abridged": "yes"}
        assert people["moderator"].post(add, sent).status_code == 403
        assert people["admin"].post(add, sent).status_code == 302
        row = ReleaseProfile.objects.get()
        assert row.values == {"formats": ["mp3"], "accepts_abridged": True}
        root.refresh_from_db()
        assert root.profile == "Short"
        change = reverse("admin:acquisition_releaseprofile_change", args=[row.pk])
        assert people["admin"].post(change, {"profile_name": "Brief", "delay_hours": "6"}).status_code == 302
        row.refresh_from_db()
        root.refresh_from_db()
        assert (row.name, row.values, root.profile) == ("Brief", {"delay_hours": 6}, "")
        assert "Short" not in people["viewer"].get(change).content.decode()
