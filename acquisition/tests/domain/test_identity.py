"""A wrong book is worse than none: each `no` here was, or would be, a wrong grab."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.domain.identity import Identity, WantedBook, is_release_of
from library.domain.facts import SeriesPlace

SALTMARSH = WantedBook("Saltmarsh at Night", ("Paul Ash",), (SeriesPlace("Tideland", "2"),))
EBB = WantedBook("Ebb", ("Paul Ash",), (SeriesPlace("Tideland", "1"),))
VOLUME = WantedBook("The Lamp Keepers, Vol. 3", ("Ann Oak",), (SeriesPlace("The Lamp Keepers", "3"),))
GERMAN = WantedBook("Der Schlüssel (German Edition)", ("Jörg Müller",))

YES = [
    ("Saltmarsh at Night by Paul Ash [ENG / M4B]", SALTMARSH),
    ("Saltmarsh at Night by Ruth Bell, Paul Ash [ENG / M4B]", SALTMARSH),
    ("Paul Ash - Saltmarsh at Night (2014) [Unabridged] MP3", SALTMARSH),
    ("Saltmarsh at Night - Paul Ash", SALTMARSH),
    ("Paul Ash - Tideland 02 - Saltmarsh at Night", SALTMARSH),
    ("Paul Ash - [Tideland 02] - Saltmarsh at Night", SALTMARSH),
    ("Tideland: Saltmarsh at Night by Paul Ash [ENG / MP3]", SALTMARSH),
    ("Saltmarsh at Night: Tenth Anniversary Edition by Paul Ash [ENG / MP3]", SALTMARSH),
    ("Paul.Ash.-.Saltmarsh.at.Night.2014.AUDiOBOOK.MP3-GRP", SALTMARSH),
    ("Paul.Ash.Saltmarsh.at.Night.epub", SALTMARSH),
    ("Saltmarsh.Night.Ash.m4b", SALTMARSH),
    ("Paul.Ash.Saltmarsh.at.Night.Tideland.2.epub", SALTMARSH),
    ("Paul.Ash.-.Saltmarsh.at.Night.Tenth.Anniversary.Edition.mp3", SALTMARSH),
    ("Joerg.Mueller.-.Der.Schluessel.MP3.Hoerbuch", GERMAN),
    ("Ebb by Paul Ash [ENG / M4B]", EBB),
    ("The Lamp Keepers Volume 3 by Ann Oak [ENG / M4B]", VOLUME),
    ("Joerg.Mueller.Der.Schluessel.m4b", GERMAN),
]
NO = [
    ("Saltmarsh at Night by Ruth Bell [ENG / M4B]", SALTMARSH),
    ("Ruth Bell - Saltmarsh at Night", SALTMARSH),
    ("Paul Ash - Saltmarsh at Night (Part 2 of 3) [M4B]", SALTMARSH),
    ("Paul Ash - Saltmarsh at Night (Graphic Novel) [CBZ]", SALTMARSH),
    ("Saltmarsh at Dawn by Paul Ash [ENG / M4B]", SALTMARSH),
    ("Ebb by Paul Ash [ENG / M4B]", SALTMARSH),
    ("Paul Ash - Tideland 05 - Saltmarsh at Night", SALTMARSH),
    ("Tideland Series by Paul Ash [ENG / M4B]", SALTMARSH),
    ("The Tideland Trilogy by Paul Ash [ENG / M4B]", EBB),
    ("Tideland, Books 1-3 by Paul Ash [ENG / M4B]", EBB),
    ("Saltmarsh at Night, Part 1 by Paul Ash [ENG / M4B]", SALTMARSH),
    ("Saltmarsh at Night: The Graphic Novel by Paul Ash [ENG / M4B]", SALTMARSH),
    ("Saltmarsh at Night and Other Stories by Paul Ash [ENG / M4B]", SALTMARSH),
    ("Ebb", EBB),
    ("Ebb and Flow by Paul Ash [ENG / M4B]", EBB),
    ("Ruth.Bell.The.Ebb.of.Ash.epub", EBB),
    ("Some.Chronicles.The.Saltmarsh.That.Slept.At.Night.Ash.epub", SALTMARSH),
    ("The Lamp Keepers Volume 4 by Ann Oak [ENG / M4B]", VOLUME),
    ("The Lamp Keepers by Ann Oak [ENG / M4B]", VOLUME),
    ("", SALTMARSH),
]


@pytest.mark.parametrize(("release", "wanted"), YES)
def test_knows_the_wanted_book(release: str, wanted: WantedBook) -> None:
    assert is_release_of(release, wanted).matches


@pytest.mark.parametrize(("release", "wanted"), NO)
def test_refuses_another_book(release: str, wanted: WantedBook) -> None:
    assert not is_release_of(release, wanted).matches


def test_says_why() -> None:
    identity = is_release_of("Saltmarsh at Night by Ruth Bell [ENG / M4B]", SALTMARSH)
    assert identity == Identity(False, 0.95, ("The title agrees, the author does not.",))
    assert "The author agrees." in is_release_of("Ebb by Paul Ash [ENG / M4B]", EBB).reasons


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=30))
def test_nothing_raises(release: str, title: str, author: str) -> None:
    identity = is_release_of(release, WantedBook(title, (author,), (SeriesPlace(author, title),)))
    assert 0 <= identity.certainty <= 1
