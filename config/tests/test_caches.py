"""Counting in the shared cache: exact, with an end, and by several processes at once."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

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
