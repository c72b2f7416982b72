"""Where the embedded stack keeps its data, and how its parts find one another there.

Known to the settings, the supervisor and the tests, so that a second terminal finds the running
servers without being told. Django-free: the settings import it.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DataFolder:
    """The layout of one data folder; nothing here touches the disk."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def secret_key(self) -> Path:
        return self.root / "secret_key"

    @property
    def oidc_key(self) -> Path:
        return self.root / "oidc_key.pem"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def files(self) -> Path:
        """Blobs, pictures and uploads under way: what must be backed up beside the database."""
        return self.root / "files"

    @property
    def static(self) -> Path:
        return self.root / "static"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def postgres_socket_folder(self) -> Path:
        return self.root / "postgres-socket"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self.valkey / "valkey.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://hyperhub@/hyperhub?host={self.postgres_socket_folder}"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.valkey_socket}"


def broker_url(redis_url: str) -> str:
    """In Celery's spelling: `unix://PATH?db=1` is `redis+socket://PATH?virtual_host=1`."""
    if not redis_url.startswith("unix://"):
        return redis_url
    return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def default_data_folder() -> DataFolder:
    """`data/` in the checkout, unless Postgres could not go there.

    Postgres refuses to run as root, so a root user's checkout under /root (0700) is out of its
    reach; then the data lives in /var/lib/hyperhub. No parent folder's mode is ever changed.
    """
    if os.geteuid() == 0 and not _everyone_may_enter(CHECKOUT):
        return DataFolder(Path("/var/lib/hyperhub"))
    return DataFolder(CHECKOUT / "data")


def _everyone_may_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))
