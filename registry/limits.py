"""How often one may ask: windows of a minute, counted in Valkey for all processes together.

Whoever asks is a person, with all keys and browsers together, or an address without a key; a whole
/64 of IPv6 is one address, since it is one household's. Each kind of request has a window of its
own (`settings.API_LIMITS`). One round trip a request, and none for a kind without a limit.

Without Valkey nobody is held back, and nothing is counted: limits keep the hub quick, quotas and
permissions keep it safe, and those live in Postgres.
"""

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Final

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from registry.models import User

logger = structlog.get_logger(__name__)
WINDOW_SECONDS: Final = 60
PREFIX: Final = "hyperhub:limits"
# After Valkey failed to answer it is left alone for so long: a hanging one must cost little.
LEFT_ALONE_SECONDS: Final = 5.0
ANSWERS_WITHIN_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Window:
    """A minute of requests of one kind: how many may be made, how many are left, when it ends."""

    limit: int
    remaining: int
    reset: int  # seconds
    exceeded: bool


class _Counter:
    """The connection, and until when it is not to be tried again."""

    def __init__(self) -> None:
        self.away_until = 0.0
        self.valkey = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=ANSWERS_WITHIN_SECONDS,
            socket_connect_timeout=ANSWERS_WITHIN_SECONDS,
            # Once more at once: a connection that was kept may be one to a Valkey before this one.
            retry=Retry(NoBackoff(), 1),
        )

    def count(self, key: str) -> tuple[int, int] | None:
        """How many requests with this one, and the seconds until the window ends."""
        if monotonic() < self.away_until:
            return None
        try:
            asked = self.valkey.pipeline(transaction=False)
            asked.incr(key)
            asked.expire(key, WINDOW_SECONDS, nx=True)
            asked.ttl(key)
            count, _, left = asked.execute()
        except redis.RedisError as error:
            self.away_until = monotonic() + LEFT_ALONE_SECONDS
            logger.warning("limits_not_counted", error=repr(error))
            return None
        return int(count), max(1, int(left))


@cache
def counter() -> _Counter:
    return _Counter()


def take(kind: str, *, who: str, known: bool) -> Window | None:
    """Count one request of this kind. None where there is no limit, or nobody to count."""
    limit: int = settings.API_LIMITS[kind][known]
    if limit == 0 or not who:
        return None
    counted = counter().count(f"{PREFIX}:{kind}:{who}")
    if counted is None:
        return None
    count, reset = counted
    return Window(limit, max(0, limit - count), reset, exceeded=count > limit)


def person(user: User) -> str:
    return f"user:{user.pk}"


def address(text: str) -> str:
    """Whoever visits from there; "" where nobody knows: one window for all would shut them out."""
    try:
        parsed = ip_address(text)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        return f"address:{parsed.ipv4_mapped or ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"
