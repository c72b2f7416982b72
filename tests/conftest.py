"""What every test may ask for. The servers are started by `tests.settings`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from tests.cast import (
    alice,
    alice_client,
    anonymous,
    api,
    bob,
    bob_client,
    boss,
    boss_client,
    mod,
    mod_client,
)
from tests.servers import Servers, running_servers

__all__ = [
    "alice",
    "alice_client",
    "anonymous",
    "api",
    "bob",
    "bob_client",
    "boss",
    "boss_client",
    "mod",
    "mod_client",
]
ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "hyperhub_migrated"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With xdist: those that start the whole hub go one after the other, in one process."""
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.xdist_group("the whole hub"))


@pytest.fixture(scope="session")
def servers() -> Servers:
    return running_servers()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, servers: Servers
) -> None:
    """With xdist: migrate once, and let each worker's database be a copy of that one."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        settings.DATABASES["default"]["TEST"]["TEMPLATE"] = _migrated_database(servers)


def _migrated_database(servers: Servers) -> str:
    with (servers.folder / "template.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        with psycopg.connect(servers.database_url("postgres"), autocommit=True) as postgres:
            if postgres.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]
            ).fetchone():
                return TEMPLATE
            postgres.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'")
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": servers.database_url(TEMPLATE)},
            check=True,
        )
    return TEMPLATE


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Rate limits, counted facets and sessions of one test are not those of the next."""
    yield
    cache.clear()


@pytest.fixture
def process_environment(transactional_db: None, servers: Servers) -> dict[str, str]:
    """For a real process (a worker, a server) beside the test: same database, cache and files."""
    name = str(connection.settings_dict["NAME"])
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hub.settings",
        "DATABASE_URL": servers.database_url(name),
    }
