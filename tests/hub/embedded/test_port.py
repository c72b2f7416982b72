import socket
import threading
from time import sleep

import pytest

from hub.embedded.errors import PortInUse
from hub.embedded.port import address_of, answers_http, listen
from tests.hub.embedded.stack import free_port


def test_people_are_told_a_name_that_passkeys_accept() -> None:
    assert address_of("127.0.0.1", 8000) == "http://localhost:8000"
    assert address_of("0.0.0.0", 8000) == "http://localhost:8000"  # noqa: S104
    assert address_of("hub.lan", 80) == "http://hub.lan:80"


def test_a_port_in_use_is_refused_with_another_to_try() -> None:
    port = free_port()
    with listen("127.0.0.1", port), pytest.raises(PortInUse, match=f"--port {port + 1}"):
        listen("127.0.0.1", port)


def test_a_port_that_is_given_up_meanwhile_is_taken() -> None:
    port = free_port()
    predecessor = listen("127.0.0.1", port)
    threading.Timer(0.5, predecessor.close).start()
    listen("127.0.0.1", port, patience=30).close()


def test_a_host_that_is_not_here_is_refused() -> None:
    with pytest.raises(PortInUse):
        listen("192.0.2.1", free_port())


def test_nobody_answers_at_a_port_where_only_the_supervisor_listens() -> None:
    port = free_port()
    assert not answers_http(f"http://127.0.0.1:{port}")
    with listen("127.0.0.1", port) as listener:
        threading.Thread(target=say_no, args=[listener], daemon=True).start()
        assert answers_http(f"http://127.0.0.1:{port}")


def say_no(listener: socket.socket) -> None:
    """Any answer is one."""
    visitor, _ = listener.accept()
    visitor.recv(4096)
    visitor.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    sleep(0.1)
    visitor.close()
