"""Values that take long to make, kept for all processes: made by one of them at a time.

While somebody makes a value anew, the others get the old one; only where there is no old one do
they wait. Without Valkey everyone makes their own.
"""

from collections.abc import Callable
from time import monotonic, sleep, time
from typing import Any, Final, TypeVar, cast

import redis
from django.core.cache import cache

Value = TypeVar("Value")
# An old value is shown for so many times longer than it is fresh.
KEPT: Final = 10
# Whoever makes a value has so long before another one tries.
MAKING_SECONDS: Final = 15
LOOKS_EVERY_SECONDS: Final = 0.05


def cached(key: str, make: Callable[[], Value], *, seconds: float) -> Value:
    """The value of `key`, not older than `seconds` unless it is being made anew.

    It must survive pickle, and is never None.
    """
    try:
        return _cached(key, make, seconds)
    except redis.RedisError:
        return make()


def _cached(key: str, make: Callable[[], Value], seconds: float) -> Value:
    found: tuple[float, Value] | None = cache.get(key)
    if found and found[0] > time():
        return found[1]
    making = f"{key}:making"
    if not cache.add(making, True, MAKING_SECONDS):
        if found:
            return found[1]
        if found := _made_by_another(key):
            return found[1]
    elif (newer := cache.get(key)) and newer[0] > time():
        # Made between our look and our turn.
        cache.delete(making)
        return cast(Value, newer[1])
    try:
        value = make()
        cache.set(key, (time() + seconds, value), seconds * KEPT)
    finally:
        cache.delete(making)
    return value


def _made_by_another(key: str) -> tuple[float, Any] | None:
    deadline = monotonic() + MAKING_SECONDS
    while monotonic() < deadline:
        sleep(LOOKS_EVERY_SECONDS)
        found: tuple[float, Any] | None = cache.get(key)
        if found:
            return found
        if cache.get(f"{key}:making") is None:
            return None  # it failed: our turn
    return None
