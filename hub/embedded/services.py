"""The hub's own processes, as commands. The same ones run on many machines: docker-compose.yml."""

import os
import signal
import sys
from dataclasses import dataclass, field

from hub.embedded.paths import CHECKOUT, DataFolder

PYTHON = sys.executable
QUEUES = ("ingest", "render", "train", "notify")
# Names the descriptor of a pipe: see hub.embedded.wsgi.
GATE = "HYPERHUB_GATE"


@dataclass(frozen=True)
class Service:
    """`stop_after`: seconds it gets to finish what it does after TERM."""

    name: str
    command: tuple[str, ...]
    # When the supervisor is killed: at once for the web, whose port the next one needs.
    death_signal: signal.Signals = signal.SIGTERM
    stop_after: float = 10
    niceness: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()


def web(listener: int, gate: int) -> Service:
    """Descriptors: the bound socket, which outlives a killed gunicorn, and the gate."""
    command = ["gunicorn", "--config", "python:hub.gunicorn", "--bind", f"fd://{listener}"]
    return Service(
        "web",
        (PYTHON, "-m", *command, "hub.embedded.wsgi"),
        death_signal=signal.SIGQUIT,
        # Its processes are forked after numpy is imported, and compute nothing with it.
        environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", GATE: str(gate)},
        keep_open=(listener, gate),
    )


def worker(queue: str) -> Service:
    """Solo pool (in the settings): one job at a time, and CUDA is never forked."""
    command = ["celery", "--app", "hub", "--quiet", "worker"]
    command += ["--queues", f"{queue},housekeeping", "--hostname", f"{queue}@%h"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    # Visitors and uploads come before pictures and training.
    return Service(queue, (PYTHON, "-m", *command), niceness=0 if queue == "ingest" else 10)


def beat() -> Service:
    command = ["celery", "--app", "hub", "--quiet", "beat", "--pidfile="]
    return Service("beat", (PYTHON, "-m", *command), stop_after=3)


def manage(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, str(CHECKOUT / "manage.py"), *arguments)


def shared_environment(data: DataFolder, url: str) -> dict[str, str]:
    """What the children are told; all else they are given as the supervisor was."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hub.settings",
        "HYPERHUB_DATA": str(data.root),
        "SITE_URL": os.environ.get("SITE_URL", url),
        "PYTHONUNBUFFERED": "1",
    }
