from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app
from pytest_django import Settings

from registry.jobs import handlers
from registry.jobs.handlers import Work
from registry.jobs.messages import messages_in
from registry.jobs.process import this_process
from registry.models import Job

Register = Callable[..., str]


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch) -> Register:
    """`does(work)` is a kind of job that does this, known as long as the test runs."""
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))

    def register(
        work: Work,
        *,
        kind: str = "test.work",
        queue: Job.Queue = Job.Queue.INGEST,
        max_attempts: int = 3,
    ) -> str:
        handlers.handler(kind, queue=queue, max_attempts=max_attempts)(work)
        return kind

    return register


@pytest.fixture
def fast(settings: Settings) -> Settings:
    """Leases, beats and retries in tenths of seconds."""
    settings.JOB_LEASE_SECONDS = 0.5
    settings.JOB_HEARTBEAT_SECONDS = 0.1
    settings.JOB_PROGRESS_SECONDS = 0
    settings.JOB_RETRY_SECONDS = 0
    return settings


@pytest.fixture
def shutting_down() -> Iterator[Callable[[], None]]:
    """What the signal handler of TERM does in a worker."""

    def stop() -> None:
        this_process.stopping = True

    yield stop
    this_process.stopping = False


@pytest.fixture
def messages() -> Iterator[Callable[[str], int]]:
    """How many messages wait in a queue of the real broker, which is empty before and after."""

    _purge()
    yield messages_in
    _purge()


def _purge() -> None:
    connection: Any
    with current_app.pool.acquire() as connection:
        for queue in ("ingest", "render", "train", "notify", "housekeeping"):
            current_app.amqp.queues[queue](connection.default_channel).purge()
