import os
import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from registry.jobs import presence
from registry.jobs.presence import PresenceThread, workers
from registry.jobs.process import this_process


@pytest.fixture(autouse=True)
def _nobody() -> Iterator[None]:
    _forget()
    yield
    _forget()


def _forget() -> None:
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.delete(presence.KEY)


def test_a_worker_says_who_and_where_it_is() -> None:
    PresenceThread(["ingest"])._report()
    (worker,) = workers()
    assert (worker.queue, worker.pid, worker.busy_with) == ("ingest", os.getpid(), "")
    assert 0 <= worker.age < 5


def test_and_what_it_is_busy_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_process, "busy_with", "training.run")
    PresenceThread(["train"])._report()
    assert workers()[0].busy_with == "training.run"


def test_a_thread_says_so_again_and_again(settings: Settings) -> None:
    settings.WORKER_PRESENCE_SECONDS = 0.05
    thread = PresenceThread(["ingest"])
    thread.start()
    time.sleep(0.5)
    assert workers()[0].age < 0.4
    thread.stop()
    assert workers() == []


def test_survives_a_cache_that_is_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WORKER_PRESENCE_SECONDS = 0.05
    thread = PresenceThread(["ingest"])
    report, outages = thread._report, iter([True, True])

    def sometimes_away() -> None:
        if next(outages, False):
            raise redis.ConnectionError
        report()

    monkeypatch.setattr(thread, "_report", sometimes_away)
    thread.start()
    time.sleep(0.5)
    assert workers()
    thread.stop()


def test_who_was_silent_for_an_hour_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    PresenceThread(["render"])._report()
    monkeypatch.setattr(presence, "FORGOTTEN_AFTER", 0)
    PresenceThread(["ingest"])._report()
    assert [worker.queue for worker in workers()] in ([], ["ingest"])
