"""./bench upload: an 87.8 MB file from the first byte sent until the last byte fetched again.

A real web process and a real ingest worker. Each round sends the same network to a new draft, by
tus in one part or as a form, waits until it is checked and stored, and downloads it. Goal: 5 s on
two cores. The parts' own times are printed beside.
"""

import argparse
import hashlib
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from urllib.parse import urlsplit

# ruff: noqa: E402 - settings first, then what needs them
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import json

from django.core.management import call_command

from hub.embedded import services
from hub.embedded.paths import CHECKOUT
from hub.embedded.processes import kill_group, spawn
from registry.api_keys import create_api_key
from registry.models import Scope, User, Version
from registry.sweep import sweep
from tests.benchmarks.bench_formats import STRUCTURES, make_file
from tests.factories import NetworkFactory, UserFactory, VersionFactory
from tests.registry.api.test_tus import PART, metadata
from tests.web import Gunicorn, gunicorn

GOAL = 5.0
BLOCK = 1 << 20


@dataclass
class Seconds:
    sent: float
    checked: float
    fetched: float

    @property
    def total(self) -> float:
        return self.sent + self.checked + self.fetched


@dataclass(frozen=True)
class Script:
    """A creator's program with a key."""

    web: Gunicorn
    secret: str

    def ask(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        connection = HTTPConnection("127.0.0.1", self.web.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.secret}", **headers}
        connection.request(method, address, body, headers)
        return connection.getresponse()

    def send_by_tus(self, path: Path, version: Version) -> str:
        """The upload's address; one part, as a client without limits sends it."""
        words = metadata(filename=path.name, versionId=str(version.pk))
        length = str(path.stat().st_size)
        tus = {"Tus-Resumable": "1.0.0"}
        begun = self.ask(
            "POST", "/api/v1/uploads", **tus, **{"Upload-Length": length, "Upload-Metadata": words}
        )
        address: str = urlsplit(begun.headers["Location"]).path
        with path.open("rb") as file:
            head = {**tus, "Upload-Offset": "0", "Content-Type": PART, "Content-Length": length}
            answer = self.ask("PATCH", address, file, **head)
        assert answer.status == 204, answer.read()
        return address

    def send_as_form(self, path: Path, version: Version) -> str:
        before = (
            "--x\r\nContent-Disposition: form-data; name=versionId\r\n\r\n"
            f"{version.pk}\r\n--x\r\nContent-Disposition: form-data; name=file; "
            f"filename={path.name}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode()
        after = b"\r\n--x--\r\n"
        length = len(before) + path.stat().st_size + len(after)

        def body() -> Iterator[bytes]:
            yield before
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
            yield after

        answer = self.ask(
            "POST",
            "/api/v1/uploads",
            body(),
            **{"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(length)},
        )
        assert answer.status == 201, answer.read()
        return str(json.load(answer)["url"])

    def wait(self, address: str) -> None:
        while (state := json.load(self.ask("GET", address))["state"]) != "ready":
            assert state in ("received", "checking"), state
            sleep(0.02)

    def fetch(self, version: Version) -> str:
        """SHA256 of what is served."""
        redirect = self.ask("GET", f"/api/download/models/{version.pk}")
        answer = self.ask("GET", urlsplit(redirect.headers["Location"]).path)
        digest = hashlib.sha256()
        while block := answer.read(BLOCK):
            digest.update(block)
        return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench upload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    call_command("migrate", verbosity=0)
    owner = UserFactory()
    with tempfile.TemporaryDirectory() as folder, hub(Path(folder)) as web:
        path = Path(folder, "ink-wash.pt")
        make_file(path, STRUCTURES["87.8 MB"])
        scopes = [Scope.READ, Scope.UPLOAD]
        secret = create_api_key(user=owner, name="bench", scopes=scopes, expires_at=None)[1]
        script = Script(web, secret)
        print(f"{path.stat().st_size / 1e6:.1f} MB, {os.cpu_count()} cores, best of {rounds}\n")
        print(f"{'':8}{'sent':>8}{'checked':>9}{'fetched':>9}{'total s':>9}{'goal':>6}")
        for name, send in (("tus", script.send_by_tus), ("form", script.send_as_form)):
            best = min(
                (one_round(script, send, path, owner) for _ in range(rounds)),
                key=lambda each: each.total,
            )
            verdict = "met" if best.total <= GOAL else "missed"
            print(
                f"{name:8}{best.sent:>8.2f}{best.checked:>9.2f}{best.fetched:>9.2f}"
                f"{best.total:>9.2f}{GOAL:>6.0f}  {verdict}"
            )


def one_round(script: Script, send: Any, path: Path, owner: User) -> Seconds:
    version = VersionFactory(network=NetworkFactory(creator=owner))
    began = perf_counter()
    address = send(path, version)
    sent = perf_counter()
    script.wait(address)
    checked = perf_counter()
    digest = script.fetch(version)
    fetched = perf_counter()
    assert digest == version.files.get(is_primary=True).sha256
    # The next round must write its bytes, not find them.
    version.files.all().delete()
    sweep()
    return Seconds(sent - began, checked - sent, fetched - checked)


@contextmanager
def hub(folder: Path) -> Iterator[Gunicorn]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings"}
    worker = spawn(
        services.worker("ingest").command,
        log=folder / "worker.log",
        death_signal=signal.SIGKILL,
        environment=environment,
        folder=CHECKOUT,
    )
    try:
        with gunicorn(environment, processes=2) as web:
            yield web
    finally:
        kill_group(worker.pid)


if __name__ == "__main__":
    main()
