"""Which of the providers' words may change a book: proposals with their reasons.

The rules (an empty field is filled; a more trusted source may replace a less trusted one; a locked field never
changes; title, people, runtime and identifiers never drift; nothing is blanked; what a person undid stays undone) are
those that keep a good shelf from being overwritten by a bad match.
"""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

USER = "user"
# How far the word of those who are no provider is trusted. What stands in the files of the owner is good, but an
# audiobook catalogue (80) knows better; a person's own word is beyond all.
OWN_TRUST: Mapping[str, int] = {USER: 1000, "api": 1000, "library": 65, "catalogue": 50, "": 0}
UNKNOWN_TRUST = 40


@dataclass(frozen=True, slots=True)
class FieldRule:
    """`is_kept`: once there is a value, no provider replaces it. `of_recording`: the field belongs to one recording, so
    only the words about the same recording count."""

    name: str
    is_kept: bool = False
    of_recording: bool = False


FIELDS: dict[str, FieldRule] = {
    rule.name: rule
    for rule in (
        FieldRule("title", is_kept=True),
        FieldRule("subtitle"),
        FieldRule("authors", is_kept=True),
        FieldRule("narrators", is_kept=True, of_recording=True),
        FieldRule("description"),
        FieldRule("language", is_kept=True),
        FieldRule("publisher", of_recording=True),
        FieldRule("published_year"),
        FieldRule("release_date", of_recording=True),
        FieldRule("isbn", is_kept=True, of_recording=True),
        FieldRule("asin", is_kept=True, of_recording=True),
        FieldRule("duration_seconds", is_kept=True, of_recording=True),
        FieldRule("genres"),
        FieldRule("cover_url", of_recording=True),
    )
}


class Ruling(StrEnum):
    """What becomes of a proposal: applied, or why not."""

    FILLS = "fills"
    REPLACES = "replaces"
    LOCKED = "locked"
    KEPT = "kept"
    LESS_TRUSTED = "less_trusted"
    UNDONE_BEFORE = "undone_before"


APPLIED = frozenset({Ruling.FILLS, Ruling.REPLACES})


@dataclass(frozen=True, slots=True)
class FieldState:
    """A field as the book has it. Dates are ISO text; lists hold texts."""

    value: Any
    source: str = ""
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """What one provider says of this very book. `is_same_recording`: of the recording on the shelf, too."""

    source: str
    trust: int
    values: Mapping[str, Any]
    is_same_recording: bool = False
    fetched_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """One difference between a book and a provider, with the ruling on it and its reason in words."""

    field: str
    old: Any
    new: Any
    source: str
    old_source: str
    ruling: Ruling
    reason: str

    @property
    def is_applied(self) -> bool:
        return self.ruling in APPLIED

    def as_dict(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "old": self.old,
            "new": self.new,
            "source": self.source,
            "old_source": self.old_source,
            "applied": self.is_applied,
            "ruling": self.ruling.value,
            "reason": self.reason,
        }


def trust_of(source: str, trusts: Mapping[str, int]) -> int:
    """0 to 100 for providers; a person's word is above all of them."""
    if source in trusts:
        return trusts[source]
    return OWN_TRUST.get(source, UNKNOWN_TRUST)


def is_blank(value: Any) -> bool:
    return value is None or value in ("", [], (), {}) or (isinstance(value, str) and not value.strip())


def value_key(value: Any) -> str:
    """A value to compare by: space and case do not make a difference, nor does the order of a list."""
    if isinstance(value, list | tuple):
        return json.dumps(sorted(value_key(one) for one in value))
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    return str(value)


def propose_changes(
    book: Mapping[str, FieldState],
    offers: Iterable[Offer],
    *,
    trusts: Mapping[str, int],
    undone: Iterable[tuple[str, str]] = (),
) -> list[Proposal]:
    """For each field the most trusted different word and the ruling on it; fields that agree give nothing.

    `undone` holds (field, value_key) pairs that a person took back.
    """
    ordered = sorted(offers, key=lambda offer: (-offer.trust, offer.source))
    taken_back = set(undone)
    proposals = (_proposal(FIELDS[name], state, ordered, trusts, taken_back) for name, state in book.items())
    return [proposal for proposal in proposals if proposal is not None]


def _proposal(
    rule: FieldRule,
    state: FieldState,
    offers: Sequence[Offer],
    trusts: Mapping[str, int],
    undone: set[tuple[str, str]],
) -> Proposal | None:
    for offer in offers:
        new = offer.values.get(rule.name)
        if is_blank(new) or (rule.of_recording and not offer.is_same_recording):
            continue
        if value_key(new) == value_key(state.value):
            return None
        ruling, reason = _rule(rule, state, offer, trusts, (rule.name, value_key(new)) in undone)
        return Proposal(rule.name, state.value, new, offer.source, state.source, ruling, reason)
    return None


def _rule(
    rule: FieldRule, state: FieldState, offer: Offer, trusts: Mapping[str, int], was_undone: bool
) -> tuple[Ruling, str]:
    if state.is_locked:
        return Ruling.LOCKED, "The field is locked."
    if was_undone:
        return Ruling.UNDONE_BEFORE, "This very change was taken back before."
    if is_blank(state.value):
        return Ruling.FILLS, f"The field was empty; {offer.source} knows it."
    if rule.is_kept:
        return Ruling.KEPT, f"{rule.name} is never replaced by a provider's word."
    mine, theirs = trust_of(state.source, trusts), trust_of(offer.source, trusts)
    if theirs > mine:
        return Ruling.REPLACES, f"{offer.source} (trust {theirs}) is trusted more than {_named(state)} (trust {mine})."
    if offer.source == state.source:
        return Ruling.REPLACES, f"{offer.source} has changed its own word."
    return Ruling.LESS_TRUSTED, f"{offer.source} (trust {theirs}) is not trusted more than {_named(state)} ({mine})."


def _named(state: FieldState) -> str:
    return state.source or "an unknown source"


def vanishing_is_believable(*, gone: int, checked: int) -> bool:
    """Whether so many of the checked records may be gone at once. More than a fifth is a fault of the provider."""
    return gone <= max(1, checked // 5)


def is_gone(*, count: int, first: datetime.datetime | None, now: datetime.datetime) -> bool:
    """Gone only after three agreeing observations over at least three days."""
    return count >= 3 and first is not None and now - first >= datetime.timedelta(days=3)
