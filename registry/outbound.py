"""Calls to addresses that members gave us: public ones only, bounded, never redirected.

The name is looked up once, what it stands for is checked, and the connection goes to that very
address: a name that stands for another one a moment later changes nothing. A server that answers
by drops is cut off when its time is over.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext_lazy as _

from registry.errors import HubError

EXCERPT_BYTES: Final = 2048
EXCERPT_CHARACTERS: Final = 500
PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
# All that is routed in IPv6 today; 6to4 and Teredo carry IPv4 addresses inside.
ROUTED: Final = IPv6Network("2000::/3")
CARRIERS: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
# Looks public, and is the host's own control service on machines of one cloud.
SERVICES_OF_CLOUDS: Final = frozenset({"168.63.129.16"})


@dataclass(frozen=True)
class Answer:
    """`excerpt` is the beginning of the body, as text."""

    status: int
    excerpt: str
    milliseconds: int


class CallFailed(HubError, code="call-failed"):
    """Nobody answered in HTTP."""


class UnfitAddress(CallFailed, code="unfit-address"):
    sentence = _("The address must be http:// or https://, with a host, and without a password.")


class AddressNotPublic(CallFailed, code="address-not-public"):
    host: str
    sentence = _("{host} is not on the public internet. The hub calls public addresses only.")


class NameNotFound(CallFailed, code="name-not-found"):
    host: str
    sentence = _("No address was found for the name {host}.")


class NoConnection(CallFailed, code="no-connection"):
    """`reason` is the system's word for it."""

    host: str
    reason: str
    sentence = _("{host} did not take the connection: {reason}.")


class NotTrusted(CallFailed, code="not-trusted"):
    host: str
    reason: str
    sentence = _("The certificate or the encryption of {host} is not in order: {reason}.")


class TooSlow(CallFailed, code="too-slow"):
    seconds: float
    sentence = _("There was no answer within {seconds:g} seconds.")


class NotHttp(CallFailed, code="not-http"):
    host: str
    sentence = _("What {host} answered is not HTTP, or it closed the connection.")


def post(
    url: str, *, body: bytes, headers: Mapping[str, str], seconds: float, allow_private: bool
) -> Answer:
    """Send `body`, and return what is answered within `seconds`, whatever its status.

    `allow_private` is for trying things out on one machine. Raises CallFailed.
    """
    target = fit_address(url)
    host = str(target.hostname)
    started = time.monotonic()
    addresses = public_addresses(host, _port(target), allow_private=allow_private)
    connection = _Pinned(target, addresses, seconds - (time.monotonic() - started))
    path = f"{target.path or '/'}{'?' if target.query else ''}{target.query}"
    try:
        with _cut_off(connection):
            connection.request("POST", path, body=body, headers=dict(headers))
            response = connection.getresponse()
            if connection.was_cut:  # the end of the bytes passes for the end of the headers
                raise TooSlow(seconds=seconds)
            excerpt = _beginning_of(response)
    except (HTTPException, OSError, ValueError) as error:
        raise _explained(error, connection, host, seconds) from error
    finally:
        connection.close()
    return Answer(response.status, excerpt, round((time.monotonic() - started) * 1000))


def fit_address(url: str) -> SplitResult:
    """The parts of an address that we would call. Raises UnfitAddress."""
    try:
        parts = urlsplit(url)
        fit = (
            parts.scheme in PORTS
            and parts.hostname
            and parts.username is None
            and parts.password is None
            and parts.port != 0
            and url.isascii()
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        fit = False
    if not fit:
        raise UnfitAddress
    return parts


def public_addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """What the name stands for. Raises NameNotFound, or AddressNotPublic if any of it is not."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NameNotFound(host=host) from None
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_rest, sockaddr in found))
    if not allow_private and not all(map(is_public, addresses)):
        raise AddressNotPublic(host=host)
    return addresses


def is_public(address: str) -> bool:
    """Whether anyone on the internet reaches the same machine at this IP address."""
    ip = ip_address(address)
    if address in SERVICES_OF_CLOUDS or ip.is_multicast or not ip.is_global:
        return False
    if isinstance(ip, IPv4Address):
        return True
    return ip in ROUTED and not any(ip in carrier for carrier in CARRIERS)


class _Pinned(HTTPConnection):
    """Goes to the addresses that were checked, and to no other; one deadline for all of it."""

    def __init__(self, target: SplitResult, addresses: list[str], seconds: float) -> None:
        super().__init__(str(target.hostname), _port(target))
        self.default_port = PORTS[target.scheme]
        self.was_cut = False
        # http.client lets go of `sock` while the answer is still being read.
        self._wire: socket.socket | None = None
        self._secure = target.scheme == "https"
        self._addresses = addresses
        self._deadline = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.01)

    def connect(self) -> None:
        self.sock = self._wire = self._reached()
        if self.was_cut:
            raise TimeoutError
        if self._secure:
            # The handshake apart, when `cut` already reaches the socket.
            self.sock = self._wire = _tls().wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def cut(self) -> None:
        """From another thread: whatever waits for bytes gets none."""
        self.was_cut = True
        if self._wire is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes the connection apart under its user's hands.
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    def _reached(self) -> socket.socket:
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return self._reach(address)
        return self._reach(self._addresses[-1])

    def _reach(self, address: str) -> socket.socket:
        return socket.create_connection((address, self.port), self.seconds_left)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@contextmanager
def _cut_off(connection: _Pinned) -> Iterator[None]:
    timer = threading.Timer(connection.seconds_left, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _beginning_of(response: HTTPResponse) -> str:
    """Enough to see what it says; the status has been told, so trouble here is none."""
    read = b""
    with suppress(HTTPException, OSError, ValueError):
        while len(read) < EXCERPT_BYTES and (part := response.read1(EXCERPT_BYTES - len(read))):
            read += part
    return read.decode(errors="replace").replace("\0", "")[:EXCERPT_CHARACTERS]


def _explained(error: Exception, connection: _Pinned, host: str, seconds: float) -> CallFailed:
    if connection.was_cut or isinstance(error, TimeoutError):
        return TooSlow(seconds=seconds)
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or type(error).__name__
        return NotTrusted(host=host, reason=reason)
    if isinstance(error, HTTPException | ValueError | ConnectionResetError | BrokenPipeError):
        return NotHttp(host=host)
    return NoConnection(host=host, reason=getattr(error, "strerror", None) or type(error).__name__)


def _port(target: SplitResult) -> int:
    return target.port or PORTS[target.scheme]
