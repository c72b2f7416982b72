"""Postgres and the broker are restarted, or late, while real workers are at work."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from hub.embedded.binaries import postgres_programs, server_account, valkey_program
from hub.embedded.postgres import Postgres
from hub.embedded.processes import end
from hub.embedded.valkey import Valkey
from tests.registry.jobs.processes import Processes, until

pytestmark = [pytest.mark.faults, pytest.mark.slow]


class Site:
    """A database and a broker that may be stopped, since nobody else uses them."""

    def __init__(self, folder: Path) -> None:
        account = server_account()
        self.postgres = Postgres(
            data=folder / "postgres",
            socket_folder=folder / "pg",
            log=folder / "postgres.log",
            programs=postgres_programs(account, folder),
            account=account,
        )
        self.valkey = Valkey(
            folder=folder / "valkey",
            socket=folder / "valkey" / "valkey.sock",
            log=folder / "valkey.log",
            program=valkey_program(account, folder),
            account=account,
            settings=("--appendonly", "no"),  # it forgets everything with each restart
        )
        self.database_url = f"postgresql://hyperhub@/hyperhub?host={folder / 'pg'}"
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "hub.settings",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"unix://{self.valkey.socket}",
            "SECRET_KEY": "only-for-tests",
        }
        self.postgres.prepare()
        self.valkey.prepare()
        self.start_postgres()
        self.postgres.create_database()
        self.start_valkey()

    def start_postgres(self) -> None:
        self._postgres = self.postgres.start()
        self.postgres.wait_ready(self._postgres)

    def start_valkey(self) -> None:
        self._valkey = self.valkey.start()
        self.valkey.wait_ready(self._valkey)

    def stop_postgres(self) -> None:
        self.postgres.stop(self._postgres)

    def stop_valkey(self) -> None:
        end(self._valkey, (signal.SIGKILL, 5))

    def close(self) -> None:
        self.stop_valkey()
        self.stop_postgres()

    def rows(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def job(self, identity: str) -> dict[str, Any]:
        (row,) = self.rows(f"SELECT * FROM registry_job WHERE id = '{identity}'")  # noqa: S608
        return row

    def ends(self) -> list[str]:
        """Written in the transaction of the end: two lines would be two ends."""
        lines = self.rows("SELECT action FROM registry_auditevent WHERE action LIKE 'job.%'")
        return [line["action"] for line in lines]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    # Short, since a unix socket's address has 108 bytes, and where the servers' user may go.
    with tempfile.TemporaryDirectory(prefix="hyperhub-jobs-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        site = Site(folder)
        migrating = Processes(folder, site.environment).manage("migrate", "--verbosity=0")
        assert migrating.returncode == 0, migrating.stderr
        yield site
        site.close()


@pytest.fixture
def processes(site: Site, tmp_path: Path) -> Iterator[Processes]:
    site.rows("DELETE FROM registry_job RETURNING id")
    site.rows("DELETE FROM registry_auditevent RETURNING id")
    running = Processes(tmp_path, site.environment)
    yield running
    running.end()


def ask(processes: Processes, seconds: float) -> str:
    code = (
        "from registry.jobs import enqueue;"
        "job = enqueue(kind='selfcheck.ingest', owner=None,"
        f" payload={{'seconds': {seconds}, 'steps': {max(1, round(seconds * 10))}}});"
        "print('job', job.pk)"
    )
    asked = processes.manage("shell", "--verbosity=0", "-c", code)
    assert asked.returncode == 0, asked.stderr
    (identity,) = [line.split()[1] for line in asked.stdout.splitlines() if line[:4] == "job "]
    return identity


def done(site: Site, identity: str) -> dict[str, Any]:
    until(lambda: site.job(identity)["ended_at"], "the job's end")
    return site.job(identity)


def under_way(site: Site, identity: str) -> None:
    until(lambda: site.job(identity)["progress_done"] > 0, "the job to be under way")


def test_a_job_survives_a_restart_of_postgres(site: Site, processes: Processes) -> None:
    worker = processes.worker()
    job = ask(processes, 6)
    under_way(site, job)
    site.stop_postgres()
    site.start_postgres()
    ended = done(site, job)
    assert (ended["state"], ended["attempt"]) == ("done", 1)
    assert site.ends() == ["job.done"]
    another = ask(processes, 0)
    assert done(site, another)["state"] == "done"
    assert worker.poll() is None


def test_a_result_waits_for_postgres(site: Site, processes: Processes) -> None:
    """The work ends while the database is away: nobody does it again."""
    processes.worker()
    job = ask(processes, 2)
    under_way(site, job)
    site.stop_postgres()
    until(lambda: "the database does not answer" in processes.all_logs(), "the worker to notice")
    site.start_postgres()
    ended = done(site, job)
    assert (ended["state"], ended["attempt"]) == ("done", 1)
    assert site.ends() == ["job.done"]


def test_a_worker_outlives_a_broker_that_comes_back_empty(site: Site, processes: Processes) -> None:
    worker = processes.worker()
    running = ask(processes, 5)
    under_way(site, running)
    site.stop_valkey()
    waiting = ask(processes, 0)  # its message goes nowhere, and nobody minds
    assert done(site, running)["state"] == "done"
    site.start_valkey()
    assert done(site, waiting)["state"] == "done"  # without beat: the worker sees to it
    assert site.ends() == ["job.done", "job.done"]
    assert worker.poll() is None


def test_a_worker_and_a_beat_wait_for_a_broker_that_is_late(
    site: Site, processes: Processes
) -> None:
    site.stop_valkey()
    job = ask(processes, 0)
    worker, beat = processes.worker(), processes.beat()
    until(lambda: "Cannot connect" in processes.log_of(worker), "the worker to try")
    site.start_valkey()
    assert done(site, job)["state"] == "done"
    assert (worker.poll(), beat.poll()) == (None, None)
