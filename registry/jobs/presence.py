"""Which workers are alive: each writes down every few seconds, from a thread, that it is there.

Kept in the cache's Redis and aged by Redis's own clock, so that machines need not agree on the
time. A thread, because a worker's main thread is busy for as long as its job runs.
"""

import json
import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from django.conf import settings

from registry.jobs.process import this_process

logger = structlog.get_logger(__name__)
KEY = "hyperhub:workers"
# A worker that has been silent for so long is gone, and no longer mentioned.
FORGOTTEN_AFTER = 3600.0


@dataclass(frozen=True)
class Presence:
    """What a worker last said of itself, and how many seconds ago."""

    queue: str
    host: str
    pid: int
    busy_with: str
    age: float


def worker_name(queue: str) -> str:
    return f"{queue}@{socket.gethostname()}:{os.getpid()}"


def workers() -> list[Presence]:
    """All workers heard of lately, the freshest first. Raises redis.RedisError."""
    with _redis() as client:
        now = _now(client)
        present = [_parse(raw, now) for raw in client.hgetall(KEY).values()]
        return sorted(present, key=lambda worker: worker.age)


class PresenceThread(threading.Thread):
    def __init__(self, queues: Iterable[str]) -> None:
        super().__init__(name="presence", daemon=True)
        self._queues = list(queues)
        self._over = threading.Event()

    def run(self) -> None:
        while True:
            try:
                self._report()
            except redis.RedisError as error:
                logger.warning("presence not written", error=type(error).__name__)
            if self._over.wait(settings.WORKER_PRESENCE_SECONDS):
                return

    def stop(self) -> None:
        """Say goodbye, so that a stopped worker is not mistaken for a dead one."""
        self._over.set()
        try:
            with _redis() as client:
                client.hdel(KEY, *map(worker_name, self._queues))
        except redis.RedisError:
            logger.info("no goodbye: the cache is away")

    def _report(self) -> None:
        with _redis() as client:
            now = _now(client)
            for queue in self._queues:
                said = {
                    "queue": queue,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "busy_with": this_process.busy_with,
                    "at": now,
                }
                client.hset(KEY, worker_name(queue), json.dumps(said))
            gone = [
                name
                for name, raw in client.hgetall(KEY).items()
                if _parse(raw, now).age > FORGOTTEN_AFTER
            ]
            if gone:
                client.hdel(KEY, *gone)


def _redis() -> Any:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, decode_responses=True
    )


def _now(client: Any) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1e6)


def _parse(raw: str, now: float) -> Presence:
    said = json.loads(raw)
    age = max(0.0, now - said.pop("at"))
    return Presence(**said, age=age)
