"""Cleaning of the raw LibriVox listing."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from library.catalogue import build
from library.catalogue.folding import fold, fold_name, names_agree, parse_number, title_tokens
from library.catalogue.recordings import clean_recordings, clean_row, clean_title, parse_runtime, parse_volume, read_raw

LISTING = Path(settings.BASE_DIR).parent / "shared" / "data" / "librivox_catalogue.jsonl"


def raw(**fields: Any) -> dict[str, Any]:
    return {
        "title": "A Book",
        "authors": ["Ann Author"],
        "language": "English",
        "runtime": "1:00:00",
        "readers": 1,
        "first_reader": "Rita Reader",
        "genres": "General Fiction",
        "librivox_slug": "a-book-by-ann-author",
        "archive_id": "a_book_librivox",
        **fields,
    }


def test_shipped_recordings_are_what_the_listing_gives() -> None:
    if not LISTING.exists():
        pytest.fail(f"The raw LibriVox listing is absent: {LISTING}")
    packed = build.pack(clean_recordings(read_raw(LISTING)))
    assert packed == build.RECORDINGS_FILE.read_bytes(), "run python -m library.catalogue.build with the listing"
    assert len(packed) < 1_500_000


@pytest.mark.parametrize(
    ("title", "slug", "clean"),
    [
        ("Ozma of Oz (Version 2, dramatic reading)", "", "Ozma of Oz"),
        ("The Wonderful Wizard of Oz (solo version 2)", "", "The Wonderful Wizard of Oz"),
        (
            "The Tragedy of Pudd'nhead Wilson -  Version 2",
            "",
            ["The Tragedy of Pudd'nhead Wilson", "  Version 2"][0],
        ),
        ("Anthem, Version 4", "", "Anthem"),
        ("The Treasury of David, Vol. 6 (Abridged)", "", "The Treasury of David, Vol. 6"),
        ("Idiot at home", "the-idiot-at-home-by-john-kendrick-bangs", "The Idiot at home"),
        ("Hollow Needle, The: Further Adventures", "", "The Hollow Needle: Further Adventures"),
        ("Electra (Storr Translation)", "", "Electra (Storr Translation)"),
        ("Theodore, a Story", "", "Theodore, a Story"),
    ],
)
def test_titles_lose_the_marks_of_the_recording_and_regain_their_article(title: str, slug: str, clean: str) -> None:
    assert clean_title(title, slug) == clean


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1:02:03", 3723), ("00:8:17", 497), ("12:22", 742), ("25.35", 1535), ("", None), ("x:1", None)],
)
def test_runtimes(text: str, seconds: int | None) -> None:
    assert parse_runtime(text) == seconds


@pytest.mark.parametrize(
    ("title", "volume"),
    [
        ("Decline and Fall Vol. IV", "4"),
        ("Leviathan (Books I and II)", "1-2"),
        ("Les Misérables, tome 3", "3"),
        ("Short Poetry Collection 081", "81"),
        ("National Geographic Magazine Vol. 07 - 08. August", "7"),
        ("Book of Dragons", ""),
        ("The Year 1900", ""),
    ],
)
def test_volumes(title: str, volume: str) -> None:
    assert parse_volume(title) == volume


def test_marks_become_flags() -> None:
    flags = clean_row(raw(title="Tale (Version 3 Dramatic Reading)", language="German"))
    assert (flags["version"], flags["dramatised"], flags["language"], flags["title"]) == (3, True, "de", "Tale")
    assert clean_row(raw(title="Tale (Abridged)"))["abridged"] is True
    for slug, version in (("a-book-version-2-by-ann-author", 2), ("a-book-ver-3-by-ann", 3), ("a-book-v4", 4)):
        assert clean_row(raw(librivox_slug=slug))["version"] == version
    assert "slug" not in clean_row(raw(librivox_slug="viewtopic.php?f=28&t=57997"))


def test_recordings_of_one_work_share_a_key_and_volumes_do_not() -> None:
    titles = [
        "Frankenstein",
        "Frankenstein, or The Modern Prometheus",
        "Frankenstein (dramatic reading)",
        "History: Volume 1",
        "History: Volume 2",
        "History",
    ]
    rows = [raw(title=title, archive_id=f"id{n}", librivox_slug="") for n, title in enumerate(titles)]
    works = [row["work"] for row in clean_recordings(rows)]
    assert len(set(works[:3])) == 1
    assert len(set(works[3:])) == 3


def test_a_reading_far_shorter_than_the_others_is_doubtful() -> None:
    runtimes = ["5:00:00", "5:10:00", "4:30:00", "1:10:00"]
    rows = [raw(runtime=runtime, archive_id=f"id{n}") for n, runtime in enumerate(runtimes)]
    assert [row.get("doubtful_length", False) for row in clean_recordings(rows)] == [False, False, False, True]
    assert not any("doubtful_length" in row for row in clean_recordings(rows[2:])), "two readings prove nothing"


def test_an_adaptation_is_another_work() -> None:
    titles = ["Emma", "Emma: A Play", "Emma - Young Folks Edition", "Emma: A Novel"]
    rows = [raw(title=title, archive_id=f"id{n}", librivox_slug="") for n, title in enumerate(titles)]
    works = [row["work"] for row in clean_recordings(rows)]
    assert works[0] == works[3]
    assert len(set(works)) == 3


def test_a_row_without_audio_gives_way_to_the_one_with_the_same_archive_id() -> None:
    rows = [raw(title="Wrong", runtime=""), raw(title="Right"), raw(title="Wrong again", runtime="")]
    assert [row["title"] for row in clean_recordings(rows)] == ["Right"]


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Burroughs, Edgar Rice", "E. R. Burroughs", True),
        ("E.R. Burroughs", "Edgar Rice Burroughs", True),
        ("Émile Zola", "ZOLA, emile", True),
        ("Sir Arthur Conan Doyle", "Arthur Conan Doyle", True),
        ("L. Frank Baum", "Lyman Frank Baum", True),
        ("Alexandre Dumas, fils", "Alexandre Dumas", True),
        ("Horatio Alger, Jr.", "Horatio Alger", True),
        ("ER Burroughs", "Edgar Rice Burroughs", True),
        ("Vonnegut, Kurt, Jr.", "Kurt Vonnegut, Jr.", True),
        ("Alfred, Lord Tennyson", "Tennyson, Alfred", True),
        ("George Gordon, Lord Byron", "Lord Byron", True),
        ("Philip Stanhope, 4th Earl of Chesterfield", "Philip Stanhope", True),
        ("Confucius 孔子", "Confucius", True),
        ("Plato (Πλάτων)", "Plato", True),
        ("Saint Augustine of Hippo", "St. Augustine", True),
        ("Honoré de Balzac", "Balzac, Honoré de", True),
        ("Gregory of Nyssa", "Gregory of Nazianzus", False),
        ("Charlotte Brontë", "Anne Bronte", False),
        ("Anne Brontë", "Anne", False),
        ("", "Anne", False),
    ],
)
def test_names_agree(one: str, other: str, agree: bool) -> None:
    assert names_agree(one, other) is agree
    assert names_agree(other, one) is agree


@given(st.text(max_size=40))
def test_any_text_can_be_cleaned_and_folded(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert names_agree(text, text) is bool(fold(text))
    assert parse_runtime(text) is None or parse_runtime(text) >= 0  # type: ignore[operator]
    assert isinstance(clean_title(text, text), str)
    assert isinstance(parse_volume(text), str)


@given(st.text(max_size=20), st.text(max_size=20))
def test_agreement_of_names_has_no_direction(one: str, other: str) -> None:
    assert names_agree(one, other) is names_agree(other, one)


def test_numbers_in_titles_fold_to_digits() -> None:
    assert [parse_number(word) for word in ("IV", "004", "four", "fourth", "xlii", "mix", "civil", "")] == [
        4, 4, 4, 4, 42, None, None, None,
    ]  # fmt: skip
    assert title_tokens("Volume III of the Works") == title_tokens("Works, of volume 3")
    assert fold_name("Publius Ovidius Naso (Ovid)") == "publius ovidius naso"
