"""The table of a download's states."""

import datetime

import pytest

from acquisition.domain.faults import is_release_fault, retry_ladder
from acquisition.domain.states import (
    ACTIVE,
    IN_CLIENT,
    PENDING,
    SENTENCES,
    TRANSITIONS,
    DownloadState,
    allowed_from,
    can_move,
    next_retry,
)

S = DownloadState
NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
ENDS = {S.IMPORTED, S.ABANDONED, S.CANCELLED}


def test_every_state_has_its_row_and_its_sentence() -> None:
    assert set(TRANSITIONS) == set(SENTENCES) == set(S)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_every_state_can_be_reached_and_left_for_an_end() -> None:
    for state in S:
        seen, todo = {state}, [state]
        while todo:
            for target in TRANSITIONS[todo.pop()]:
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        assert seen & ENDS
    assert {S.QUEUED, *(t for targets in TRANSITIONS.values() for t in targets)} == set(S)


def test_any_but_imported_can_be_cancelled() -> None:
    assert allowed_from("cancelled") == set(S) - {S.IMPORTED, S.CANCELLED}
    assert TRANSITIONS[S.IMPORTED] == frozenset()


def test_only_ends_are_inactive() -> None:
    assert set(S) - ACTIVE == ENDS
    assert PENDING | IN_CLIENT < ACTIVE


@pytest.mark.parametrize("old, new, allowed", [("queued", "grabbed", True), ("queued", "imported", False)])
def test_moves(old: str, new: str, allowed: bool) -> None:
    assert can_move(old, new) is allowed


@pytest.mark.parametrize(
    "attempts, retries, days", [(1, 3, 1), (2, 3, 3), (3, 3, 7), (4, 3, None), (5, 20, 7), (1, 0, None), (0, 3, 1)]
)
def test_retries_after_one_three_and_seven_days(attempts: int, retries: int, days: int | None) -> None:
    due = next_retry(attempts, now=NOW, max_retries=retries)
    assert due == (NOW + datetime.timedelta(days=days) if days else None)


@pytest.mark.parametrize(
    "code, status, at_fault",
    [
        ("bad_torrent", None, True),
        ("other_torrent", None, True),
        ("dangerous_files", None, True),
        ("wrong_checksum", None, True),
        ("upstream_not_found", 404, True),
        ("upstream_not_found", None, False),
        ("credentials_refused", 403, False),
        ("upstream_error", 200, False),
        ("service_unavailable", 500, False),
    ],
)
def test_only_what_the_release_did_is_its_fault(code: str, status: int | None, at_fault: bool) -> None:
    assert is_release_fault(code, status) is at_fault


def test_waiting_grows() -> None:
    ladder = retry_ladder()
    steps = [next(ladder) for _ in range(9)]
    assert steps == sorted(steps)
    assert steps[0] == 60
    assert steps[-1] == 21_600
