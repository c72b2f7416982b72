from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from registry.jobs import cancel_job, enqueue
from registry.jobs.messages import announce_waiting
from registry.jobs.reaper import REAPER_LOCK, reap
from registry.jobs.worker import claim
from registry.models import AuditEvent, Job
from tests.registry.jobs.test_worker import expire_lease_of, in_a_thread


def claimed() -> Job:
    enqueue(kind="selfcheck.ingest", payload={}, owner=None)
    job = claim(queue="ingest", worker="ingest@here:1")
    assert job is not None
    return job


@pytest.mark.django_db(transaction=True)
class TestAnAbandonedJob:
    def test_goes_back_to_the_queue_and_its_attempt_counts(self) -> None:
        job = claimed()
        expire_lease_of(job)
        assert reap() == 1
        job.refresh_from_db()
        assert (job.state, job.attempt, job.lease) == ("queued", 1, None)
        assert "stopped in the middle" in job.reason

    def test_fails_after_its_last_attempt(self) -> None:
        job = claimed()
        Job.objects.update(attempt=3)
        expire_lease_of(job)
        reap()
        job.refresh_from_db()
        assert (job.state, job.attempt) == ("failed", 3)
        assert "3 attempts" in job.reason
        assert AuditEvent.objects.filter(action="job.failed").count() == 1

    def test_that_someone_cancelled_is_cancelled(self) -> None:
        job = claimed()
        cancel_job(job=job, by=None, reason="Wrong file.")
        expire_lease_of(job)
        reap()
        job.refresh_from_db()
        assert (job.state, job.reason) == ("cancelled", "Wrong file.")

    def test_is_taken_from_its_worker_only_when_the_lease_is_over(self) -> None:
        job = claimed()
        assert reap() == 0
        job.refresh_from_db()
        assert job.state == Job.State.RUNNING

    def test_wakes_a_worker(self, messages: Callable[[str], int]) -> None:
        job = claimed()
        expire_lease_of(job)
        before = messages("ingest")
        reap()
        assert messages("ingest") == before + 1

    def test_is_left_to_the_reaper_that_came_first(self) -> None:
        expire_lease_of(claimed())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [REAPER_LOCK])
        reaped: list[int] = []
        in_a_thread(lambda: reaped.append(reap()))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [REAPER_LOCK])
        assert (reaped, reap()) == ([0], 1)


@pytest.mark.django_db(transaction=True)
class TestMessages:
    @pytest.fixture(autouse=True)
    def lost(self, messages: Callable[[str], int]) -> None:
        """Three jobs wait, and the broker has forgotten them."""
        for _ in range(3):
            Job.objects.create(kind="selfcheck.ingest", queue="ingest")
        assert messages("ingest") == 0

    def test_that_were_lost_are_sent_again(self, messages: Callable[[str], int]) -> None:
        assert announce_waiting() == 3
        assert messages("ingest") == 3

    def test_are_not_sent_twice(self, messages: Callable[[str], int]) -> None:
        announce_waiting()
        assert announce_waiting() == 0
        assert messages("ingest") == 3

    def test_come_when_a_later_time_has_come(self, messages: Callable[[str], int]) -> None:
        Job.objects.update(run_after=timezone.now() + timedelta(hours=1))
        assert announce_waiting() == 0
        Job.objects.update(run_after=timezone.now() - timedelta(seconds=1))
        assert announce_waiting() == 3

    def test_are_not_sent_for_what_no_worker_here_can_do(
        self, messages: Callable[[str], int]
    ) -> None:
        Job.objects.update(kind="from.tomorrow")
        assert announce_waiting() == 0
