"""The door to everything about titles: reading them, their keys, and whether two name one work."""

from library.domain.title_parsing import ParsedTitle, Place, parse_place, parse_title
from library.domain.works import Judgement, judge_works, same_series, same_work, series_key, title_key

__all__ = [
    "Judgement",
    "ParsedTitle",
    "Place",
    "judge_works",
    "parse_place",
    "parse_title",
    "same_series",
    "same_work",
    "series_key",
    "title_key",
]
