"""Real servers: one of their own, and those that this run of the tests started."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from hub.embedded.binaries import Account, postgres_programs, server_account, valkey_program
from hub.embedded.errors import OtherPostgresVersion, ServerFailed
from hub.embedded.postgres import Postgres, has_backends
from hub.embedded.processes import is_alive
from registry.models import User
from tests.hub.embedded.stack import new_folder, until


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    root = new_folder().parent
    account = server_account()
    yield Postgres(
        data=root / "postgres",
        socket_folder=root / "socket",
        log=root / "postgres.log",
        programs=postgres_programs(account, root / "programs"),
        account=account,
    )
    shutil.rmtree(root)


def test_it_is_made_started_and_stopped(postgres: Postgres) -> None:
    postgres.prepare()
    child = postgres.start()
    try:
        postgres.wait_ready(child)
        postgres.create_database()
        postgres.create_database()  # again, as at each start
        with postgres.connect("hyperhub") as database:
            made = database.execute(
                "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database "
                "WHERE datname = 'hyperhub'"
            ).fetchone()
            assert made == ("C.UTF-8", "UTF8")
            assert database.execute("SHOW listen_addresses").fetchone() == ("",)
            assert database.execute("SHOW fsync").fetchone() == ("on",)
    finally:
        postgres.stop(child)
    assert not (postgres.data / "postmaster.pid").exists()


def test_it_starts_beside_the_zombie_of_a_killed_one(postgres: Postgres) -> None:
    """In a container whose first process reaps nobody, it stays for ever."""
    postgres.prepare()
    killed = postgres.start()
    postgres.wait_ready(killed)
    idle = postgres.connect("postgres")
    assert has_backends(postgres.data / "postmaster.pid")
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not is_alive(killed.pid), "its end")
    assert Path(f"/proc/{killed.pid}").exists()

    postgres.prepare()
    assert not has_backends(postgres.data / "postmaster.pid")
    child = postgres.start()
    try:
        postgres.wait_ready(child)
    finally:
        postgres.stop(child)
        idle.close()
        killed.wait()


def test_a_folder_of_another_version_is_refused_untouched_with_the_commands_to_move_it(
    postgres: Postgres,
) -> None:
    postgres.data.mkdir()
    (postgres.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(OtherPostgresVersion) as refused:
        postgres.prepare()

    assert "Postgres 14" in str(refused.value)
    assert "pg_dump" in str(refused.value)
    assert "pg_restore" in str(refused.value)
    assert [path.name for path in postgres.data.iterdir()] == ["PG_VERSION"]


def test_an_interrupted_first_start_leaves_no_half_database(postgres: Postgres) -> None:
    unfinished = postgres.data.with_name("postgres.unfinished")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")

    postgres.prepare()

    assert (postgres.data / "global" / "pg_control").exists()
    assert not unfinished.exists()


def test_a_server_that_ends_at_once_is_reported_with_its_log(postgres: Postgres) -> None:
    broken = replace(postgres, settings=("no_such_setting=1",))
    broken.prepare()
    with pytest.raises(ServerFailed, match="no_such_setting"):
        broken.wait_ready(broken.start())


class TestProgramsOutOfReach:
    """A virtual environment under /root, say: root may start them, the servers' user may not."""

    pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts them as another")

    def test_are_noticed(self, tmp_path: Path) -> None:
        account = server_account()
        assert account
        hidden = tmp_path / "hidden"
        hidden.mkdir(mode=0o700)
        assert account.may_run(Path("/bin/true"))
        assert not account.may_run(Path(shutil.copy("/bin/true", hidden / "program")))

    def test_run_from_copies(self, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Account, "may_run", lambda *_: False)
        copies = postgres.data.parent / "programs"
        programs = postgres_programs(postgres.account, copies)
        copied = replace(postgres, programs=programs)
        assert copies in programs.parents

        copied.prepare()
        child = copied.start()
        try:
            copied.wait_ready(child)
            copied.create_database()
        finally:
            copied.stop(child)

        program = valkey_program(postgres.account, copies)
        assert copies in program.parents
        subprocess.run([program, "--version"], check=True, capture_output=True)


@pytest.mark.django_db
def test_the_database_keeps_accents_and_han_in_trigrams() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT show_trgm('é水')")
        assert len(cursor.fetchone()[0]) > 1


def test_alice_is_alone_in_an_empty_database(alice: User) -> None:
    assert list(User.objects.all()) == [alice]
