"""The process from which every sandboxed job is forked. Run by `registry.sandbox`, not imported.

Importing numpy costs more processor time than hashing a file of 87.8 MB, so it is paid once: this
process has everything imported and never looks at a hostile byte. Per job it forks a child, which
confines itself, works, writes its answer to a pipe as lines of JSON, and dies. One job at a time.
"""

from __future__ import annotations

import codecs
import importlib
import json
import mmap
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from types import ModuleType
from typing import Any, Final, TypeVar

from registry import confinement
from registry.formats.errors import Refusal

T = TypeVar("T")

MESSAGE_CAP: Final = 1 << 16
DESCRIPTORS_CAP: Final = 8
PROGRESS_STEP: Final = 4 << 20  # bytes between two lines about progress
THREAD_STACK: Final = 1 << 20
# Codecs that Python would import at first use, when the child can open nothing any more.
LATE_ENCODINGS: Final = ("ascii", "latin-1", "unicode_escape")


class Job:
    """What a job is given: parameters, open files, a second thread, a way to tell how far it is.

    `sources` are mapped read-only; `outputs` are descriptors, empty and open for writing.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        sources: Mapping[str, memoryview],
        outputs: Mapping[str, int],
        answer: int,
    ) -> None:
        self.parameters = parameters
        self.sources = sources
        self.outputs = outputs
        self._answer = answer
        self._total = self._done = self._told = 0
        self._lock = threading.Lock()
        self._errands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run_errands, daemon=True).start()

    def expect(self, total: int) -> None:
        """Announce how many bytes `progress` will add up to."""
        self._total = total

    def progress(self, amount: int) -> None:
        """Tell that `amount` more bytes are done; either thread may."""
        with self._lock:
            self._done += amount
            if self._done - self._told >= PROGRESS_STEP:
                self._told = self._done
                self.say({"progress": self._done, "total": self._total})

    def alongside(self, errand: Callable[[], T]) -> Callable[[], T]:
        """Run an errand in the second thread; call what is returned to wait for its result.

        The wait raises what the errand has raised.
        """
        outcome: SimpleQueue[T | _Failed] = SimpleQueue()

        def run() -> None:
            try:
                outcome.put(errand())
            except BaseException as error:  # raised again by whoever waits
                outcome.put(_Failed(error))

        def wait() -> T:
            result = outcome.get()
            if isinstance(result, _Failed):
                raise result.error
            return result

        self._errands.put(run)
        return wait

    def together(self, *errands: Callable[[], Any]) -> list[Any]:
        """Run errands in both threads, each taking the next one in turn; their results in order."""
        left = deque(enumerate(errands))
        results: list[Any] = [None] * len(errands)

        def work() -> None:
            while True:
                try:
                    n, errand = left.popleft()
                except IndexError:  # none is left, or the other thread was faster
                    return
                results[n] = errand()

        wait = self.alongside(work)
        work()
        wait()
        return results

    def say(self, line: Mapping[str, Any]) -> None:
        data = memoryview(json.dumps(line).encode() + b"\n")
        while data:
            data = data[os.write(self._answer, data) :]

    def _run_errands(self) -> None:
        while True:
            self._errands.get()()


@dataclass(frozen=True)
class _Failed:
    """The outcome of an errand that raised."""

    error: BaseException


def serve(control_fd: int, jobs_name: str) -> None:
    """Answer requests on the control socket until the other side closes it.

    A request is one message: JSON `{verb, parameters, sources, outputs, limits}` and, beside it,
    the pipe for the answer and the descriptors of `sources` and `outputs`, in that order.
    """
    jobs = importlib.import_module(jobs_name)
    for encoding in LATE_ENCODINGS:
        codecs.lookup(encoding)
    threading.stack_size(THREAD_STACK)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    control = socket.socket(fileno=control_fd)
    control.send(b'{"ready": true}')
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_CAP, DESCRIPTORS_CAP)
        if not message:
            return
        request = json.loads(message)
        pid = os.fork()
        if pid == 0:
            _become_job(request, descriptors, jobs)
        for fd in descriptors:
            os.close(fd)
        control.send(json.dumps(_wait(pid, request["limits"]["wall_seconds"])).encode())


def _wait(pid: int, seconds: float) -> dict[str, Any]:
    """Wait for the child, at most so long; how it ended and what it used."""
    deadline = time.monotonic() + seconds
    timed_out = False
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        left = deadline - time.monotonic()
        if left <= 0:
            timed_out = True
            os.kill(pid, signal.SIGKILL)
            left = 60.0
        signal.sigtimedwait({signal.SIGCHLD}, left)
    return {
        "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "timed_out": timed_out,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_rss": usage.ru_maxrss * 1024,
    }


def _become_job(request: dict[str, Any], descriptors: list[int], jobs: ModuleType) -> None:
    """The child: never returns."""
    try:
        job, facts = _confine(request, descriptors)
        job.say({"confinement": " ".join(facts)})
        _work(job, jobs.VERBS[request["verb"]])
    except BaseException:  # a thing that cannot even be told: the exit status tells it
        os._exit(70)
    os._exit(0)


def _confine(request: dict[str, Any], descriptors: list[int]) -> tuple[Job, list[str]]:
    confinement.close_all_but(descriptors)
    facts = confinement.leave_privileges()
    answer, *files = descriptors
    maps = {name: _map(fd) for name, fd in zip(request["sources"], files, strict=False)}
    outputs = dict(zip(request["outputs"], files[len(maps) :], strict=True))
    job = Job(request["parameters"], maps, outputs, answer)
    limits = confinement.Limits(**request["limits"])
    facts += confinement.limit_resources(limits)
    facts += confinement.seal()
    return job, facts


def _map(fd: int) -> memoryview:
    if os.fstat(fd).st_size == 0:
        return memoryview(b"")
    return memoryview(mmap.mmap(fd, 0, prot=mmap.PROT_READ))


def _work(job: Job, verb: Callable[[Job], Any]) -> None:
    try:
        value = verb(job)
    except Refusal as refusal:
        job.say({"refusal": asdict(refusal.finding())})
    except MemoryError:
        job.say({"failure": "memory"})
    except OSError as error:
        job.say({"failure": f"system error {error.errno}"})
    except Exception as error:  # a fault of ours: fail closed, and say which
        job.say({"failure": _where(error)})
    else:
        job.say({"value": value})


def _where(error: Exception) -> str:
    """The error's type and its line, without its text, which may quote the file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
