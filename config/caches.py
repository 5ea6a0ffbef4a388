"""Caches to count in, for rate limits: in Redis with one round trip, and in files when there is no Redis."""

import fcntl
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.redis import RedisCache

MOST_REMEMBERED = 10_000


class CountsInBlocks:
    """Takes `block` numbers at once from a counter that is shared, and gives them out one by one: each thread has its own.

    With a generous limit it matters to nobody whether the last thousandth was counted here or elsewhere, but asking
    each time costs more than a short answer. A block of one counts each time.
    """

    block = 1

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._left: dict[Any, tuple[int, int]] = {}  # by key: the next number, and the last of the block

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """Add to a counter; ValueError when it is gone."""
        if self.block == 1 or delta != 1:
            return self._take(key, delta, version)
        number, last = self._left.get(key, (1, 0))
        if number > last:
            last = self._take(key, self.block, version)
            number = last - self.block + 1
            if len(self._left) >= MOST_REMEMBERED:
                self._left.clear()
        self._left[key] = (number + 1, last)
        return number

    def clear(self) -> None:
        self._left.clear()
        super().clear()  # type: ignore[misc]

    def _take(self, key: Any, delta: int, version: Any) -> int:
        raise NotImplementedError


class CountingRedisCache(CountsInBlocks, RedisCache):
    """Django's Redis cache, which asks three times to count once (is it new, is it there, add one), made to ask once.

    The process remembers which counters it has seen begin, and for how long they last.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._lasting: dict[str, float] = {}
        self._client: Any = None  # made once: Django makes a client a call, which takes as long as asking

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        if key in self._lasting:
            return False
        if len(self._lasting) >= MOST_REMEMBERED:
            self._lasting.clear()
        self._lasting[key] = timeout
        return bool(super().add(key, value, timeout, version))

    def _take(self, key: Any, delta: int, version: Any) -> int:
        made = self.make_and_validate_key(key, version=version)
        self._client = self._client or self._cache.get_client(made, write=True)
        count = int(self._client.incrby(made, delta))
        if count == delta and key in self._lasting:
            self._client.expire(made, int(self._lasting[key]))  # it was gone, so this is a new one
        return count

    def clear(self) -> None:
        self._lasting.clear()
        super().clear()


class LockedFileCache(CountsInBlocks, FileBasedCache):
    """Django's file cache with `add` and `incr` made atomic by a lock file, so that no two processes lose a count."""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        place = Path(self._dir)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def add(self, *args: Any, **kwargs: Any) -> bool:
        with self._locked():
            return super().add(*args, **kwargs)

    def _take(self, key: Any, delta: int, version: Any) -> int:
        with self._locked():
            path = self._key_to_file(key, version)
            try:
                with Path(path).open("rb") as file:
                    expires_at = self._expiry(file)
                    value = self.get(key, version=version)
            except FileNotFoundError:
                value = None
            if value is None:
                raise ValueError(f"There is no counter {key}.")
            left = None if expires_at is None else max(0.0, expires_at - time.time())
            self.set(key, value + delta, timeout=left, version=version)
            return int(value + delta)

    @staticmethod
    def _expiry(file: Any) -> float | None:
        return pickle.load(file)  # noqa: S301 (written by this class)  # type: ignore[no-any-return]
