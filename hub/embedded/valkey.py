"""A Valkey of our own, for the cache and the broker: one unix socket, no TCP."""

import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from hub.embedded.binaries import Account
from hub.embedded.errors import ServerFailed
from hub.embedded.postgres import clean_environment
from hub.embedded.processes import end, spawn, tail

STOP = ((signal.SIGTERM, 10.0),)


@dataclass(frozen=True)
class Valkey:
    folder: Path
    socket: Path
    log: Path
    program: Path
    account: Account | None
    settings: tuple[str, ...] = ("--appendonly", "yes")

    def prepare(self) -> None:
        for folder in (self.folder, self.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.account:
                self.account.owns(folder)
        self._wait_for_predecessor()

    def start(self) -> "subprocess.Popen[bytes]":
        command: list[str | Path] = [self.program, "--port", "0", "--save", "", "--daemonize", "no"]
        command += ["--unixsocket", self.socket, "--unixsocketperm", "700", "--dir", self.folder]
        return spawn(
            [*command, *self.settings],
            log=self.log,
            death_signal=signal.SIGTERM,
            account=self.account,
            environment=clean_environment(),
        )

    def stop(self, child: "subprocess.Popen[bytes]") -> None:
        end(child, *STOP)

    def answers(self, *, seconds: float = 2) -> bool:
        """False too while it still loads its log."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(seconds)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def wait_ready(self, child: "subprocess.Popen[bytes]", *, seconds: float = 60) -> None:
        """Raises ServerFailed."""
        deadline = monotonic() + seconds
        while not self.answers():
            if child.poll() is not None or monotonic() > deadline:
                raise ServerFailed("Valkey", self.log, tail(self.log))
            sleep(0.02)

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def _wait_for_predecessor(self, seconds: float = 15) -> None:
        """Two servers must not write one append-only file."""
        deadline = monotonic() + seconds
        while self.answers(seconds=0.5):
            if monotonic() > deadline:
                raise ServerFailed("Valkey", self.log, "another one still answers at its socket")
            sleep(0.05)
