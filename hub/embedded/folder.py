"""Taking a data folder into use: is it fit, is it free, and what did a killed predecessor leave?"""

import errno
import json
import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from hub.embedded.binaries import Account
from hub.embedded.errors import DataFolderBusy, DiskFull, FolderUnusable
from hub.embedded.paths import DataFolder
from hub.embedded.processes import is_alive, kill_group, wait_until_gone

# Postgres is 40 MB when new and writes its log in pieces of 16 MB.
ROOM_AT_FIRST = 256 << 20
ROOM_LATER = 64 << 20
# A unix socket's address has 108 bytes, with the NUL; Postgres' name for it is the longest here.
LONGEST_SOCKET_PATH = 107


def make_fit(data: DataFolder, account: Account | None) -> None:
    """Make the folder if it is absent. Raises FolderUnusable, DiskFull."""
    root = data.root
    socket = data.postgres_socket_folder / ".s.PGSQL.5432"
    if (excess := len(os.fsencode(socket)) - LONGEST_SOCKET_PATH) > 0:
        raise FolderUnusable(root, f"its path is {excess} characters too long for a unix socket")
    try:
        # As root the servers' user passes through; everything inside is 0700 or 0600.
        root.mkdir(mode=0o711 if account else 0o700, parents=True, exist_ok=True)
        for folder in (data.logs, data.files):
            folder.mkdir(mode=0o700, exist_ok=True)
        probe = root / f".probe-{os.getpid()}"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(root, 0, ROOM_LATER) from error
        raise FolderUnusable(root, f"it cannot be written ({error.strerror})") from error
    if account and not account.may_enter(root):
        raise FolderUnusable(
            root,
            f"Postgres does not run as root, and the user {account.name} that it runs as may not "
            "enter this folder or one above it",
        )
    free = shutil.disk_usage(root).free
    needed = ROOM_LATER if data.postgres.exists() else ROOM_AT_FIRST
    if free < needed:
        raise DiskFull(root, free, needed)


@dataclass(frozen=True)
class ChildRecord:
    """Enough to know it again: a process id alone is soon another's."""

    name: str
    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        return is_alive(self.pid) and started_at(self.pid) == self.started


class FolderLock:
    """Held as long as the supervisor lives, however it ends. Its text says who holds it."""

    def __init__(self, data: DataFolder, url: str) -> None:
        """Raises DataFolderBusy."""
        self._url = url
        self._file = os.fdopen(os.open(data.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        said = self._read()
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise DataFolderBusy(data.root, said.get("pid"), said.get("url", "")) from None
        self.left_behind = [ChildRecord(**child) for child in said.get("children", [])]
        self.record([])

    def record(self, children: Iterable[ChildRecord]) -> None:
        """For the next one, in case we are killed. On a full disk it does without."""
        text = {"pid": os.getpid(), "url": self._url, "children": [asdict(c) for c in children]}
        with suppress(OSError):
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(text))
            self._file.flush()

    def _read(self) -> dict[str, Any]:
        try:
            said = json.load(self._file)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


def end_left_behind(children: Iterable[ChildRecord], *, seconds: float = 10) -> None:
    """Children of a killed supervisor are already ending; who is not after a while is killed.

    Postgres is left to finish in its own time: see `Postgres.prepare`.
    """
    left = [child for child in children if child.name != "postgres" and child.is_alive]
    for child in left:
        os.kill(child.pid, signal.SIGTERM)
    deadline = monotonic() + seconds
    while any(child.is_alive for child in left) and monotonic() < deadline:
        sleep(0.05)
    for child in left:
        kill_group(child.pid)
    wait_until_gone([child.pid for child in left if child.is_alive], 5)


def started_at(pid: int) -> str:
    """The boot, and the kernel's clock at the start of the process; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return f"{boot}:{stat[19]}"
