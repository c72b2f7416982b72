"""./bench download: the hub's downloads beside Debian's nginx that serves the same file itself.

One connection, one file in the page cache. In each round every way sends it once, in turn; printed
are the best throughput of each and the median over the rounds of its ratio to nginx in the same
round, which a machine that does other things too disturbs less. Goals: the embedded hub 0.6, the
hub behind nginx by X-Accel-Redirect 0.95.
"""

import argparse
import os
import socket
import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

# ruff: noqa: E402 - settings first, then what needs them
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.core.management import call_command

from registry.formats.flavors import Flavor
from registry.models import Version
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.registry.test_serving import shipped
from tests.web import free_port, gunicorn, nginx

REFERENCE = "nginx, sendfile"
GOALS = {"embedded: gunicorn": 0.6, "nginx, X-Accel-Redirect": 0.95}
BUFFER = 1 << 20


@dataclass(frozen=True)
class Way:
    """An address that gives the file."""

    port: int
    path: str


@dataclass
class Figures:
    """Bytes a second, by round."""

    rates: list[float] = field(default_factory=list)

    def ratio_to(self, other: "Figures") -> float:
        return statistics.median(a / b for a, b in zip(self.rates, other.rates, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench download", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=439, help="of the file, in MB (10^6 bytes)")
    arguments = parser.parse_args()
    call_command("migrate", verbosity=0)
    version = published(arguments.size * 10**6)
    with served(version) as ways:
        figures = measured(ways, arguments.size * 10**6, arguments.rounds)
    report(figures, arguments.size, arguments.rounds)


def published(size: int) -> Version:
    """A version with a file of random bytes, in the storage of the servers to come."""
    version: Version = PublishedVersionFactory(
        network=NetworkFactory(), contents={Flavor.PORTABLE: os.urandom(size)}
    )
    return version


@contextmanager
def served(version: Version) -> Iterator[Mapping[str, Way]]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings"}
    file = version.files.get(is_primary=True)
    assert file.blob is not None
    path = Path(settings.MEDIA_ROOT, file.blob.key)
    with ExitStack() as stack:
        alone = stack.enter_context(gunicorn(environment, processes=2)).port
        accelerated = {**environment, "ACCEL_REDIRECT": "/protected/"}
        behind = stack.enter_context(gunicorn(accelerated, processes=2)).port
        before, direct = free_port(), free_port()
        plain = f"server {{ listen 127.0.0.1:{direct}; sendfile on; tcp_nopush on; root /; }}"
        stack.enter_context(nginx(f"{shipped(before, behind)}\n{plain}"))
        yield {
            REFERENCE: Way(direct, str(path)),
            "embedded: gunicorn": Way(alone, address_of(alone, version)),
            "nginx, X-Accel-Redirect": Way(before, address_of(before, version)),
        }


def address_of(port: int, version: Version) -> str:
    """Where the hub redirects to."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/api/download/models/{version.pk}")
    location = connection.getresponse().headers["Location"]
    connection.close()
    return urlsplit(location).path


def measured(ways: Mapping[str, Way], size: int, rounds: int) -> dict[str, Figures]:
    figures = {name: Figures() for name in ways}
    for way in ways.values():
        seconds_for(way, size)  # connections, caches
    for _ in range(rounds):
        for name, way in ways.items():
            figures[name].rates.append(size / seconds_for(way, size))
    return figures


def seconds_for(way: Way, size: int) -> float:
    """From the request to the last byte."""
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_connection(("127.0.0.1", way.port)) as connection:
        began = perf_counter()
        connection.sendall(
            f"GET {way.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        head, received = b"", 0
        while b"\r\n\r\n" not in head:
            head += connection.recv(BUFFER)
        head, _, body = head.partition(b"\r\n\r\n")
        assert head.split()[1] == b"200", head
        received = len(body)
        while received < size and (count := connection.recv_into(buffer)):
            received += count
        took = perf_counter() - began
    assert received == size
    return took


def report(figures: Mapping[str, Figures], size: int, rounds: int) -> None:
    print(f"A file of {size} MB, one connection, {rounds} rounds, {os.cpu_count()} cores\n")
    print(f"{'':26}{'best GB/s':>10}{'of nginx':>10}{'goal':>8}")
    for name, each in figures.items():
        ratio = each.ratio_to(figures[REFERENCE])
        goal = GOALS.get(name)
        verdict = "" if goal is None else f"{goal:>8.2f}  {'met' if ratio >= goal else 'missed'}"
        print(f"{name:26}{max(each.rates) / 1e9:>10.2f}{ratio:>10.2f}{verdict}")


if __name__ == "__main__":
    main()
