"""`manage.py hypernetwork` as a person or a script uses it: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registry.formats.hypernetwork import HypernetworkSpec
from registry.formats.reader import read
from registry.formats.writer import write_portable
from tests.registry.formats.networks import network

FIXTURES = Path("tests/fixtures/hypernetworks").resolve()
DROPOUT = FIXTURES / "swish_dropout.pt"
PLAIN = FIXTURES / "sd2_softsign.pt"
INDEX = json.loads((FIXTURES / "index.json").read_text())


def run(*arguments: str | Path) -> tuple[int, str]:
    """The command's exit status and what it printed."""
    out = StringIO()
    try:
        call_command("hypernetwork", *map(str, arguments), stdout=out, no_color=True)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def usage_error(*arguments: str | Path) -> str:
    with pytest.raises(CommandError) as error:
        call_command("hypernetwork", *map(str, arguments))
    assert error.value.returncode == 2
    return str(error.value)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.pt"
    path.write_bytes(DROPOUT.read_bytes()[:-1])
    return path


# --- inspect ----------------------------------------------------------------------------------


def test_inspect_tells_people_what_is_in_a_file() -> None:
    status, said = run("inspect", DROPOUT)
    assert status == 0
    for expected in ("accepted", "Stable Diffusion 1.x", "dims 320 768", "swish", "dropout"):
        assert expected in said
    assert INDEX["swish_dropout.pt"]["sha256"] in said
    assert "ComfyUI" in said


def test_inspect_says_why_a_file_is_refused(damaged: Path) -> None:
    status, said = run("inspect", damaged)
    assert status == 1
    assert "refused" in said
    assert "It is cut off" in said or "cut off" in said


def test_json_has_what_programs_need() -> None:
    status, said = run("inspect", DROPOUT, "--json")
    report: dict[str, Any] = json.loads(said)
    expected = INDEX["swish_dropout.pt"]
    assert status == 0
    assert report["accepted"] is True
    assert {key: report["spec"][key] for key in report["spec"].keys() & expected.keys()} == {
        key: expected[key] for key in report["spec"].keys() & expected.keys()
    }
    assert sorted(report["dims"]) == sorted(expected["dims"])
    assert (report["dtype"], report["base_family"]) == ("fp32", "sd1")
    assert report["hashes"]["sha256"] == expected["sha256"]
    assert {"epoch", "parameters", "compatibility"} <= report.keys()
    for finding in report["findings"]:
        assert finding.keys() == {"rule", "severity", "message", "data"}


def test_json_of_a_refused_file_has_the_rule_and_its_data(damaged: Path) -> None:
    status, said = run("inspect", damaged, "--json")
    report = json.loads(said)
    assert status == 1
    assert report["accepted"] is False
    assert report["findings"][0]["rule"] == "zip-end-record"
    assert report["findings"][0]["data"]
    assert report["hashes"]["sha256"]


def test_json_of_several_files_is_a_list(damaged: Path) -> None:
    status, said = run("inspect", DROPOUT, damaged, "--json")
    assert status == 1
    assert [(row["file"], row["accepted"]) for row in json.loads(said)] == [
        (str(DROPOUT), True),
        (str(damaged), False),
    ]


# --- convert ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "uses_dropout"),
    [
        ("out.pt", [], False),
        ("out.pt", ["--flavor", "portable"], False),
        ("out.pt", ["--flavor", "training"], True),
        ("out.safetensors", [], True),
    ],
)
def test_convert_writes_the_flavour_asked_for(
    name: str, options: list[str], uses_dropout: bool, tmp_path: Path
) -> None:
    out = tmp_path / name
    status, said = run("convert", DROPOUT, "--to", out, *options)
    spec = read(out, stem="x").hypernetwork.spec
    assert status == 0
    assert (spec.name, spec.use_dropout) == ("out", uses_dropout)
    assert str(out) in said
    assert os.listdir(tmp_path) == [name]


def test_a_converted_file_may_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        run("convert", DROPOUT, "--to", tmp_path / "out.pt")
    finally:
        os.umask(old)
    assert (tmp_path / "out.pt").stat().st_mode & 0o777 == 0o644


def test_convert_into_a_folder_keeps_the_name(tmp_path: Path) -> None:
    assert run("convert", DROPOUT, "--to", tmp_path)[0] == 0
    assert os.listdir(tmp_path) == ["swish_dropout.pt"]


def test_without_dropout_the_training_file_is_the_portable_one(tmp_path: Path) -> None:
    out = tmp_path / "out.pt"
    status, said = run("convert", PLAIN, "--to", out, "--flavor", "training")
    training = out.read_bytes()
    assert status == 0
    assert "no dropout" in said
    run("convert", PLAIN, "--to", out, "--force")
    assert out.read_bytes() == training
    assert os.listdir(tmp_path) == ["out.pt"]


def test_a_refused_file_is_not_converted(damaged: Path) -> None:
    status, said = run("convert", damaged, "--to", damaged.with_name("out.pt"))
    assert status == 1
    assert "refused" in said
    assert os.listdir(damaged.parent) == ["damaged.pt"]


def test_convert_replaces_a_file_only_when_told_to(tmp_path: Path) -> None:
    out = tmp_path / "out.pt"
    out.write_text("precious")
    assert "--force" in usage_error("convert", DROPOUT, "--to", out)
    assert out.read_text() == "precious"
    assert run("convert", DROPOUT, "--to", out, "--force")[0] == 0
    assert read(out, stem="x").hypernetwork.spec.name == "out"


@pytest.mark.parametrize("name", ["a b.pt", "None.pt", "bild–1.pt", "out.ckpt", "out"])
def test_convert_refuses_names_that_no_program_would_take(name: str, tmp_path: Path) -> None:
    assert usage_error("convert", DROPOUT, "--to", tmp_path / name)


def test_convert_makes_no_folders(tmp_path: Path) -> None:
    assert "no folder" in usage_error("convert", DROPOUT, "--to", tmp_path / "new" / "out.pt")


def test_a_flavour_is_for_pt_files(tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    assert "--flavor" in usage_error("convert", DROPOUT, "--to", out, "--flavor", "training")


# --- verify -----------------------------------------------------------------------------------


def test_verify_gives_each_file_a_line(damaged: Path) -> None:
    status, said = run("verify", DROPOUT, damaged, PLAIN)
    lines = said.splitlines()
    assert status == 1
    assert [line.split(": ")[1].split()[0].strip(".") for line in lines] == [
        "fine",
        "refused",
        "fine",
    ]
    assert lines[0].endswith(INDEX["swish_dropout.pt"]["sha256"])


@pytest.mark.parametrize("kind", ["sha256", "autov2", "crc32", "blake3", "weights"])
def test_verify_takes_any_hash_of_the_file(kind: str) -> None:
    expected = json.loads(run("inspect", DROPOUT, "--json")[1])["hashes"][kind]
    assert run("verify", DROPOUT, "--expect", expected.upper())[0] == 0
    status, said = run("verify", PLAIN, "--expect", expected)
    assert status == 1
    assert "another file" in said


# --- usage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_a_file_that_is_not_there_is_wrong_usage(verb: str, tmp_path: Path) -> None:
    assert "missing.pt" in usage_error(verb, tmp_path / "missing.pt")
    assert "not a regular file" in usage_error(verb, tmp_path)


def on_a_terminal(*arguments: str | Path) -> tuple[int, str]:
    """Run the real command with a terminal for its errors, and no database anywhere."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 90))
    command = [sys.executable, "manage.py", "hypernetwork", *map(str, arguments)]
    nowhere = "postgres://nobody@127.0.0.1:9/nothing"
    process = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "DATABASE_URL": nowhere, "REDIS_URL": "redis://127.0.0.1:9/0"},
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
    os.close(ours)
    return process.returncode, said.decode()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["verify", DROPOUT], 0), (["verify", __file__], 1), (["verify"], 2), (["explode"], 2)],
)
def test_the_exit_status_of_the_real_command_without_a_database(
    arguments: list[str | Path], status: int
) -> None:
    assert on_a_terminal(*arguments)[0] == status


def test_a_big_file_gets_a_bar_and_a_small_one_none(tmp_path: Path) -> None:
    big = tmp_path / "big.pt"
    with big.open("wb") as out:
        write_portable(network(HypernetworkSpec("big"), dims=(768,)), out, stem="big")
    assert "big.pt:" in on_a_terminal("verify", big)[1]
    assert on_a_terminal("verify", DROPOUT)[1] == ""
