"""One throw-away Postgres and Valkey for a whole run of the tests, in a temporary folder.

The first process of the run (xdist's controller, or pytest itself) starts them and tells the
others where they are by the environment; they end with it, killed or not.
"""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hub.embedded.binaries import postgres_programs, server_account, valkey_program
from hub.embedded.postgres import Postgres
from hub.embedded.valkey import Valkey

FOLDER = "HYPERHUB_TEST_SERVERS"
DATABASES = 128  # of Valkey: each xdist worker takes one
FORGETFUL = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=300")


@dataclass(frozen=True)
class Servers:
    folder: Path

    @property
    def sockets(self) -> Path:
        return self.folder / "pg"

    def database_url(self, name: str) -> str:
        return f"postgresql://hyperhub@/{name}?host={self.sockets}"

    def redis_url(self, number: int) -> str:
        return f"unix://{self.folder / 'valkey' / 'valkey.sock'}?db={number}"


def running_servers() -> Servers:
    """Start them, or find those that this run has already."""
    if not (folder := os.environ.get(FOLDER)):
        folder = os.environ[FOLDER] = str(_start())
    return Servers(Path(folder))


def _start() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hyperhub-tests-"))
    folder.chmod(0o711)  # ours; the servers' user passes through
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    account = server_account()
    postgres = Postgres(
        data=folder / "postgres",
        socket_folder=folder / "pg",
        log=folder / "postgres.log",
        programs=postgres_programs(account, folder),
        account=account,
        settings=FORGETFUL,
    )
    valkey = Valkey(
        folder=folder / "valkey",
        socket=folder / "valkey" / "valkey.sock",
        log=folder / "valkey.log",
        program=valkey_program(account, folder),
        account=account,
        settings=("--appendonly", "no", "--databases", str(DATABASES)),
    )
    for server in (postgres, valkey):
        server.prepare()
        child = server.start()
        atexit.register(server.stop, child)
        server.wait_ready(child)
    postgres.create_database()
    return folder
