"""Counting in the shared cache: exact, with an end, and by several processes at once."""

import os
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import caches as django_caches
from django.test import RequestFactory

from config.api.limits import count_request
from config.caches import CountingRedisCache, LockedFileCache


def caches(tmp_path: Path) -> tuple[Any, Any]:
    """The cache as two processes see it."""
    if settings.REDIS_URL:
        return CountingRedisCache(settings.REDIS_URL, {}), CountingRedisCache(settings.REDIS_URL, {})
    return LockedFileCache(str(tmp_path), {}), LockedFileCache(str(tmp_path), {})


def count(cache: Any, key: str) -> int:
    """As django-ratelimit counts."""
    return 1 if cache.add(key, 1, 60) else int(cache.incr(key))


def test_two_processes_count_together(tmp_path: Path) -> None:
    here, there = caches(tmp_path)
    key = f"count-{os.getpid()}"
    here.delete(key)
    assert [count(cache, key) for cache in (here, there, here, there, there)] == [1, 2, 3, 4, 5]
    here.delete(key)


def test_a_counter_that_is_gone_begins_anew_and_ends_again(tmp_path: Path) -> None:
    if not settings.REDIS_URL:
        cache = LockedFileCache(str(tmp_path), {})
        with pytest.raises(ValueError, match="no counter"):
            cache.incr("never")
        return
    cache, key = CountingRedisCache(settings.REDIS_URL, {}), f"gone-{os.getpid()}"
    cache.delete(key)
    assert [count(cache, key), count(cache, key)] == [1, 2]
    cache._cache.get_client(None).delete(cache.make_key(key))
    assert count(cache, key) == 1
    assert 0 < cache._cache.get_client(None).ttl(cache.make_key(key)) <= 60
    cache.delete(key)


def test_counting_goes_on_when_redis_has_closed_the_connection(tmp_path: Path) -> None:
    cache, _ = caches(tmp_path)
    key = f"closed-{os.getpid()}"
    cache.delete(key)
    assert [count(cache, key), count(cache, key)] == [1, 2]
    if settings.REDIS_URL:
        client = cache._client
        mine = int(client.client_id())
        other = redis.Redis.from_url(settings.REDIS_URL)
        assert other.client_kill_filter(_id=str(mine)) == 1
    assert count(cache, key) == 3
    cache.delete(key)


def test_blocks_are_given_out_once_each_and_in_order(tmp_path: Path) -> None:
    here, there = caches(tmp_path)
    key = f"block-{os.getpid()}"
    here.delete(key)
    here.block = there.block = 4
    given = [[count(cache, key) for _ in range(6)] for cache in (here, there)]
    assert given == [[1, 2, 3, 4, 5, 6], [10, 11, 12, 13, 14, 15]]
    here.block = 1  # from now on one by one
    assert count(here, key) == 18
    here.delete(key)


@pytest.mark.parametrize(("limit", "block"), [(1, 1), (60, 1), (1999, 1), (20_000, 20), (10_000_000, 100)])
def test_only_generous_limits_are_counted_in_blocks(limit: int, block: int, settings: Any, tmp_path: Path) -> None:
    kind = "CountingRedisCache" if settings.REDIS_URL else "LockedFileCache"
    place = settings.REDIS_URL or str(tmp_path)
    settings.CACHES = {**settings.CACHES, "limits": {"BACKEND": f"config.caches.{kind}", "LOCATION": place}}
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "search": (limit, 3600)}
    request = RequestFactory().get("/")
    caller = f"caller-{os.getpid()}-{limit}"
    counted = [count_request(request, "search", caller) for _ in range(3)]
    left = [allowance.remaining for allowance, _ in counted if allowance]
    assert left == [max(0, limit - number) for number in (1, 2, 3)]
    assert [is_over for _, is_over in counted] == [number > limit for number in (1, 2, 3)]
    assert django_caches["limits"].block == block  # type: ignore[attr-defined]
