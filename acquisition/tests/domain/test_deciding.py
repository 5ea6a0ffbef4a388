"""Deciding on releases: every reason that a release is not taken, and the order of those that are."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.domain import deciding
from acquisition.domain.deciding import GATES, Circumstances, Verdict, consider, sort_verdicts
from acquisition.domain.facts import DirectFile, OfferedRelease
from acquisition.domain.identity import WantedBook
from acquisition.domain.profile import Profile
from acquisition.domain.query_plan import plan_queries
from acquisition.domain.reasons import REASONS as MEANINGS
from acquisition.domain.upgrades import Held, Quality
from library.domain.facts import SeriesPlace

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.UTC)
HOURS = 3600
WANTED = WantedBook("The Final Empire", ("Brandon Sanderson",), (SeriesPlace("Mistborn", "1"),))
TITLE = "The Final Empire by Brandon Sanderson [ENG / M4B]"
RUNTIME = 24 * HOURS
SIZE = 700_000_000  # about 64 kbit/s


def offer(title: str = TITLE, **fields: Any) -> OfferedRelease:
    values: dict[str, Any] = {
        "guid": title,
        "size_bytes": SIZE,
        "seeders": 5,
        "download_url": "http://indexer/1.torrent",
        **fields,
    }
    return OfferedRelease(title=title, **values)


def judge(
    release: OfferedRelease,
    *,
    wanted: WantedBook = WANTED,
    profile: Profile | None = None,
    runtimes: tuple[int, ...] = (RUNTIME,),
    **around: Any,
) -> Verdict:
    here = Circumstances(now=NOW, **around)
    return consider(release, wanted, runtimes_seconds=runtimes, profile=profile or Profile(), around=here)


def codes(verdict: Verdict) -> set[str]:
    return {rejection.code for rejection in verdict.rejections}


def test_a_good_release_is_taken() -> None:
    verdict = judge(offer())
    assert verdict.rejections == ()
    assert verdict.is_accepted
    assert len(verdict.why) == len(verdict.order)


def held(suffix: str) -> tuple[Held, ...]:
    """A copy on the shelf in a format."""
    return (Held(1, "Oz", Quality(suffix, 32, "en")),)


UPGRADES = Profile(upgrades_allowed=True)

# code -> (the release, what else is different, whether it stands for ever, words)
REASONS: dict[str, tuple[OfferedRelease, dict[str, Any], bool, str]] = {
    "excluded": (offer(), {"is_excluded": True}, True, "You said that this book is not wanted."),
    "blocklisted": (offer(), {"is_blocklisted": True}, True, "on the blocklist"),
    "owned": (offer(), {"is_owned": True}, True, "on the shelf already"),
    "on_its_way": (offer(), {"is_on_its_way": True}, False, "under way"),
    "given_up": (offer(), {"given_up": "You cancelled it."}, True, "You cancelled it."),
    "not_audio": (offer("The Final Empire by Brandon Sanderson [ENG / EPUB]"), {}, True, "an ebook"),
    "another_book": (offer("The Well of Ascension by Brandon Sanderson [ENG / M4B]"), {}, True, "Another book:"),
    "pack": (offer("Mistborn 1-3 by Brandon Sanderson [ENG / M4B]"), {}, True, "A pack of several books"),
    "language": (offer("The Final Empire by Brandon Sanderson [GER / M4B]"), {}, True, "In de, and wanted in en."),
    "abridged": (offer(is_abridged=True), {}, True, "you want it whole"),
    "dramatised": (
        offer("The Final Empire (Dramatized Adaptation) by Brandon Sanderson [ENG / M4B]"),
        {"profile": Profile(accepts_dramatised=False)},
        True,
        "you want it read",
    ),
    "format": (offer(), {"profile": Profile(formats=("mp3",))}, True, "The format m4b is not in the profile."),
    "bitrate": (offer(bitrate_kbps=16), {}, True, "16 kbit/s; the profile allows 24 to 400."),
    "forbidden_word": (offer(), {"profile": Profile(must_not_contain=("m4b",))}, True, "contains “m4b”"),
    "required_word": (offer(), {"profile": Profile(must_contain=("retail",))}, True, "lacks “retail”"),
    "size": (offer(size_bytes=50_000_000_000), {"runtimes": ()}, True, "outside of what the profile allows"),
    "size_for_runtime": (offer(size_bytes=5_000_000), {}, True, "4.8 MB cannot be 24.0 hours of sound."),
    "runtime": (offer(runtime_seconds=5 * HOURS), {}, True, "5.0 hours long, and the book is 24.0."),
    "seeders": (offer(seeders=0), {}, False, "0 seeders, and 1 are asked for."),
    "age": (
        offer(published_at=NOW - datetime.timedelta(days=400)),
        {"profile": Profile(maximum_age_days=365)},
        True,
        "400 days old; the profile allows 365.",
    ),
    "no_way": (offer(download_url=""), {}, True, "no way to get it"),
    "protocol": (offer(protocol="usenet"), {}, True, "It comes over usenet"),
    "no_client": (offer(), {"client_for": frozenset({"direct"})}, False, "needs a torrent client"),
    "account": (offer(), {"account_refusal": "The ratio is too low."}, False, "The ratio is too low."),
    "not_dramatised": (offer(), {"profile": Profile(only_dramatised=True)}, True, "you want the dramatised one"),
    "narrator": (
        offer(narrators=("Somebody Else",)),
        {"profile": Profile(narrators=("Michael Kramer",), only_narrators=True)},
        True,
        "Read by Somebody Else, and wanted by Michael Kramer.",
    ),
    "good_enough": (
        offer(),
        {"profile": UPGRADES, "is_owned": True, "held": held("m4b")},
        True,
        "It is on the shelf already. Oz is m4b already, and the profile upgrades until m4b.",
    ),
    "no_upgrade": (
        offer("The Final Empire by Brandon Sanderson [ENG / OGG]"),
        {"profile": UPGRADES, "is_owned": True, "held": held("mp3")},
        True,
        "It is ogg, and what you have is mp3",
    ),
    "wedge": (offer(), {"wedge_refusal": "It is not free."}, False, "It is not free."),
    "delayed": (
        offer("The Final Empire by Brandon Sanderson [ENG / MP3]", published_at=NOW - datetime.timedelta(hours=2)),
        {"profile": Profile(delay_hours=12)},
        False,
        "Good, and left alone until 2026-06-01 22:00 UTC",
    ),
    "gate_failed": (
        offer(published_at=datetime.datetime(2026, 1, 1)),  # noqa: DTZ001 (what a broken client would give)
        {"profile": Profile(maximum_age_days=30)},
        True,
        "The check age_fits failed (TypeError); not taken.",
    ),
}


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_has_its_release_and_its_words(code: str) -> None:
    release, different, is_permanent, words = REASONS[code]
    verdict = judge(release, **different)
    found = [rejection for rejection in verdict.rejections if rejection.code == code]
    assert found, codes(verdict)
    assert words in found[0].message
    assert found[0].permanent is is_permanent
    assert not verdict.is_accepted


def test_every_gate_is_among_the_reasons() -> None:
    """A gate that is added needs a row above: here each one is switched off in turn, and its reason vanishes."""
    produced = set()
    for release, different, _, _ in REASONS.values():
        produced |= codes(judge(release, **different))
    assert produced == set(REASONS)
    # Of one gate each: 3 of is_not_here_yet, 2 of size_fits, 2 of words_fit, 3 of can_be_fetched; gate_failed of none.
    assert len(GATES) == len(REASONS) - 7
    assert set(REASONS) == set(MEANINGS), "every reason has a sentence that says what can be done"
    assert all(words.endswith(".") for words in MEANINGS.values())


def test_all_reasons_are_given_at_once() -> None:
    verdict = judge(offer("The Well of Ascension by Brandon Sanderson [GER / MP3]", seeders=0, is_abridged=True))
    assert {"another_book", "language", "abridged", "seeders"} <= codes(verdict)
    assert not verdict.is_temporary
    assert judge(offer(seeders=0)).is_temporary


@pytest.mark.parametrize(
    "release, wanted, accepted",
    [
        # The author stands in a field of the indexer, not in the name.
        (offer("The Final Empire", authors=("Brandon Sanderson",)), WANTED, True),
        (offer("The Final Empire", authors=("Somebody Else",)), WANTED, False),
        (offer("Emma", authors=("Jane Austen",)), WantedBook("Emma", ("Jane Austen",)), True),
        (offer("Emma"), WantedBook("Emma", ("Jane Austen",)), False),
        (offer("Stand by Me", authors=("Ann Reader",)), WantedBook("Stand by Me", ("Ann Reader",)), True),
        # An omnibus that is itself wanted is no pack; for one of its books it is.
        (
            offer("The Mistborn Trilogy by Brandon Sanderson [ENG / M4B]"),
            WantedBook("The Mistborn Trilogy", ("Brandon Sanderson",)),
            True,
        ),
        (offer("The Mistborn Trilogy by Brandon Sanderson [ENG / M4B]"), WANTED, False),
        # The files tell a pack that the name hides.
        (offer(files=("The Final Empire.m4b", "The Well of Ascension.m4b", "The Hero of Ages.m4b")), WANTED, False),
        (offer(files=("01 - Prologue.mp3", "02 - Ash.mp3", "03 - Mist.mp3")), WANTED, True),
        (offer(files=("The Final Empire.epub", "cover.jpg")), WANTED, False),
        (offer(categories=(7020,)), WANTED, False),
        (offer(categories=(3030, 7020)), WANTED, True),
        # Languages by any of their names.
        (offer("The Final Empire by Brandon Sanderson", language="eng"), WANTED, True),
        (offer("The Final Empire by Brandon Sanderson", language="English"), WANTED, True),
        (offer("The Final Empire by Brandon Sanderson", language="deu"), WANTED, False),
        # Unknown is not none.
        (offer(seeders=None, size_bytes=None), WANTED, True),
        # Plain files need no seeders and no torrent client.
        (offer(direct_files=(DirectFile("http://x/1.mp3", "1.mp3"),), seeders=0, download_url=""), WANTED, True),
    ],
)
def test_what_counts_as_the_book(release: OfferedRelease, wanted: WantedBook, accepted: bool) -> None:
    verdict = judge(release, wanted=wanted)
    assert verdict.is_accepted is accepted, verdict.rejections


def test_a_lossless_release_may_be_large() -> None:
    large = offer("The Final Empire by Brandon Sanderson [ENG / FLAC]", size_bytes=9_000_000_000)
    assert judge(large).is_accepted
    assert "size_for_runtime" in codes(judge(offer(size_bytes=9_000_000_000)))


def test_a_gate_that_raises_never_grabs(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(candidate: deciding.Candidate) -> None:
        raise LookupError

    monkeypatch.setattr(deciding, "GATES", (broken,))
    assert codes(judge(offer())) == {"gate_failed"}


def test_what_cannot_be_compared_is_not_taken() -> None:
    verdict = judge(offer(published_at=datetime.datetime(2026, 1, 1)))  # noqa: DTZ001
    assert codes(verdict) == {"gate_failed"}
    assert sort_verdicts([verdict, judge(offer())])[0].is_accepted


@pytest.mark.parametrize(
    "better, worse, profile",
    [
        (offer(narrators=("Michael Kramer",)), offer(seeders=500), Profile(narrators=("Michael Kramer",))),
        (offer(), offer("The Final Empire by Brandon Sanderson [ENG / MP3]", seeders=500), Profile()),
        (offer(size_bytes=SIZE), offer(size_bytes=4 * SIZE, seeders=500), Profile()),
        (offer(files=("a.mp3",)), offer(files=("1.mp3", "2.mp3"), seeders=500), Profile(formats=("m4b",))),
        (offer(download_volume_factor=0.0), offer(seeders=500), Profile()),
        (offer(seeders=50), offer(seeders=5), Profile()),
        (
            offer(published_at=NOW - datetime.timedelta(days=1)),
            offer(published_at=NOW - datetime.timedelta(days=900)),
            Profile(),
        ),
    ],
)
def test_the_order_is_that_of_the_profile(better: OfferedRelease, worse: OfferedRelease, profile: Profile) -> None:
    if better.files:
        better, worse = (
            OfferedRelease(
                **{**{f: getattr(o, f) for f in o.__slots__}, "title": "The Final Empire by Brandon Sanderson"}
            )
            for o in (better, worse)
        )
    first, second = judge(better, profile=profile), judge(worse, profile=profile)
    assert first.is_accepted
    assert second.is_accepted
    assert sort_verdicts([second, first])[0] is first


def test_accepted_ones_come_first_and_then_those_that_fail_least() -> None:
    good, nearly, bad = judge(offer()), judge(offer(seeders=0)), judge(offer(seeders=0, is_abridged=True))
    assert sort_verdicts([bad, nearly, good]) == [good, nearly, bad]


wild_text = st.text(max_size=60)
wild_number = st.one_of(st.none(), st.integers(-(2**70), 2**70))


@given(
    title=wild_text, size=wild_number, seeders=wild_number, bitrate=wild_number, runtime=wild_number,
    language=wild_text, form=wild_text, authors=st.lists(wild_text, max_size=3), files=st.lists(wild_text, max_size=5),
    preferred=st.integers(0, 10**6),
)  # fmt: skip
def test_nothing_that_an_indexer_says_makes_it_fail(
    title: str, size: int | None, seeders: int | None, bitrate: int | None, runtime: int | None, language: str,
    form: str, authors: list[str], files: list[str], preferred: int,
) -> None:  # fmt: skip
    release = offer(
        title, size_bytes=size, seeders=seeders, bitrate_kbps=bitrate, runtime_seconds=runtime, language=language,
        format=form, authors=tuple(authors), files=tuple(files),
    )  # fmt: skip
    verdict = judge(release, profile=Profile(preferred_bitrate_kbps=preferred))
    assert verdict.is_accepted is not bool(verdict.rejections)
    assert all(rejection.message.endswith((".", "”.")) for rejection in verdict.rejections)
    assert sort_verdicts([verdict, judge(offer())])


def test_the_query_plan_goes_from_the_likeliest_to_the_widest() -> None:
    tiers = plan_queries(WANTED, asin="B002UZKL6I")
    assert [(tier.name, tier.text) for tier in tiers] == [
        ("title and author", "The Final Empire Sanderson"),
        ("identifier", "B002UZKL6I"),
        ("title", "The Final Empire"),
        ("series and number", "Mistborn 1"),
    ]
    assert [tier.name for tier in plan_queries(WantedBook("Beowulf"))] == ["title"]
    assert plan_queries(WantedBook("  ")) == []


@pytest.mark.parametrize(
    "stored, field, value",
    [
        ({"formats": ["mp3"]}, "formats", ("mp3",)),
        ({"narrators": "Stephen Fry"}, "narrators", ("Stephen Fry",)),
        ({"formats": 7}, "formats", Profile().formats),
        ({"accepts_abridged": "yes"}, "accepts_abridged", False),
        ({"minimum_seeders": True}, "minimum_seeders", 1),
        ({"minimum_seeders": -3}, "minimum_seeders", 1),
        ({"minimum_seeders": 3}, "minimum_seeders", 3),
        ({"name": None, "colour": "red"}, "name", "default"),
    ],
)
def test_a_profile_written_by_hand_does_no_harm(stored: dict[str, Any], field: str, value: object) -> None:
    assert getattr(Profile.from_mapping(stored), field) == value


def test_an_upgrade_is_taken_where_the_profile_asks_for_it() -> None:
    have_mp3: dict[str, Any] = {"is_owned": True, "held": held("mp3")}
    assert judge(offer(), profile=UPGRADES, **have_mp3).is_accepted
    assert codes(judge(offer(), **have_mp3)) == {"owned"}, "by default nothing on the shelf is replaced"
    assert codes(judge(offer(), profile=UPGRADES, is_owned=True)) == {"owned"}, "its format is not known"
    until_mp3 = Profile(upgrades_allowed=True, upgrade_until_format="mp3")
    assert codes(judge(offer(), profile=until_mp3, **have_mp3)) == {"good_enough"}


def test_a_release_waits_for_a_better_one_only_while_it_is_new() -> None:
    waits, hour = Profile(delay_hours=12), datetime.timedelta(hours=1)
    mp3 = "The Final Empire by Brandon Sanderson [ENG / MP3]"
    assert codes(judge(offer(mp3), profile=waits)) == {"delayed"}, "seen for the first time"
    assert judge(offer(mp3), profile=waits, first_seen_at=NOW - 12 * hour).is_accepted
    assert judge(offer(mp3, published_at=NOW - 13 * hour), profile=waits).is_accepted
    assert codes(judge(offer(mp3, published_at=NOW + 90 * hour), profile=waits)) == {"delayed"}
    assert judge(offer(), profile=waits).is_accepted, "the best format has nothing to wait for"
    assert judge(offer(mp3), profile=waits).is_temporary


def test_a_bitrate_by_size_and_runtime_counts_where_it_is_clearly_too_low() -> None:
    least = Profile(minimum_bitrate_kbps=96)
    assert codes(judge(offer(), profile=least)) == {"bitrate"}
    assert judge(offer(), profile=Profile(minimum_bitrate_kbps=72)).is_accepted, "both figures are rough"
    assert judge(offer(bitrate_kbps=128), profile=least).is_accepted, "what is said comes before what is worked out"


def test_a_reason_says_who_set_what_it_rests_on() -> None:
    release = offer("The Final Empire by Brandon Sanderson [GER / FLAC]")
    profile = Profile(formats=("mp3",))
    verdict = consider(
        release, WANTED, profile=profile, around=Circumstances(now=NOW), sources={"formats": "the series Mistborn"}
    )
    said = {rejection.code: rejection.message for rejection in verdict.rejections}
    assert said["format"] == "The format flac is not in the profile. (From the series Mistborn.)"
    assert "From" not in said["language"]
