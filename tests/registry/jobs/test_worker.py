import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from registry.jobs import Failed, Run, cancel_job, ending, enqueue
from registry.jobs.ending import back_off
from registry.jobs.reaper import reap
from registry.jobs.worker import claim, run_next
from registry.models import AuditEvent, Job
from tests.jobs import run_waiting_jobs
from tests.registry.jobs.conftest import Register

ENDS = ("job.done", "job.failed", "job.cancelled")


def ask(kind: str, **options: object) -> Job:
    return enqueue(**{"kind": kind, "payload": {}, "owner": None, **options})  # type: ignore[arg-type]


def ends_of(job: Job) -> list[str]:
    lines = AuditEvent.objects.filter(target=f"registry.job:{job.pk}", action__in=ENDS)
    return list(lines.values_list("action", flat=True))


@pytest.mark.django_db
class TestAJobThatSucceeds:
    def test_keeps_its_result_and_who_did_it(self, does: Register) -> None:
        job = ask(does(lambda run: {"sum": sum(run.payload["terms"])}), payload={"terms": [1, 2]})
        (job,) = run_waiting_jobs()
        assert (job.state, job.result, job.attempt) == ("done", {"sum": 3}, 1)
        assert (job.worker, job.reason) == ("test", "")
        assert job.started_at and job.ended_at and job.started_at <= job.ended_at
        assert (job.lease, job.lease_expires_at) == (None, None)
        assert ends_of(job) == ["job.done"]

    def test_may_have_nothing_to_say(self, does: Register) -> None:
        ask(does(lambda run: None))
        assert run_waiting_jobs()[0].result == {}

    def test_shows_its_last_report_although_reports_are_throttled(self, does: Register) -> None:
        def work(run: Run) -> None:
            run.progress(1, 5, "Reading")
            run.progress(4, 5, "Reading")

        ask(does(work))
        assert run_waiting_jobs()[0].progress_done == 4


@pytest.mark.django_db
class TestAJobThatFails:
    def test_for_good_is_not_tried_again(self, does: Register) -> None:
        def work(run: Run) -> None:
            raise Failed("This is not a hypernetwork.")

        ask(does(work))
        (job,) = run_waiting_jobs()
        assert (job.state, job.reason) == ("failed", "This is not a hypernetwork.")
        assert job.attempt == 1
        assert ends_of(job) == ["job.failed"]

    def test_by_surprise_is_tried_again_after_a_while(self, does: Register) -> None:
        def work(run: Run) -> dict[str, int]:
            return {"quotient": 1 // (run.job.attempt - 1)}

        job = ask(does(work))
        (job,) = run_waiting_jobs()
        assert (job.state, job.attempt) == ("queued", 1)
        assert "attempt 1 of 3" in job.reason
        assert job.run_after is not None and job.run_after > timezone.now()

        Job.objects.update(run_after=timezone.now())
        (job,) = run_waiting_jobs()
        assert (job.state, job.result, job.attempt) == ("done", {"quotient": 1}, 2)
        assert job.reason == ""
        assert ends_of(job) == ["job.done"]

    def test_every_time_ends_with_a_plain_reason_and_the_traceback_in_the_log(
        self, does: Register, fast: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        def work(run: Run) -> None:
            raise ZeroDivisionError("secret detail")

        ask(does(work))
        with caplog.at_level(logging.ERROR):
            job = run_waiting_jobs()[-1]
        assert (job.state, job.attempt) == ("failed", 3)
        assert "3 attempts" in job.reason
        assert "secret detail" not in job.reason
        assert (
            sum(
                "secret detail" in str(record.msg) + str(record.exc_info)
                for record in caplog.records
            )
            == 3
        )
        assert ends_of(job) == ["job.failed"]

    def test_waits_longer_each_time(self, settings: Settings) -> None:
        settings.JOB_RETRY_SECONDS = 10
        waits = [back_off(attempt).total_seconds() for attempt in (1, 2, 3, 50)]
        assert waits == [10, 40, 160, 3600]

    def test_as_often_as_its_kind_allows(self, does: Register, fast: Settings) -> None:
        def work(run: Run) -> None:
            raise ZeroDivisionError

        ask(does(work, max_attempts=5))
        assert len(run_waiting_jobs()) == 5

    @pytest.mark.parametrize("result", [{"x": float("nan")}, {"x": "\0"}, {"x": object()}])
    def test_so_does_one_whose_result_cannot_be_stored(
        self, does: Register, fast: Settings, result: dict[str, object]
    ) -> None:
        ask(does(lambda run: result))
        assert run_waiting_jobs()[-1].state == Job.State.FAILED

    def test_a_handlers_broad_except_does_not_swallow_a_stop(
        self, does: Register, shutting_down: Callable[[], None]
    ) -> None:
        def work(run: Run) -> None:
            shutting_down()
            try:
                run.checkpoint()
            except Exception:
                raise AssertionError("swallowed") from None

        ask(does(work))
        run_next(queue="ingest", worker="test")
        assert Job.objects.get().state == Job.State.QUEUED


@pytest.mark.django_db
class TestAWorkerThatShutsDown:
    def test_gives_the_job_back_at_once_and_the_attempt_does_not_count(
        self, does: Register, shutting_down: Callable[[], None]
    ) -> None:
        def work(run: Run) -> None:
            shutting_down()
            run.sleep(60)

        ask(does(work))
        run_next(queue="ingest", worker="test")
        job = Job.objects.get()
        assert (job.state, job.attempt, job.lease, job.run_after) == ("queued", 0, None, None)
        assert "shut down" in job.reason

    def test_takes_no_other(self, does: Register, shutting_down: Callable[[], None]) -> None:
        ask(does(lambda run: None))
        shutting_down()
        assert run_waiting_jobs() == []

    def test_torn_down_in_the_middle_gives_the_job_back_too(self, does: Register) -> None:
        def work(run: Run) -> None:
            raise SystemExit

        ask(does(work))
        with pytest.raises(SystemExit):
            run_next(queue="ingest", worker="test")
        assert Job.objects.get().state == Job.State.QUEUED


@pytest.mark.django_db
class TestClaim:
    def test_takes_only_its_own_queue(self) -> None:
        ask("selfcheck.render")
        assert claim(queue="ingest", worker="test") is None
        assert claim(queue="render", worker="test") is not None

    def test_leaves_kinds_that_this_code_does_not_know_to_other_code(self) -> None:
        Job.objects.create(kind="from.tomorrow", queue="ingest")
        assert claim(queue="ingest", worker="test") is None

    def test_takes_the_one_whose_turn_it_is(self) -> None:
        ask("selfcheck.ingest")
        urgent = ask("selfcheck.ingest", priority=0)
        assert claim(queue="ingest", worker="test") == urgent


@pytest.mark.django_db(transaction=True)
class TestSeveralWorkers:
    def test_racing_for_one_job_one_gets_it(self) -> None:
        ask("selfcheck.ingest")
        claimed = at_the_same_time(8, lambda: claim(queue="ingest", worker="racer"))
        assert sum(job is not None for job in claimed) == 1
        assert Job.objects.get().attempt == 1

    def test_share_many_jobs_and_run_each_once(self, does: Register) -> None:
        runs: list[int] = []
        kind = does(lambda run: runs.append(run.payload["n"]))
        for n in range(40):
            ask(kind, payload={"n": n})
        at_the_same_time(4, run_waiting_jobs)
        assert sorted(runs) == list(range(40))
        assert all(ends_of(job) == ["job.done"] for job in Job.objects.all())


@pytest.mark.django_db(transaction=True)
class TestALostLease:
    def test_the_first_worker_can_no_longer_write(self, does: Register, fast: Settings) -> None:
        """A worker is stopped for so long that its job is given to another, then goes on."""
        written: list[str] = []

        def work(run: Run) -> dict[str, int]:
            if run.job.attempt == 1:
                expire_lease_of(run.job)
                in_a_thread(reap)
                in_a_thread(lambda: run_next(queue="ingest", worker="second"))
                with run.fenced():
                    written.append("by the first")
            return {"attempt": run.job.attempt}

        job = ask(does(work))
        run_next(queue="ingest", worker="first")
        job.refresh_from_db()
        assert (job.state, job.result, job.worker) == ("done", {"attempt": 2}, "second")
        assert written == []
        assert ends_of(job) == ["job.done"]

    def test_a_result_that_comes_too_late_is_dropped(self, does: Register) -> None:
        def work(run: Run) -> dict[str, str]:
            if run.job.attempt == 1:
                expire_lease_of(run.job)
                in_a_thread(reap)
            return {"attempt": str(run.job.attempt)}

        job = ask(does(work))
        run_next(queue="ingest", worker="first")
        job.refresh_from_db()
        assert (job.state, job.result) == ("queued", {})
        assert ends_of(job) == []

    def test_is_noticed_at_the_next_checkpoint(self, does: Register, fast: Settings) -> None:
        reached: list[str] = []

        def work(run: Run) -> None:
            expire_lease_of(run.job)
            in_a_thread(reap)
            run.sleep(30)
            reached.append("the end")

        ask(does(work))
        run_next(queue="ingest", worker="first")
        assert reached == []
        assert Job.objects.get().state == Job.State.QUEUED


@pytest.mark.django_db(transaction=True)
class TestACancelledRun:
    def test_stops_at_its_next_checkpoint_with_the_reason(
        self, does: Register, fast: Settings
    ) -> None:
        def work(run: Run) -> None:
            in_a_thread(lambda: cancel_job(job=run.job, by=None, reason="Wrong pictures."))
            run.sleep(30)

        job = ask(does(work))
        run_next(queue="ingest", worker="test")
        job.refresh_from_db()
        assert (job.state, job.reason) == ("cancelled", "Wrong pictures.")
        assert ends_of(job) == ["job.cancelled"]

    def test_that_fails_instead_is_not_tried_again(self, does: Register, fast: Settings) -> None:
        def work(run: Run) -> None:
            in_a_thread(lambda: cancel_job(job=run.job, by=None, reason="Wrong pictures."))
            raise ZeroDivisionError

        ask(does(work))
        (job,) = run_waiting_jobs()
        assert (job.state, job.reason) == ("cancelled", "Wrong pictures.")

    def test_that_was_done_before_it_noticed_is_done(self, does: Register) -> None:
        def work(run: Run) -> None:
            in_a_thread(lambda: cancel_job(job=run.job, by=None))

        ask(does(work))
        (job,) = run_waiting_jobs()
        assert (job.state, job.reason) == ("done", "")


@pytest.mark.django_db(transaction=True)
class TestADatabaseThatIsAway:
    def test_the_end_is_written_when_it_is_back(
        self, does: Register, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        away = iter([True, True])

        def complete(
            run: Run, *, result: object, original: Callable[..., None] = ending.complete
        ) -> None:
            if next(away, False):
                raise OperationalError("the server closed the connection")
            original(run, result=result)

        monkeypatch.setattr(ending, "complete", complete)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        job = ask(does(lambda run: {"kept": True}))
        run_next(queue="ingest", worker="test")
        job.refresh_from_db()
        assert (job.state, job.result) == ("done", {"kept": True})

    def test_a_connection_that_was_cut_is_replaced(self, does: Register) -> None:
        def work(run: Run) -> dict[str, bool]:
            cut_connections_of_others()
            return {"kept": True}

        job = ask(does(work))
        run_next(queue="ingest", worker="test")
        job.refresh_from_db()
        assert (job.state, job.result, job.attempt) == ("done", {"kept": True}, 1)


def expire_lease_of(job: Job) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=past)


def in_a_thread(call: Callable[[], object]) -> None:
    at_the_same_time(1, call)


def at_the_same_time(count: int, call: Callable[[], object]) -> list[object]:
    """Call it in so many threads, each with a connection of its own."""
    results: list[object] = []
    start = threading.Barrier(count)

    def work() -> None:
        try:
            start.wait(timeout=10)
            results.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == count
    return results


def cut_connections_of_others() -> None:
    """As a restart of Postgres does, to this process's own connection too."""

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    in_a_thread(cut)
