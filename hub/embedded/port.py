"""The web's port, which the supervisor holds, and whether somebody answers behind it."""

import errno
import socket
from time import monotonic, sleep
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from hub.embedded.errors import PortInUse

LOCAL = ("127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104 - names, nothing is bound here


def address_of(host: str, port: int) -> str:
    """What a person on this machine types. Passkeys want a name, not a number."""
    return f"http://{'localhost' if host in LOCAL else host}:{port}"


def listen(host: str, port: int, *, patience: float = 0) -> socket.socket:
    """Bound here, so that a visitor of a restarting web process waits instead of being refused.

    A port in use is asked for again for so many seconds. Raises PortInUse.
    """
    deadline = monotonic() + patience
    while True:
        try:
            return _listen_now(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or monotonic() > deadline:
                raise PortInUse(host, port, (error.strerror or str(error)).lower()) from error
        sleep(0.1)


def _listen_now(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def answers_http(url: str) -> bool:
    try:
        with urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 - our own address
            return True
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
