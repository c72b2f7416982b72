"""Doing, in the test's own process, what a worker would do."""

from registry.jobs.worker import run_next
from registry.models import Job


def run_waiting_jobs(*, queue: str = "ingest") -> list[Job]:
    """Every job of the queue that is due, in its turn; as each is after its run."""
    ran = []
    while job := run_next(queue=queue, worker="test"):
        job.refresh_from_db()
        ran.append(job)
    return ran
