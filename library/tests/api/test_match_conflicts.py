"""Reviewing a match when nothing is left to stay with."""

import pytest

from conftest import Client
from library.models import BookStatus, MatchState
from library.tests.api.makers import make_book, make_copy

pytestmark = pytest.mark.django_db


def test_a_copy_of_an_archived_book_cannot_stay_but_can_be_decided(moderator: Client) -> None:
    archived, other = make_book("Gone", status=BookStatus.ARCHIVED), make_book("There")
    copy = make_copy(archived, match_state=MatchState.REVIEW)
    place = f"/api/matches/{copy.pk}"
    assert moderator.post(f"{place}/reject/").status_code == 409
    refused = moderator.post(f"{place}/decide/", {"book_id": archived.pk})
    assert refused.status_code == 400
    assert "book_id" in refused.json()["context"]["fields"]
    assert moderator.post(f"{place}/decide/", {"book_id": other.pk}).json()["book"]["id"] == other.pk


def test_a_copy_without_a_book_cannot_stay_what_it_is(moderator: Client) -> None:
    copy = make_copy(None, match_state=MatchState.REVIEW)
    assert moderator.post(f"/api/matches/{copy.pk}/reject/").status_code == 409
