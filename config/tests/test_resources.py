"""What every resource of the kernel can do: changes, stale writes, replays."""

import datetime
import threading
from typing import Any

import pytest
from django.utils import timezone

from config.api.models import IdempotentAnswer
from conftest import Client
from library.models import Book

pytestmark = [pytest.mark.django_db, pytest.mark.urls("config.tests.urls")]
TITLES = "/api/titles/"


def make(client: Client, title: str = "Emma") -> Any:
    return client.post(TITLES, {"title": title})


class TestChanges:
    def test_creating_says_where(self, moderator: Client) -> None:
        answer = make(moderator)
        assert answer.status_code == 201
        assert moderator.get(answer["Location"]).json() == answer.json()

    def test_only_what_is_sent_changes(self, moderator: Client) -> None:
        row = make(moderator).json()
        body = moderator.put(f"{TITLES}{row['id']}/", {"subtitle": "A novel"}).json()
        assert (body["title"], body["subtitle"]) == ("Emma", "A novel")
        assert body["changes_made"] == {"subtitle": {"old": "", "new": "A novel"}}

    def test_the_same_value_is_no_change(self, moderator: Client) -> None:
        row = make(moderator).json()
        assert moderator.patch(f"{TITLES}{row['id']}/", {"title": "Emma"}).json()["changes_made"] == {}

    def test_deleting_answers_what_was_removed(self, moderator: Client) -> None:
        row = make(moderator).json()
        answer = moderator.delete(f"{TITLES}{row['id']}/")
        assert (answer.status_code, answer.json()["title"]) == (200, "Emma")
        assert moderator.get(f"{TITLES}{row['id']}/").status_code == 404


class TestStaleWrites:
    @pytest.fixture
    def read(self, moderator: Client) -> Any:
        return moderator.get(make(moderator)["Location"])

    def place(self, read: Any) -> str:
        return f"{TITLES}{read.json()['id']}/"

    def test_if_match_lets_the_first_through_and_stops_the_second(self, moderator: Client, read: Any) -> None:
        tag = read["ETag"]
        first = moderator.put(self.place(read), {"title": "Emma I"}, HTTP_IF_MATCH=tag)
        second = moderator.put(self.place(read), {"title": "Emma II"}, HTTP_IF_MATCH=tag)
        assert (first.status_code, second.status_code) == (200, 409)
        assert Book.objects.get().title == "Emma I"
        assert moderator.put(self.place(read), {"title": "Emma II"}, HTTP_IF_MATCH=first["ETag"]).status_code == 200

    def test_updated_at_does_the_same(self, moderator: Client, read: Any) -> None:
        seen = read.json()["updated_at"]
        first = moderator.put(self.place(read), {"title": "Emma I", "updated_at": seen})
        second = moderator.put(self.place(read), {"title": "Emma II", "updated_at": seen})
        assert (first.status_code, second.status_code) == (200, 409)

    @pytest.mark.parametrize("moment", ["soon", 17, "2026-02-30T00:00:00Z", "2026-01-01T00:00:00"])
    def test_a_moment_that_is_none_is_400(self, moderator: Client, read: Any, moment: object) -> None:
        answer = moderator.put(self.place(read), {"title": "x", "updated_at": moment})
        assert answer.status_code == 400
        assert "updated_at" in answer.json()["context"]["fields"]

    def test_updated_at_alone_changes_nothing(self, moderator: Client, read: Any) -> None:
        assert moderator.put(self.place(read), {"updated_at": read.json()["updated_at"]}).status_code == 400

    def test_any_version_will_do_for_a_star(self, moderator: Client, read: Any) -> None:
        assert moderator.put(self.place(read), {"title": "x"}, HTTP_IF_MATCH="*").status_code == 200


class TestIdempotency:
    def test_a_repeat_does_nothing_twice(self, moderator: Client) -> None:
        answers = [moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1") for _ in range(3)]
        assert {a.status_code for a in answers} == {201}
        assert len({a.content for a in answers}) == 1
        assert Book.objects.count() == 1

    def test_another_body_is_422(self, moderator: Client) -> None:
        moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1")
        answer = moderator.post(TITLES, {"title": "Persuasion"}, HTTP_IDEMPOTENCY_KEY="k1")
        assert answer.status_code == 422
        assert Book.objects.count() == 1

    def test_keys_are_the_callers_own(self, moderator: Client, admin: Client) -> None:
        for client in (moderator, admin):
            assert client.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 201
        assert Book.objects.count() == 2

    def test_an_error_is_not_kept(self, moderator: Client) -> None:
        assert moderator.post(TITLES, {}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 400
        assert moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 201

    def test_while_the_first_is_under_way_it_is_409(self, moderator: Client) -> None:
        moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1")
        IdempotentAnswer.objects.update(status=None)
        assert moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 409

    @pytest.mark.parametrize("age, status", [(datetime.timedelta(hours=23), 201), (datetime.timedelta(hours=25), None)])
    def test_is_kept_for_a_day(self, moderator: Client, age: datetime.timedelta, status: int | None) -> None:
        moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1")
        IdempotentAnswer.objects.update(created_at=timezone.now() - age)
        moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1")
        assert Book.objects.count() == (1 if status else 2)

    def test_a_request_that_died_does_not_block_for_ever(self, moderator: Client) -> None:
        moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1")
        IdempotentAnswer.objects.update(status=None, created_at=timezone.now() - datetime.timedelta(minutes=3))
        assert moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 201

    @pytest.mark.parametrize("key", ["", "a b", "x" * 256])
    def test_a_bad_key_is_400(self, moderator: Client, key: str) -> None:
        assert moderator.post(TITLES, {"title": "Emma"}, HTTP_IDEMPOTENCY_KEY=key).status_code == 400


class TestPages:
    def test_a_cursor_of_another_order_is_refused(self, moderator: Client) -> None:
        for number in range(3):
            make(moderator, f"Emma {number}")
        cursor = moderator.get(f"{TITLES}?limit=1").json()["page_info"]["next_cursor"]
        assert moderator.get(f"{TITLES}?limit=1&cursor={cursor}&ordering=id").status_code == 400
        assert moderator.get(f"{TITLES}?limit=1&cursor={cursor}&offset=1").status_code == 400
        assert moderator.get(f"{TITLES}?limit=1&cursor={cursor}").status_code == 200

    @pytest.mark.parametrize(
        "cursor", ["W10", "bnVsbA", "WyItcGsiLFt7fV0sMF0", "WyItcGsiLFtbXV0sMF0", "%C3%A4", "WyItcGsiLFsieCJdLDBd"]
    )
    def test_a_forged_cursor_is_400(self, viewer: Client, cursor: str) -> None:
        assert viewer.get(f"{TITLES}?cursor={cursor}").status_code == 400

    def test_total_is_true_on_every_page(self, moderator: Client) -> None:
        for number in range(5):
            make(moderator, f"Emma {number}")
        for offset in range(7):
            body = moderator.get(f"{TITLES}?limit=2&offset={offset}").json()
            assert body["total"] == 5
            assert body["page_info"]["has_more"] is (offset + 2 < 5)

    def test_csv_streams_all_or_the_page(self, moderator: Client) -> None:
        for number in range(5):
            make(moderator, f'Em"ma, {number}')
        assert len(moderator.get(f"{TITLES}?format=csv").getvalue().splitlines()) == 6
        page = moderator.get(f"{TITLES}?format=csv&limit=2&offset=1").getvalue().decode().splitlines()
        assert len(page) == 3
        assert '"Em""ma, 3"' in page[1]


def test_counting_from_many_threads_loses_none(tmp_path: Any) -> None:
    """The file cache behind the rate limits when several processes serve."""
    from config.caches import LockedFileCache

    cache = LockedFileCache(str(tmp_path), {})
    cache.add("n", 0, 60)
    threads = [threading.Thread(target=lambda: [cache.incr("n") for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("n") == 100
    assert not cache.add("n", 0, 60)
    with pytest.raises(ValueError, match="no counter"):
        cache.incr("other")
