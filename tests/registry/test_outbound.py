"""Calls to the outside: public addresses, bounded, never redirected; against real servers."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry import outbound
from registry.outbound import (
    AddressNotPublic,
    CallFailed,
    NameNotFound,
    NoConnection,
    NotHttp,
    NotTrusted,
    TooSlow,
    UnfitAddress,
    fit_address,
    is_public,
    post,
)
from tests.receiver import Handler, Receiver, receiver
from tests.web import free_port

NOT_PUBLIC = """
    127.0.0.1 127.9.9.9 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
    100.64.0.1 100.100.100.200 192.0.2.1 198.18.0.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 168.63.129.16 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1
    2002:7f00:1:: 2001::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::1 2001:db8::1
"""


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as it:
        yield it


def call(url: str, *, seconds: float = 20, allow_private: bool = True) -> outbound.Answer:
    return post(url, body=b"{}", headers={}, seconds=seconds, allow_private=allow_private)


# --- Which addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]", "0", "127.1"]
)
def test_no_spelling_of_this_machine_is_called(host: str, hook: Receiver) -> None:
    port = hook.url.rsplit(":", 1)[1]
    with pytest.raises(CallFailed) as refused:
        call(f"http://{host}:{port}", allow_private=False)
    assert isinstance(refused.value, AddressNotPublic | NameNotFound)
    assert not hook.received


def resolves_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names are looked up here; each time the next answer, the last one from then on."""
    asked: list[str] = []
    left = list(answers)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if host.replace(".", "").isdigit():
            found: list[Any] = real(host, port, type=socket.SOCK_STREAM)
            return found
        asked.append(host)
        names = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in names]

    real: Any = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolves_to(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressNotPublic, match="hooks.example is not on the public internet"):
        call("http://hooks.example/", allow_private=False)


def test_the_address_that_was_checked_is_the_one_that_is_called(
    monkeypatch: pytest.MonkeyPatch, hook: Receiver
) -> None:
    """A name that stands for something else a moment later is not looked up again."""
    port = hook.url.split(":")[2].split("/")[0]
    asked = resolves_to(monkeypatch, ["127.0.0.1"], ["192.0.2.1"])
    call(f"http://hooks.example:{port}/x")

    assert asked == ["hooks.example"]
    assert hook.received[0].headers["host"] == f"hooks.example:{port}"


def test_another_address_of_the_name_is_tried(
    monkeypatch: pytest.MonkeyPatch, hook: Receiver
) -> None:
    port = hook.url.split(":")[2].split("/")[0]
    resolves_to(monkeypatch, ["127.0.0.2", "127.0.0.1"])  # the receiver listens on the second only

    assert call(f"http://hooks.example:{port}/x").status == 200


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "//hooks.example/",
        "http://",
        "http:///path",
        "http://user@hooks.example/",
        "http://user:password@hooks.example/",
        "http://hooks.example:99999/",
        "http://hooks.example:0/",
        "http://hooks.example/a b",
        "http://hooks.example/\r\nX-Evil: 1",
        "http://[::1/",
    ],
)
def test_unfit_addresses(url: str) -> None:
    with pytest.raises(UnfitAddress):
        fit_address(url)


# --- The call itself ------------------------------------------------------------------------------


def test_what_is_sent_and_what_comes_back(hook: Receiver) -> None:
    answer = post(
        hook.url + "?a=1",
        body=b'{"x":1}',
        headers={"webhook-id": "7"},
        seconds=20,
        allow_private=True,
    )
    [received] = hook.received

    assert (answer.status, answer.excerpt) == (200, "thanks")
    assert (received.path, received.body) == ("/hook?a=1", b'{"x":1}')
    assert received.headers["webhook-id"] == "7"


@pytest.mark.parametrize("status", [204, 301, 307, 404, 410, 500])
def test_every_status_is_an_answer(status: int, hook: Receiver) -> None:
    hook.answers = [status]
    assert call(hook.url).status == status


def test_a_redirect_is_told_and_not_followed(hook: Receiver) -> None:
    with receiver() as elsewhere:
        hook.answers = [lambda handler: handler.say(302, Location=elsewhere.url)]

        assert call(hook.url).status == 302
        assert not elsewhere.received


def test_only_the_beginning_of_an_endless_answer_is_read(hook: Receiver) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    hook.answers = [endless]
    answer = call(hook.url)
    assert answer.excerpt == "x" * outbound.EXCERPT_CHARACTERS


def dripping(piece: bytes) -> Callable[[Handler], None]:
    """Never silent for long, never done."""

    def drip(handler: Handler) -> None:
        try:
            while not handler.receiver.over.wait(0.05):
                handler.wfile.write(piece)
        except OSError:
            pass

    return drip


@pytest.mark.parametrize("piece", [b"", b"X-More: 1\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_who_answers_by_drops_is_cut_off(piece: bytes, hook: Receiver) -> None:
    def answer(handler: Handler) -> None:
        if piece.startswith(b"X"):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-First: ")
            dripping(b"x")(handler)
        else:
            dripping(piece)(handler)

    hook.answers = [answer]
    with pytest.raises(TooSlow, match="no answer within 0.5 seconds"):
        call(hook.url, seconds=0.5)


def test_a_status_with_a_body_that_never_ends_is_an_answer(hook: Receiver) -> None:
    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        dripping(b"x")(handler)

    hook.answers = [answer]
    assert call(hook.url, seconds=0.5).status == 200


def test_what_is_not_http(hook: Receiver) -> None:
    def answer(handler: Handler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    hook.answers = [answer]
    with pytest.raises(NotHttp):
        call(hook.url)


def test_nobody_listens() -> None:
    with pytest.raises(NoConnection, match="refused"):
        call(f"http://127.0.0.1:{free_port()}/")


def test_no_such_name() -> None:
    with pytest.raises(NameNotFound, match="name nobody.invalid"):
        call("http://nobody.invalid/")


# --- Encryption -----------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For the name hooks.example, signed by itself."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example"]
    subprocess.run(
        [*(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]), *words]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return key, certificate


@pytest.fixture
def https_port(certificate: tuple[Path, Path]) -> Iterator[int]:
    """Answers one request after the other, encrypted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                client, _ = listener.accept()
                with context.wrap_socket(client, server_side=True) as secure:
                    read = b""
                    while not read.endswith(b"{}"):
                        read += secure.recv(65536)
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    over.set()
    listener.close()


def test_a_certificate_must_be_trusted(https_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, ["127.0.0.1"])
    with pytest.raises(NotTrusted, match="self-signed|self signed"):
        call(f"https://hooks.example:{https_port}/")


def test_a_trusted_certificate_must_be_of_that_name(
    https_port: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cafile=str(certificate[1]))
    monkeypatch.setattr(outbound, "_tls", lambda: context)
    resolves_to(monkeypatch, ["127.0.0.1"])

    answer = call(f"https://hooks.example:{https_port}/")
    assert (answer.status, answer.excerpt) == (200, "ok")
    with pytest.raises(NotTrusted, match="other.example"):
        call(f"https://other.example:{https_port}/")


def test_a_handshake_that_never_ends_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(TooSlow):
            call(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.5)
        assert time.monotonic() - started < 10
