"""Runs a job on hostile bytes in a child process that can do nothing but compute.

The child has its own session and an empty environment, no file but those handed to it, no network,
limits on memory, time and output, and a seccomp filter where the kernel has one
(`registry.confinement`). What it says is JSON, and is checked here. However it ends, the caller
gets an answer: a value, or a refusal with a reason. It fails closed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from registry.abnormal_ends import AbnormalEnd, Garbled, TimedOut, Unavailable, abnormal_end
from registry.confinement import Limits
from registry.formats.errors import Finding, Refusal, Severity

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], object]  # bytes done, bytes in all

START_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 10.0  # beyond the job's own limit, before the whole server is given up
ANSWER_CHUNK: Final = 1 << 16

# One thread per library, one heap: threads and heaps made later would need calls that are sealed.
_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
_BOOT: Final = (
    "import sys; sys.path += sys.argv[3:]; "
    "from registry.forkserver import serve; serve(int(sys.argv[1]), sys.argv[2])"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: `value` is what it returned, unless `refusal` says why there is none."""

    value: Any
    refusal: Finding | None = None
    confinement: tuple[str, ...] = ()  # what held: session, nobody, no-new-privs, limits, seccomp
    cpu_seconds: float = 0.0
    peak_rss: int = 0  # bytes, the pages of mapped files included


class Sandbox:
    """A fork server and the jobs it knows: functions of a `forkserver.Job` in a module's `VERBS`.

    Starts at the first job, restarts when it has died or when this process was forked, runs one
    job at a time; threads wait for each other.
    """

    def __init__(self, jobs: str, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._jobs = jobs
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._server: _Server | None = None

    def run(
        self,
        verb: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        sources: Mapping[str, Path] | None = None,
        outputs: Mapping[str, Path] | None = None,
        on_progress: Progress | None = None,
    ) -> Outcome:
        """Do the job; `outputs` are created, and removed again unless it returns a value.

        Raises OSError when a source cannot be opened or an output exists; never for the job.
        """
        request = {
            "verb": verb,
            "parameters": dict(parameters or {}),
            "sources": list(sources or {}),
            "outputs": list(outputs or {}),
            "limits": asdict(self.limits),
        }
        with _opened(sources or {}, outputs or {}) as descriptors:
            outcome = self._ask(request, descriptors, on_progress)
        if outcome.refusal is not None:
            _log(verb, outcome.refusal)
            for path in (outputs or {}).values():
                path.unlink(missing_ok=True)
        return outcome

    def close(self) -> None:
        """End the fork server, and with it any job."""
        if self._server is not None and self._owner == os.getpid():
            self._server.kill()
        self._server = None

    def _ask(
        self, request: Mapping[str, Any], descriptors: list[int], on_progress: Progress | None
    ) -> Outcome:
        if self._owner != os.getpid():  # forked: the server is the parent's
            self._owner, self._lock, self._server = os.getpid(), threading.Lock(), None
        with self._lock:
            try:
                if self._server is None or not self._server.alive():
                    self._server = _Server(self._jobs)
                return self._server.do(request, descriptors, self.limits, on_progress)
            except _Lost as lost:
                self.close()
                return Outcome(None, lost.refusal.finding())
            except BaseException:
                self.close()
                raise


class _Lost(Exception):
    """The fork server is of no use any more."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.rule)
        self.refusal = refusal


class _Server:
    """A running fork server, seen from the process that asks."""

    def __init__(self, jobs: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # no shell, our own arguments
                [sys.executable, "-I", "-S", "-c", _BOOT, str(theirs.fileno()), jobs, *_paths()],
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        if "ready" not in self._hear(START_SECONDS):
            self.kill()
            raise _Lost(Unavailable(reason="the sandbox did not start"))

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    def do(
        self,
        request: Mapping[str, Any],
        descriptors: list[int],
        limits: Limits,
        on_progress: Progress | None,
    ) -> Outcome:
        deadline = time.monotonic() + limits.wall_seconds + GRACE_SECONDS
        receive, send = os.pipe2(os.O_CLOEXEC)
        with _closing(receive):
            with _closing(send):
                self._tell(request, [send, *descriptors])
            said = _listen(receive, deadline, limits, on_progress)
        ended = self._hear(deadline - time.monotonic())
        if not ended:
            raise _Lost(Unavailable(reason="the sandbox was lost"))
        return _outcome(said, ended, limits)

    def _tell(self, request: Mapping[str, Any], descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
        except OSError as error:
            raise _Lost(Unavailable(reason="the sandbox was lost")) from error

    def _hear(self, seconds: float) -> dict[str, Any]:
        """The server's next message; empty when it is gone or silent."""
        with contextlib.suppress(OSError, ValueError):
            if _is_readable(self._control.fileno(), seconds):
                return dict(json.loads(self._control.recv(ANSWER_CHUNK)))
        return {}


def _paths() -> list[str]:
    """Where the child finds this package and the libraries that it uses.

    Found, not imported: the web process has no use for numpy.
    """
    found = [find_spec(name) for name in ("registry", "numpy", "blake3", "PIL")]
    roots = [str(Path(spec.origin).parents[1]) for spec in found if spec and spec.origin]
    return list(dict.fromkeys(roots))


def _log(verb: str, refusal: Finding) -> None:
    """A bad end is for those who run the hub too; a file's own fault is not."""
    if issubclass(Refusal.by_rule.get(refusal.rule, AbnormalEnd), AbnormalEnd):
        logger.warning("sandboxed job %s: %s %s", verb, refusal.rule, dict(refusal.data))


# --- files ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(sources: Mapping[str, Path], outputs: Mapping[str, Path]) -> Iterator[list[int]]:
    """Descriptors of all files, in order; what was created is removed again after an exception."""
    with contextlib.ExitStack() as open_files, contextlib.ExitStack() as created:
        descriptors = []
        for path in sources.values():
            # Non-blocking: a named pipe would otherwise wait for someone to write.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            open_files.enter_context(_closing(fd))
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(f"{path} is not a regular file")
            descriptors.append(fd)
        for path in outputs.values():
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            created.callback(path.unlink, missing_ok=True)
            open_files.enter_context(_closing(fd))
            descriptors.append(fd)
        yield descriptors
        created.pop_all()


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


# --- what the child said ----------------------------------------------------------------------


def _listen(
    pipe: int, deadline: float, limits: Limits, on_progress: Progress | None
) -> dict[str, Any]:
    """Everything the job says until it closes its pipe, progress passed on at once."""
    said: dict[str, Any] = {}
    total, rest = 0, b""
    while True:
        if not _is_readable(pipe, deadline - time.monotonic()):
            raise _Lost(TimedOut(seconds=limits.wall_seconds))
        data = os.read(pipe, ANSWER_CHUNK)
        total += len(data)
        if total > limits.answer_size:
            raise _Lost(Garbled(reason="it never stopped talking"))
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            _take(line, said, on_progress)
        if not data:
            if rest:
                said["garbled"] = "its answer breaks off"
            return said


def _is_readable(fd: int, seconds: float) -> bool:
    """Wait for something to read, or the other side's end; poll takes descriptors of any number."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def _take(line: bytes, said: dict[str, Any], on_progress: Progress | None) -> None:
    try:
        words = json.loads(line)
        if "progress" not in words:
            said.update(words)
            return
        done, total = int(words["progress"]), int(words["total"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        said["garbled"] = "its answer is not JSON"
        return
    if on_progress is not None:
        on_progress(done, total)


def _outcome(said: Mapping[str, Any], ended: Mapping[str, Any], limits: Limits) -> Outcome:
    refusal = abnormal_end(said, ended, limits)
    finding = refusal.finding() if refusal is not None else None
    if finding is None and "refusal" in said:
        finding = _finding(said["refusal"])
    return Outcome(
        value=said.get("value") if finding is None else None,
        refusal=finding,
        confinement=tuple(str(said.get("confinement", "")).split()),
        cpu_seconds=float(ended["cpu_seconds"]),
        peak_rss=int(ended["peak_rss"]),
    )


def _finding(words: Any) -> Finding:
    """The job's own refusal, if it has the shape of one."""
    try:
        return Finding(
            rule=str(words["rule"]),
            severity=Severity(words["severity"]),
            message=str(words["message"]),
            data=dict(words["data"]),
        )
    except (KeyError, TypeError, ValueError):
        return Garbled(reason="its refusal has no shape").finding()
