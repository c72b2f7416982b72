"""Whatever workers, owners, reapers and accidents do, in any order: a job ends exactly once."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from registry.jobs import JobFinished, LeaseLost, Run, cancel_job, ending, enqueue
from registry.jobs.reaper import reap
from registry.jobs.worker import claim
from registry.models import AuditEvent, Job

ENDS = ("job.done", "job.failed", "job.cancelled")
LEGAL = {
    "queued": {"queued", "running", "cancelled"},
    "running": {"running", "queued", "done", "failed", "cancelled"},
    "done": {"done"},
    "failed": {"failed"},
    "cancelled": {"cancelled"},
}


class Jobs(RuleBasedStateMachine):
    """A run stays in the bundle after its lease is gone: that is the worker that comes too late."""

    jobs = Bundle("jobs")
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        Job.objects.all().delete()
        AuditEvent.objects.all().delete()
        self.last: dict[Any, str] = {}

    @rule(target=jobs, priority=st.integers(-50, 50), key=st.sampled_from(["", "a"]))
    def ask(self, priority: int, key: str) -> Any:
        job = enqueue(kind="selfcheck.ingest", payload={}, owner=None, priority=priority, key=key)
        return job.pk

    @rule(target=runs)
    def take(self) -> Any:
        first = Job.objects.due().first()
        job = claim(queue="ingest", worker="test")
        assert job == first
        return Run(job) if job else multiple()

    @rule(target=runs, run=runs)
    def overtake(self, run: Run) -> Any:
        """The worker sleeps past its lease, and another takes the job; it will wake up."""
        self.die(run.job.pk)
        self.reap()
        return self.take()

    @rule(run=runs)
    def complete(self, run: Run) -> None:
        self.write(run, lambda held: ending.complete(held, result={"lease": str(held.job.lease)}))

    @rule(run=runs)
    def fail(self, run: Run) -> None:
        self.write(run, lambda held: ending.fail(held, reason="It is broken."))

    @rule(run=runs)
    def stumble(self, run: Run) -> None:
        self.write(run, ending.try_again)

    @rule(run=runs)
    def shut_down(self, run: Run) -> None:
        self.write(run, ending.hand_over)

    @rule(run=runs)
    def notice(self, run: Run) -> None:
        """Beat once, and obey a cancel."""
        run.renew()
        assert run._lost == (not holds(run))
        if run._cancelled:
            self.write(run, ending.cancel)

    @rule(job=jobs)
    def cancel(self, job: Any) -> None:
        row = Job.objects.get(pk=job)
        if row.is_finished:
            with pytest.raises(JobFinished):
                cancel_job(job=row, by=None)
        else:
            cancel_job(job=row, by=None)

    @rule(job=jobs)
    def die(self, job: Any) -> None:
        """Its worker is killed, or sleeps past its lease."""
        past = timezone.now() - timedelta(seconds=1)
        Job.objects.filter(pk=job, state="running").update(lease_expires_at=past)

    @rule()
    def reap(self) -> None:
        reap()
        assert not Job.objects.abandoned().exists()

    @rule()
    def wait(self) -> None:
        Job.objects.filter(run_after__isnull=False).update(run_after=timezone.now())

    def write(self, run: Run, ending_of: Any) -> None:
        """Succeeds if and only if the run still holds its job."""
        before, held = row_of(run), holds(run)
        try:
            ending_of(run)
            assert held
        except LeaseLost:
            assert not held
            assert row_of(run) == before

    @invariant()
    def each_job_ends_once(self) -> None:
        lines = Counter(AuditEvent.objects.filter(action__in=ENDS).values_list("target", flat=True))
        for job in Job.objects.all():
            assert lines[f"registry.job:{job.pk}"] == int(job.is_finished)
            assert job.state in LEGAL[self.last.get(job.pk, "queued")]
            self.last[job.pk] = job.state
            assert 0 <= job.attempt <= job.max_attempts
            assert not job.is_finished or bool(job.reason) == (job.state != Job.State.DONE)

    @invariant()
    def a_key_has_one_unfinished_job(self) -> None:
        assert Job.objects.unfinished().filter(key="a").count() <= 1


def row_of(run: Run) -> dict[str, Any]:
    return dict(Job.objects.filter(pk=run.job.pk).values().get())


def holds(run: Run) -> bool:
    row = row_of(run)
    return (row["state"], row["lease"]) == ("running", run.job.lease)


@pytest.mark.django_db
def test_a_job_ends_exactly_once() -> None:
    run_state_machine_as_test(
        Jobs,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
