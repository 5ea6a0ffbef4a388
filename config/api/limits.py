"""Eight rate-limit tiers, counted by django-ratelimit per key, user or, when anonymous, address."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError

from config.api.callers import caller_of
from config.caches import CountsInBlocks
from config.errors import RateLimitError

# A limit is counted in blocks of a thousandth of it; limits under 2,000 are counted one by one.
PARTS = 1000
LARGEST_BLOCK = 100
logger = logging.getLogger("unabridged.limits")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left in this window. `reset_at` is a Unix time."""

    limit: int
    remaining: int
    reset_at: int

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }


def count_request(request: HttpRequest, tier: str, caller: str = "") -> tuple[Allowance | None, bool]:
    """Count this request, and say what is left and whether it is one too many.

    When the shared cache is down the request is let through uncounted: an outage of the counter must not be one of the
    product.
    """
    name = caller or caller_of(request)
    rate = settings.RATE_LIMITS[tier]
    counters: Any = caches[settings.RATELIMIT_USE_CACHE]
    if isinstance(counters, CountsInBlocks):
        counters.block = max(1, min(rate[0] // PARTS, LARGEST_BLOCK))
    try:
        usage = get_usage(request, group=tier, key=lambda group, r: name, rate=rate, increment=True)
    except (RedisError, OSError) as error:
        logger.warning("Requests are not counted: the cache cannot be used (%s).", type(error).__name__)
        return None, False
    if usage is None:
        return None, False
    # The window's last second still belongs to it, so the first good moment is one second later.
    reset_at = int(time.time()) + usage["time_left"] + 1
    return Allowance(usage["limit"], max(0, usage["limit"] - usage["count"]), reset_at), usage["should_limit"]


def enforce(request: Any, tier: str) -> None:
    """Count, remember the allowance for the answer's headers, and refuse what is over the limit. A request that took
    the short way in vain is counted already."""
    plain = getattr(request, "_request", request)
    if not hasattr(plain, "rate_count"):
        plain.rate_count = count_request(plain, tier, caller_of(request))
    allowance, is_over = plain.rate_count
    plain.rate_allowance = allowance
    if is_over and allowance:
        wait = max(1, allowance.reset_at - int(time.time()))
        raise RateLimitError(f"Too many requests. Try again in {wait} s.", retry_after=wait)
