"""What a worker does with a message. Handlers of jobs live beside their subject."""

import structlog
from celery import shared_task

from registry import (
    counters,
    ingest,  # noqa: F401  # its jobs are known once it is imported
    sweep,  # noqa: F401  # likewise
)
from registry.jobs import enqueue, handler, selfcheck
from registry.jobs.messages import RUN_JOB
from registry.jobs.presence import worker_name
from registry.jobs.reaper import reap
from registry.jobs.worker import run_next
from registry.models import Job
from registry.publishing import publish_due_versions
from registry.webhooks import events  # noqa: F401  # hears what is announced; its jobs likewise


@shared_task(name=RUN_JOB)
def run_job(queue: str, job_id: str, request_id: str) -> None:
    """A job of this queue waits. Whose turn it is, the database says: it need not be `job_id`."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        run_next(queue=queue, worker=worker_name(queue))


@shared_task(name="jobs.reap")
def reap_jobs() -> None:
    reap()


@shared_task(name="registry.publish_due")
def publish_due() -> None:
    publish_due_versions()


@shared_task(name="jobs.start")
def start_job(kind: str) -> None:
    """For beat: a periodic job. While the last one is unfinished there is no second."""
    enqueue(kind=kind, payload={}, owner=None, key=kind)


handler(selfcheck.kind_for("ingest"), queue=Job.Queue.INGEST)(selfcheck.count)
handler(selfcheck.kind_for("notify"), queue=Job.Queue.NOTIFY)(selfcheck.count)


@shared_task(name="registry.count_downloads")
def count_downloads() -> None:
    counters.drain()
