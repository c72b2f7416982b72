"""A Postgres with a large catalogue, in a throw-away folder that is kept for the next run.

    with catalogue_servers(folder) as servers:    # starts Postgres and Valkey, tells the settings
        django.setup()
        fill(networks=1_000_000)                  # migrates; loads only when it is not there yet

Loaded by COPY with the indexes dropped and made again afterwards. The folder is not synced to the
disk: after a crash of the machine delete it.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from hub.embedded.binaries import postgres_programs, server_account, valkey_program
from hub.embedded.postgres import Postgres
from hub.embedded.valkey import Valkey

if TYPE_CHECKING:
    from psycopg import Connection

    from tests.benchmarks.catalogue_rows import Catalogue

# As on a machine that is meant for so many rows, which lie in memory; the rest as Postgres has it.
# In Postgres' own: some virtual machines give back the system's cache of what was not read lately.
# Pages that lie in memory come sooner by reading them than by waking a process that reads them.
MACHINE: Final = (
    *("shared_buffers=14GB", "effective_cache_size=16GB"),
    *("random_page_cost=1.1", "io_method=sync"),
)
# Without a standby, and in the transaction that empties the table, COPY writes no log.
SETTINGS: Final = (
    *("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_wal_size=4GB"),
    *("wal_level=minimal", "max_wal_senders=0", "checkpoint_timeout=30min"),
)
# Of each table the columns that a line gives, and what all its rows have in the others.
COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "registry_user": (
        "id username email date_joined",
        {
            **dict.fromkeys(("password", "display_name", "bio", "avatar"), "''"),
            **{"role": "'member'", "is_superuser": "false", "is_active": "true"},
            **{"blocked_reason": "''", "content_level": "'general'"},
        },
    ),
    "registry_tag": ("id name namespace", {"network_count": "0"}),
    "registry_network": (
        "id creator_id slug name kind description description_html content_level created_at "
        "updated_at published_at latest_version_id last_version_at base_models activations "
        "works_with tag_ids trigger_words tag_words file_size download_count like_count "
        "comment_count collected_count picture_count",
        {
            **{"licence": "'CreativeML-OpenRAIL-M'", "allow_commercial_use": "'{Image}'"},
            **{"allow_no_credit": "false", "allow_derivatives": "true"},
            **{"allow_different_licence": "false", "is_listed": "true"},
            **{"status": "'published'", "status_reason": "''"},
        },
    ),
    "registry_network_tags": ("network_id tag_id", {}),
    "registry_version": (
        "id network_id number name changelog changelog_html trigger_words base_model created_at "
        "updated_at published_at stem activation weights_hash facts",
        {
            **{
                "status": "'published'",
                "layer_structure": "'{1,2,1}'",
                "dropout_structure": "'{}'",
            },
            **{"is_layer_norm": "false", "dims": "'{320,640,768,1280}'", "dtype": "'fp32'"},
            **{"parameters": "21955584", "step": "20000", "download_count": "0"},
            **dict.fromkeys(("status_reason", "strength_source"), "''"),
            **dict.fromkeys(("trained_on_name", "trained_on_hash"), "''"),
        },
    ),
    "registry_file": (
        "id version_id name format is_primary created_at sha256 blake3 crc32 autov1 autov3",
        {"flavour": "'portable'", "size": "87843021"},
    ),
    "registry_original": (
        "id version_id name scanned_at sha256 blake3 crc32 autov1 autov3",
        {"container": "'torch-zip'", "size": "87843021", "opinions": "'[]'"},
    ),
    "registry_picture": (
        "id sha256 created_at",
        {
            **{"width": "512", "height": "768", "blurhash": "'LEHV6nWB2yk8pyo0adR*.7kCMdnj'"},
            **{"owner_id": "1", "placeholder": "''", "content_level": "'general'"},
            **{"is_preview": "true", "is_cover": "true"},
            "meta": """'{"prompt": "a quiet harbour, morning light", "seed": 7}'""",
        },
    ),
    "registry_picture_versions": ("picture_id version_id", {}),
}
LINES_AT_ONCE: Final = 100_000


@contextmanager
def catalogue_servers(folder: Path) -> Iterator[None]:
    """Postgres and Valkey in `folder`, and the settings' variables that lead there."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # ours; the servers' user passes through
    account = server_account()
    postgres = Postgres(
        data=folder / "postgres",
        socket_folder=folder / "pg",
        log=folder / "postgres.log",
        programs=postgres_programs(account, folder),
        account=account,
        settings=(*MACHINE, *SETTINGS),
    )
    valkey = Valkey(
        folder=folder / "valkey",
        socket=folder / "valkey" / "valkey.sock",
        log=folder / "valkey.log",
        program=valkey_program(account, folder),
        account=account,
        settings=("--appendonly", "no"),
    )
    children = []
    try:
        for server in (postgres, valkey):
            server.prepare()
            child = server.start()
            children.append((server, child))
            server.wait_ready(child)
        postgres.create_database()
        os.environ |= {
            "DATABASE_URL": postgres.url(),
            "REDIS_URL": f"unix://{valkey.socket}",
            "HYPERHUB_DATA": str(folder / "data"),
            # Counted as in service, and never reached.
            **{f"API_LIMIT_{kind}": "1000000,1000000" for kind in ("READ", "SEARCH")},
        }
        yield
    finally:
        for server, child in children:
            server.stop(child)


def read_once() -> None:
    """All tables and indexes into memory."""
    from django.db import connection

    began = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        cursor.execute(
            "SELECT pg_prewarm(oid::regclass) FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
        )
    print(f"Read the database once: {perf_counter() - began:.0f} s\n", flush=True)


def fill(networks: int) -> None:
    """Migrate, and load what is missing. A load that was broken off begins anew."""
    from django.core.management import call_command
    from django.db import connection

    from registry.models import Network
    from tests.benchmarks.catalogue_rows import Catalogue, Sizes

    call_command("migrate", verbosity=0)
    if Network.objects.exists():
        return
    began = perf_counter()
    print(f"Loading {networks:,} networks …", flush=True)
    _load(connection.connection, Catalogue(Sizes(networks)))
    print(f"… in {perf_counter() - began:.0f} s\n", flush=True)


def _load(postgres: "Connection[Any]", catalogue: "Catalogue") -> None:
    """All in one transaction: a load that is broken off leaves nothing behind."""
    with postgres.transaction(), postgres.cursor() as cursor:
        # No foreign keys and no triggers: a published version takes no files otherwise.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute(f"TRUNCATE {', '.join(COLUMNS)} CASCADE")
        indexes = _without_indexes(cursor)
        for table, (_, constants) in COLUMNS.items():
            for column, value in constants.items():
                cursor.execute(f"ALTER TABLE {table} ALTER {column} SET DEFAULT {value}")
        _copy(cursor, catalogue)
        for table, (_, constants) in COLUMNS.items():
            for column in constants:
                cursor.execute(f"ALTER TABLE {table} ALTER {column} DROP DEFAULT")
        print(f"  … copied, {len(indexes)} indexes …", flush=True)
        for definition in indexes:
            cursor.execute(definition)
        cursor.execute(
            "UPDATE registry_tag SET network_count = carried.count FROM "
            "(SELECT tag_id, count(*) FROM registry_network_tags GROUP BY 1) carried "
            "WHERE tag_id = id"
        )
    postgres.execute("VACUUM (ANALYZE)")


def _without_indexes(cursor: Any) -> list[str]:
    """Drop the indexes that are no constraints; how to make them again."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "LEFT JOIN pg_constraint ON conindid = indexrelid AND conrelid = indrelid "
        "WHERE indrelid::regclass::text = ANY(%s) AND pg_constraint.oid IS NULL",
        [list(COLUMNS)],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _copy(cursor: Any, catalogue: "Catalogue") -> None:
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for lines in (catalogue.users(), catalogue.tags(), catalogue.networks()):
        for number, (table, line) in enumerate(lines):
            waiting[table].append(line)
            if number % LINES_AT_ONCE == LINES_AT_ONCE - 1:
                _send(cursor, waiting)
    _send(cursor, waiting)


def _send(cursor: Any, waiting: dict[str, list[str]]) -> None:
    for table, lines in waiting.items():
        columns = COLUMNS[table][0].replace(" ", ", ")
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write("".join(lines))
    waiting.clear()
