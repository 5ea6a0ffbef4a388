"""`/api/downloads/`: queueing, the lists, and every step by hand."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from acquisition.models import BlocklistEntry, ClientKind, Download, DownloadBook, DownloadClient
from acquisition.tests.api.rows import (
    make_book,
    make_client,
    make_decision,
    make_download,
    make_indexer,
    make_release,
    whole_download,
)
from library.models import LibraryRoot
from scheduling.models import Run

pytestmark = pytest.mark.django_db
MAGNET = "magnet:?xt=urn:btih:" + "a" * 40 + "&dn=book"


def queue(client: Any, **fields: Any) -> Any:
    return client.post("/api/downloads/", {"title": "Emma", "source": "manual", **fields}, format="json")


class TestCreate:
    def test_queues_a_magnet_for_a_book(self, moderator: Any) -> None:
        book = make_book()
        answer = queue(moderator, magnet_link=MAGNET, book_id=book.pk)
        assert answer.status_code == 201
        body = answer.json()
        assert answer["Location"] == f"/api/downloads/{body['id']}/"
        assert (body["status"], body["source"], body["author"]) == ("queued", "manual", "Author 1")
        assert body["books"] == [{"id": book.pk, "title": "Book 1"}]
        assert body["infohash"] == "a" * 40
        assert body["events"][0]["actor"] == moderator.user.username
        assert Run.objects.filter(job="download_monitor").count() == 1

    def test_never_shows_the_link(self, moderator: Any) -> None:
        answer = queue(moderator, torrent_url="https://example.org/get?passkey=hidden-word")
        assert answer.status_code == 201
        assert "hidden-word" not in answer.content.decode()
        assert Download.objects.get().payload == {"torrent_url": "https://example.org/get?passkey=hidden-word"}

    def test_takes_a_release_for_the_book_it_was_found_for(self, moderator: Any) -> None:
        decision = make_decision()
        assert decision.release
        body = queue(moderator, release_id=decision.release.pk).json()
        assert body["source"] == decision.release.indexer.name
        assert [book["id"] for book in body["books"]] == [decision.book_id]
        assert body["release"]["title"] == decision.release.title
        assert "offer-secret" not in str(body)

    @pytest.mark.parametrize(
        ("fields", "status", "place"),
        [
            ({}, 400, "magnet_link"),
            ({"magnet_link": MAGNET, "file_url": "https://example.org/a.m4b"}, 400, "file_url"),
            ({"magnet_link": "http://example.org"}, 400, "magnet_link"),
            ({"torrent_url": "ftp://example.org/a"}, 400, "torrent_url"),
            ({"torrent_url": "https://"}, 400, "torrent_url"),
            ({"torrent_url": "https://example.org:99999/a"}, 400, "torrent_url"),
            ({"torrent_url": "https://me:pw@example.org/a"}, 400, "torrent_url"),
            ({"file_url": "https://exa mple.org/a"}, 400, "file_url"),
            ({"magnet_link": MAGNET, "title": ""}, 400, "title"),
            ({"magnet_link": MAGNET, "title": "x" * 1001}, 400, "title"),
            ({"magnet_link": MAGNET, "source": "no such indexer"}, 400, "source"),
            ({"magnet_link": MAGNET, "book_id": 999999}, 400, "book_id"),
            ({"magnet_link": MAGNET, "book_id": 2**70}, 400, "book_id"),
            ({"magnet_link": MAGNET, "book_id": -1}, 400, "book_id"),
            ({"release_id": 999999}, 400, "release_id"),
            ({"magnet_link": MAGNET, "status": "imported"}, 400, "status"),
        ],
    )
    def test_refuses_bad_input(self, moderator: Any, fields: Any, status: int, place: str) -> None:
        answer = queue(moderator, **fields)
        assert answer.status_code == status, answer.content
        assert place in answer.json()["context"]["fields"]
        assert not Download.objects.exists()

    @pytest.mark.parametrize(
        "fields",
        [
            {"magnet_link": "magnet:?dn=no-hash"},
            {"magnet_link": "magnet:?xt=urn:btih:zz"},
            {"torrent_url": "http://127.0.0.1/a.torrent"},
            {"torrent_url": "http://[::1]:8080/a.torrent"},
            {"file_url": "http://169.254.169.254/latest/meta-data"},
            {"file_url": "http://localhost/a.m4b"},
        ],
    )
    def test_what_is_impossible_is_422(self, moderator: Any, fields: Any) -> None:
        answer = queue(moderator, **fields)
        assert answer.status_code == 422, answer.content
        assert answer.json()["context"]["field"] in fields
        assert not Download.objects.exists()

    def test_an_inside_address_that_is_trusted_is_taken(self, moderator: Any, settings: Any) -> None:
        settings.TRUSTED_HOSTS = ["192.168.1.5:8080"]
        assert queue(moderator, torrent_url="http://192.168.1.5:8080/a.torrent").status_code == 201

    def test_one_download_of_a_book_at_a_time(self, moderator: Any) -> None:
        book = make_book()
        first = make_download(book=book)
        answer = queue(moderator, magnet_link=MAGNET, book_id=book.pk)
        assert answer.status_code == 409
        assert list(Download.objects.all()) == [first]
        Download.objects.filter(pk=first.pk).update(status="imported")
        DownloadBook.objects.update(is_active=False)
        assert queue(moderator, magnet_link=MAGNET, book_id=book.pk).status_code == 201

    def test_one_download_of_a_torrent_at_a_time(self, moderator: Any) -> None:
        assert queue(moderator, magnet_link=MAGNET).status_code == 201
        answer = queue(moderator, magnet_link=MAGNET.upper().replace("MAGNET:?XT=URN:BTIH", "magnet:?xt=urn:btih"))
        assert (answer.status_code, answer.json()["error"]) == (409, "duplicate_resource")

    def test_a_release_of_another_indexer_is_refused(self, moderator: Any) -> None:
        release, other = make_release(1), make_indexer(2)
        answer = queue(moderator, release_id=release.pk, source=other.name)
        assert "source" in answer.json()["context"]["fields"]

    def test_the_same_request_twice_makes_one(self, moderator: Any) -> None:
        fields = {"title": "Emma", "source": "manual", "magnet_link": MAGNET}
        answers = [
            moderator.post("/api/downloads/", fields, format="json", HTTP_IDEMPOTENCY_KEY="once") for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert Download.objects.count() == 1

    def test_a_viewer_may_not(self, viewer: Any) -> None:
        assert queue(viewer, magnet_link=MAGNET).status_code == 403


class TestRead:
    def test_filters(self, viewer: Any) -> None:
        book = make_book()
        mine = make_download(1, book=book, source="Indexer 1", status="downloading")
        make_download(2)
        for query in (
            f"book={book.pk}",
            "status=downloading",
            "source=Indexer%201",
            "status=downloading&status=failed",
        ):
            body = viewer.get(f"/api/downloads/?{query}").json()
            assert [row["id"] for row in body["items"]] == [mine.pk], query

    @pytest.mark.parametrize("query", ["status=odd", "book=x", "book=0", "created_after=yesterday", f"book={2**70}"])
    def test_refuses_odd_filters(self, viewer: Any, query: str) -> None:
        answer = viewer.get(f"/api/downloads/?{query}")
        assert answer.status_code == 400
        assert query.split("=")[0] in answer.json()["context"]["fields"]

    def test_pending_oldest_first(self, viewer: Any) -> None:
        first, second = make_download(1), make_download(2, status="searching")
        make_download(3, status="downloading")
        items = viewer.get("/api/downloads/pending/").json()["items"]
        assert [row["id"] for row in items] == [first.pk, second.pk]

    def test_failed_latest_attempt_first(self, viewer: Any) -> None:
        now = timezone.now()
        late = make_download(1, status="failed", status_at=now, error_message="apikey=hidden no answer")
        early = make_download(2, status="abandoned", status_at=now - datetime.timedelta(days=2))
        make_download(3, status="cancelled")
        items = viewer.get("/api/downloads/failed/").json()["items"]
        assert [row["id"] for row in items] == [late.pk, early.pk]
        assert items[0]["error_message"] == "apikey=*** no answer"

    def test_retry_due_is_what_has_come(self, viewer: Any) -> None:
        now, day = timezone.now(), datetime.timedelta(days=1)
        due = make_download(1, status="failed", next_retry_at=now - day)
        make_download(2, status="failed", next_retry_at=now + day)
        make_download(3, status="queued", next_retry_at=now - day)
        assert [row["id"] for row in viewer.get("/api/downloads/retry-due/").json()["items"]] == [due.pk]

    def test_detail_has_everything_but_secrets(self, viewer: Any) -> None:
        download = whole_download(1)
        answer = viewer.get(f"/api/downloads/{download.pk}/")
        body = answer.json()
        assert body["release"]["indexer"] == "Indexer 1"
        assert body["events"][0]["message"] == "Queued."
        assert body["imports"] == []
        assert body["status_text"].startswith("Waits")
        for secret in ("payload-secret", "offer-secret", "indexer-secret", "client-secret"):
            assert secret not in answer.content.decode()

    def test_detail_costs_the_same_with_many_books(self, viewer: Any) -> None:
        small, large = whole_download(1), whole_download(2)
        for number in range(3, 6):
            DownloadBook.objects.create(download=large, book=make_book(number))
        counts = []
        for download in (small, large):
            viewer.get(f"/api/downloads/{download.pk}/")
            with CaptureQueriesContext(connection) as queries:
                viewer.get(f"/api/downloads/{download.pk}/")
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestSteps:
    def put(self, client: Any, download: Download, verb: str, **fields: Any) -> Any:
        return client.put(f"/api/downloads/{download.pk}/{verb}/", fields, format="json")

    def test_moves_along_the_table(self, moderator: Any) -> None:
        download = make_download(status="grabbed")
        answer = self.put(moderator, download, "status", status="downloading", reason="It runs.")
        assert answer.status_code == 200
        assert answer.json()["changes_made"]["status"] == {"old": "grabbed", "new": "downloading"}
        event = answer.json()["events"][-1]
        assert (event["old_status"], event["new_status"], event["message"]) == ("grabbed", "downloading", "It runs.")

    @pytest.mark.parametrize("new", ["downloading", "imported", "blocked", "abandoned", "queued"])
    def test_an_illegal_step_changes_nothing(self, moderator: Any, new: str) -> None:
        download = make_download(status="queued")
        answer = self.put(moderator, download, "status", status=new)
        assert (answer.status_code, answer.json()["error"]) == (409, "illegal_transition")
        download.refresh_from_db()
        assert download.status == "queued"
        assert not download.events.exists()

    @pytest.mark.parametrize("fields", [{}, {"status": "odd"}, {"status": None}, {"status": "queued", "x": 1}])
    def test_refuses_odd_status_input(self, moderator: Any, fields: Any) -> None:
        assert self.put(moderator, make_download(), "status", **fields).status_code == 400

    def test_failing_counts_and_plans_the_retry(self, moderator: Any) -> None:
        download = make_download(status="downloading")
        body = self.put(moderator, download, "mark-failed", error_msg="No seeds.").json()
        assert (body["status"], body["attempts"], body["error_message"]) == ("failed", 1, "No seeds.")
        planned = datetime.datetime.fromisoformat(body["next_retry_at"])
        assert planned.date() == (timezone.now() + datetime.timedelta(days=1)).date()

    def test_failing_for_the_last_time_gives_up(self, moderator: Any) -> None:
        download = make_download(status="downloading", attempts=3, max_retries=3)
        assert self.put(moderator, download, "mark-failed", error_msg="Again.").json()["status"] == "abandoned"

    def test_failing_needs_words(self, moderator: Any) -> None:
        answer = self.put(moderator, make_download(), "mark-failed")
        assert (answer.status_code, answer.json()["error"]) == (400, "missing_field")

    def test_an_imported_one_cannot_fail(self, moderator: Any) -> None:
        answer = self.put(moderator, make_download(status="imported"), "mark-failed", error_msg="No.")
        assert answer.json()["error"] == "illegal_transition"

    @pytest.mark.parametrize("status", ["failed", "abandoned", "cancelled"])
    def test_retries_now(self, moderator: Any, status: str) -> None:
        download = make_download(status=status, error_message="Old.")
        body = self.put(moderator, download, "retry").json()
        assert (body["status"], body["error_message"], body["next_retry_at"]) == ("queued", "", None)

    @pytest.mark.parametrize(("status", "after"), [("failed", "failed"), ("abandoned", "queued")])
    def test_retries_in_days(self, moderator: Any, status: str, after: str) -> None:
        body = self.put(moderator, make_download(status=status), "retry", days_until_retry=30).json()
        assert body["status"] == after
        planned = datetime.datetime.fromisoformat(body["next_retry_at"])
        assert planned.date() == (timezone.now() + datetime.timedelta(days=30)).date()

    @pytest.mark.parametrize("days", [-1, 31, "x", 1.5, None])
    def test_refuses_odd_days(self, moderator: Any, days: Any) -> None:
        answer = self.put(moderator, make_download(status="failed"), "retry", days_until_retry=days)
        assert "days_until_retry" in answer.json()["context"]["fields"]

    @pytest.mark.parametrize("days", [0, 3])
    def test_what_runs_cannot_be_retried(self, moderator: Any, days: int) -> None:
        answer = self.put(moderator, make_download(status="downloading"), "retry", days_until_retry=days)
        assert (answer.status_code, answer.json()["error"]) == (409, "illegal_transition")

    def test_a_retry_beside_another_download_of_the_book_is_a_conflict(self, moderator: Any) -> None:
        book = make_book()
        old = make_download(1, book=book, status="abandoned")
        DownloadBook.objects.update(is_active=False)
        make_download(2, book=book)
        assert self.put(moderator, old, "retry").status_code == 409
        old.refresh_from_db()
        assert old.status == "abandoned"

    @pytest.fixture(autouse=True)
    def _folder_of_a_client(self, db: None, tmp_path: Path) -> None:
        DownloadClient.objects.create(name="qb", kind="qbittorrent", save_path=str(tmp_path))

    @pytest.mark.parametrize("status", ["queued", "grabbed", "downloading", "downloaded"])
    def test_completing_starts_the_import(self, moderator: Any, tmp_path: Path, status: str) -> None:
        download = make_download(status=status)
        answer = self.put(moderator, download, "mark-complete", path=str(tmp_path))
        assert answer.status_code == 200, answer.content
        assert (answer.json()["status"], answer.json()["content_path"]) == ("downloaded", str(tmp_path))
        assert Run.objects.get(lock=f"import-{download.pk}").params == {"import": download.pk}

    def test_a_moderator_may_only_name_the_folders_of_clients(self, moderator: Any, admin: Any, tmp_path: Path) -> None:
        ours, theirs = tmp_path / "downloads", tmp_path / "private"
        for folder in (ours, theirs):
            (folder / "Emma").mkdir(parents=True)
        (ours / "link").symlink_to(theirs)
        DownloadClient.objects.update_or_create(name="qb", defaults={"kind": "qbittorrent", "save_path": str(ours)})
        for place in (theirs / "Emma", ours / "link" / "Emma"):
            download = make_download(status="downloading")
            refused = self.put(moderator, download, "mark-complete", path=str(place))
            assert (refused.status_code, refused.json()["code"]) == (403, "ACCESS_DENIED")
            assert str(ours) in refused.json()["message"]
            download.refresh_from_db()
            assert download.status == "downloading"
            assert self.put(admin, download, "mark-complete", path=str(place)).status_code == 200
        download = make_download(status="downloading")
        assert self.put(moderator, download, "mark-complete", path=str(ours / "Emma")).status_code == 200

    def test_completing_uses_the_path_of_the_client(self, moderator: Any) -> None:
        download = make_download(status="downloading", content_path="/downloads/Emma")
        assert self.put(moderator, download, "mark-complete").json()["status"] == "downloaded"

    def test_a_blocked_one_is_imported_again(self, moderator: Any, tmp_path: Path) -> None:
        download = make_download(status="blocked", error_code="no_audio", error_message="There is no audio in it.")
        body = self.put(moderator, download, "mark-complete", path=str(tmp_path)).json()
        assert (body["status"], body["error_code"]) == ("importing", "")

    def test_completing_without_any_path_is_400(self, moderator: Any) -> None:
        answer = self.put(moderator, make_download(status="downloading"), "mark-complete")
        assert (answer.status_code, answer.json()["error"]) == (400, "missing_field")

    @pytest.mark.parametrize(
        ("path", "status"), [("relative/path", 400), ("/tmp/../etc", 400), ("/nowhere/at/all", 422)]
    )
    def test_refuses_odd_paths(self, moderator: Any, path: str, status: int) -> None:
        download = make_download(status="downloading")
        assert self.put(moderator, download, "mark-complete", path=path).status_code == status
        download.refresh_from_db()
        assert download.status == "downloading"

    def test_what_lies_in_the_library_is_not_imported_into_it(self, moderator: Any, tmp_path: Path) -> None:
        LibraryRoot.objects.create(name="Shelf", path=str(tmp_path))
        (tmp_path / "Emma").mkdir()
        for path in (tmp_path / "Emma", tmp_path, tmp_path.parent):
            answer = self.put(moderator, make_download(status="downloading"), "mark-complete", path=str(path))
            assert answer.status_code == 422, path

    @pytest.mark.parametrize("status", ["imported", "failed", "cancelled"])
    def test_what_has_ended_cannot_be_completed(self, moderator: Any, tmp_path: Path, status: str) -> None:
        answer = self.put(moderator, make_download(status=status), "mark-complete", path=str(tmp_path))
        assert (answer.status_code, answer.json()["error"]) == (409, "illegal_transition")


class TestRemove:
    def test_forgets_it_and_frees_the_book(self, moderator: Any) -> None:
        book = make_book()
        download = make_download(book=book)
        answer = moderator.delete(f"/api/downloads/{download.pk}/")
        assert answer.status_code == 200
        assert (answer.json()["id"], answer.json()["removed"]) == (download.pk, True)
        assert not Download.objects.exists()
        assert queue(moderator, magnet_link=MAGNET, book_id=book.pk).status_code == 201

    def test_blocklists_when_asked(self, moderator: Any) -> None:
        download = whole_download(1, infohash="b" * 40)
        Download.objects.update(client=None)
        assert moderator.delete(f"/api/downloads/{download.pk}/?blocklist=true").status_code == 200
        entry = BlocklistEntry.objects.get()
        assert (entry.infohash, entry.guid) == ("b" * 40, "guid-1")

    def test_keeps_it_when_its_client_is_down(self, moderator: Any) -> None:
        client = make_client(kind=ClientKind.QBITTORRENT, url="http://127.0.0.1:9")
        download = make_download(client=client, client_ref="c" * 40, status="downloading")
        answer = moderator.delete(f"/api/downloads/{download.pk}/?delete_files=true&blocklist=true")
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert Download.objects.exists()
        assert not BlocklistEntry.objects.exists()

    def test_is_refused_while_it_is_imported(self, moderator: Any) -> None:
        download = make_download(status="importing")
        Run.objects.create(job="download_monitor", lock=f"import-{download.pk}")
        assert moderator.delete(f"/api/downloads/{download.pk}/").status_code == 409

    @pytest.mark.parametrize("query", ["delete_files=perhaps", "blocklist=2", "odd=1"])
    def test_refuses_odd_parameters(self, moderator: Any, query: str) -> None:
        download = make_download()
        assert moderator.delete(f"/api/downloads/{download.pk}/?{query}").status_code == 400
        assert Download.objects.exists()
