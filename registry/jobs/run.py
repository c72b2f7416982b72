"""One attempt at a job, as its handler sees it, and the heartbeat that keeps its lease."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.db.utils import Error as AnyDatabaseError

from registry.jobs.process import this_process
from registry.models import Job

logger = structlog.get_logger(__name__)


class Failed(Exception):
    """A handler gives up: no further attempt would help. The reason is shown to the owner."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Stop(BaseException):
    """The attempt is over. Not an Exception: a handler's `except Exception` must not eat it."""


class Cancelled(Stop):
    """Someone asked for the job to be cancelled."""


class LeaseLost(Stop):
    """The job is no longer ours: another worker has it, or it has ended."""


class Interrupted(Stop):
    """This worker is shutting down. The job goes back, and the attempt does not count."""


class Run:
    """The attempt: where a handler reads its payload, reports, and asks whether to go on."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.payload: dict[str, Any] = job.payload
        self.reported: dict[str, int | str] = {}
        self._written_at = float("-inf")
        self._database_away = False
        self._lost = False
        self._cancelled = False

    def progress(self, done: int, total: int, label: str = "") -> None:
        """Show how far the work is; written at most once a second, and never in a transaction.

        A database that is away holds the work up for one attempt to write, then no longer.
        """
        self.reported = {
            "progress_done": done,
            "progress_total": total,
            "progress_label": label[:120],
        }
        too_soon = time.monotonic() - self._written_at < settings.JOB_PROGRESS_SECONDS
        if self._database_away or (too_soon and done < total):
            return
        self._written_at = time.monotonic()
        self.beat(**self.reported)

    def checkpoint(self) -> None:
        """Ask whether to go on; cheap enough for every step of a loop.

        Raises LeaseLost, Cancelled or Interrupted. A handler lets them pass.
        """
        if self._lost:
            raise LeaseLost
        if self._cancelled:
            raise Cancelled
        if this_process.stopping:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait, at a checkpoint all the time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.checkpoint()
            time.sleep(min(left, 0.1))
        self.checkpoint()

    @contextmanager
    def fenced(self) -> Iterator[Job]:
        """A transaction that is only begun, and can only commit, while the job is ours.

        Keep it short: it locks the row, which nobody can cancel meanwhile. Raises LeaseLost.
        """
        with transaction.atomic():
            row = Job.objects.held_by(self.job).select_for_update().first()
            if row is None:
                raise LeaseLost
            yield row

    def beat(self, **fields: int | str) -> bool:
        """Renew the lease if the database answers; else it is tried again with the next beat."""
        try:
            self.renew(**fields)
            self._database_away = False
        except AnyDatabaseError as error:
            logger.warning("heartbeat missed", job=str(self.job.pk), error=type(error).__name__)
            connection.close_if_unusable_or_obsolete()
            self._database_away = True
        return not self._database_away

    def renew(self, **fields: int | str) -> None:
        """Extend the lease, and learn whether it was lost and whether someone cancelled."""
        held = Job.objects.held_by(self.job)
        with transaction.atomic(durable=True):
            if not held.update(heartbeat_at=Now(), lease_expires_at=lease_end(), **fields):
                self._lost = True
            elif held.filter(cancel_requested_at__isnull=False).exists():
                self._cancelled = True


def lease_end() -> Any:
    """By the database's clock, so that machines need not agree on the time."""
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)


class Heartbeat(threading.Thread):
    """Renews a lease beside the handler, through a connection of its own."""

    def __init__(self, run: Run) -> None:
        super().__init__(name=f"heartbeat of {run.job.pk}", daemon=True)
        self._run = run
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(timeout=2)

    def run(self) -> None:
        pause = usual = settings.JOB_HEARTBEAT_SECONDS
        while not self._over.wait(pause):
            pause = usual if self._run.beat() else min(1.0, usual)
        connection.close()
