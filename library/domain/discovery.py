"""Which titles of a genre are most wanted: popularity where a catalogue tells it, and what the owner likes already."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from library.domain.text import fold

# Where catalogues tell how many people rated or keep a book.
COUNT_KEYS = ("users_count", "ratings_count", "ratingsCount", "num_ratings", "want_to_read_count", "readinglog_count")


@dataclass(frozen=True, slots=True)
class Title:
    """A title that could be wanted. `recordings` counts the recordings that are known of the same work."""

    key: str
    title: str
    authors: tuple[str, ...]
    genres: tuple[str, ...]
    popularity: int = 0
    recordings: int = 1


@dataclass(frozen=True, slots=True)
class Ranked:
    title: Title
    score: float
    reasons: tuple[str, ...]


def matching_genres(genres: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of a book that contain a wanted genre as whole words (`Fantasy` is in `Epic Fantasy`)."""
    needles = [f" {fold(one)} " for one in wanted if fold(one)]
    return tuple(genre for genre in genres if any(needle in f" {fold(genre)} " for needle in needles))


def popularity_of(raw: Mapping[str, Any]) -> int:
    """How many people a provider's record says have rated or keep the book; 0 when it does not say."""
    counts = [raw.get(key) for key in COUNT_KEYS]
    rating = raw.get("rating")
    if isinstance(rating, Mapping):
        distribution = rating.get("overall_distribution")
        counts += [
            rating.get("num_reviews"),
            distribution.get("num_ratings") if isinstance(distribution, Mapping) else 0,
        ]
    return max((one for one in counts if isinstance(one, int) and not isinstance(one, bool)), default=0)


def rank_titles(titles: Iterable[Title], *, owned_by_author: Mapping[str, int], limit: int) -> list[Ranked]:
    """The most wanted first. `owned_by_author`: {folded author: books on the shelf}."""
    ranked = [_rank(title, owned_by_author) for title in titles]
    return sorted(ranked, key=lambda one: (-one.score, one.title.title, one.title.key))[:limit]


def _rank(title: Title, owned: Mapping[str, int]) -> Ranked:
    reasons, score = [], 0.0
    if title.popularity:
        score += math.log10(1 + title.popularity)
        reasons.append(f"{title.popularity:,} people have rated or keep it.")
    if title.recordings > 1:
        score += math.log2(title.recordings)
        reasons.append(f"It was recorded {title.recordings} times.")
    held = max((owned.get(fold(author), 0) for author in title.authors), default=0)
    if held:
        score += 1 + math.log2(held)
        reasons.append(f"You have {held} of the author's books." if held > 1 else "You have a book of the author.")
    if title.genres:
        reasons.append(f"Genre: {', '.join(title.genres[:3])}.")
    return Ranked(title, round(score, 3), tuple(reasons))
