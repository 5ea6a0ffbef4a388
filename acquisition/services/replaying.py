"""The kept decisions under changed settings: "with this profile, these 14 would be accepted". Nothing is written.

Both sides are judged anew, by the profile as it is and as it would be, so that what differs comes from the change alone:
whether the book has come since, or is on its way, is left aside.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from acquisition.domain.deciding import Circumstances, Verdict, consider
from acquisition.domain.profile import ChosenProfile, Profile
from acquisition.models import Decision, ReleaseProfile
from acquisition.services.grabbing import offer_of
from acquisition.services.profiles import check_ranges, check_values, default_profile, profiles_of
from acquisition.services.searching import blocked_releases, is_blocked
from acquisition.services.wanted_facts import runtimes_of, wanted_books
from library.models import Book

MOST = 1000
DAYS = 30


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision whose outcome would change: `was_accepted` by the profile as it is, and why not on the other side."""

    decision: Decision
    was_accepted: bool
    reasons: tuple[Mapping[str, Any], ...]

    @property
    def would_be_accepted(self) -> bool:
        return not self.was_accepted


@dataclass
class Replay:
    """`gained` would be accepted, `lost` no more; `books_gained`: books that had nothing acceptable and would."""

    judged: int = 0
    unknown: int = 0
    gained: list[Replayed] = field(default_factory=list)
    lost: list[Replayed] = field(default_factory=list)
    books_gained: int = 0

    @property
    def sentence(self) -> str:
        if not self.judged:
            return "There is no kept decision to judge again."
        gained, lost, books = len(self.gained), len(self.lost), self.books_gained
        if not gained and not lost:
            return f"Of {self.judged} releases none would be judged otherwise."
        words = [f"{gained} of {self.judged} releases would be accepted that are not now"] if gained else []
        words += [f"{lost} would no longer be"] if lost else []
        first = f"; {books} {'book' if books == 1 else 'books'} would have one for the first time" if books else ""
        return f"With this profile, {' and '.join(words)}{first}."


def replay_decisions(
    *,
    changes: Mapping[str, Any],
    now: datetime.datetime,
    profile: ReleaseProfile | None = None,
    books: Iterable[Book] | None = None,
    days: int = DAYS,
    most: int = MOST,
) -> Replay:
    """Judge the last decision on each release and book again, under the profiles in force and with `changes` to the
    general one, or to that of the libraries that go by `profile`; what stands above it keeps the last word.

    ValidationError when the changes are not fields of a profile, do not fit, or leave no room for any release.
    """
    decisions, unknown = _kept(books, now - datetime.timedelta(days=days), most)
    rows = {decision.book_id: decision.book for decision in decisions}
    profiles, wanted, runtimes = profiles_of(rows.values()), wanted_books(rows.values()), runtimes_of(rows.values())
    changed = _changed(rows.values(), changes, profile)
    blocked = blocked_releases([offer_of(d.release) for d in decisions if d.release])
    result, accepted_before, accepted_after = Replay(unknown=unknown), set(), set()
    for decision in decisions:
        release = decision.release
        if release is None:
            continue
        offer, pk = offer_of(release), decision.book_id
        around = Circumstances(
            now=decision.created_at,
            is_blocklisted=is_blocked(release.indexer, offer, blocked),
            indexer_minimum_seeders=release.indexer.minimum_seeders,
            first_seen_at=release.first_seen_at,
        )

        def judged(chosen: ChosenProfile, offer: Any = offer, pk: int = pk, around: Any = around) -> Verdict:
            known = {"runtimes_seconds": runtimes[pk], "around": around, "sources": chosen.sources}
            return consider(offer, wanted[pk], profile=chosen.profile, **known)

        before, after = judged(profiles[pk]), judged(changed[pk])
        result.judged += 1
        accepted_before |= {pk} if before.is_accepted else set()
        accepted_after |= {pk} if after.is_accepted else set()
        if before.is_accepted != after.is_accepted:
            why = before.rejections or after.rejections
            row = Replayed(decision, before.is_accepted, tuple(asdict(reason) for reason in why))
            (result.lost if before.is_accepted else result.gained).append(row)
    result.books_gained = len(accepted_after - accepted_before)
    return result


def _kept(books: Iterable[Book] | None, since: datetime.datetime, most: int) -> tuple[list[Decision], int]:
    """The newest decision on each release and book, newest first, and how many have lost their release."""
    rows = Decision.objects.filter(created_at__gte=since)
    if books is not None:
        rows = rows.filter(book__in=list(books))
    unknown = rows.filter(release=None).count()
    known = rows.exclude(release=None).select_related("release__indexer", "book").order_by("-created_at", "-pk")
    newest: dict[tuple[int, int | None], Decision] = {}
    for decision in known.iterator(chunk_size=500):
        newest.setdefault((decision.book_id, decision.release_id), decision)
        if len(newest) >= most:
            break
    return list(newest.values()), unknown


def _changed(
    books: Iterable[Book], changes: Mapping[str, Any], profile: ReleaseProfile | None
) -> dict[int, ChosenProfile]:
    """The profiles of the books as they would be."""
    general = asdict(default_profile())
    check_values(changes, {name: value for name, value in general.items() if name != "name"})
    own = dict(profile.values) if profile else {}
    merged = {**general, **own, **changes}
    check_ranges(merged, changes)
    if profile:
        return profiles_of(books, stored={profile.name: {**own, **changes}})
    return profiles_of(books, general=Profile.from_mapping(merged))
