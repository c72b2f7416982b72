"""Uploads through a real web process: killed, restarted, cut off, gone on with at the byte."""

import hashlib
import os
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from time import monotonic, sleep
from typing import Any

import pytest

from registry import storage
from registry.api_keys import create_api_key
from registry.models import Job, Scope, Upload, User
from tests.registry.api.test_tus import metadata
from tests.web import LONG, Gunicorn, gunicorn

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

CONTENT = os.urandom(3 << 20)
PART = "application/offset+octet-stream"


@pytest.fixture
def web(process_environment: dict[str, str]) -> Iterator[Gunicorn]:
    with gunicorn({**process_environment, "UPLOAD_SILENT_SECONDS": "1"}) as server:
        yield server


@pytest.fixture
def secret(alice: User) -> str:
    return create_api_key(user=alice, name="key", scopes=[Scope.UPLOAD], expires_at=None)[1]


def ask(web: Gunicorn, secret: str, method: str, address: str, **words: Any) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=LONG)
    body = words.pop("body", None)
    headers = {"Authorization": f"Bearer {secret}", "Tus-Resumable": "1.0.0", **words}
    connection.request(method, address, body, headers)
    response = connection.getresponse()
    response.read()
    return response


def begun(web: Gunicorn, secret: str) -> str:
    words = {"Upload-Length": str(len(CONTENT)), "Upload-Metadata": metadata(filename="ink.pt")}
    response = ask(web, secret, "POST", "/api/v1/uploads", **words)
    assert response.status == 201
    return str(response.headers["Location"]).partition(str(web.port))[2]


def sending(web: Gunicorn, secret: str, address: str, offset: int, sent: int) -> socket.socket:
    """A connection that has announced the rest of the file, and sent some of it."""
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=LONG)
    connection.sendall(
        (
            f"PATCH {address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n"
            f"Tus-Resumable: 1.0.0\r\nContent-Type: {PART}\r\nUpload-Offset: {offset}\r\n"
            f"Content-Length: {len(CONTENT) - offset}\r\n\r\n"
        ).encode()
        + CONTENT[offset : offset + sent]
    )
    return connection


def offset_of(web: Gunicorn, secret: str, address: str) -> int:
    response = ask(web, secret, "HEAD", address)
    assert response.status == 200
    return int(response.headers["Upload-Offset"])


def wait_for_bytes(least: int) -> None:
    path = storage.received(Upload.objects.get().pk)
    deadline = monotonic() + LONG
    while not path.exists() or path.stat().st_size < least:
        assert monotonic() < deadline
        sleep(0.02)


def finish(web: Gunicorn, secret: str, address: str, offset: int) -> None:
    words = {"Content-Type": PART, "Upload-Offset": str(offset)}
    last = ask(web, secret, "PATCH", address, body=CONTENT[offset:], **words)
    assert last.status == 204
    assert last.headers["Upload-Offset"] == str(len(CONTENT))
    received = storage.received(Upload.objects.get().pk).read_bytes()
    assert hashlib.sha256(received).digest() == hashlib.sha256(CONTENT).digest()
    assert Job.objects.count() == 1


def test_a_killed_web_process_goes_on_at_the_byte(web: Gunicorn, secret: str) -> None:
    address = begun(web, secret)
    connection = sending(web, secret, address, 0, 2 << 20)
    wait_for_bytes(1 << 20)
    web.kill()
    connection.close()
    web.start()
    offset = offset_of(web, secret, address)
    assert 1 << 20 <= offset <= 2 << 20
    finish(web, secret, address, offset)


def test_killed_again_and_again(web: Gunicorn, secret: str) -> None:
    address = begun(web, secret)
    for _ in range(3):
        offset = offset_of(web, secret, address)
        connection = sending(web, secret, address, offset, 600_000)
        wait_for_bytes(offset + 200_000)
        web.kill()
        connection.close()
        web.start()
    finish(web, secret, address, offset_of(web, secret, address))


def test_a_connection_that_is_closed_half_way(web: Gunicorn, secret: str) -> None:
    address = begun(web, secret)
    connection = sending(web, secret, address, 0, 1_234_567)
    connection.shutdown(socket.SHUT_WR)
    assert b"Upload-Offset: 1234567" in connection.recv(10_000)
    connection.close()
    assert offset_of(web, secret, address) == 1_234_567
    finish(web, secret, address, 1_234_567)


def test_a_connection_that_falls_silent_gives_way(web: Gunicorn, secret: str) -> None:
    address = begun(web, secret)
    silent = sending(web, secret, address, 0, 1 << 20)
    wait_for_bytes(512 << 10)
    deadline = monotonic() + LONG
    while True:
        offset = offset_of(web, secret, address)
        words = {"Content-Type": PART, "Upload-Offset": str(offset)}
        status = ask(web, secret, "PATCH", address, body=CONTENT[offset:], **words).status
        if status == 204:
            break
        # The silent one still holds the file.
        assert status == 423
        assert monotonic() < deadline
        sleep(0.2)
    silent.close()
    assert Job.objects.count() == 1
    assert storage.received(Upload.objects.get().pk).read_bytes() == CONTENT


def test_a_form_that_breaks_off_leaves_nothing(web: Gunicorn, secret: str) -> None:
    head = (
        b"--x\r\nContent-Disposition: form-data; name=file; filename=ink.pt\r\n"
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=LONG)
    connection.sendall(
        (
            "POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {secret}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {2 << 20}\r\n\r\n"
        ).encode()
        + head
        + CONTENT[: 1 << 20]
    )
    connection.shutdown(socket.SHUT_WR)
    answer = connection.recv(10_000)
    connection.close()
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert not Upload.objects.exists()
