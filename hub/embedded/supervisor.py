"""Starts the servers and the hub's processes, restarts what dies or hangs, and ends them in order.

Django-free, one thread: it must live when everything else is broken. All children die with it.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from hub.embedded import services
from hub.embedded.binaries import Account, postgres_programs, server_account, valkey_program
from hub.embedded.errors import PreparationFailed, ServerFailed
from hub.embedded.folder import ChildRecord, FolderLock, end_left_behind, make_fit, started_at
from hub.embedded.logs import LinkWatch, rotate
from hub.embedded.paths import CHECKOUT, DataFolder
from hub.embedded.port import address_of, answers_http, listen
from hub.embedded.postgres import Postgres
from hub.embedded.processes import end, kill_group, spawn, tail
from hub.embedded.secrets import keep_oidc_key, keep_secret
from hub.embedded.services import Service
from hub.embedded.valkey import Valkey

TICK = 0.2
PROBE_EVERY = 5.0
# A server that does not answer so many times in a row, 5 seconds each, hangs.
PATIENCE = 4
ROTATE_EVERY = 60.0
LONGEST_PAUSE = 30.0
# A child that lived so long was well; its next death is not one of a series.
WELL_AFTER = 60.0

Say = Callable[[str], None]


@dataclass
class Child:
    """What is kept running, and its present process."""

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    stop: Callable[["subprocess.Popen[bytes]"], None]
    log: Path
    answers: Callable[[], bool] | None = None
    process: "subprocess.Popen[bytes] | None" = None
    born: float = 0
    deaths: int = 0
    start_again_at: float = 0
    unanswered: int = 0


class Supervisor:
    """`listen` is "host:port"; DATABASE_URL and REDIS_URL of the environment are used if given."""

    def __init__(self, data: DataFolder, *, host: str, port: int, say: Say) -> None:
        self.data, self.host, self.port, self.say = data, host, port, say
        self.url = address_of(host, port)
        self.children: list[Child] = []

    def run(self) -> None:
        """Until a signal raises in here. Raises CannotStart; whatever happens, nothing is left."""
        try:
            self._start()
            while True:
                self._look_after()
                sleep(TICK)
        finally:
            self._stop()

    # --- Starting ---------------------------------------------------------------------------

    def _start(self) -> None:
        account = server_account()
        make_fit(self.data, account)
        self._lock = FolderLock(self.data, self.url)
        end_left_behind(self._lock.left_behind)
        # A killed gunicorn's processes end what they do, for graceful_timeout seconds at most.
        self._listener = listen(self.host, self.port, patience=15 if self._lock.left_behind else 0)
        keep_secret(self.data.secret_key)
        keep_oidc_key(self.data.oidc_key)
        self.environment = services.shared_environment(self.data, self.url)
        self._links = LinkWatch(self._log_of("web"))
        waits = self._launch_servers(account)
        gate, gate_keeper = os.pipe()
        web = self._add(services.web(self._listener.fileno(), gate))
        web_process = self._launch(web)
        for wait in waits:
            wait()
        admin_link = self._prepare()
        os.close(gate_keeper)
        self._wait_for_first_page(web_process, web.log)
        self._greet(admin_link)
        for service in (*map(services.worker, services.QUEUES), services.beat()):
            self._launch(self._add(service))
        self._probe_at = self._rotate_at = monotonic() + PROBE_EVERY

    def _launch_servers(self, account: Account | None) -> list[Callable[[], None]]:
        """Both at once; returns what is left to wait for. Those in the environment are not ours."""
        copies = self.data.root / "programs"
        waits: list[Callable[[], None]] = []
        if not os.environ.get("REDIS_URL"):
            valkey = Valkey(
                self.data.valkey,
                self.data.valkey_socket,
                self._log_of("valkey"),
                valkey_program(account, copies),
                account,
            )
            valkey.prepare()
            waits.append(self._launch_server("valkey", valkey))
        if not os.environ.get("DATABASE_URL"):
            postgres = Postgres(
                self.data.postgres,
                self.data.postgres_socket_folder,
                self._log_of("postgres"),
                postgres_programs(account, copies),
                account,
            )
            postgres.prepare()
            waits += [self._launch_server("postgres", postgres), postgres.create_database]
        return waits

    def _launch_server(self, name: str, server: Postgres | Valkey) -> Callable[[], None]:
        child = Child(
            name, server.start, server.stop, server.log, lambda: server.answers(seconds=5)
        )
        self.children.append(child)
        process = self._launch(child)
        return lambda: server.wait_ready(process)

    def _prepare(self) -> str:
        """Migrations and static files, in a process that ends; returns the first admin's link."""
        log = self._log_of("prepare")
        with log.open("ab") as errors:
            done = subprocess.run(  # noqa: S603 - our own command
                services.manage("prepare"),
                env=self.environment,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if done.returncode != 0:
            raise PreparationFailed(log, tail(log))
        return str(json.loads(done.stdout)["admin_link"])

    def _add(self, service: Service) -> Child:
        log = self._log_of(service.name)

        def start() -> "subprocess.Popen[bytes]":
            return spawn(
                service.command,
                log=log,
                death_signal=service.death_signal,
                environment={**self.environment, **service.environment},
                folder=CHECKOUT,
                keep_open=service.keep_open,
                niceness=service.niceness,
            )

        def stop(process: "subprocess.Popen[bytes]") -> None:
            end(process, (signal.SIGTERM, service.stop_after))

        child = Child(service.name, start, stop, log)
        self.children.append(child)
        return child

    def _launch(self, child: Child) -> "subprocess.Popen[bytes]":
        child.process = child.start()
        child.born = monotonic()
        child.unanswered = 0
        self._record()
        return child.process

    def _wait_for_first_page(
        self, web: "subprocess.Popen[bytes]", log: Path, *, seconds: float = 60
    ) -> None:
        deadline = monotonic() + seconds
        while not answers_http(self.url):
            if web.poll() is not None or monotonic() > deadline:
                raise ServerFailed("The web process", log, tail(log))
            sleep(0.05)

    def _greet(self, admin_link: str) -> None:
        self.say(f"HyperHub is at {self.url}")
        if admin_link:
            self.say(f"It has no administrator yet. Become it, once, within a day: {admin_link}")
        self.say(f"Data: {self.data.root}   Logs: {self.data.logs}   Stop: Ctrl-C")

    # --- Running ----------------------------------------------------------------------------

    def _look_after(self) -> None:
        for child in self.children:
            self._restart_if_dead(child)
        for link in self._links.new_links():
            self.say(f"A mail in {self.data.logs / 'web.log'} has this link: {link}")
        if monotonic() >= self._probe_at:
            for child in self.children:
                self._restart_if_hung(child)
            self._probe_at = monotonic() + PROBE_EVERY
        if monotonic() >= self._rotate_at:
            self._rotate_at = monotonic() + ROTATE_EVERY
            for child in self.children:
                self._rotate(child.log)

    def _rotate(self, log: Path) -> None:
        try:
            rotate(log)
        except OSError as error:  # a full disk: the hub goes on as long as it can
            self.say(f"{log} could not be put aside ({error.strerror}).")

    def _restart_if_dead(self, child: Child) -> None:
        """At once the first time, then after pauses that grow to half a minute; never given up."""
        if child.process is not None:
            if (code := child.process.poll()) is None:
                return
            kill_group(child.process.pid)
            child.process = None
            child.deaths = child.deaths + 1 if monotonic() - child.born < WELL_AFTER else 1
            pause = 0.0 if child.deaths == 1 else min(LONGEST_PAUSE, 2.0 ** (child.deaths - 2))
            child.start_again_at = monotonic() + pause
            self.say(
                f"{child.name} ended ({describe(code)}); it is started again "
                f"{f'in {pause:.0f} s' if pause else 'now'}. Its log: {child.log}"
            )
        if monotonic() < child.start_again_at:
            return
        try:
            self._launch(child)
        except OSError as error:
            child.start_again_at = monotonic() + LONGEST_PAUSE
            self.say(f"{child.name} could not be started ({error.strerror}); tried again soon.")

    def _restart_if_hung(self, child: Child) -> None:
        if child.answers is None or child.process is None:
            return
        child.unanswered = 0 if child.answers() else child.unanswered + 1
        if child.unanswered >= PATIENCE:
            self.say(f"{child.name} does not answer; it is stopped and started again.")
            child.stop(child.process)

    # --- Stopping ---------------------------------------------------------------------------

    def _stop(self) -> None:
        """The hub's processes together, then the servers that they write to."""
        servers = [child for child in self.children if child.answers]
        ours = [child for child in self.children if not child.answers]
        for child in ours:
            if child.process and child.process.poll() is None:
                child.process.terminate()
        for child in (*reversed(ours), *servers):
            if child.process:
                child.stop(child.process)
                child.process = None

    def _record(self) -> None:
        self._lock.record(
            ChildRecord(child.name, child.process.pid, started_at(child.process.pid))
            for child in self.children
            if child.process
        )

    def _log_of(self, name: str) -> Path:
        return self.data.logs / f"{name}.log"


def describe(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"
