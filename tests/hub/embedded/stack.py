"""The whole hub, started as people start it, in a data folder of its own: real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
from psycopg.rows import dict_row

from hub.embedded.paths import CHECKOUT, DataFolder
from hub.embedded.processes import is_alive

# Not a limit: a machine that does other things too must not fail these tests.
LONG = 120.0
# A killed worker's job comes back after a lease; in service that takes 45 s.
QUICK_JOBS = {
    "JOB_LEASE_SECONDS": "6",
    "JOB_HEARTBEAT_SECONDS": "1",
    "JOB_REAP_SECONDS": "2",
    "JOB_PROGRESS_SECONDS": "0.2",
}
NOT_THE_TESTS_OWN = ("DATABASE_URL", "REDIS_URL", "HYPERHUB_DATA", "SITE_URL", "SECRET_KEY")


@dataclass
class Stack:
    """`./run` on a free port."""

    port: int = field(default_factory=lambda: free_port())
    # Short: a unix socket's address has 108 bytes.
    data: DataFolder = field(default_factory=lambda: DataFolder(new_folder()))
    run: "subprocess.Popen[bytes] | None" = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def output(self) -> Path:
        return self.data.root.with_name(f"{self.port}.out")

    def start(self) -> None:
        self.launch()
        until(lambda: self.answers() or self.has_ended(), "the first page")
        assert not self.has_ended(), self.said()
        until(lambda: "beat" in self.pids(), "all children")

    def refused(self) -> str:
        """Start, and return what was said when it would not."""
        self.launch()
        assert self.run and self.run.wait(LONG) == 1
        return self.said()

    def launch(self) -> None:
        with self.output.open("ab") as output:
            self.run = subprocess.Popen(
                [CHECKOUT / "run", "--data", self.data.root, "--port", str(self.port)],
                env={**environment(), **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # A caller in the background ignores Ctrl-C, and sh then cannot trap it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def has_ended(self) -> bool:
        return self.run is None or self.run.poll() is not None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.run and self.run.poll() is None:
            self.run.send_signal(number)
            self.run.wait(LONG)

    def answers(self) -> bool:
        return status(f"{self.url}/account/login/") == 200

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def pids(self) -> dict[str, int]:
        """Of the supervisor and its children."""
        try:
            lock = json.loads(self.data.lock.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        children = {child["name"]: child["pid"] for child in lock["children"]}
        return {"supervisor": lock["pid"], **children}

    def kill(self, *names: str) -> None:
        pids = self.pids()
        for name in names:
            os.kill(pids[name], signal.SIGKILL)

    def manage(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, CHECKOUT / "manage.py", *arguments],
            env={**environment(), "HYPERHUB_DATA": str(self.data.root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def enqueue(self, kind: str, **payload: float) -> str:
        """Returns the job's id."""
        code = (
            "from registry.jobs import enqueue;"
            f"print('job', enqueue(kind={kind!r}, payload={payload!r}, owner=None).pk)"
        )
        [identity] = [
            line.split()[1]
            for line in self.manage("shell", "-c", code).splitlines()
            if line.startswith("job ")
        ]
        return identity

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.data.database_url, row_factory=dict_row) as connection:
            return connection.execute(query, parameters).fetchall()

    def job(self, identity: str) -> dict[str, Any]:
        """Empty while Postgres does not answer."""
        try:
            [row] = self.rows("SELECT * FROM registry_job WHERE id = %s", identity)
        except psycopg.Error:
            return {}
        return row

    def endings(self, identity: str) -> list[str]:
        """A job's end is written down in the same transaction: two lines would be two ends."""
        rows = self.rows(
            "SELECT action FROM registry_auditevent WHERE target = %s AND action LIKE 'job.%%'",
            f"registry.job:{identity}",
        )
        return [row["action"] for row in rows]


def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in NOT_THE_TESTS_OWN}
    ours["DJANGO_SETTINGS_MODULE"] = "hub.settings"
    return {**ours, "HYPERHUB_PYTHON": sys.executable, **QUICK_JOBS}


def new_folder() -> Path:
    """Where the servers' user may go, too."""
    folder = Path(tempfile.mkdtemp(prefix="hyperhub-stack-"))
    folder.chmod(0o711)
    return folder / "data"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(url: str) -> int:
    """Zero: no answer."""
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except URLError as error:
        return int(getattr(error, "code", 0))
    except OSError:
        return 0


def until(condition: Callable[[], object], what: str, *, seconds: float = LONG) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        sleep(0.1)


def all_gone(pids: dict[str, int]) -> bool:
    return not any(is_alive(pid) for pid in pids.values())
