"""A cache in files that several processes may count in: used for rate limits when there is no Redis."""

import fcntl
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache.backends.filebased import FileBasedCache


class LockedFileCache(FileBasedCache):
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

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """Add to a counter and keep its expiry; ValueError when it is gone."""
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
