"""Uploads for tests: received as the upload endpoints leave them, and checked as a worker would."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files.storage import default_storage

from registry import storage
from registry.formats.hypernetwork import Epoch, Hypernetwork, HypernetworkSpec
from registry.formats.tensor import DType, Tensor
from registry.formats.writer import write_portable, write_training
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


def large_file(path: Path, *, dropout: bool = False) -> Path:
    """A network of 17.8 MB, or more with dropout: enough to be met in the middle of reading."""
    structure = (1, 1, 1) if dropout else (1, 1)
    spec = HypernetworkSpec(
        name=path.stem,
        layer_structure=structure,
        dropout_structure=(0, 0.3, 0) if dropout else (0, 0),
        activate_output=False,
    )
    random = np.random.default_rng(0)
    modules = {}
    for dim in (768, 1280):
        halves = [
            {
                f"linear.{layer.index}.{name}": _tensor(shape, random)
                for layer in spec.layout(dim)
                for name, shape in layer.parameters.items()
            }
            for _ in "kv"
        ]
        modules[dim] = (halves[0], halves[1])
    hypernetwork = Hypernetwork(spec=spec, modules=modules, epoch=Epoch.DROPOUT_STRUCTURE)
    with path.open("wb") as out:
        write_training(hypernetwork, out, stem=path.stem) or write_portable(
            hypernetwork, out, stem=path.stem
        )
    return path


def _tensor(shape: tuple[int, ...], random: np.random.Generator) -> Tensor:
    numbers = (random.standard_normal(math.prod(shape)) * 0.02).astype("<f4")
    return Tensor(DType.FP32, shape, memoryview(numbers.tobytes()))


def served(file: File) -> bytes:
    """What a download of this file gives."""
    with default_storage.open(Blob(sha256=file.sha256).key) as stored:
        content: bytes = stored.read()
    return content


def stored_keys() -> set[str]:
    """The blobs whose bytes are in the storage."""
    return {each.key for each in storage.keys("blobs")}
