"""`/api/explain/` and the admin's page: the same reasoning as the command's."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import cast, signed_in
from library.tests.api.makers import make_book

URL = "/api/explain/"


def test_a_title_is_explained_in_sentences(viewer: Any, db: None) -> None:
    answer = viewer.get(URL, {"kind": "title", "text": "Oz, Book 5: The Road to Oz"})
    assert answer.status_code == 200
    lines = [line for part in answer.json()["parts"] for line in part["lines"]]
    assert {"series: Oz", "position: 5"} <= set(lines)


def test_a_release_is_judged_for_a_book(viewer: Any, db: None) -> None:
    book = make_book("The Road to Oz", authors=("L. Frank Baum",))
    answer = viewer.get(URL, {"kind": "release", "text": "Emma by Jane Austen [ENG / MP3]", "book": str(book.pk)})
    assert answer.status_code == 200
    assert "Another book" in str(answer.json())


@pytest.mark.parametrize(
    "asked, status, field",
    [
        ({"kind": "title"}, 400, "text"),
        ({"kind": "dream", "text": "x"}, 400, "kind"),
        ({"kind": "release", "text": "x"}, 400, "book"),
        ({"kind": "gap", "text": "999999"}, 404, ""),
        ({"kind": "gap", "text": "gap:" + "9" * 30}, 404, ""),
        ({"kind": "title", "text": "x", "no_such": "1"}, 400, "no_such"),
    ],
)
def test_what_cannot_be_explained_is_said(
    viewer: Any, db: None, asked: dict[str, str], status: int, field: str
) -> None:
    answer = viewer.get(URL, asked)
    assert answer.status_code == status
    assert not field or field in answer.json()["context"]["fields"]


def test_the_admins_page_says_the_same_and_escapes(db: None) -> None:
    client: Client = signed_in(cast()["viewer"])
    page = client.get(reverse("admin:explain"), {"kind": "title", "text": "<b>Oz</b>, Book 5"}).content.decode()
    assert "How it is read" in page
    assert "<b>Oz</b>" not in page
    fault = client.get(reverse("admin:explain"), {"kind": "gap", "text": "no such book at all"}).content.decode()
    assert "errornote" in fault
