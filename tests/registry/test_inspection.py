"""Examining and converting real files in the real sandbox."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from registry.formats.flavors import Flavor
from registry.formats.hashes import hash_bytes
from registry.formats.report import Report
from registry.inspection import convert, inspect
from registry.sandbox import Sandbox
from tests.registry.formats.hostile.catalogue import TECHNIQUES

FIXTURES = Path("tests/fixtures/hypernetworks")
INDEX: dict[str, dict[str, Any]] = json.loads((FIXTURES / "index.json").read_text())
DROPOUT = FIXTURES / "swish_dropout.pt"
PLAIN = FIXTURES / "sd2_softsign.pt"


@pytest.mark.parametrize("name", list(INDEX))
def test_every_fixture_is_accepted_as_a1111_reads_it(name: str) -> None:
    report = inspect(FIXTURES / name)
    expected = INDEX[name]
    assert report.accepted
    assert report.spec is not None
    assert {key: report.spec[key] for key in expected.keys() & report.spec.keys()} == {
        key: value for key, value in expected.items() if key in report.spec
    }
    assert set(report.dims) == set(expected["dims"])
    assert (report.hashes["sha256"], report.hashes["size"]) == (
        expected["sha256"],
        expected["bytes"],
    )


def test_the_report_survives_json() -> None:
    report = inspect(DROPOUT)
    words = json.loads(json.dumps(report.as_dict()))
    assert asdict(Report.from_dict(words)) == {**asdict(report), "process": None}


def test_the_process_is_told() -> None:
    process = inspect(DROPOUT).process
    assert process is not None
    assert "no-new-privs" in process.confinement
    assert process.cpu_seconds > 0
    assert process.peak_rss > DROPOUT.stat().st_size


def test_converting_writes_what_was_asked_for(tmp_path: Path) -> None:
    outputs = {flavor: tmp_path / f"{flavor}{flavor.suffix}" for flavor in Flavor}
    report = convert(DROPOUT, outputs, new_stem="served")
    assert set(report.files) == set(Flavor)
    for flavor, path in outputs.items():
        assert hash_bytes(path.read_bytes()).as_dict() == report.files[flavor]
        again = inspect(path, stem="served")
        assert again.spec is not None
        assert again.spec["name"] == "served"
        assert again.hashes["weights"] == report.hashes["weights"]


def test_a_training_file_that_would_be_the_portable_one_is_not_left(tmp_path: Path) -> None:
    outputs = {flavor: tmp_path / flavor for flavor in Flavor}
    report = convert(PLAIN, outputs)
    assert set(report.files) == {Flavor.PORTABLE, Flavor.SAFETENSORS}
    assert sorted(os.listdir(tmp_path)) == [Flavor.PORTABLE, Flavor.SAFETENSORS]


def test_a_refused_file_leaves_no_output(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(DROPOUT.read_bytes()[:-1])
    report = convert(damaged, {Flavor.PORTABLE: tmp_path / "out.pt"})
    assert report.refusal is not None
    assert "sha256" in report.hashes
    assert os.listdir(tmp_path) == ["damaged.pt"]


def test_the_name_may_be_another_than_the_paths(tmp_path: Path) -> None:
    upload = tmp_path / "3f2a9c"
    upload.write_bytes((FIXTURES / "no_metadata.pt").read_bytes())
    report = inspect(upload, stem="Ink Wash", suffix=".pt")
    assert report.spec is not None
    assert report.spec["name"] == "Ink Wash"


def test_an_answer_that_is_no_report_refuses() -> None:
    strange = Sandbox("tests.registry.strange_jobs")
    report = inspect(DROPOUT, sandbox=strange)
    strange.close()
    assert report.refusal is not None
    assert report.refusal.rule == "sandbox-garbled"


def test_a_file_larger_than_any_we_take_is_refused_unread(tmp_path: Path) -> None:
    large = tmp_path / "large.pt"
    with large.open("wb") as file:
        file.truncate((1 << 30) + 1)
    report = inspect(large)
    assert report.refusal is not None
    assert report.refusal.rule == "cap-file-size"
    assert report.process is not None
    assert report.process.peak_rss < 1 << 28


@pytest.mark.slow
def test_a_file_as_large_as_we_take_can_be_mapped(tmp_path: Path) -> None:
    largest = tmp_path / "largest.pt"
    with largest.open("wb") as file:
        file.truncate(1 << 30)
    report = inspect(largest)
    assert report.refusal is not None
    assert not report.refusal.rule.startswith("sandbox-")


def test_an_empty_file_is_refused_by_its_own_rule(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pt"
    empty.touch()
    refusal = inspect(empty).refusal
    assert refusal is not None
    assert refusal.rule == "container-empty"


@pytest.mark.slow
def test_every_hostile_file_is_refused_by_its_own_rule_and_in_little_memory(
    tmp_path: Path,
) -> None:
    """In the sandbox as outside it: no refusal needs anything that the child may not do."""
    path = tmp_path / "hostile.pt"
    for technique in TECHNIQUES:
        data = technique.build()
        path.write_bytes(data)
        report = inspect(path)
        assert report.refusal is not None, technique.name
        assert report.refusal.rule == technique.rule, technique.name
        assert report.process is not None
        assert report.process.peak_rss - len(data) < 64 << 20, technique.name
