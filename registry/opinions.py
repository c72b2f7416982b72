"""What other scanners say of an upload: shown as theirs, never what decides.

They work from lists of known evil, so their silence proves nothing, and a small file can keep one
busy for long. Each therefore runs beside the check, bounded, and what it does not say is recorded
as "not scanned".
"""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

# Of the wall; of computing it gets ten.
PICKLESCAN_SECONDS: Final = 20
CLAMAV_SECONDS: Final = 30
BLOCK: Final = 1 << 20


class Says(StrEnum):
    CLEAN = "clean"
    INFECTED = "infected"
    ERROR = "error"
    NOT_SCANNED = "not-scanned"


@dataclass(frozen=True)
class Opinion:
    """`scanner` and its `version` ("" when it was not reached), what it says, in plain words."""

    scanner: str
    version: str
    verdict: Says
    message: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Opinions:
    """Ask them all at once; `wait` for what they say while something else is done."""

    def __init__(self, path: Path) -> None:
        self._pool = ThreadPoolExecutor(len(SCANNERS), thread_name_prefix="opinion")
        self._asked: list[Future[Opinion]] = [self._pool.submit(ask, path) for ask in SCANNERS]

    def wait(self) -> list[Opinion]:
        """All opinions, in the order of SCANNERS. Never raises for a scanner."""
        said = [future.result() for future in self._asked]
        self._pool.shutdown()
        return said


# --- picklescan -----------------------------------------------------------------------------------

# It parses hostile bytes in pure Python: in a process of its own, without an environment, with
# bounded memory and computing, and nothing that it could write to.
_PICKLESCAN: Final = """
import json, resource, sys
for what, most in (("AS", 1 << 30), ("CPU", 10), ("FSIZE", 0), ("NOFILE", 64), ("CORE", 0)):
    resource.setrlimit(getattr(resource, "RLIMIT_" + what), (most, most))
from picklescan.scanner import SafetyLevel, scan_bytes
with open(sys.argv[1], "rb") as file:
    result = scan_bytes(file, "upload", ".pt")
bad = [f"{g.module}.{g.name}" for g in result.globals if g.safety == SafetyLevel.Dangerous]
print(json.dumps({"scanned": result.scanned_files, "failed": result.scan_err, "bad": bad[:5]}))
"""


def ask_picklescan(path: Path) -> Opinion:
    name = "picklescan"
    try:
        release = version("picklescan")
    except PackageNotFoundError:
        return _not_scanned(name, _("it is not installed here"))
    try:
        done = subprocess.run(  # noqa: S603  # no shell, our own program and path
            [sys.executable, "-I", "-c", _PICKLESCAN, str(path.resolve())],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PICKLESCAN_SECONDS,
            start_new_session=True,
            check=True,
        )
        said = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Opinion(name, release, Says.ERROR, _("picklescan did not come to an end."))
    if said["bad"]:
        listed = ", ".join(said["bad"])
        message = _("picklescan calls these imports dangerous: %(listed)s.") % {"listed": listed}
        return Opinion(name, release, Says.INFECTED, message)
    if said["failed"] or not said["scanned"]:
        return Opinion(name, release, Says.ERROR, _("picklescan could not read the file."))
    return Opinion(name, release, Says.CLEAN, _("picklescan found nothing dangerous."))


# --- ClamAV ---------------------------------------------------------------------------------------


def ask_clamav(path: Path) -> Opinion:
    """Send the bytes to clamd by its INSTREAM command; source: clamd(8)."""
    name = "ClamAV"
    if not settings.CLAMD_URL:
        return _not_scanned(name, _("no scanner is set up here"))
    release = ""
    try:
        release = _clamd(b"zVERSION\0")
        said = _clamd(b"zINSTREAM\0", path)
    except OSError as error:
        return _not_scanned(name, _("it does not answer (%(why)s)") % {"why": _why(error)}, release)
    finding = said.removeprefix("stream: ")
    if finding == "OK":
        return Opinion(name, release, Says.CLEAN, _("ClamAV found nothing."))
    if finding.endswith(" FOUND"):
        virus = finding.removesuffix(" FOUND")
        message = _("ClamAV says that this is %(virus)s.") % {"virus": virus}
        return Opinion(name, release, Says.INFECTED, message)
    return Opinion(name, release, Says.ERROR, _("ClamAV: %(said)s") % {"said": said[:200]})


def _clamd(command: bytes, path: Path | None = None) -> str:
    """One command and its answer. Raises OSError."""
    with _connected(settings.CLAMD_URL) as clamd:
        clamd.sendall(command)
        if path is not None:
            with suppress(BrokenPipeError):  # it has had enough, and says why
                _send(clamd, path)
        answer = b""
        while block := clamd.recv(4096):
            answer += block
        return answer.decode("utf-8", "replace").strip("\0\n ")


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        clamd = socket.socket(socket.AF_UNIX)
        clamd.settimeout(CLAMAV_SECONDS)
        clamd.connect(parts.path)
        return clamd
    return socket.create_connection((parts.hostname or "", parts.port or 3310), CLAMAV_SECONDS)


def _send(clamd: socket.socket, path: Path) -> None:
    """Blocks, each behind its length, and an empty one at the end."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            clamd.sendall(len(block).to_bytes(4, "big") + block)
    clamd.sendall(bytes(4))


# --- All of them ----------------------------------------------------------------------------------

SCANNERS: Final[tuple[Callable[[Path], Opinion], ...]] = (ask_picklescan, ask_clamav)


def _not_scanned(name: str, why: str, release: str = "") -> Opinion:
    message = _("Not scanned by %(name)s: %(why)s.") % {"name": name, "why": why}
    return Opinion(name, release, Says.NOT_SCANNED, message)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
