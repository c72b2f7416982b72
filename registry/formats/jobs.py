"""What the sandboxed child does with an uploaded file: examine it, and write what we publish.

Two threads share the work, and each weight is read for a checksum once: the reader's are reused
for the file's own CRC32 and for those of the files written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final, Protocol, TypeVar

from registry.formats import compatibility, weights, writer
from registry.formats.errors import LargeFile, Refusal
from registry.formats.flavors import Flavor
from registry.formats.hashes import Buffer, Hashes, hash_bytes, weights_hash
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import Reading, read
from registry.formats.report import Report

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


def examine(job: Job) -> dict[str, Any]:
    """Read and check the source `file`, hash it, and write each output, named for its flavour.

    Parameters: `stem` and `suffix` of its name, and the `new_stem` of the outputs. A refused file
    is reported with its hashes. The training output stays empty, and out of the report's `files`,
    where it would not differ from the portable one.
    """
    view = job.sources["file"]
    try:
        reading = read(view, stem=job.parameters["stem"])
    except Refusal as refusal:
        return _refused(job, view, refusal).as_dict()
    job.expect((2 + len(job.outputs)) * len(view))
    rest = job.alongside(lambda: _hash_and_write_pickles(job, view, reading))
    files, weights_name = _write_safetensors(job, reading.hypernetwork)
    report = _report(job, reading)
    hashes, pickles = rest()
    return {
        **report.as_dict(),
        "hashes": {**hashes.as_dict(), "weights": weights_name},
        "files": {flavor: w.hashes.as_dict() for flavor, w in (pickles | files).items()},
    }


VERBS: Final = {"examine": examine}


def _refused(job: Job, view: memoryview, refusal: Refusal) -> Report:
    """Hashed all the same, so that the same file is known when it comes again."""
    job.expect(len(view))
    too_large = isinstance(refusal, LargeFile)
    hashes = {} if too_large else hash_bytes(view, progress=job.progress).as_dict()
    return Report(findings=(refusal.finding(),), hashes=hashes)


def _hash_and_write_pickles(job: Job, view: memoryview, reading: Reading) -> tuple[Hashes, Files]:
    verified = reading.container.verified
    hashes = hash_bytes(view, verified=verified, progress=job.progress)
    return hashes, _write(job, reading.hypernetwork, (Flavor.PORTABLE, Flavor.TRAINING))


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


def _report(job: Job, reading: Reading) -> Report:
    """All but the hashes."""
    hypernetwork = reading.hypernetwork
    facts = weights.facts(hypernetwork)
    return Report(
        findings=(*reading.findings, *weights.findings(facts)),
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


def _compatibility(job: Job, reading: Reading) -> dict[str, Any]:
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
