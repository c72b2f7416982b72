"""Bring the database and the static files up to date with the code; safe to run at every start."""

import hashlib
import json
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from hub.accounts.first_admin import first_admin_link
from inference.base_models import sync_base_models

# Any number that nothing else here uses as an advisory lock.
PREPARE_LOCK = 0x50524550


class Command(BaseCommand):
    help = "Migrate if needed, collect the static files if they changed; say what is next, as JSON."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        migrate_if_needed()
        collect_static_if_changed(Path(settings.STATIC_ROOT))
        make_bucket_if_absent()
        list(sync_base_models())  # what is wrong is logged, and no reason not to start
        self.stdout.write(json.dumps({"admin_link": first_admin_link()}))


def migrate_if_needed() -> None:
    """One at a time, however many machines start at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARE_LOCK])
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                call_command("migrate", interactive=False, verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARE_LOCK])


def collect_static_if_changed(target: Path) -> None:
    stamp = target / ".fingerprint"
    fingerprint = static_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(fingerprint)


def make_bucket_if_absent() -> None:
    """Where the files go to S3."""
    if not settings.S3_BUCKET:
        return
    client = cast(Any, default_storage).connection.meta.client
    try:
        client.head_bucket(Bucket=settings.S3_BUCKET)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        client.create_bucket(Bucket=settings.S3_BUCKET)


def static_fingerprint() -> str:
    """Of names, sizes and times: reading every file would take longer than it saves."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
