"""The ratio guard: downloads stop below 1.00 and go on from 1.05, so that it does not flutter between the two."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

STOP_BELOW = 1.00
RESUME_AT = 1.05
FREELEECH_SHARE = 0.9
FREELEECH_LEAST = 20


@dataclass(frozen=True, slots=True)
class GuardState:
    """`since`: ISO moment of the last change; empty while it never stopped."""

    is_stopped: bool = False
    since: str = ""
    reason: str = ""

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any] | None) -> "GuardState":
        kept = value or {}
        return cls(bool(kept.get("is_stopped")), str(kept.get("since") or ""), str(kept.get("reason") or ""))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge_ratio(
    state: GuardState,
    ratio: float | None,
    *,
    now: datetime.datetime,
    stop: float = STOP_BELOW,
    resume: float = RESUME_AT,
) -> tuple[GuardState, bool]:
    """The guard after a look at the ratio, and whether it moved. An unknown ratio moves nothing."""
    if ratio is None:
        return state, False
    if not state.is_stopped and ratio < stop:
        words = f"The ratio is {ratio:.2f}, below {stop:.2f}; nothing is taken until it is {resume:.2f} again."
        return GuardState(True, now.isoformat(), words), True
    if state.is_stopped and ratio >= resume:
        words = f"The ratio is {ratio:.2f} again, at least {resume:.2f}; downloads are allowed."
        return GuardState(False, now.isoformat(), words), True
    if state.is_stopped:
        words = f"The ratio is {ratio:.2f}; nothing is taken until it is {resume:.2f} again."
        return replace(state, reason=words), False
    return state, False


def judge_freeleech(factors: Sequence[float]) -> tuple[float | None, bool | None]:
    """The share of free ones among the newest releases, and whether that means freeleech for all; None when there are
    too few to tell."""
    if len(factors) < FREELEECH_LEAST:
        return None, None
    share = round(sum(factor == 0 for factor in factors) / len(factors), 2)
    return share, share >= FREELEECH_SHARE
