import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from hub import health
from registry.jobs import presence
from registry.jobs.presence import PresenceThread

QUEUES = ["ingest", "render", "train", "notify"]


@pytest.fixture
def at_work(settings: Settings) -> Iterator[None]:
    """One worker for each queue has just reported."""
    thread = PresenceThread(QUEUES)
    thread._report()
    yield
    thread.stop()


@pytest.fixture
def nobody_at_work() -> None:
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.delete(presence.KEY)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], Any]], None]:
    """Replaces what one part is asked."""

    def replace(name: str, asked: Callable[[], Any]) -> None:
        sentence = health.PROBES[name][1]
        monkeypatch.setattr(health, "PROBES", {**health.PROBES, name: (asked, sentence)})

    return replace


def raises(error: Exception) -> Callable[[], Any]:
    def asked() -> Any:
        raise error

    return asked


def hangs() -> dict[str, Any]:
    time.sleep(2)
    return {}


class TestAlive:
    def test_without_database_cache_or_session(self) -> None:
        """No django_db mark: a query would fail this test."""
        response = Client().get("/healthz")
        assert (response.status_code, response.content) == (200, b"ok\n")
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies

    def test_for_a_probe_that_knows_neither_host_nor_https(self, settings: Settings) -> None:
        settings.ALLOWED_HOSTS = ["hub.example"]
        settings.SECURE_SSL_REDIRECT = True
        assert Client().get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200

    def test_answers_only_reads(self) -> None:
        assert Client().post("/healthz").status_code != 200


@pytest.mark.django_db(transaction=True)
class TestReady:
    def test_when_everything_answers(self, at_work: None) -> None:
        response = Client().get("/readyz")
        body = response.json()
        assert (response.status_code, body["ready"], body["problems"]) == (200, True, [])
        assert set(body["parts"]) == {
            "database",
            "cache",
            "broker",
            "storage",
            *(f"worker {queue}" for queue in QUEUES),
        }
        assert all(part["ok"] for part in body["parts"].values())
        assert body["parts"]["storage"]["free_bytes"] > 0
        assert body["parts"]["worker train"]["age"] < 5
        assert body["parts"]["worker train"]["alive"] == 1

    @pytest.mark.parametrize("name", ["database", "cache", "broker", "storage"])
    def test_not_without_each_part_and_no_secret_is_told(
        self, at_work: None, probe: Callable[..., None], name: str
    ) -> None:
        probe(name, raises(OperationalError("postgresql://hub:s3cret@db refused")))
        response = Client().get("/readyz")
        body = response.json()
        assert response.status_code == 503
        assert len(body["problems"]) == 1
        assert body["parts"][name] == {"ok": False}
        assert "s3cret" not in response.content.decode()

    def test_a_part_that_hangs_is_a_problem_and_not_a_hang(
        self, at_work: None, probe: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "PROBE_SECONDS", 0.3)
        probe("database", hangs)
        started = time.monotonic()
        body = Client().get("/readyz").json()
        assert time.monotonic() - started < 1.5
        assert "The database does not answer." in body["problems"][0]

    def test_not_with_a_full_disk(self, at_work: None, settings: Settings) -> None:
        settings.MIN_FREE_BYTES = 1 << 60
        body = Client().get("/readyz").json()
        assert body["problems"] == ["The disk with the files is nearly full."]

    def test_not_where_files_cannot_be_written(
        self, at_work: None, settings: Settings, tmp_path: Path
    ) -> None:
        (tmp_path / "occupied").touch()
        settings.MEDIA_ROOT = tmp_path / "occupied"
        assert Client().get("/readyz").json()["problems"] == ["Files cannot be written."]


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_that_never_reported_are_missed_by_the_name_of_their_queue(
        self, nobody_at_work: None
    ) -> None:
        body = Client().get("/readyz").json()
        assert not body["ready"]
        for queue in QUEUES:
            assert f"No worker of the queue “{queue}” has reported." in body["problems"]

    def test_that_have_fallen_silent_are_told_with_their_age(
        self, at_work: None, settings: Settings
    ) -> None:
        settings.WORKER_PRESENCE_SECONDS = 0.05
        time.sleep(0.2)
        body = Client().get("/readyz").json()
        assert any("“ingest” has not reported for" in problem for problem in body["problems"])
        assert body["parts"]["worker ingest"]["alive"] == 0

    def test_that_this_hub_does_not_have_are_not_missed(
        self, nobody_at_work: None, settings: Settings
    ) -> None:
        settings.WORKER_QUEUES = []
        assert not [name for name in Client().get("/readyz").json()["parts"] if "worker" in name]

    def test_all_are_missing_when_the_cache_is_away(
        self, at_work: None, probe: Callable[..., None]
    ) -> None:
        probe("workers", raises(redis.ConnectionError("away")))
        assert len(Client().get("/readyz").json()["problems"]) == len(QUEUES)
