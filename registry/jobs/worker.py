"""A worker's turn: claim the job whose turn it is, do it, and write its end exactly once."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.db.utils import Error as AnyDatabaseError

from registry.jobs import ending
from registry.jobs.handlers import handler_of, known_kinds
from registry.jobs.process import this_process
from registry.jobs.run import Cancelled, Failed, Heartbeat, Interrupted, LeaseLost, Run, lease_end
from registry.models import Job

logger = structlog.get_logger(__name__)
T = TypeVar("T")


def run_next(*, queue: str, worker: str) -> Job | None:
    """See the next job of this queue to its end, or to its next attempt. None: nothing is due."""
    if this_process.stopping:
        return None
    job = _patiently(partial(claim, queue=queue, worker=worker))
    if job is None:
        return None
    this_process.busy_with = job.kind
    context = {"request_id": job.request_id, "job": str(job.pk), "kind": job.kind}
    try:
        with structlog.contextvars.bound_contextvars(**context):
            _see_through(Run(job))
    finally:
        this_process.busy_with = ""
    return job


def claim(*, queue: str, worker: str) -> Job | None:
    """Take the due job that is first in line, with a fresh lease; others skip it from now on."""
    with transaction.atomic():
        job = (
            Job.objects.due()
            .filter(queue=queue, kind__in=known_kinds())
            .select_for_update(skip_locked=True)
            .first()
        )
        if job is None:
            return None
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.RUNNING,
            lease=uuid.uuid4(),
            lease_expires_at=lease_end(),
            attempt=F("attempt") + 1,
            worker=worker,
            run_after=None,
            heartbeat_at=Now(),
            started_at=Now(),
        )
        job.refresh_from_db()
    return job


def _see_through(run: Run) -> None:
    logger.info("job started", attempt=run.job.attempt, worker=run.job.worker)
    with Heartbeat(run):
        write_end = _attempt(run)
        try:
            _patiently(partial(write_end, run))
        except LeaseLost:
            logger.warning("job lost: its lease ran out or it was ended; nothing was written")


def _attempt(run: Run) -> Callable[[Run], None]:
    """Call the handler, and say how this run ends."""
    try:
        result = handler_of(run.job.kind).work(run) or {}
        return partial(ending.complete, result=_storable(result))
    except (Cancelled, LeaseLost):
        return ending.cancel
    except Interrupted:
        return ending.hand_over
    except Failed as failure:
        return partial(ending.fail, reason=failure.reason)
    except Exception:
        logger.exception("job attempt failed", attempt=run.job.attempt)
        return ending.try_again
    except BaseException:  # the process is being torn down
        with suppress(LeaseLost, AnyDatabaseError):
            ending.hand_over(run)
        raise


def _storable(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse here, as a failed attempt, what Postgres would refuse at the end."""
    if "\\u0000" in json.dumps(result, allow_nan=False):
        raise ValueError("A job's result cannot hold NUL characters.")
    return result


def _patiently(step: Callable[[], T]) -> T:
    """Until Postgres answers: work that is done is not thrown away because a server restarts."""
    while True:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            connection.close_if_unusable_or_obsolete()
            if this_process.stopping:
                raise
            logger.warning("the database does not answer", error=type(error).__name__)
            time.sleep(1)
