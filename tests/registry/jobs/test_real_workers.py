"""Real processes, really killed: whatever happens to a worker, its job ends once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection

from registry.jobs import cancel_job, enqueue, presence
from registry.jobs.presence import workers
from registry.models import Job
from tests.registry.jobs.processes import Processes, ends_within, send, until

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def processes(
    tmp_path: Path, process_environment: dict[str, str], ends: None
) -> Iterator[Processes]:
    _empty_redis()
    running = Processes(tmp_path, process_environment)
    yield running
    running.end()
    _empty_redis()


def _empty_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@pytest.fixture
def ends(transactional_db: None) -> Iterator[None]:
    """The database itself notes every change of a row to a state that is an end."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TABLE job_ends (job uuid, state text, worker text);
            CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO job_ends VALUES (NEW.id, NEW.state, NEW.worker);
                RETURN NULL;
            END $$;
            CREATE TRIGGER note_end AFTER INSERT OR UPDATE OF state ON registry_job
            FOR EACH ROW WHEN (NEW.state IN ('done', 'failed', 'cancelled'))
            EXECUTE FUNCTION note_end();
        """)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER note_end ON registry_job; DROP TABLE job_ends;")
        cursor.execute("DROP FUNCTION note_end();")


def ends_of(job: Job) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM job_ends WHERE job = %s", [job.pk])
        return [state for (state,) in cursor.fetchall()]


def ask(seconds: float = 0, *, queue: str = "ingest", **options: object) -> Job:
    return enqueue(
        kind=f"selfcheck.{queue}",
        payload={"seconds": seconds, "steps": max(1, round(seconds * 10))},
        owner=None,
        **options,  # type: ignore[arg-type]
    )


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def under_way(job: Job) -> None:
    until(lambda: fresh(job).progress_done > 0, "the job to be under way")


def over(job: Job) -> Job:
    until(lambda: fresh(job).is_finished, "the job's end")
    return fresh(job)


def test_a_worker_does_its_job_and_shows_how_far_it_is(processes: Processes) -> None:
    job = ask(2)
    processes.worker()
    under_way(job)
    done = over(job)
    assert (done.state, done.result["counted"], done.attempt) == ("done", 20, 1)
    assert ends_of(job) == ["done"]


def test_each_queue_has_its_own_workers(processes: Processes) -> None:
    theirs, ours = ask(queue="train"), ask(queue="render")
    processes.worker("render")
    assert over(ours).state == Job.State.DONE
    assert fresh(theirs).state == Job.State.QUEUED


def test_a_killed_workers_job_is_done_by_another_once(processes: Processes) -> None:
    job = ask(3)
    processes.beat()
    first = processes.worker()
    under_way(job)
    send(first, signal.SIGKILL)
    processes.worker()
    done = over(job)
    assert (done.state, done.attempt) == ("done", 2)
    assert ends_of(job) == ["done"]


def test_a_job_that_kills_every_worker_fails_after_three(processes: Processes) -> None:
    job = ask(60)
    processes.beat()
    for attempt in (1, 2, 3):
        worker = processes.worker()
        until(lambda: fresh(job).state == "running" and fresh(job).attempt == attempt, "a start")  # noqa: B023
        send(worker, signal.SIGKILL)
    processes.worker()  # somebody does the housekeeping
    failed = over(job)
    assert (failed.state, failed.attempt) == ("failed", 3)
    assert "each of 3 attempts" in failed.reason
    assert ends_of(job) == ["failed"]


def test_a_worker_that_is_shut_down_gives_its_job_back_at_once(processes: Processes) -> None:
    job = ask(6)
    first = processes.worker()
    under_way(job)
    send(first, signal.SIGTERM)
    assert ends_within(first, 10)
    assert first.returncode == 0
    waiting = fresh(job)
    assert (waiting.state, waiting.attempt) == ("queued", 0)
    processes.worker()  # no beat and no reaper: the message was sent, or is on its start
    done = over(job)
    assert (done.state, done.attempt) == ("done", 1)
    assert ends_of(job) == ["done"]


def test_a_worker_that_slept_past_its_lease_can_no_longer_end_the_job(
    processes: Processes,
) -> None:
    job = ask(4)
    sleeper = processes.worker()
    under_way(job)
    send(sleeper, signal.SIGSTOP)
    processes.beat()
    processes.worker()
    until(lambda: fresh(job).attempt == 2, "another worker")
    send(sleeper, signal.SIGCONT)
    done = over(job)
    assert done.attempt == 2
    until(lambda: "job lost" in processes.log_of(sleeper), "the sleeper to notice")
    assert ends_of(job) == ["done"]


def test_two_workers_share_jobs_and_do_each_once(processes: Processes) -> None:
    jobs = [ask() for _ in range(40)]
    processes.worker()
    processes.worker()
    assert all(over(job).state == Job.State.DONE for job in jobs)
    assert [ends_of(job) for job in jobs] == [["done"]] * 40


def test_the_urgent_goes_first_whatever_message_came_first(processes: Processes) -> None:
    later, usual, urgent = ask(priority=200), ask(), ask(priority=0)
    processes.worker()
    starts = [over(job).started_at for job in (urgent, usual, later)]
    assert starts == sorted(starts, key=lambda start: start.timestamp() if start else 0)


def test_a_running_job_is_cancelled(processes: Processes) -> None:
    job = ask(60)
    processes.worker()
    under_way(job)
    cancel_job(job=job, by=None, reason="Wrong file.")
    ended = over(job)
    assert (ended.state, ended.reason) == ("cancelled", "Wrong file.")
    assert ends_of(job) == ["cancelled"]


def test_waiting_jobs_outlive_a_broker_that_forgets_everything(processes: Processes) -> None:
    worker = processes.worker()
    warm_up = ask()
    over(warm_up)
    running, *waiting = ask(3), ask(), ask()
    under_way(running)
    _empty_redis()
    processes.beat()
    for job in (running, *waiting):
        assert over(job).state == Job.State.DONE
        assert ends_of(job) == ["done"]
    assert worker.poll() is None


def test_a_worker_that_starts_finds_jobs_whose_messages_are_gone(processes: Processes) -> None:
    jobs = [ask(), ask()]
    _empty_redis()
    processes.worker()  # and no beat
    assert all(over(job).state == Job.State.DONE for job in jobs)


def test_two_beats_and_a_killed_one_do_no_harm(processes: Processes) -> None:
    jobs = [ask(1), ask(1)]
    first = processes.beat()
    processes.beat()
    processes.worker()
    under_way(jobs[0])
    send(first, signal.SIGKILL)
    third = processes.beat()
    assert all(over(job).state == Job.State.DONE for job in jobs)
    assert [ends_of(job) for job in jobs] == [["done"], ["done"]]
    assert third.poll() is None


def test_a_busy_worker_still_shows_that_it_is_there(processes: Processes) -> None:
    job = ask(3)
    worker = processes.worker()
    under_way(job)
    until(lambda: [seen.busy_with for seen in workers()] == ["selfcheck.ingest"], "its presence")
    (seen,) = workers()
    assert (seen.queue, seen.pid) == ("ingest", worker.pid)
    assert seen.age < 2
    send(worker, signal.SIGTERM)
    assert ends_within(worker, 10)
    assert workers() == []
    assert presence.worker_name("ingest") not in str(workers())


def test_the_requests_id_is_in_the_workers_lines(processes: Processes) -> None:
    job = ask(1)
    Job.objects.filter(pk=job.pk).update(request_id="req-from-the-web")
    worker = processes.worker()
    over(job)
    until(lambda: "job ended" in processes.log_of(worker), "the line about the end")
    mine = [line for line in processes.lines_of(worker) if line.get("job") == str(job.pk)]
    assert [line["event"] for line in mine] == ["job started", "job ended"]
    assert {line["request_id"] for line in mine} == {"req-from-the-web"}


def test_the_self_check_says_that_work_flows(processes: Processes) -> None:
    for queue in Job.Queue.values:
        processes.worker(queue)
    check = processes.manage("selfcheck", "--seconds", "0.5")
    assert check.returncode == 0, check.stderr
    assert [line.split()[1] for line in check.stdout.splitlines()] == ["done"] * len(Job.Queue)


def test_and_that_it_does_not(processes: Processes) -> None:
    check = processes.manage("selfcheck", "--queue", "train", "--timeout", "1")
    assert check.returncode == 1
    assert "train: cancelled (no worker took it)" in check.stdout
    assert Job.objects.get().state == Job.State.CANCELLED
