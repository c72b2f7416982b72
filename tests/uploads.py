"""Uploads for tests: received as the upload endpoints leave them, and checked as a worker would."""

import json
import shutil
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage

from registry import storage
from registry.ingest import start_ingest
from registry.models import Blob, File, Upload, User, Version
from tests.factories import UploadFactory
from tests.jobs import run_waiting_jobs

FIXTURES = Path("tests/fixtures/hypernetworks")
INDEX: dict[str, dict[str, Any]] = json.loads((FIXTURES / "index.json").read_text())


def received(
    content: Path | bytes, *, owner: User, version: Version | None = None, name: str = ""
) -> Upload:
    """An upload whose bytes are all there, and which nobody has looked at yet."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    name = name or ("upload.pt" if isinstance(content, bytes) else content.name)
    upload: Upload = UploadFactory(
        owner=owner,
        version=version,
        name=name,
        size=size,
        offset=size,
        state=Upload.State.RECEIVED,
    )
    path = storage.received(upload.pk)
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(content, path)
    return upload


def ingested(
    content: Path | bytes, *, owner: User, version: Version | None = None, name: str = ""
) -> Upload:
    """The same, and checked: at its end."""
    upload = received(content, owner=owner, version=version, name=name)
    start_ingest(upload=upload)
    run_waiting_jobs()
    upload.refresh_from_db()
    return upload


def served(file: File) -> bytes:
    """What a download of this file gives."""
    with default_storage.open(Blob(sha256=file.sha256).key) as stored:
        content: bytes = stored.read()
    return content


def stored_keys() -> set[str]:
    """The blobs whose bytes are in the storage."""
    return {each.key for each in storage.keys("blobs")}
