"""`/api/imports/`: the journal, the review, and taking back."""

from pathlib import Path
from typing import Any

import pytest

from acquisition.models import DownloadBook
from acquisition.tests.api.rows import make_book, make_download, make_import
from library.models import LibraryRoot
from scheduling.models import Run

pytestmark = pytest.mark.django_db


class TestJournal:
    def test_shows_what_was_filed(self, viewer: Any) -> None:
        files = [{"source": "/dl/a.m4b", "target": "a.m4b", "size_bytes": 7}]
        row = make_import(book=make_book(), files=files, checks=[{"code": "audio", "ok": True, "message": ""}])
        body = viewer.get(f"/api/imports/{row.pk}/").json()
        assert (body["file_count"], body["size_bytes"], body["root"]) == (1, 7, "Shelf")
        assert body["files"] == [{"target": "a.m4b", "size_bytes": 7}]
        assert body["checks"][0]["code"] == "audio"

    def test_filters(self, viewer: Any) -> None:
        first = make_import(1, status="committed", book=make_book())
        make_import(2)
        for query in ("status=committed", f"book={first.book_id}"):
            assert [r["id"] for r in viewer.get(f"/api/imports/?{query}").json()["items"]] == [first.pk]
        assert viewer.get("/api/imports/?is_confirmed=true").json()["total"] == 0
        assert viewer.get("/api/imports/?is_confirmed=false").json()["total"] == 2


class TestReview:
    def test_lists_what_waits_for_a_person(self, viewer: Any) -> None:
        blocked = make_download(1, status="blocked", error_message="Too short.")
        make_download(2, status="importing")
        rows = viewer.get("/api/imports/review/").json()["items"]
        assert [(row["id"], row["error_message"]) for row in rows] == [(blocked.pk, "Too short.")]

    def test_overrules_the_check_that_blocks(self, moderator: Any) -> None:
        download = make_download(status="blocked", error_code="duration")
        place = f"/api/imports/review/{download.pk}/overrule/"
        assert moderator.post(place).status_code == 400
        body = moderator.post(place, {"reason": "It is this long."}, format="json").json()
        assert (body["status"], body["overrules"]) == ("importing", ["duration"])
        assert "It is this long." in str(body["events"])
        assert Run.objects.filter(lock=f"import-{download.pk}").exists()
        again = moderator.post(place, {"reason": "Again."}, format="json")
        assert (again.status_code, again.json()["error"]) == (409, "illegal_transition")

    def test_says_which_book_it_is(self, moderator: Any) -> None:
        wrong, right = make_book(1), make_book(2)
        download = make_download(book=wrong, status="blocked")
        place = f"/api/imports/review/{download.pk}/assign/"
        body = moderator.post(place, {"book_id": right.pk}, format="json").json()
        assert body["status"] == "importing"
        assert [book["id"] for book in body["books"]] == [right.pk]

    def test_a_book_that_is_on_its_way_cannot_be_chosen(self, moderator: Any) -> None:
        book = make_book()
        make_download(1, book=book)
        download = make_download(2, status="blocked")
        answer = moderator.post(f"/api/imports/review/{download.pk}/assign/", {"book_id": book.pk}, format="json")
        assert answer.status_code == 409
        assert DownloadBook.objects.filter(download=download).count() == 0
        download.refresh_from_db()
        assert download.status == "blocked"

    @pytest.mark.parametrize("verb", ["overrule", "assign"])
    @pytest.mark.parametrize("identity", ["999", str(2**63), "9" * 50])
    def test_unknown_ids(self, moderator: Any, verb: str, identity: str) -> None:
        assert moderator.post(f"/api/imports/review/{identity}/{verb}/").status_code == 404


class TestUndo:
    def test_takes_the_files_out_of_the_library(self, moderator: Any, tmp_path: Path) -> None:
        root = LibraryRoot.objects.create(name="Shelf", path=str(tmp_path))
        folder = tmp_path / "Author" / "Book"
        folder.mkdir(parents=True)
        (folder / "a.m4b").write_bytes(b"audio")
        files = [{"source": "/dl/a.m4b", "target": "a.m4b", "size_bytes": 5}]
        row = make_import(
            root=root, target_path="Author/Book", staging_path=".unabridged/import-1", files=files, status="committed"
        )
        body = moderator.post(f"/api/imports/{row.pk}/undo/").json()
        assert body["status"] == "undone"
        assert not (folder / "a.m4b").exists()
        assert moderator.post(f"/api/imports/{row.pk}/undo/").status_code == 409

    def test_what_is_not_finished_cannot_be_undone(self, moderator: Any) -> None:
        assert moderator.post(f"/api/imports/{make_import().pk}/undo/").json()["error"] == "illegal_transition"


class TestPreview:
    def test_shows_what_would_be_filed_where_and_every_check(self, moderator: Any, viewer: Any, tmp_path: Path) -> None:
        from acquisition.services.importing import import_download
        from acquisition.tests import factories

        factories.make_root(tmp_path / "shelf")
        book = factories.make_book(seconds=100)
        sound = factories.make_sound(tmp_path / "dl" / "Ozma" / "ozma.mp3", language="German")
        download = factories.arrived(sound.parent, book)
        import_download(download_id=download.pk, run=factories.make_context())
        body = viewer.get(f"/api/imports/review/{download.pk}/preview/").json()
        assert (body["status"], body["error_code"]) == ("blocked", "duration")
        (plan,) = body["books"]
        assert plan["book"] == {"id": book.pk, "title": "Ozma of Oz"}
        assert plan["folder"] == "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"
        assert [(f["source"], f["target"]) for f in plan["files"]] == [("Ozma/ozma.mp3", "Ozma of Oz.mp3")]
        standing = [check["code"] for check in plan["checks"] if not check["ok"]]
        assert standing == ["duration", "language"]
        assert all(check["message"] for check in plan["checks"])
        place = f"/api/imports/review/{download.pk}/overrule/"
        answer = moderator.post(place, {"reason": "I want it."}, format="json").json()
        assert answer["overrules"] == standing

    def test_before_the_first_look_there_is_none(self, viewer: Any) -> None:
        download = make_download(status="blocked")
        assert viewer.get(f"/api/imports/review/{download.pk}/preview/").json()["books"] == []
