"""How a job leaves the running state. The caller holds the row locked, in a transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from registry.jobs.messages import announce
from registry.models import AuditEvent, Job, User

logger = structlog.get_logger(__name__)


def end(
    job: Job,
    state: Job.State,
    *,
    reason: str = "",
    result: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> None:
    """The one place where a job ends. Its audit line commits with it: two lines, two ends."""
    job.state = state
    job.reason = reason.replace("\0", "")
    job.result = dict(result or {})
    job.ended_at = timezone.now()
    job.run_after = None
    _let_go(job)
    AuditEvent.objects.create(
        actor=by,
        action=f"job.{state.value}",
        target=f"registry.job:{job.pk}",
        reason=job.reason,
        data={"kind": job.kind, "attempt": job.attempt, "worker": job.worker},
        request_id=job.request_id,
    )
    transaction.on_commit(lambda: logger.info("job ended", state=state.value, job=str(job.pk)))


def put_back(job: Job, *, reason: str, run_after: datetime | None = None) -> None:
    """Into the line again, at its old place; or to its end, if someone cancelled meanwhile."""
    if job.cancel_requested_at:
        return end(job, Job.State.CANCELLED, reason=job.reason)
    job.state = Job.State.QUEUED
    job.reason = reason
    job.run_after = run_after
    _let_go(job)
    transaction.on_commit(lambda: logger.info("job back in the queue", job=str(job.pk)))
    if run_after is None:
        transaction.on_commit(lambda: announce(job), robust=True)


def _let_go(job: Job) -> None:
    job.lease = job.lease_expires_at = None
    job.save()
