"""Profiles by library, waiting for a better release, upgrades from the feed, the replay, and wedges, as services do it."""

import datetime
import json
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from acquisition.clients import registry
from acquisition.domain.facts import IndexerCapabilities, OfferedRelease, Payload
from acquisition.models import (
    Decision,
    Download,
    DownloadEvent,
    Indexer,
    Release,
    ReleaseProfile,
)
from acquisition.services.grabbing import hand_over
from acquisition.services.profiles import change_profile, profile_rows, profiles_of, save_profile
from acquisition.services.replaying import replay_decisions
from acquisition.services.ripening import take_ripe
from acquisition.services.searching import judge, judge_offers
from acquisition.services.tracker import WEDGE
from acquisition.tests.factories import NOW, make_book, make_client, make_download, make_indexer, make_offer, make_root
from acquisition.tests.fake_indexers import make_torrent
from acquisition.tests.services.ops_world import change, do_job
from config.errors import ConflictError, ValidationError
from library.models import Book, Copy, CopyFile, LibraryRoot, Series
from library.services.gaps import analyze_gaps
from library.services.states import write_state

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)
M4B, MP3 = "Ozma of Oz by L. Frank Baum [ENG / M4B]", "Ozma of Oz by L. Frank Baum [ENG / MP3]"


@pytest.fixture
def book(tmp_path: Path) -> Book:
    make_client(url="http://127.0.0.1:1")
    make_root(tmp_path / "shelf")
    made = make_book(seconds=None)
    analyze_gaps(now=NOW)
    return made


@pytest.fixture
def indexer() -> Indexer:
    return make_indexer(url="http://127.0.0.1:1")


class TestProfiles:
    def test_the_library_differs_and_the_series_has_the_last_word(self, book: Book) -> None:
        save_profile(row=ReleaseProfile(name="Car"), values={"formats": ["mp3"], "delay_hours": 4}, user=None)
        LibraryRoot.objects.update(profile="Car")
        chosen = profiles_of([book])[book.pk]
        assert (chosen.profile.formats, chosen.source_of("formats")) == (("mp3",), "the library shelf")
        Series.objects.update(preference={"formats": ["flac"]})
        chosen = profiles_of([book])[book.pk]
        assert (chosen.profile.formats, chosen.source_of("formats")) == (("flac",), "the series Oz")
        rows = {row["field"]: row["source"] for row in profile_rows(chosen)}
        assert (rows["delay_hours"], rows["minimum_seeders"]) == ("the library shelf", "default")

    def test_a_profile_that_is_gone_is_the_general_one(self, book: Book) -> None:
        LibraryRoot.objects.update(profile="Gone")
        assert profiles_of([book])[book.pk].sources == {}

    def test_many_books_cost_what_one_costs(self, book: Book, django_assert_num_queries: Any) -> None:
        books = [book, *(make_book(f"Book {number}", position=str(number)) for number in range(10, 20))]
        with django_assert_num_queries(6):
            profiles_of(books)

    @pytest.mark.parametrize(
        "values, field",
        [
            ({"formats": "mp3"}, "formats"),
            ({"odd": 1}, "odd"),
            ({"name": "x"}, "name"),
            ({"minimum_bitrate_kbps": 500}, "minimum_bitrate_kbps"),
            ({"delay_hours": -1}, "delay_hours"),
        ],
    )
    def test_what_does_not_fit_is_named(self, values: dict[str, Any], field: str) -> None:
        with pytest.raises(ValidationError) as caught:
            save_profile(row=ReleaseProfile(name="Car"), values=values, user=None)
        assert field in caught.value.context["fields"]
        assert not ReleaseProfile.objects.exists()

    def test_a_name_is_taken_once_and_a_new_one_goes_along(self, book: Book) -> None:
        row = save_profile(row=ReleaseProfile(name="Car"), values={}, user=None)
        LibraryRoot.objects.update(profile="Car")
        save_profile(row=row, name="Van", user=None)
        assert LibraryRoot.objects.get().profile == "Van"
        with pytest.raises(ConflictError):
            save_profile(row=ReleaseProfile(name="Van"), values={}, user=None)


class TestWaitingForABetterOne:
    def test_the_best_of_what_came_meanwhile_is_taken(self, book: Book, indexer: Indexer) -> None:
        change(search__is_automatic=True)
        change_profile(changes={"delay_hours": 12})
        first = make_offer(MP3, published_at=NOW)
        found = judge_offers(book=book, found=[(indexer, first)], now=NOW)
        assert [reason["code"] for reason in found.decisions[0].reasons] == ["delayed"]
        assert take_ripe(now=NOW + 11 * HOUR) == 0
        better = make_offer(f"{MP3} 64 kbps", published_at=NOW + 3 * HOUR, seeders=50)
        judge_offers(book=book, found=[(indexer, better)], now=NOW + 3 * HOUR)
        with mock.patch("acquisition.services.ripening.wake_monitor"):
            assert take_ripe(now=NOW + 12 * HOUR + HOUR) == 1
            assert take_ripe(now=NOW + 14 * HOUR) == 0, "it is on its way"
        download = Download.objects.get()
        assert download.title == first.title, "the better one must wait itself, and nothing is left for ever"

    def test_the_best_format_is_not_left_alone(self, book: Book, indexer: Indexer) -> None:
        change_profile(changes={"delay_hours": 12})
        assert judge_offers(book=book, found=[(indexer, make_offer(M4B))], now=NOW).accepted

    def test_nothing_is_taken_by_itself_where_that_is_off(self, book: Book, indexer: Indexer) -> None:
        change_profile(changes={"delay_hours": 1})
        judge_offers(book=book, found=[(indexer, make_offer(MP3))], now=NOW)
        assert take_ripe(now=NOW + 5 * HOUR) == 0


def on_the_shelf(book: Book, suffix: str) -> None:
    copy = Copy.objects.create(root=LibraryRoot.objects.get(), path="Ozma", title=book.title, book=book)
    CopyFile.objects.create(copy=copy, path=f"Ozma/1.{suffix}", kind="audio", size_bytes=1)
    Book.objects.filter(pk=book.pk).update(is_owned=True)
    book.refresh_from_db()


class Feed:
    """An indexer in this process."""

    def __init__(self, *offers: OfferedRelease) -> None:
        self.offers, self.fetched = offers, []

    def capabilities(self) -> IndexerCapabilities:
        return IndexerCapabilities()

    def search(self, query: Any) -> list[OfferedRelease]:
        return list(self.offers)

    def fetch(self, release: OfferedRelease, *, spend_wedge: bool = False) -> Payload:
        self.fetched.append(spend_wedge)
        return Payload(torrent=make_torrent("Ozma"))


def through(feed: Feed) -> Any:
    kinds = dict.fromkeys(("torznab", "myanonamouse"), lambda settings, guard: feed)
    return mock.patch.dict(registry.INDEXERS, kinds)


class TestUpgrades:
    @pytest.mark.parametrize("allowed, queued", [(True, 1), (False, 0)])
    def test_the_feed_replaces_a_worse_format_where_the_profile_says_so(
        self, book: Book, indexer: Indexer, allowed: bool, queued: int
    ) -> None:
        on_the_shelf(book, "mp3")
        change(search__is_automatic=True)
        change_profile(changes={"upgrades_allowed": allowed})
        with through(Feed(make_offer(M4B))):
            do_job("feed_sync")
        assert Download.objects.count() == queued
        if queued:
            assert Download.objects.get().overrules == ["upgrade"]
            assert DownloadEvent.objects.first().message.startswith("Queued to replace what is on the shelf")  # type: ignore[union-attr]

    def test_a_book_that_came_meanwhile_is_not_fetched_again(self, book: Book, indexer: Indexer) -> None:
        """It was judged as missing: only a judgement that knew of the copy may replace it."""
        change(search__is_automatic=True)
        found = judge_offers(book=book, found=[(indexer, make_offer(M4B))], now=NOW)
        on_the_shelf(Book.objects.get(pk=book.pk), "mp3")
        from acquisition.services.acquiring import take_found

        assert take_found(found=found, now=NOW).grabbed == []
        assert not Download.objects.exists()


class TestReplay:
    @pytest.fixture
    def decided(self, book: Book, indexer: Indexer) -> list[Decision]:
        offers = [
            make_offer(MP3, seeders=0),
            make_offer("Ozma of Oz by L. Frank Baum [GER / MP3]"),
            make_offer("Ozma of Oz by L. Frank Baum [ENG / M4B]"),
        ]
        return judge_offers(book=book, found=[(indexer, offer) for offer in offers], now=NOW).decisions

    def later(self) -> datetime.datetime:
        return Decision.objects.latest("created_at").created_at + HOUR

    def test_says_what_would_be_accepted_and_what_no_more(self, decided: list[Decision], book: Book) -> None:
        make_download(book)  # that it is on its way is left aside
        found = replay_decisions(changes={"languages": ["de"], "minimum_seeders": 0}, now=self.later())
        assert [row.decision.release_title for row in found.gained] == ["Ozma of Oz by L. Frank Baum [GER / MP3]"]
        assert [row.decision.release_title for row in found.lost] == ["Ozma of Oz by L. Frank Baum [ENG / M4B]"]
        assert found.gained[0].reasons[0]["code"] == "language"
        assert found.sentence.startswith("With this profile, 1 of 3 releases would be accepted")
        assert Decision.objects.count() == 3, "nothing is written"

    def test_the_series_keeps_the_last_word(self, decided: list[Decision]) -> None:
        Series.objects.update(preference={"languages": ["en"]})
        assert not replay_decisions(changes={"languages": ["de"]}, now=self.later()).gained

    def test_of_a_library_s_profile(self, decided: list[Decision]) -> None:
        profile = save_profile(row=ReleaseProfile(name="Car"), values={"formats": ["flac"]}, user=None)
        LibraryRoot.objects.update(profile="Car")
        found = replay_decisions(changes={"formats": ["m4b"]}, profile=profile, now=self.later())
        assert [row.decision.release_title for row in found.gained] == [M4B]
        assert found.books_gained == 1
        assert not replay_decisions(changes={"formats": ["m4b"]}, now=self.later()).gained

    def test_a_release_that_is_gone_is_counted(self, decided: list[Decision]) -> None:
        Release.objects.filter(title=M4B).delete()
        found = replay_decisions(changes={"languages": []}, now=self.later())
        assert (found.judged, found.unknown) == (2, 1)

    def test_bad_changes_are_named(self, viewer: Any, decided: list[Decision]) -> None:
        for changes in ({"odd": 1}, {"minimum_seeders": "many"}, {"minimum_size_mb": 90_000}):
            answer = viewer.post("/api/decisions/replay/", {"changes": changes}, format="json")
            assert answer.status_code == 400
            assert next(iter(changes)) in answer.content.decode()
        answer = viewer.post("/api/decisions/replay/", {"changes": {}, "profile_id": 99}, format="json")
        assert answer.status_code == 400

    def test_as_a_command(self, decided: list[Decision]) -> None:
        out = StringIO()
        call_command("replay", "--set", "languages=en,de", "--set", "minimum_seeders=0", stdout=out)
        assert "+ Ozma of Oz by L. Frank Baum [GER / MP3] (for Ozma of Oz): In de, and wanted in en." in out.getvalue()
        out = StringIO()
        call_command("replay", "--set", "only_dramatised=yes", "--json", stdout=out)
        assert [row["release"] for row in json.loads(out.getvalue())["lost"]] == [M4B]

    @pytest.mark.parametrize(
        "given, words",
        [
            ("formats", "is not FIELD=VALUE"),
            ("odd=1", "there are accepts_abridged"),
            ("minimum_seeders=many", "must be a whole number"),
            ("only_dramatised=perhaps", "must be yes or no"),
            ("minimum_size_mb=90000", "must not fall"),
        ],
    )
    def test_a_command_that_cannot_be_meant(self, given: str, words: str) -> None:
        with pytest.raises(CommandError, match=words):
            call_command("replay", "--set", given)
        with pytest.raises(CommandError, match="no release profile named Nobody"):
            call_command("replay", "--set", "delay_hours=1", "--profile", "Nobody")

    def test_through_the_api(self, viewer: Any, decided: list[Decision], book: Book) -> None:
        sent = {"changes": {"languages": ["en", "de"]}, "book_ids": [book.pk]}
        body = viewer.post("/api/decisions/replay/", sent, format="json").json()
        assert (body["judged"], [row["book"]["id"] for row in body["gained"]]) == (3, [book.pk])
        assert body["message"].startswith("With this profile")
        shown = viewer.get(f"/api/wanted/{book.pk}/").json()["profile"]
        assert {"field": "languages", "value": ["en"], "source": "default"} in shown


class TestWedges:
    @pytest.fixture
    def release(self, book: Book, indexer: Indexer) -> Download:
        Indexer.objects.update(kind="myanonamouse", api_key="cookie-value")
        write_state("tracker", {"indexer": indexer.name, "figures": {"wedges": 9, "member_class": "User"}})
        indexer.refresh_from_db()
        offer = make_offer(M4B, size_bytes=900 * 1024 * 1024)
        judged = judge_offers(book=book, found=[(indexer, offer)], now=NOW)
        return make_download(book, release=judged.decisions[0].release)

    @pytest.mark.parametrize("spends, fetched", [(True, [True]), (False, [False])])
    def test_one_is_spent_only_with_the_member_s_word(
        self, release: Download, spends: bool, fetched: list[bool]
    ) -> None:
        Indexer.objects.update(settings={"wedges": "preferred", "spends_wedges": spends})
        feed = Feed()
        with through(feed):
            hand_over(Download.objects.get(), now=NOW)
        assert feed.fetched == fetched
        assert DownloadEvent.objects.filter(code=WEDGE).count() == len([one for one in fetched if one])

    def test_a_second_try_spends_no_second_one_and_the_day_has_its_number(
        self, release: Download, indexer: Indexer, book: Book
    ) -> None:
        Indexer.objects.update(settings={"wedges": "preferred", "spends_wedges": True})
        feed = Feed()
        with through(feed):
            for _ in range(2):
                hand_over(Download.objects.get(), now=NOW)  # the client does not answer, so it stays queued
        assert feed.fetched == [True, True], "the second call asks for what is free already"
        assert DownloadEvent.objects.filter(code=WEDGE).count() == 1
        Download.objects.all().update(status="cancelled")
        indexer.refresh_from_db()
        offer = make_offer("Ozma of Oz by L. Frank Baum [ENG / M4B] 64 kbps", size_bytes=900 * 1024 * 1024)
        why = judge(book, [(indexer, offer)], NOW)[0][2].why
        assert any("1 were spent today" in words for words in why), why
