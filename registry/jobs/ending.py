"""How a job leaves the running state: its end, or its way back into the line."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from registry.audit import record
from registry.jobs.messages import announce
from registry.jobs.run import Run
from registry.models import Job, User
from registry.signals import announce as announce_to_all
from registry.signals import job_ended, job_ending

logger = structlog.get_logger(__name__)
LONGEST_BACK_OFF = 3600.0


def end(
    job: Job,
    state: Job.State,
    *,
    reason: str = "",
    result: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> None:
    """The one place where a job ends; the caller holds its row locked, in a transaction.

    The audit line commits with the end: were there two ends, there would be two lines.
    """
    job.state = state
    job.reason = reason.replace("\0", "")
    job.result = dict(result or {})
    job.ended_at = timezone.now()
    job.run_after = None
    _let_go(job)
    facts = {"kind": job.kind, "attempt": job.attempt, "worker": job.worker}
    record(f"job.{state.value}", by=by, on=job, reason=job.reason, data=facts)
    job_ending.send(sender=Job, job=job)
    announce_to_all(job_ended, job=job)
    transaction.on_commit(lambda: logger.info("job ended", state=state.value, job=str(job.pk)))


def put_back(job: Job, *, reason: str, run_after: datetime | None = None) -> None:
    """Into the line again, at its old place; or to its end, if someone cancelled meanwhile.

    The caller holds its row locked, in a transaction.
    """
    if job.cancel_requested_at:
        return end(job, Job.State.CANCELLED, reason=job.reason)
    job.state = Job.State.QUEUED
    job.reason = reason
    job.run_after = run_after
    _let_go(job)
    transaction.on_commit(lambda: logger.info("job back in the queue", job=str(job.pk)))
    if run_after is None:
        transaction.on_commit(lambda: announce(job), robust=True)


def complete(run: Run, *, result: Mapping[str, Any]) -> None:
    with run.fenced() as job:
        _keep_progress(run, job)
        end(job, Job.State.DONE, result=result)


def fail(run: Run, *, reason: str) -> None:
    with run.fenced() as job:
        _keep_progress(run, job)
        end(job, Job.State.FAILED, reason=reason)


def cancel(run: Run) -> None:
    with run.fenced() as job:
        _keep_progress(run, job)
        end(job, Job.State.CANCELLED, reason=job.reason)


def hand_over(run: Run) -> None:
    """The worker shuts down: not the job's fault, so the attempt does not count."""
    with run.fenced() as job:
        _keep_progress(run, job)
        job.attempt -= 1
        put_back(job, reason=_("Its worker was shut down; another one takes over."))


def try_again(run: Run) -> None:
    with run.fenced() as job:
        _keep_progress(run, job)
        counts = {"attempt": job.attempt, "max_attempts": job.max_attempts}
        if job.attempt >= job.max_attempts and not job.cancel_requested_at:
            reason = _(
                "Something went wrong on our side in each of %(max_attempts)d attempts. "
                "The log has the details under this job's number."
            )
            return end(job, Job.State.FAILED, reason=reason % counts)
        reason = _(
            "Something went wrong on our side in attempt %(attempt)d of %(max_attempts)d. "
            "It is tried again by itself."
        )
        put_back(job, reason=reason % counts, run_after=timezone.now() + back_off(job.attempt))


def back_off(attempt: int) -> timedelta:
    """Four times as long after each attempt, and never more than an hour."""
    seconds = min(settings.JOB_RETRY_SECONDS * 4.0 ** (attempt - 1), LONGEST_BACK_OFF)
    return timedelta(seconds=seconds)


def _keep_progress(run: Run, job: Job) -> None:
    """The last report may not have been written: reports are throttled."""
    for field, value in run.reported.items():
        setattr(job, field, value)


def _let_go(job: Job) -> None:
    job.lease = job.lease_expires_at = None
    job.save()
