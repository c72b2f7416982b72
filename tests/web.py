"""Real web servers beside a test: gunicorn as in service, and Debian's nginx before it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep

ROOT = Path(__file__).resolve().parents[1]
# Not a limit: a machine that does other things too must not fail the tests.
LONG = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Gunicorn:
    """The hub's own configuration of it, on a port that stays the same when it is restarted."""

    environment: Mapping[str, str]
    processes: int = 1
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "python:hub.gunicorn", "hub.wsgi"],
            cwd=ROOT,
            env={
                **self.environment,
                "WEB_BIND": f"127.0.0.1:{self.port}",
                "WEB_PROCESSES": str(self.processes),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(self.port)

    def kill(self) -> None:
        """Master and workers at once, as the kernel does when memory is short."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LONG)

    def stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LONG)


@contextmanager
def gunicorn(environment: Mapping[str, str], *, processes: int = 1) -> Iterator[Gunicorn]:
    server = Gunicorn(environment, processes)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def nginx(http: str) -> Iterator[None]:
    """`http` are the lines of its http block."""
    folder = Path(tempfile.mkdtemp(prefix="hyperhub-nginx-"))
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(
        f"""
        {user}
        daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          {http}
        }}
        """
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen(
        [program, "-c", configuration, "-p", folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(LONG)
        shutil.rmtree(folder, ignore_errors=True)


def has_nginx() -> bool:
    return bool(shutil.which("nginx")) or Path("/usr/sbin/nginx").exists()


def wait_for(port: int) -> None:
    """Until someone answers in HTTP there."""
    deadline = monotonic() + LONG
    while monotonic() < deadline:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=LONG)
            connection.request("OPTIONS", "/api/v1/uploads")
            connection.getresponse().read()
            connection.close()
            return
        except OSError:
            sleep(0.05)
    raise TimeoutError(f"nobody answers on port {port}")
