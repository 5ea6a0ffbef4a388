"""What the rules allow providers to change."""

import datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from library.domain.corrections import (
    FIELDS,
    FieldState,
    Offer,
    Ruling,
    is_blank,
    is_gone,
    propose_changes,
    value_key,
    vanishing_is_believable,
)

TRUSTS = {"low": 40, "middle": 60, "high": 80}
NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("field", "state", "offer", "ruling"),
    [
        ("description", FieldState("", "library"), "Words", Ruling.FILLS),
        ("description", FieldState("Old", "middle"), "Words", Ruling.REPLACES),
        ("description", FieldState("Old", "high"), "Words", Ruling.REPLACES),  # its own word, changed
        ("description", FieldState("Old", "user"), "Words", Ruling.LESS_TRUSTED),
        ("description", FieldState("Old", "library", is_locked=True), "Words", Ruling.LOCKED),
        ("description", FieldState("", "library", is_locked=True), "Words", Ruling.LOCKED),
        ("title", FieldState("Emma", "low"), "Emma (Unabridged)", Ruling.KEPT),
        ("narrators", FieldState(["One"], "low"), ["Two"], Ruling.KEPT),
        ("duration_seconds", FieldState(3600, "low"), 7200, Ruling.KEPT),
        ("asin", FieldState("B000000001", "low"), "B000000002", Ruling.KEPT),
        ("narrators", FieldState([], "low"), ["Two"], Ruling.FILLS),
    ],
)
def test_rules(field: str, state: FieldState, offer: object, ruling: Ruling) -> None:
    [proposal] = propose_changes({field: state}, [Offer("high", 80, {field: offer}, True)], trusts=TRUSTS)
    assert proposal.ruling is ruling
    assert proposal.is_applied is (ruling in (Ruling.FILLS, Ruling.REPLACES))
    assert proposal.reason


def test_the_most_trusted_word_wins_and_a_lesser_one_fills_what_it_does_not_say() -> None:
    book = {"description": FieldState(""), "publisher": FieldState("")}
    offers = [
        Offer("low", 40, {"description": "low", "publisher": "Low Press"}, True),
        Offer("high", 80, {"description": "high", "publisher": ""}, True),
    ]
    found = {p.field: (p.source, p.new) for p in propose_changes(book, offers, trusts=TRUSTS)}
    assert found == {"description": ("high", "high"), "publisher": ("low", "Low Press")}


def test_fields_of_a_recording_need_the_same_recording() -> None:
    book = {"narrators": FieldState([]), "description": FieldState("")}
    offer = Offer("high", 80, {"narrators": ["Other Reader"], "description": "Words"}, is_same_recording=False)
    assert [p.field for p in propose_changes(book, [offer], trusts=TRUSTS)] == ["description"]


def test_space_case_and_order_are_no_difference() -> None:
    book = {"genres": FieldState(["Fantasy", "Classics"]), "subtitle": FieldState("A  Tale")}
    offer = Offer("high", 80, {"genres": ["classics", "fantasy"], "subtitle": "a tale"})
    assert propose_changes(book, [offer], trusts=TRUSTS) == []


def test_what_was_taken_back_is_not_done_again() -> None:
    book = {"description": FieldState("", "library")}
    offer = Offer("high", 80, {"description": "Words"})
    again = propose_changes(book, [offer], trusts=TRUSTS, undone=[("description", value_key("Words"))])
    assert [p.ruling for p in again] == [Ruling.UNDONE_BEFORE]


VALUES = st.one_of(st.none(), st.text(max_size=5), st.integers(0, 9), st.lists(st.text(max_size=3), max_size=2))
STATES = st.builds(FieldState, VALUES, st.sampled_from(["", "user", "library", *TRUSTS]), st.booleans())
OFFERS = st.lists(
    st.builds(
        lambda name, values, same: Offer(name, TRUSTS[name], values, same),
        st.sampled_from(sorted(TRUSTS)),
        st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES),
        st.booleans(),
    ),
    max_size=4,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), STATES), OFFERS)
def test_nothing_is_blanked_nothing_locked_changes_and_kept_fields_are_only_filled(
    book: dict[str, FieldState], offers: list[Offer]
) -> None:
    for proposal in propose_changes(book, offers, trusts=TRUSTS):
        if not proposal.is_applied:
            continue
        assert not is_blank(proposal.new)
        assert not book[proposal.field].is_locked
        if FIELDS[proposal.field].is_kept:
            assert is_blank(proposal.old)
        if book[proposal.field].source == "user" and not is_blank(proposal.old):
            pytest.fail("a person's word was replaced")


@pytest.mark.parametrize(
    ("gone", "checked", "believed"), [(1, 1, True), (1, 3, True), (2, 9, False), (2, 10, True), (21, 100, False)]
)
def test_more_than_a_fifth_vanishing_is_not_believed(gone: int, checked: int, believed: bool) -> None:
    assert vanishing_is_believable(gone=gone, checked=checked) is believed


@pytest.mark.parametrize(("count", "days", "gone"), [(3, 3, True), (2, 9, False), (9, 2, False), (3, 2.9, False)])
def test_gone_needs_three_observations_over_three_days(count: int, days: float, gone: bool) -> None:
    assert is_gone(count=count, first=NOW - datetime.timedelta(days=days), now=NOW) is gone
