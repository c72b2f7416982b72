"""Jobs that do what hostile bytes would do if they got hold of the reader. For test_sandbox.py."""

from __future__ import annotations

import ctypes
import importlib
import mmap
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from registry.forkserver import Job
from registry.formats.errors import EmptyFile

SYS_PTRACE: Final = {"x86_64": 101, "aarch64": 117}


def measure(job: Job) -> dict[str, Any]:
    """A good job: looks at all it was given, writes all its outputs, uses both threads."""
    job.expect(16 << 20)
    for _ in range(4):
        job.progress(4 << 20)
    (count,) = job.together(lambda: sum(map(len, job.sources.values())))
    for name, fd in job.outputs.items():
        os.write(fd, name.encode())
    return {"parameters": dict(job.parameters), "size": count, "environment": dict(os.environ)}


def refuse(job: Job) -> None:
    raise EmptyFile


def fail(job: Job) -> None:
    raise ValueError("text from a hostile file")


def fail_in_the_other_thread(job: Job) -> None:
    _in_the_other_thread(job, lambda: fail(job))


def _in_the_other_thread(job: Job, act: Callable[[], object]) -> None:
    """Keep this thread busy until the other one has done the act."""
    acted = threading.Event()
    here = threading.get_ident()

    def errand() -> None:
        if threading.get_ident() == here:
            acted.wait()
        else:
            try:
                act()
            finally:
                acted.set()

    job.together(errand, errand)


def wait(job: Job) -> None:
    threading.Event().wait()


def spin(job: Job) -> None:
    while True:
        pass


def hoard(job: Job) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def crash(job: Job) -> None:
    ctypes.string_at(0)


def read_what_is_gone(job: Job) -> int:
    """Say that we have begun, then read the end of a file that the test has cut off meanwhile."""
    view = job.sources["file"]
    job.progress(4 << 20)
    while True:
        bytes(view[-1:])


def leave(job: Job) -> None:
    os._exit(3)


def say_nothing(job: Job) -> None:
    os._exit(0)


def babble(job: Job) -> None:
    while True:
        job.say({"noise": "x" * 60_000})


def garble(job: Job) -> None:
    job.say({"value": 1})
    os.write(job._answer, b"\xff{not json\n")


def nest(job: Job) -> None:
    os.write(job._answer, b"[" * 100_000 + b"\n")


def break_off(job: Job) -> None:
    os.write(job._answer, b'{"value": 1')
    os._exit(0)


def say_a_number(job: Job) -> None:
    os.write(job._answer, b"7\n")


def refuse_without_shape(job: Job) -> None:
    job.say({"refusal": ["no", "shape"]})
    os._exit(0)


def write_much(job: Job) -> None:
    while True:
        os.write(job.outputs["out"], bytes(1 << 20))


def _forbidden(act: Callable[[Job], object]) -> Callable[[Job], object]:
    """What must end the process: a job that got away with it says so."""

    def verb(job: Job) -> object:
        try:
            act(job)
        except OSError as error:
            return f"only refused: {error.errno}"
        return "got away with it"

    return verb


def _map_executable(job: Job) -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)


def _trace(job: Job) -> None:
    ctypes.CDLL(None).syscall(SYS_PTRACE[os.uname().machine], 16, 1, 0, 0)


LOOKUPS: Final[dict[str, Callable[[Job], object]]] = {
    "open-to-read": lambda job: os.open("/etc/passwd", os.O_RDONLY),
    "open-to-write": lambda job: os.open("/tmp/planted", os.O_WRONLY | os.O_CREAT),  # noqa: S108
    "stat": lambda job: os.stat("/etc/passwd"),
    "list": lambda job: os.listdir("/"),
    "import-late": lambda job: importlib.import_module("tarfile"),
    "open-in-the-other-thread": lambda job: _in_the_other_thread(
        job, lambda: os.open("/etc/passwd", os.O_RDONLY)
    ),
}

FORBIDDEN: Final[dict[str, Callable[[Job], object]]] = {
    "delete": lambda job: Path("/tmp/planted").unlink(),  # noqa: S108
    "connect": lambda job: socket.socket().connect(("127.0.0.1", 9)),
    "socketpair": lambda job: socket.socketpair(),
    "fork": lambda job: os.fork(),
    "thread": lambda job: threading.Thread(target=print).start(),
    "execute": lambda job: os.execve("/bin/true", ["true"], {}),  # noqa: S606
    "signal-the-parent": lambda job: os.kill(os.getppid(), 0),
    "trace": _trace,
    "executable-memory": _map_executable,
    "duplicate-a-descriptor": lambda job: os.dup(0),
    "connect-in-the-other-thread": lambda job: _in_the_other_thread(job, socket.socketpair),
}

VERBS: Final[dict[str, Callable[[Job], object]]] = (
    {
        act.__name__.replace("_", "-"): act
        for act in (
            measure,
            refuse,
            fail,
            fail_in_the_other_thread,
            wait,
            spin,
            hoard,
            crash,
            read_what_is_gone,
            leave,
            say_nothing,
            babble,
            garble,
            nest,
            break_off,
            say_a_number,
            refuse_without_shape,
            write_much,
        )
    }
    | {name: _forbidden(act) for name, act in FORBIDDEN.items()}
    | LOOKUPS
)
