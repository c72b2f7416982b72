import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.jobs import cancel_job, enqueue
from registry.jobs.selfcheck import DEFAULT_SECONDS, kind_for
from registry.models import Job

POLL_SECONDS = 0.2


class Command(BaseCommand):
    help = "Give each queue a job that only counts, and wait for its end: does work flow?"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue", action="append", choices=Job.Queue.values, help="only this queue"
        )
        parser.add_argument(
            "--seconds", type=float, default=DEFAULT_SECONDS, help="how long each job counts"
        )
        parser.add_argument(
            "--timeout", type=float, default=120, help="give up, and cancel, after so many seconds"
        )

    def handle(self, *, queue: list[str] | None, seconds: float, timeout: float, **_: Any) -> None:
        jobs = [ask(name, seconds) for name in queue or Job.Queue.values]
        until = time.monotonic() + timeout
        while (waiting := unfinished(jobs)) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        for job in waiting:
            cancel_job(job=job, by=None, reason="The self-check waited no longer.")
        ended = [Job.objects.get(pk=job.pk) for job in jobs]
        for job in ended:
            self.stdout.write(outcome(job))
        if not all(job.state == Job.State.DONE for job in ended):
            raise CommandError("Not every queue does its work.")


def ask(queue: str, seconds: float) -> Job:
    return enqueue(kind=kind_for(queue), payload={"seconds": seconds}, owner=None, priority=0)


def unfinished(jobs: list[Job]) -> list[Job]:
    return list(Job.objects.unfinished().filter(pk__in=[job.pk for job in jobs]))


def outcome(job: Job) -> str:
    """One line: the queue, how it ended and after how long, by whom or why."""
    if job.started_at and job.ended_at:
        waited = (job.started_at - job.created_at).total_seconds()
        took = (job.ended_at - job.started_at).total_seconds()
        times = f"waited {waited:.1f} s, took {took:.1f} s, attempt {job.attempt}, {job.worker}"
    else:
        times = "no worker took it"
    return f"{job.queue}: {job.state} ({times}) {job.reason}".strip()
