"""The back-off ladder of outside services: each failure climbs a step, each success steps one down."""

import datetime

LADDER_SECONDS = (0, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)


def step_up(level: int) -> int:
    return min(level + 1, len(LADDER_SECONDS) - 1)


def step_down(level: int) -> int:
    return max(level - 1, 0)


def paused_until(level: int, *, now: datetime.datetime, retry_after: float | None = None) -> datetime.datetime | None:
    """Until when a service at this step is left alone. What it asked for (`retry_after` seconds) is a minimum."""
    seconds = max(LADDER_SECONDS[level], min(retry_after or 0, LADDER_SECONDS[-1]))
    return now + datetime.timedelta(seconds=seconds) if seconds else None
