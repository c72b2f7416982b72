"""Looking after jobs that nobody looks after: their worker died, or their message was lost."""

import structlog
from django.db import connection, transaction
from django.utils.translation import gettext as _

from registry.jobs.ending import end, put_back
from registry.jobs.messages import announce_waiting
from registry.models import Job

logger = structlog.get_logger(__name__)
# Any number that nothing else here uses as an advisory lock.
REAPER_LOCK = 0x4A4F4253


def reap() -> int:
    """Return abandoned jobs to the queue, or end them after their last attempt; how many.

    Any number of reapers may run: one does the work.
    """
    reaped = _take_from_dead_workers()
    announce_waiting()
    return reaped


def _take_from_dead_workers() -> int:
    with transaction.atomic():
        if not _only_reaper():
            return 0
        abandoned = list(Job.objects.abandoned().select_for_update(skip_locked=True))
        for job in abandoned:
            with structlog.contextvars.bound_contextvars(request_id=job.request_id):
                _take(job)
    return len(abandoned)


def _take(job: Job) -> None:
    logger.warning("job abandoned", job=str(job.pk), worker=job.worker, attempt=job.attempt)
    counts = {"attempt": job.attempt, "max_attempts": job.max_attempts}
    if job.attempt >= job.max_attempts and not job.cancel_requested_at:
        reason = _("Its worker stopped in the middle of it, in each of %(max_attempts)d attempts.")
        return end(job, Job.State.FAILED, reason=reason % counts)
    reason = _("Its worker stopped in the middle of attempt %(attempt)d. It is started again.")
    put_back(job, reason=reason % counts)


def _only_reaper() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [REAPER_LOCK])
        return bool(cursor.fetchone()[0])
