"""What the child does with a file, in this process: a report, the outputs, and how far it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from registry.formats.flavors import Flavor
from registry.formats.hashes import hash_bytes, weights_hash
from registry.formats.jobs import examine
from registry.formats.reader import read
from registry.formats.report import Report

T = TypeVar("T")

FIXTURES = Path("tests/fixtures/hypernetworks")
DROPOUT = FIXTURES / "swish_dropout.pt"
PLAIN = FIXTURES / "sd2_softsign.pt"


class OneThread:
    """A job that does its errands one after the other, and counts its progress."""

    def __init__(self, data: bytes, outputs: Mapping[str, int]) -> None:
        self.parameters = {"stem": "given", "suffix": ".pt", "new_stem": "served"}
        self.sources = {"file": memoryview(data)}
        self.outputs = outputs
        self.expected = self.done = 0

    def expect(self, total: int) -> None:
        self.expected = total

    def progress(self, amount: int) -> None:
        self.done += amount

    def alongside(self, errand: Callable[[], T]) -> Callable[[], T]:
        value = errand()
        return lambda: value

    def together(self, *errands: Callable[[], Any]) -> list[Any]:
        return [errand() for errand in errands]


def run(data: bytes, folder: Path, *flavors: Flavor) -> tuple[Report, OneThread]:
    flags = os.O_WRONLY | os.O_CREAT
    outputs = {flavor.value: os.open(folder / flavor, flags) for flavor in flavors}
    job = OneThread(data, outputs)
    try:
        return Report.from_dict(json.loads(json.dumps(examine(job)))), job
    finally:
        for fd in outputs.values():
            os.close(fd)


def test_an_accepted_file_is_reported_in_full(tmp_path: Path) -> None:
    data = DROPOUT.read_bytes()
    report, _ = run(data, tmp_path)
    hypernetwork = read(data, stem="given").hypernetwork
    assert report.accepted
    assert report.spec == hypernetwork.spec.as_dict()
    assert report.dims == hypernetwork.dims
    assert (report.dtype, report.parameters) == ("fp32", hypernetwork.parameters)
    assert (report.base_family, report.epoch) == ("sd1", hypernetwork.epoch)
    assert report.container == "torch-zip"
    assert report.hashes == {
        **hash_bytes(data).as_dict(),
        "weights": weights_hash(hypernetwork),
    }
    assert report.weights is not None
    assert report.files == {}


def test_a_matrix_is_given_for_the_file_and_for_each_flavour_that_it_has(tmp_path: Path) -> None:
    with_dropout, _ = run(DROPOUT.read_bytes(), tmp_path)
    assert set(with_dropout.compatibility) == {"uploaded", *Flavor}
    without, _ = run(PLAIN.read_bytes(), tmp_path)
    assert set(without.compatibility) == {"uploaded", Flavor.PORTABLE, Flavor.SAFETENSORS}


def test_each_output_is_written_and_hashed(tmp_path: Path) -> None:
    report, _ = run(DROPOUT.read_bytes(), tmp_path, *Flavor)
    assert set(report.files) == set(Flavor)
    for flavor, hashes in report.files.items():
        written = (tmp_path / flavor).read_bytes()
        assert hashes == hash_bytes(written).as_dict()
        spec = read(written, stem="served").hypernetwork.spec
        assert spec.name == "served"
        assert spec.use_dropout == (flavor is not Flavor.PORTABLE)


def test_the_weights_hash_is_the_same_with_and_without_outputs(tmp_path: Path) -> None:
    data = DROPOUT.read_bytes()
    alone, _ = run(data, tmp_path)
    with_files, _ = run(data, tmp_path, *Flavor)
    assert alone.hashes == with_files.hashes


def test_a_network_without_dropout_has_no_training_file(tmp_path: Path) -> None:
    report, _ = run(PLAIN.read_bytes(), tmp_path, *Flavor)
    assert set(report.files) == {Flavor.PORTABLE, Flavor.SAFETENSORS}
    assert (tmp_path / Flavor.TRAINING).read_bytes() == b""


def test_a_refused_file_is_hashed_and_nothing_is_written(tmp_path: Path) -> None:
    data = DROPOUT.read_bytes()[:-1]
    report, _ = run(data, tmp_path, *Flavor)
    assert not report.accepted
    assert report.refusal is not None
    assert report.hashes == hash_bytes(data).as_dict()
    assert report.files == {}
    assert all((tmp_path / flavor).read_bytes() == b"" for flavor in Flavor)


@pytest.mark.parametrize("name", ["swish_dropout", "sd2_softsign", "legacy_stream"])
@pytest.mark.parametrize("flavors", [(), (Flavor.PORTABLE, Flavor.SAFETENSORS), tuple(Flavor)])
def test_progress_never_goes_past_what_was_announced(
    name: str, flavors: tuple[Flavor, ...], tmp_path: Path
) -> None:
    data = (FIXTURES / f"{name}.pt").read_bytes()
    _, job = run(data, tmp_path, *flavors)
    assert len(data) < job.done <= job.expected
