import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import Settings

from registry.jobs import Cancelled, Interrupted, LeaseLost, Run, cancel_job, enqueue
from registry.jobs.run import Heartbeat
from registry.jobs.worker import claim
from registry.models import Job


@pytest.fixture
def run(transactional_db: None, fast: Settings) -> Run:
    """A run that holds its job."""
    enqueue(kind="selfcheck.ingest", payload={}, owner=None)
    job = claim(queue="ingest", worker="test")
    assert job is not None
    return Run(job)


def row() -> Job:
    return Job.objects.get()


def in_a_moment(condition: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


class TestProgress:
    def test_is_in_the_row(self, run: Run) -> None:
        run.progress(3, 10, "Reading")
        job = row()
        assert (job.progress_done, job.progress_total, job.progress_label) == (3, 10, "Reading")

    def test_is_written_seldom_and_when_it_is_complete(self, run: Run, settings: Settings) -> None:
        settings.JOB_PROGRESS_SECONDS = 60
        run.progress(1, 10)
        run.progress(2, 10)
        assert row().progress_done == 1
        run.progress(10, 10)
        assert row().progress_done == 10

    def test_cuts_a_long_label(self, run: Run) -> None:
        run.progress(1, 2, "x" * 500)
        assert row().progress_label == "x" * 120

    def test_renews_the_lease(self, run: Run) -> None:
        before = row().lease_expires_at
        run.progress(1, 2)
        after = row().lease_expires_at
        assert before and after and after > before

    def test_asks_a_database_that_is_away_once_until_a_heartbeat_finds_it_back(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def away(**_: object) -> None:
            asked.append(1)
            raise OperationalError

        with monkeypatch.context() as outage:
            outage.setattr(run, "renew", away)
            for step in range(5):
                run.progress(step, 10)
        assert len(asked) == 1
        run.progress(6, 10)
        assert row().progress_done == 0
        run.beat()
        run.progress(7, 10)
        assert row().progress_done == 7

    def test_inside_a_transaction_is_a_mistake(self, run: Run) -> None:
        """It would be hidden until the commit, and hold the row against the heartbeat."""
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            run.progress(1, 2)


class TestCheckpoint:
    def test_lets_a_healthy_run_go_on(self, run: Run) -> None:
        run.renew()
        run.checkpoint()
        assert row().state == Job.State.RUNNING

    def test_stops_a_cancelled_one(self, run: Run) -> None:
        cancel_job(job=run.job, by=None)
        run.renew()
        with pytest.raises(Cancelled):
            run.checkpoint()

    def test_stops_one_that_lost_its_job(self, run: Run) -> None:
        Job.objects.update(lease="00000000-0000-7000-8000-000000000000")
        run.renew()
        with pytest.raises(LeaseLost):
            run.checkpoint()

    def test_stops_one_whose_worker_shuts_down(
        self, run: Run, shutting_down: Callable[[], None]
    ) -> None:
        shutting_down()
        with pytest.raises(Interrupted):
            run.checkpoint()

    def test_costs_no_query(
        self, run: Run, django_assert_num_queries: Callable[[int], object]
    ) -> None:
        with django_assert_num_queries(0):  # type: ignore[attr-defined]
            run.checkpoint()
        assert connection.is_usable()


class TestFenced:
    def test_writes_while_the_job_is_ours(self, run: Run) -> None:
        with run.fenced() as job:
            job.progress_label = "kept"
            job.save()
        assert row().progress_label == "kept"

    def test_undoes_everything_if_the_block_fails(self, run: Run) -> None:
        with pytest.raises(ZeroDivisionError), run.fenced() as job:
            job.progress_label = "lost"
            job.save()
            raise ZeroDivisionError
        assert row().progress_label == ""

    def test_does_not_begin_once_the_job_is_lost(self, run: Run) -> None:
        Job.objects.update(lease="00000000-0000-7000-8000-000000000000")
        with pytest.raises(LeaseLost), run.fenced():
            pytest.fail("entered")


class TestHeartbeat:
    def test_keeps_the_lease_of_a_handler_that_says_nothing(self, run: Run) -> None:
        first = row().lease_expires_at
        assert first is not None
        with Heartbeat(run):
            assert in_a_moment(lambda: (row().lease_expires_at or first) > first)

    def test_brings_the_news_of_a_cancel(self, run: Run) -> None:
        with Heartbeat(run), pytest.raises(Cancelled):
            cancel_job(job=run.job, by=None)
            run.sleep(5)

    def test_survives_a_missed_beat(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        outages = iter([True, True])
        renew = run.renew

        def sometimes_away(**fields: int | str) -> None:
            if next(outages, False):
                raise OperationalError
            renew(**fields)

        monkeypatch.setattr(run, "renew", sometimes_away)
        first = row().lease_expires_at
        assert first is not None
        with Heartbeat(run):
            assert in_a_moment(lambda: (row().lease_expires_at or first) > first)
