"""`/healthz`: this process answers. `/readyz`: everything it needs does, and workers are at work.

Answered before all other middleware: a probe knows no host name, comes without https, has no
session, and must get an answer when everything else is broken.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from registry.jobs.messages import messages_in
from registry.jobs.presence import Presence, workers

logger = structlog.get_logger(__name__)
# Of all probes together: they run side by side.
PROBE_SECONDS: Final = 2.0
# A worker that misses so many reports in a row is taken for dead.
MISSED_REPORTS: Final = 3

GetResponse = Callable[[HttpRequest], HttpResponseBase]


@dataclass(frozen=True)
class Part:
    """One thing the hub needs. `problem`: what is wrong with it, "" if nothing is."""

    problem: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"ok": not self.problem, **self.facts}


class Probes:
    """The middleware: answers probes, and passes on everything else."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = ANSWERS.get(request.path)
        if answer is None or request.method not in ("GET", "HEAD"):
            return self._get_response(request)
        response = answer()
        response["Cache-Control"] = "no-store"
        return response


def healthz() -> HttpResponse:
    """Alive, as told by this process alone: no database, no cache."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def readyz() -> HttpResponse:
    """200, or 503 with `problems`: a sentence for each part that is not as it should be."""
    parts = look_at_all_parts()
    problems = [part.problem for part in parts.values() if part.problem]
    if problems:
        logger.warning("not ready", problems=problems)
    body = {
        "ready": not problems,
        "problems": problems,
        "parts": {name: part.as_json() for name, part in parts.items()},
    }
    return JsonResponse(body, status=503 if problems else 200)


ANSWERS: Final[Mapping[str, Callable[[], HttpResponse]]] = {
    "/healthz": healthz,
    "/readyz": readyz,
}


def look_at_all_parts() -> dict[str, Part]:
    """Side by side, each with the same short time: what hangs is a problem, not a hang."""
    deadline = time.monotonic() + PROBE_SECONDS
    threads = ThreadPoolExecutor(max_workers=len(PROBES), thread_name_prefix="readyz")
    futures = {name: threads.submit(_measured, probe) for name, (probe, _) in PROBES.items()}
    threads.shutdown(wait=False)
    parts = {name: _outcome(future, deadline, PROBES[name][1]) for name, future in futures.items()}
    present = parts.pop("workers")
    for queue in settings.WORKER_QUEUES:
        parts[f"worker {queue}"] = _worker(queue, present.facts.get("workers", []))
    return parts


def _measured(probe: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    started = time.perf_counter()
    facts = probe()
    return {"ms": round((time.perf_counter() - started) * 1000, 1), **facts}


def _outcome(future: Future[Mapping[str, Any]], deadline: float, sentence: str) -> Part:
    """The exception goes to the log only: it may name hosts and accounts."""
    try:
        facts = future.result(timeout=max(0.0, deadline - time.monotonic()))
    except OutOfTime:
        return Part(f"{sentence} (No answer within {PROBE_SECONDS:.0f} seconds.)")
    except Exception as error:
        logger.warning("probe failed", error=repr(error))
        return Part(sentence)
    if facts.get("free_bytes", settings.MIN_FREE_BYTES) < settings.MIN_FREE_BYTES:
        return Part("The disk with the files is nearly full.", facts)
    return Part(facts=facts)


def _database() -> Mapping[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return {}


def _cache() -> Mapping[str, Any]:
    nonce = uuid4().hex
    cache.set(f"readyz:{nonce}", nonce, timeout=10)
    if cache.get(f"readyz:{nonce}") != nonce:
        raise LookupError("the cache forgot what it was just told")
    return {}


def _broker() -> Mapping[str, Any]:
    return {"housekeeping": messages_in("housekeeping")}


def _storage() -> Mapping[str, Any]:
    """Locally: a file can be written, and how much space is left. Elsewhere: it answers."""
    if not isinstance(default_storage, FileSystemStorage):
        default_storage.exists("readyz")
        return {}
    folder = Path(default_storage.location)
    folder.mkdir(parents=True, exist_ok=True)  # before the first upload
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"ready?")
        file.flush()
    return {"free_bytes": shutil.disk_usage(folder).free}


def _workers() -> Mapping[str, Any]:
    return {"workers": workers()}


PROBES: Final[Mapping[str, tuple[Callable[[], Mapping[str, Any]], str]]] = {
    "database": (_database, "The database does not answer."),
    "cache": (_cache, "The cache does not answer."),
    "broker": (_broker, "The broker of the job queues does not answer."),
    "storage": (_storage, "Files cannot be written."),
    "workers": (_workers, ""),  # one part for each queue is made of it
}


def _worker(queue: str, present: list[Presence]) -> Part:
    """The freshest worker of a queue, and how many of its kind are at work."""
    mine = [worker for worker in present if worker.queue == queue]
    limit = MISSED_REPORTS * settings.WORKER_PRESENCE_SECONDS
    if not mine:
        return Part(f"No worker of the queue “{queue}” has reported.")
    facts = {
        "age": round(mine[0].age, 1),
        "alive": sum(worker.age <= limit for worker in mine),
        "busy_with": [worker.busy_with for worker in mine if worker.busy_with],
    }
    if mine[0].age > limit:
        silence = f"for {mine[0].age:.0f} seconds"
        return Part(f"The worker of the queue “{queue}” has not reported {silence}.", facts)
    return Part(facts=facts)
