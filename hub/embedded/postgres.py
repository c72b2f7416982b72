"""A Postgres of our own: one data folder, one unix socket, no TCP."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import psycopg
from psycopg import sql

from hub.embedded.binaries import Account
from hub.embedded.errors import OtherPostgresVersion, ServerFailed
from hub.embedded.processes import end, is_alive, spawn, tail

ROLE = "hyperhub"
DATABASE = "hyperhub"
# Backends end their statements, the files are complete: a clean stop. Then the hard way.
STOP = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
# A database made with LC_ALL=C drops CJK and accents from trigrams.
LOCALE = "C.UTF-8"


@dataclass(frozen=True)
class Postgres:
    """`programs` has `initdb` and `postgres`; `settings` are given on the command line."""

    data: Path
    socket_folder: Path
    log: Path
    programs: Path
    account: Account | None
    settings: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Make the database at first start, wait for a predecessor that is still stopping."""
        self._private_folder(self.socket_folder)
        if not (self.data / "PG_VERSION").exists():
            self._make()
        self._refuse_other_version()
        self._wait_for_predecessor()

    def start(self) -> "subprocess.Popen[bytes]":
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data]
        command += ["-k", self.socket_folder]
        for setting in ("listen_addresses=", "unix_socket_permissions=0700", *self.settings):
            command += ["-c", setting]
        return spawn(
            command,
            log=self.log,
            death_signal=signal.SIGINT,
            account=self.account,
            environment=clean_environment(),
        )

    def stop(self, child: "subprocess.Popen[bytes]") -> None:
        end(child, *STOP)

    def answers(self, *, seconds: float = 2) -> bool:
        try:
            with self.connect("postgres", connect_timeout=int(seconds)) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def wait_ready(self, child: "subprocess.Popen[bytes]", *, seconds: float = 60) -> None:
        """Recovery after a crash takes its time. Raises ServerFailed."""
        deadline = monotonic() + seconds
        while not self.answers():
            if child.poll() is not None or monotonic() > deadline:
                raise ServerFailed("Postgres", self.log, tail(self.log))
            sleep(0.02)

    def create_database(self, name: str = DATABASE) -> None:
        """Made if it is not there."""
        with self.connect("postgres", autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(
                    sql.SQL(
                        "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE {}"
                    ).format(sql.Identifier(name), sql.Literal(LOCALE))
                )

    def connect(
        self, database: str, *, autocommit: bool = False, connect_timeout: int = 10
    ) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=str(self.socket_folder),
            user=ROLE,
            dbname=database,
            autocommit=autocommit,
            connect_timeout=connect_timeout,
        )

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{ROLE}@/{database}?host={self.socket_folder}"

    @property
    def version(self) -> str:
        """The major version of our programs, "18"."""
        said = subprocess.run(  # noqa: S603
            [self.programs / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        return said.split()[2].split(".")[0]

    def _make(self) -> None:
        """In a folder beside it, renamed when complete: an interrupted start leaves no half."""
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._private_folder(unfinished)
        command: list[str | Path] = [self.programs / "initdb", "-D", unfinished, "-U", ROLE]
        command += [f"--locale={LOCALE}", "--encoding=UTF8", "--auth=trust"]
        child = spawn(
            [*command, "--no-sync", "--no-instructions"],
            log=self.log,
            death_signal=signal.SIGKILL,
            account=self.account,
            environment=clean_environment(),
        )
        if child.wait() != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise ServerFailed("Postgres (initdb)", self.log, tail(self.log))
        unfinished.rename(self.data)

    def _refuse_other_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != self.version:
            raise OtherPostgresVersion(self.data, found, self.version)

    def _wait_for_predecessor(self, seconds: float = 30) -> None:
        """A postmaster whose supervisor was killed is already stopping; after that it is killed."""
        pid_file = self.data / "postmaster.pid"
        deadline = monotonic() + seconds
        while pid := postmaster_pid(pid_file):
            if monotonic() > deadline:
                os.kill(pid, signal.SIGQUIT)
                deadline += seconds
            sleep(0.05)
        while has_backends(pid_file) and monotonic() < deadline:
            sleep(0.05)
        for lock in (pid_file, self.socket_folder / ".s.PGSQL.5432.lock"):
            forget_dead_postmaster(lock)

    def _private_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.account:
            self.account.owns(folder)


def postmaster_pid(pid_file: Path) -> int | None:
    """Of a postmaster that lives; a file left by a killed one is stale, Postgres copes with it."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    try:
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid if program == "postgres" and is_alive(pid) else None


def has_backends(pid_file: Path) -> bool:
    """Whether backends outlive their postmaster: its seventh line names their shared memory."""
    try:
        segment = pid_file.read_text().split("\n")[6].split()[1]
        segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except (OSError, IndexError):
        return False
    attached = {words[1]: int(words[6]) for words in map(str.split, segments)}
    return attached.get(segment, 0) > 0


def forget_dead_postmaster(lock: Path) -> None:
    """Name ourselves in a lock file whose postmaster is a zombie.

    Postgres refuses to start while that process exists, and a container whose first process reaps
    nobody keeps it for ever. It takes its parent's number for stale, and goes on to ask the rest
    of the file whether orphaned backends still use the shared memory.
    """
    try:
        pid, *rest = lock.read_text().split("\n")
    except FileNotFoundError:
        return
    if pid.isdecimal() and Path(f"/proc/{pid}").exists() and not is_alive(int(pid)):
        lock.write_text("\n".join([str(os.getpid()), *rest]))


def clean_environment() -> dict[str, str]:
    """A caller's PGPORT or LC_ALL must not reach the servers."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": LOCALE, "TZ": "UTC"}
