"""Asking for work, and taking the request back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from registry.audit import record
from registry.jobs.ending import end
from registry.jobs.handlers import handler_of
from registry.jobs.messages import announce
from registry.models import Job, User


class JobFinished(Exception):
    """A job that has ended cannot be cancelled."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"{job} has already ended.")


def enqueue(
    *,
    kind: str,
    payload: Mapping[str, Any],
    owner: User | None,
    key: str = "",
    priority: int = 100,
    run_after: datetime | None = None,
) -> Job:
    """Write the job down, and wake a worker once the surrounding transaction has committed.

    While a job with the same `key` is unfinished, that one is returned instead: asking twice is
    one job. `priority`: lower goes first, a point is worth a minute. Raises UnknownKind.
    """
    handler = handler_of(kind)
    if key and (asked_before := Job.objects.unfinished().filter(key=key).first()):
        return asked_before
    job = Job(
        kind=kind,
        queue=handler.queue,
        payload=dict(payload),
        owner=owner,
        key=key,
        priority=priority,
        turn_at=turn_of(owner=owner, queue=handler.queue, priority=priority),
        run_after=run_after,
        max_attempts=handler.max_attempts,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        if not key:
            raise
        # Someone asked at the same moment.
        return Job.objects.unfinished().get(key=key)
    if run_after is None:
        transaction.on_commit(lambda: announce(job), robust=True)
    return job


def turn_of(*, owner: User | None, queue: Job.Queue, priority: int) -> datetime:
    """A place in the line, as a time: now, later by a minute for each point of priority.

    Each unfinished job of the same owner costs another minute, so that one person's thousand jobs
    let others in between. The place never moves, so it is always reached.
    """
    minutes = priority
    if owner is not None:
        minutes += Job.objects.unfinished().filter(owner=owner, queue=queue).count()
    return timezone.now() + timedelta(minutes=minutes)


def cancel_job(*, job: Job, by: User | None, reason: str = "") -> Job:
    """A waiting job ends at once; a running one at its next checkpoint. Raises JobFinished."""
    reason = reason or _("Cancelled.")
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=job.pk)
        if job.is_finished:
            raise JobFinished(job)
        if job.state == Job.State.QUEUED:
            end(job, Job.State.CANCELLED, reason=reason, by=by)
        elif job.cancel_requested_at is None:
            job.cancel_requested_at = timezone.now()
            job.reason = reason
            job.save(update_fields=["cancel_requested_at", "reason"])
            record("job.cancel_requested", by=by, on=job, reason=reason)
    return job
