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
import signal
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

from registry.confinement import Limits
from registry.formats.errors import Finding, Refusal, Severity, _

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


class AbnormalEnd(Refusal, rule="sandbox-abnormal-end"):
    """The job did not come to its end, so nothing is known of the file: it is not taken in."""

    sentence = _("The file could not be examined. Try to upload it again.")


class TimedOut(AbnormalEnd, rule="sandbox-timed-out"):
    seconds: float
    sentence = _(
        "Examining the file took longer than {seconds:g} seconds and was stopped. "
        "Save the network again from AUTOMATIC1111; if it happens again, tell us."
    )


class TooMuchComputing(AbnormalEnd, rule="sandbox-cpu"):
    seconds: int
    sentence = _(
        "Examining the file took more than {seconds} seconds of computing and was stopped. "
        "Save the network again from AUTOMATIC1111; if it happens again, tell us."
    )


class OutOfMemory(AbnormalEnd, rule="sandbox-memory"):
    limit: int
    sentence = _(
        "Examining the file needed more than {limit} bytes of memory and was stopped. "
        "A hypernetwork never needs that much: save it again from AUTOMATIC1111."
    )


class ForbiddenCall(AbnormalEnd, rule="sandbox-forbidden-call", severity=Severity.MALICIOUS):
    """Reading the file made the process ask the system for something that reading never needs."""

    sentence = _(
        "While the file was examined, the process asked for something that reading a file never "
        "needs, and was ended. Don't load this file anywhere; the moderators will look at it."
    )


class Killed(AbnormalEnd, rule="sandbox-killed"):
    signal: str
    sentence = _(
        "The process that examined the file was ended by {signal}. Try to upload it again; if it "
        "happens again, the file is damaged in a way that we have not seen yet: tell us."
    )


class Failed(AbnormalEnd, rule="sandbox-failed"):
    reason: str
    sentence = _(
        "The file could not be examined to the end ({reason}). This is our fault or a damaged "
        "file; nothing was published. Tell us, please."
    )


class Garbled(AbnormalEnd, rule="sandbox-garbled"):
    reason: str
    sentence = _(
        "The process that examined the file gave no usable answer ({reason}); nothing was "
        "published. Try to upload it again, and tell us if it happens again."
    )


class Unavailable(AbnormalEnd, rule="sandbox-unavailable", severity=Severity.UNSUPPORTED):
    """No fault of the file's: worth another try later."""

    reason: str
    sentence = _(
        "The file could not be examined just now ({reason}). Nothing was published; "
        "please try again later."
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
        ended = self._hear(max(0.0, deadline - time.monotonic()))
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
        readable, _, _ = select.select([self._control], [], [], seconds)
        with contextlib.suppress(OSError, ValueError):
            if readable:
                return dict(json.loads(self._control.recv(ANSWER_CHUNK)))
        return {}


def _paths() -> list[str]:
    """Where the child finds this package and the two libraries that it uses.

    Found, not imported: the web process has no use for numpy.
    """
    found = [find_spec(name) for name in ("registry", "numpy", "blake3")]
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
        readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
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


def _take(line: bytes, said: dict[str, Any], on_progress: Progress | None) -> None:
    try:
        words = json.loads(line)
        if "progress" not in words:
            said.update(words)
        elif on_progress is not None:
            on_progress(int(words["progress"]), int(words["total"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        said["garbled"] = "its answer is not JSON"


def _outcome(said: Mapping[str, Any], ended: Mapping[str, Any], limits: Limits) -> Outcome:
    refusal = _abnormal(said, ended, limits)
    finding = refusal.finding() if refusal is not None else None
    if finding is None and "refusal" in said:
        finding = _finding(said["refusal"])
    return Outcome(
        value=said.get("value") if finding is None else None,
        refusal=finding,
        confinement=tuple(map(str, said.get("confinement", ()))),
        cpu_seconds=float(ended["cpu_seconds"]),
        peak_rss=int(ended["peak_rss"]),
    )


def _abnormal(
    said: Mapping[str, Any], ended: Mapping[str, Any], limits: Limits
) -> AbnormalEnd | None:
    """Name what went wrong, or None: the job ran to its end and said so."""
    if ended["timed_out"]:
        return TimedOut(seconds=limits.wall_seconds)
    if ended["signal"] is not None:
        return _by_signal(ended, limits)
    if ended["exit"] != 0:
        return Failed(reason=f"exit status {ended['exit']}")
    if "garbled" in said:
        return Garbled(reason=said["garbled"])
    failure = said.get("failure")
    if failure == "memory":
        return OutOfMemory(limit=limits.memory)
    if failure is not None:
        return Failed(reason=str(failure))
    if "value" not in said and "refusal" not in said:
        return Garbled(reason="it said nothing")
    return None


def _by_signal(ended: Mapping[str, Any], limits: Limits) -> AbnormalEnd:
    number = ended["signal"]
    if number == signal.SIGSYS:
        return ForbiddenCall()
    out_of_time = number == signal.SIGKILL and ended["cpu_seconds"] >= limits.cpu_seconds
    if number == signal.SIGXCPU or out_of_time:
        return TooMuchComputing(seconds=limits.cpu_seconds)
    return Killed(signal=signal.Signals(number).name)


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
