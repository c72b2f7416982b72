"""Counting downloads in Valkey, written down in Postgres by a periodic task: no write a request.

Counts wait in one hash. `drain` sets it aside under a name that is also kept in Postgres, in the
transaction that adds the counts: a drain that dies half-way is repeated, and counted once.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, Final
from uuid import uuid4

import redis
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from registry.models import Download, File, Network, Version
from registry.models.download import DownloadBatch

logger = structlog.get_logger(__name__)
PENDING: Final = "hyperhub:downloads:pending"
ASIDE: Final = "hyperhub:downloads:aside:"
SEEN: Final = "hyperhub:downloads:seen:"
DAY: Final = timedelta(days=1)


@cache
def _valkey() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        decode_responses=True,
        # The client's own default waits for seconds between attempts: nobody's request should.
        retry=Retry(NoBackoff(), 1),
    )


def count_download(*, file: File, client: str) -> None:
    """Count a download, once per client, file and day. `client` is an opaque digest."""
    today = timezone.now().date()
    seen = f"{SEEN}{today:%Y%m%d}:{file.pk}:{client}"
    try:
        if _valkey().set(seen, 1, nx=True, ex=DAY):
            _valkey().hincrby(PENDING, f"{today:%Y-%m-%d}:{file.pk}", 1)
    except redis.RedisError as error:
        # People get their file all the same.
        logger.warning("download_not_counted", file=file.pk, error=repr(error))


def drain() -> int:
    """Write the waiting counts to Postgres; returns how many downloads that were."""
    if _valkey().exists(PENDING):
        _valkey().rename(PENDING, f"{ASIDE}{uuid4()}")
    return sum(_write_down(str(key)) for key in _valkey().scan_iter(f"{ASIDE}*"))


def _write_down(key: str) -> int:
    """One hash that was set aside, in one transaction with its name."""
    counts = dict(_parsed(_valkey().hgetall(key)))
    with transaction.atomic():
        _, is_new = DownloadBatch.objects.get_or_create(name=key.removeprefix(ASIDE))
        if is_new:
            _add(counts)
    _valkey().delete(key)
    return sum(counts.values()) if is_new else 0


def _parsed(waiting: Mapping[Any, Any]) -> Iterator[tuple[tuple[date, int], int]]:
    for field, count in waiting.items():
        day, _, file = str(field).partition(":")
        yield (date.fromisoformat(day), int(file)), int(count)


def _add(counts: dict[tuple[date, int], int]) -> None:
    """To each file's day, and to the sums that lists show and sort by."""
    files = File.objects.select_related("version").in_bulk({file for _, file in counts})
    for (day, key), count in sorted(counts.items()):
        # Deleted since: nobody is left to count for.
        if (file := files.get(key)) is None:
            continue
        Download.objects.get_or_create(file=file, day=day)
        Download.objects.filter(file=file, day=day).update(count=F("count") + count)
        Version.objects.filter(pk=file.version_id).update(
            download_count=F("download_count") + count
        )
        Network.objects.filter(pk=file.version.network_id).update(
            download_count=F("download_count") + count
        )
