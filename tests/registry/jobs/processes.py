"""Real workers and beats, started as in service, with short leases."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from hub.embedded import services
from hub.embedded.paths import CHECKOUT
from hub.embedded.processes import kill_group, spawn, tail

# Not a limit of the hub's: a busy machine must not fail these tests.
LONG = 90.0
QUICK = {
    "JOB_LEASE_SECONDS": "3",
    "JOB_HEARTBEAT_SECONDS": "0.5",
    "JOB_PROGRESS_SECONDS": "0.1",
    "JOB_RETRY_SECONDS": "0.5",
    "JOB_REAP_SECONDS": "1",
    "WORKER_PRESENCE_SECONDS": "0.5",
    "LOG_JSON": "true",
}


class Processes:
    """What a test has started; all of it ends with the test."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self.environment = {**environment, **QUICK, "HYPERHUB_DATA": str(folder)}
        self._started: list[subprocess.Popen[bytes]] = []

    def worker(self, queue: str = "ingest") -> "subprocess.Popen[bytes]":
        return self.start(services.worker(queue).command)

    def beat(self) -> "subprocess.Popen[bytes]":
        return self.start(services.beat().command)

    def start(self, command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        process = spawn(
            command,
            log=self._folder / f"{len(self._started)}.log",
            death_signal=signal.SIGKILL,
            environment=self.environment,
            folder=CHECKOUT,
        )
        self._started.append(process)
        return process

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            services.manage(*arguments), env=self.environment, capture_output=True, text=True
        )

    def log_of(self, process: "subprocess.Popen[bytes]") -> str:
        return tail(self._folder / f"{self._started.index(process)}.log", 1 << 20)

    def lines_of(self, process: "subprocess.Popen[bytes]") -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_of(process).splitlines()]

    def all_logs(self) -> str:
        return "\n".join(self.log_of(process) for process in self._started)

    def end(self) -> None:
        for process in self._started:
            kill_group(process.pid)
            process.wait()


def until(condition: Callable[[], object], what: str, seconds: float = LONG) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        sleep(0.05)


def ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def send(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    os.kill(process.pid, number)
