"""What the catalogue is asked for, and how long each answer takes; after `django.setup()`.

A kind of request is a list of requests, each with values of its own, taken from the rows by chance.
"""

import io
import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit

from django.core.cache import cache
from django.db import connection

from hub.gunicorn import post_worker_init
from hub.wsgi import application
from registry.filters import SORTS
from registry.limits import counter
from registry.models import ContentLevel, File, Network, Original, Tag
from tests.benchmarks.catalogue_database import MACHINE
from tests.benchmarks.catalogue_rows import ADJECTIVES, MATTERS, SEED

PAGE: Final = 24
DEEP: Final = 500
WARM_UP: Final = 20
# Milliseconds: less than that is a neighbour passing by.
CALM: Final = 1.0


@dataclass(frozen=True)
class Ask:
    path: str
    body: Any = None


@dataclass(frozen=True)
class Kind:
    """So many asks as are measured, and WARM_UP before them."""

    name: str
    asks: list[Ask]
    goal: float  # ms, of the 99th percentile


@dataclass(frozen=True)
class Took:
    """Milliseconds of one request: from asking to the last byte of the answer, of them computed by
    this process; and ready, without a core, by all who answer."""

    whole: float
    computed: float
    waited: float
    queries: int

    @property
    def is_calm(self) -> bool:
        return self.waited < CALM


def models(**parameters: object) -> Ask:
    return Ask(f"/api/v1/models?{urlencode({'limit': PAGE, **parameters}, doseq=True)}")


class Kinds:
    """Kinds of requests, with values from a catalogue that is loaded."""

    def __init__(self, number: int) -> None:
        self.number = WARM_UP + number
        self.chance = random.Random(SEED)  # noqa: S311
        self.tags = list(Tag.objects.order_by("-network_count").values_list("name", flat=True))
        self.tags = self.tags[:300]
        last = Network.objects.order_by("pk").last()
        assert last is not None
        self.networks = last.pk
        self.rows: dict[str, list[Network]] = {}

    def all(self) -> Iterator[Kind]:
        for sort in SORTS:
            yield Kind(f"first page, {sort}", [models(sort=sort)] * self.number, 20)
        yield self.of(f"page {DEEP} by cursor, any sort", self.deep_page, 20)
        yield self.of("tag + kind + base model", self.narrowed, 20)
        yield self.of("one common word", lambda: models(query=self.word(), sort=self.sort()), 60)
        yield self.of("two words", self.two_words, 60)
        yield self.of("a name, mistyped", self.typo, 150)
        yield self.of("facets, any search", self.facets, 150)
        yield Kind("facets, all", [Ask("/api/v1/facets")] * self.number, 150)
        yield self.of("by hash", self.by_hash, 8)
        yield self.of("POST by hash, 100", self.by_hashes, 60)
        yield self.of("limit=100, full shape", self.hundred, 60)

    def of(self, name: str, ask: Any, goal: float) -> Kind:
        return Kind(name, [ask() for _ in range(self.number)], goal)

    def sort(self) -> str:
        return self.chance.choice(list(SORTS))

    def word(self) -> str:
        return self.chance.choice((*ADJECTIVES, *MATTERS))

    def deep_page(self) -> Ask:
        sort = self.sort()
        return models(sort=sort, cursor=self.cursor(sort, after=(DEEP - 1) * PAGE))

    def hundred(self) -> Ask:
        sort = self.sort()
        after = self.chance.randrange(1, DEEP * PAGE)
        return models(limit=100, sort=sort, cursor=self.cursor(sort, after=after))

    def cursor(self, sort: str, *, after: int) -> str:
        """As the page that ended with that row gave it out."""
        order = SORTS[sort]
        if sort not in self.rows:
            listed = order.apply(Network.objects.listed(up_to=ContentLevel.GENERAL))
            self.rows[sort] = list(listed.only(order.field)[: DEEP * PAGE])
        rows = self.rows[sort]
        return order.cursor(rows[min(after, len(rows) // 2) - 1])

    def narrowed(self) -> Ask:
        return models(
            tag=self.chance.choice(self.tags),
            kind=self.chance.choice(("style", "subject")),
            baseModels=self.chance.choice(("SD 1.4", "SD 1.5", "SD 2.1")),
            sort=self.sort(),
        )

    def two_words(self) -> Ask:
        words = f"{self.chance.choice(ADJECTIVES)} {self.chance.choice(MATTERS)}"
        return models(query=words, sort=self.sort())

    def typo(self) -> Ask:
        """A name of the catalogue, two letters changed places."""
        name = self.some(Network).name.lower()
        at = self.chance.randrange(1, len(name) - 2)
        return models(query=name[:at] + name[at + 1] + name[at] + name[at + 2 :])

    def facets(self) -> Ask:
        query = self.chance.choice((self.word(), f"tag:{self.chance.choice(self.tags)}"))
        return Ask(f"/api/v1/facets?{urlencode({'query': query, 'kind': 'style'})}")

    def by_hash(self) -> Ask:
        row = self.some(self.chance.choice((File, Original)))
        value = self.chance.choice((row.sha256, row.sha256[:10], row.autov1, row.autov3, row.crc32))
        return Ask(f"/api/v1/model-versions/by-hash/{value.upper()}")

    def by_hashes(self) -> Ask:
        """What a program with a folder of files asks: most are known."""
        known = [self.some(File).sha256 for _ in range(90)]
        return Ask("/api/v1/model-versions/by-hash", [*known, *(f"{n:064x}" for n in range(10))])

    def some(self, model: Any) -> Any:
        return model.objects.get(pk=self.chance.randrange(1, self.networks + 1))


def report(number: int, *, only: str) -> None:
    print(f"{Network.objects.count():,} networks, {number} requests of each kind")
    print(f"Postgres with {', '.join(MACHINE)}; {os.cpu_count()} cores\n")
    heads = ("p50", "p99", "goal", "calm", "of 100", "computed", "queries")
    print(f"{'':32}{''.join(f'{head:>9}' for head in heads)}")
    cache.clear()
    kinds = [kind for kind in Kinds(number).all() if only in kind.name]
    # As a web process does before its first request.
    post_worker_init(None)
    for kind in kinds:
        print(line(kind), flush=True)


def line(kind: Kind) -> str:
    waits = waits_of_all()
    took = [asked(ask, waits) for ask in kind.asks][WARM_UP:]
    took.sort(key=lambda each: each.whole)
    middle = took[len(took) // 2]
    calm = [each.whole for each in took if each.is_calm]
    p99, p99_calm = _p99([each.whole for each in took]), _p99(calm)
    values = f"{middle.whole:>9.1f}{p99:>9.1f}{kind.goal:>9.0f}{p99_calm:>9.1f}"
    values += f"{100 * len(calm) // len(took):>9}{middle.computed:>9.1f}{middle.queries:>9}"
    met_calmly = p99_calm <= kind.goal and 2 * len(calm) >= len(took)
    verdict = "met" if p99 <= kind.goal else "met, calm" if met_calmly else "missed"
    return f"{kind.name:32}{values}  {verdict}"


def _p99(ordered: list[float]) -> float:
    return ordered[-1 - len(ordered) // 100] if ordered else float("nan")


def waits_of_all() -> list[Path]:
    """Where Linux says how long who answers a request was ready and had no core."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [postgres] = cursor.fetchone()
    valkey = counter().valkey.info("server")["process_id"]
    files = [
        Path("/proc", each, "schedstat") for each in ("thread-self", str(postgres), str(valkey))
    ]
    return [file for file in files if file.exists()]


def asked(ask: Ask, waits: Iterable[Path] = ()) -> Took:
    environ = environment(ask)
    statuses: list[str] = []
    queries = 0

    def start_response(status: str, *_: Any) -> Any:
        statuses.append(status)

    def counted(execute: Any, *query: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*query)

    waited = sum(map(_milliseconds_waited, waits))
    began, computing = perf_counter(), process_time()
    with connection.execute_wrapper(counted):
        answer = application(environ, start_response)
        content = b"".join(answer)
        answer.close()
    whole, computed = (perf_counter() - began) * 1000, (process_time() - computing) * 1000
    assert statuses == ["200 OK"], (statuses, ask, content[:500])
    waited = sum(map(_milliseconds_waited, waits)) - waited
    return Took(whole, computed, waited, queries)


def _milliseconds_waited(file: Path) -> float:
    return int(file.read_text().split()[1]) / 1e6


def environment(ask: Ask) -> dict[str, Any]:
    """What gunicorn would have made of the request."""
    address = urlsplit(ask.path)
    body = b"" if ask.body is None else json.dumps(ask.body).encode()
    return {
        "REQUEST_METHOD": "GET" if ask.body is None else "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(address.path),
        "QUERY_STRING": address.query,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost:8000",
        "HTTP_ACCEPT": "application/json",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
