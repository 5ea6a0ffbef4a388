"""`/api/release-profiles/`: which libraries go by which profile."""

from typing import Any

import pytest

from acquisition.models import ReleaseProfile
from library.models import LibraryRoot

pytestmark = pytest.mark.django_db
PLACE = "/api/release-profiles/"


def root(name: str) -> LibraryRoot:
    return LibraryRoot.objects.create(name=name, path=f"/nowhere/{name}")


def test_exactly_the_named_roots_go_by_it(admin: Any) -> None:
    one, two = root("One"), root("Two")
    made = admin.post(PLACE, {"name": "Small", "values": {"formats": ["mp3"]}, "roots": [one.pk]}, format="json")
    assert (made.status_code, made.json()["roots"]) == (201, [one.pk])
    place = f"{PLACE}{made.json()['id']}/"
    changed = admin.patch(place, {"roots": [two.pk]}, format="json").json()
    assert changed["changes_made"]["roots"] == {"old": [one.pk], "new": [two.pk]}
    assert list(LibraryRoot.objects.order_by("name").values_list("profile", flat=True)) == ["", "Small"]


def test_a_root_that_is_not_there_is_refused_and_nothing_made(admin: Any) -> None:
    one = root("One")
    answer = admin.post(PLACE, {"name": "Small", "roots": [one.pk, 999]}, format="json")
    assert answer.status_code == 400
    (said,) = answer.json()["context"]["fields"]["roots"]
    assert (said["code"], "999" in said["message"]) == ("does_not_exist", True)
    one.refresh_from_db()
    assert (one.profile, ReleaseProfile.objects.exists()) == ("", False)
