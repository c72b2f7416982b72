"""Other scanners: asked beside the check, bounded, recorded as theirs, never believed."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from registry import opinions
from registry.models import Upload, User
from registry.opinions import Opinions, Says, ask_clamav, ask_picklescan
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.uploads import FIXTURES, ingested

PLAIN = FIXTURES / "sd2_softsign.pt"


class Clamd(socketserver.ThreadingUnixStreamServer):
    """A daemon that speaks clamd's protocol and has one virus in its list."""

    daemon_threads = True
    virus = b"softsign"
    limit = 1 << 30

    def __init__(self, path: Path) -> None:
        self.received = b""
        super().__init__(str(path), ClamdSession)


class ClamdSession(socketserver.StreamRequestHandler):
    server: Clamd

    def handle(self) -> None:
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zVERSION\0":
            self.wfile.write(b"ClamAV 1.4.2/27500/Mon Nov 23\0")
        elif command == b"zINSTREAM\0":
            self.wfile.write(self.scan() + b"\0")

    def scan(self) -> bytes:
        content = b""
        while size := int.from_bytes(self.rfile.read(4), "big"):
            content += self.rfile.read(size)
            if len(content) > self.server.limit:
                return b"INSTREAM size limit exceeded. ERROR"
        self.server.received = content
        return b"stream: Test.Ink FOUND" if self.server.virus in content else b"stream: OK"


@pytest.fixture
def clamd(tmp_path: Path, settings: Settings) -> Iterator[Clamd]:
    server = Clamd(tmp_path / "clamd.ctl")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.CLAMD_URL = f"unix://{tmp_path}/clamd.ctl"
    yield server
    server.shutdown()
    server.server_close()


def test_clamav_gets_every_byte_and_its_answer_is_kept(clamd: Clamd, tmp_path: Path) -> None:
    harmless = tmp_path / "harmless"
    harmless.write_bytes(b"ink" * 1_000_000)
    opinion = ask_clamav(harmless)
    assert opinion.verdict == Says.CLEAN
    assert opinion.version.startswith("ClamAV 1.4.2")
    assert clamd.received == harmless.read_bytes()


def test_what_clamav_finds_is_named(clamd: Clamd) -> None:
    opinion = ask_clamav(PLAIN)
    assert opinion.verdict == Says.INFECTED
    assert "Test.Ink" in opinion.message


def test_a_file_too_large_for_clamav_is_an_error_of_its_own(clamd: Clamd) -> None:
    clamd.limit = 1000
    opinion = ask_clamav(PLAIN)
    assert opinion.verdict == Says.ERROR
    assert "size limit" in opinion.message


@pytest.mark.parametrize("url", ["", "unix:///nowhere/clamd.ctl", "tcp://127.0.0.1:1"])
def test_where_no_daemon_answers_nothing_was_scanned(settings: Settings, url: str) -> None:
    settings.CLAMD_URL = url
    opinion = ask_clamav(PLAIN)
    assert opinion.verdict == Says.NOT_SCANNED
    assert opinion.message.startswith("Not scanned by ClamAV: ")


def test_a_daemon_that_says_nothing_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opinions, "CLAMAV_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CLAMD_URL = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert ask_clamav(PLAIN).verdict == Says.NOT_SCANNED


def test_clamavs_word_is_a_remark_and_no_gate(clamd: Clamd, alice: User, own_files: Path) -> None:
    upload = ingested(PLAIN, owner=alice)
    assert upload.state == Upload.State.READY
    finding = upload.findings.get(rule="second-opinion")
    assert (finding.severity, finding.data["scanner"]) == ("warning", "ClamAV")


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be busy with other tests."""
    monkeypatch.setattr(opinions, "PICKLESCAN_SECONDS", 120)


@pytest.mark.usefixtures("patience")
def test_picklescan_is_asked_in_a_process_of_its_own() -> None:
    opinion = ask_picklescan(PLAIN)
    assert (opinion.scanner, opinion.verdict) == ("picklescan", Says.CLEAN)


@pytest.mark.usefixtures("patience")
def test_what_picklescan_knows_it_names(tmp_path: Path) -> None:
    known = next(t for t in TECHNIQUES if t.rule == "pickle-global" and b"posix" in t.build())
    path = tmp_path / "known.pt"
    path.write_bytes(known.build())
    opinion = ask_picklescan(path)
    assert opinion.verdict == Says.INFECTED
    assert "posix" in opinion.message


def test_what_picklescan_cannot_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pt"
    path.write_bytes(PLAIN.read_bytes()[:5000])
    assert ask_picklescan(path).verdict == Says.ERROR


def test_a_bomb_costs_no_more_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten kilobytes that keep picklescan busy for a quarter of a minute."""
    monkeypatch.setattr(opinions, "PICKLESCAN_SECONDS", 1)
    path = tmp_path / "bomb.pt"
    path.write_bytes(b"\x80\x02" + b"N0" * 5_000_000 + b"N.")
    begun = time.monotonic()
    assert ask_picklescan(path).verdict == Says.ERROR
    assert time.monotonic() - begun < 10


def test_without_picklescan_nothing_was_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(opinions, "version", missing)
    assert ask_picklescan(PLAIN).verdict == Says.NOT_SCANNED


def test_all_are_asked_at_once() -> None:
    said = Opinions(PLAIN).wait()
    assert [opinion.scanner for opinion in said] == ["picklescan", "ClamAV"]
    assert all(opinion.as_dict()["message"] for opinion in said)
