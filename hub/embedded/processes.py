"""Starting and ending the children: in a session of their own, and never outliving us."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

from hub.embedded.binaries import Account

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path = Path("/"),
    keep_open: Sequence[int] = (),
    niceness: int = 0,
) -> "subprocess.Popen[bytes]":
    """Start a child that writes to `log` and gets `death_signal` when this process dies.

    Call it from the main thread: Linux sends the signal when the thread that forked has ended.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, death_signal.value)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)
        os.nice(niceness)

    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=None if environment is None else dict(environment),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            preexec_fn=die_with_parent,
        )


def end(child: "subprocess.Popen[bytes]", *signals: tuple[signal.Signals, float]) -> None:
    """Send each signal and wait its seconds; whatever is left of the child's group is killed."""
    for number, seconds in signals:
        if child.poll() is not None:
            break
        child.send_signal(number)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    kill_group(child.pid)
    child.wait()


def kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until_gone(pids: Sequence[int], seconds: float) -> list[int]:
    """The processes that still run after that time."""
    deadline = monotonic() + seconds
    left = list(pids)
    while left and monotonic() < deadline:
        left = [pid for pid in left if is_alive(pid)]
        if left:
            sleep(0.05)
    return left


def is_alive(pid: int) -> bool:
    """False for a zombie too: it holds no file, socket or port."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def tail(log: Path, characters: int = 4000) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - characters))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
