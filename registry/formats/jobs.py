"""What the sandboxed child does with an uploaded file: examine it, and write what we publish.

Two threads share the work, and each weight is read for a checksum once: the reader's are reused
for the file's own CRC32 and for those of the files written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Protocol, TypeVar

from registry.formats import compatibility, weights, writer
from registry.formats.errors import LargeFile, Refusal
from registry.formats.flavors import Flavor
from registry.formats.hashes import Buffer, Hashes, crc32_of, hash_bytes, weights_hash
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import Reading, read
from registry.formats.report import Report
from registry.formats.source import MAX_FILE_BYTES

T = TypeVar("T")
Files = dict[Flavor, writer.Written]


class Job(Protocol):
    """The part of `registry.forkserver.Job` that is used here."""

    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def sources(self) -> Mapping[str, memoryview]: ...
    @property
    def outputs(self) -> Mapping[str, int]: ...
    def expect(self, total: int) -> None: ...
    def progress(self, amount: int) -> object: ...
    def alongside(self, errand: Callable[[], T]) -> Callable[[], T]: ...
    def together(self, *errands: Callable[[], Any]) -> list[Any]: ...


def examine(job: Job) -> dict[str, Any]:
    """Read and check the source `file`, hash it, and write each output, named for its flavour.

    Parameters: `stem` and `suffix` of its name, and the `new_stem` of the outputs. A refused file
    is reported with its hashes. The training output stays empty, and out of the report's `files`,
    where it would not differ from the portable one.
    """
    view = job.sources["file"]
    if len(view) > MAX_FILE_BYTES:
        refusal = LargeFile(size=len(view), limit=MAX_FILE_BYTES)
        return Report(findings=(refusal.finding(),)).as_dict()
    job.expect((2 + len(job.outputs)) * len(view))
    # The CRC comes from the reader's, so that no weight is read for it again.
    hashes = job.alongside(lambda: hash_bytes(view, crc32=0, progress=job.progress))
    reading = _read(job, view)
    if isinstance(reading, Refusal):
        hashed = _with_crc32(hashes(), crc32_of(view))
        return Report(findings=(reading.finding(),), hashes=hashed).as_dict()
    (files, weights_name), pickles, report = job.together(
        lambda: _write_safetensors(job, reading.hypernetwork),
        lambda: _write(job, reading.hypernetwork, (Flavor.PORTABLE, Flavor.TRAINING)),
        lambda: _report(job, reading),
    )
    hashed = _with_crc32(hashes(), crc32_of(view, verified=reading.container.verified))
    return {
        **report.as_dict(),
        "hashes": {**hashed, "weights": weights_name},
        "files": {flavor: w.hashes.as_dict() for flavor, w in (pickles | files).items()},
    }


VERBS: Final = {"examine": examine}


def _read(job: Job, view: memoryview) -> Reading[Hypernetwork] | Refusal:
    try:
        return read(view, stem=job.parameters["stem"])
    except Refusal as refusal:
        return refusal


def _with_crc32(hashes: Hashes, crc32: int) -> dict[str, str | int | None]:
    return replace(hashes, crc32=f"{crc32:08x}").as_dict()


def _write_safetensors(job: Job, hypernetwork: Hypernetwork) -> tuple[Files, str]:
    """The file, if asked for, and the weights hash, which comes with it for free."""
    files = _write(job, hypernetwork, (Flavor.SAFETENSORS,))
    if Flavor.SAFETENSORS in files:
        return files, files[Flavor.SAFETENSORS].weights or ""
    return files, weights_hash(hypernetwork, progress=job.progress)


_WRITERS: Final = {
    Flavor.PORTABLE: writer.write_portable,
    Flavor.TRAINING: writer.write_training,
    Flavor.SAFETENSORS: writer.write_safetensors,
}


def _write(job: Job, hypernetwork: Hypernetwork, flavors: Iterable[Flavor]) -> Files:
    files = {}
    for flavor in flavors:
        if flavor in job.outputs:
            out = _Descriptor(job.outputs[flavor])
            stem = job.parameters["new_stem"]
            written = _WRITERS[flavor](hypernetwork, out, stem=stem, progress=job.progress)
            if written is not None:
                files[flavor] = written
    return files


def _report(job: Job, reading: Reading[Hypernetwork]) -> Report:
    """All but the hashes."""
    hypernetwork = reading.hypernetwork
    facts = weights.facts(hypernetwork)
    return Report(
        findings=(*reading.findings, *facts.findings()),
        container=reading.container.kind,
        spec=hypernetwork.spec.as_dict(),
        dims=hypernetwork.dims,
        dtype=hypernetwork.dtype,
        parameters=hypernetwork.parameters,
        base_family=hypernetwork.base_family,
        epoch=hypernetwork.epoch,
        weights=asdict(facts),
        compatibility=_compatibility(job, reading),
    )


def _compatibility(job: Job, reading: Reading[Hypernetwork]) -> dict[str, Any]:
    spec = reading.hypernetwork.spec
    served = [f for f in Flavor if f is not Flavor.TRAINING or spec.use_dropout]
    stem, suffix = job.parameters["stem"], job.parameters["suffix"]
    uploaded = compatibility.uploaded(spec, reading.container, stem=stem, suffix=suffix)
    matrices = {"uploaded": uploaded} | {
        flavor: compatibility.served(spec, flavor, stem=job.parameters["new_stem"])
        for flavor in served
    }
    return {key: [cell.as_dict() for cell in cells] for key, cells in matrices.items()}


class _Descriptor:
    """An open file to write to, by the one call that the sandbox allows."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: Buffer, /) -> int:
        return os.write(self._fd, data)
