"""Jobs by API: one's own, polled by ETag, followed as a stream of events, cancelled."""

import json
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.api import jobs
from registry.jobs import enqueue
from registry.models import Job, User
from tests.jobs import run_waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"


@pytest.fixture
def job(alice: User) -> Job:
    payload = {"seconds": 0, "steps": 3}
    return enqueue(kind="selfcheck.ingest", payload=payload, owner=alice)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "STREAM_SECONDS", 0.2)


def events(answer: object) -> Iterator[dict[str, object]]:
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    for block in text.split("\n\n"):
        if block.startswith("event: job\ndata: "):
            yield json.loads(block.partition("data: ")[2])


def test_only_ones_own(job: Job, alice_client: Client, bob_client: Client) -> None:
    assert [each["id"] for each in alice_client.get("/api/v1/jobs").json()["items"]] == [
        str(job.pk)
    ]
    assert bob_client.get("/api/v1/jobs").json()["items"] == []
    assert bob_client.get(f"/api/v1/jobs/{job.pk}").status_code == 404


def test_page_by_page(job: Job, alice: User, alice_client: Client) -> None:
    others = [enqueue(kind="selfcheck.ingest", payload={}, owner=alice) for _ in range(2)]
    address, seen = "/api/v1/jobs?limit=1", []
    while address:
        answer = alice_client.get(address).json()
        seen += [each["id"] for each in answer["items"]]
        address = answer["metadata"].get("nextPage", "")
    assert seen == [str(each.pk) for each in (*others[::-1], job)]
    for foreign in ("WzEsMl0", "WyIyMDI2LTExLTI0VDAwOjAwOjAwWiIsMV0", "WzEsIngiXQ"):
        assert alice_client.get(f"/api/v1/jobs?cursor={foreign}").status_code == 400


def test_queries_do_not_grow_with_the_page(alice: User, alice_client: Client) -> None:
    counts = []
    for number in (1, 4):
        for _ in range(number):
            enqueue(kind="selfcheck.ingest", payload={}, owner=alice)
        with CaptureQueriesContext(connection) as queries:
            answer = alice_client.get("/api/v1/jobs").json()
        assert len(answer["items"]) >= number
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_by_state(job: Job, alice_client: Client) -> None:
    assert len(alice_client.get("/api/v1/jobs?state=queued").json()["items"]) == 1
    assert alice_client.get("/api/v1/jobs?state=done").json()["items"] == []
    assert alice_client.get("/api/v1/jobs?state=lost").status_code == 400


def test_polling_costs_a_304_until_there_is_news(job: Job, alice_client: Client) -> None:
    place = f"/api/v1/jobs/{job.pk}"
    etag = alice_client.get(place)["ETag"]
    assert alice_client.get(place, headers={"If-None-Match": etag}).status_code == 304
    run_waiting_jobs()
    news = alice_client.get(place, headers={"If-None-Match": etag})
    assert (news.status_code, news.json()["state"]) == (200, "done")


def test_cancelled_once(job: Job, alice_client: Client) -> None:
    place = f"/api/v1/jobs/{job.pk}/cancel"
    answer = alice_client.post(place, {"reason": "no need"}, JSON)
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert answer.json()["reason"] == "no need"
    assert alice_client.post(place, {}, JSON).json()["code"] == "job-ended"


class TestEvents:
    def test_a_stream_ends_with_its_job(self, job: Job, alice_client: Client) -> None:
        run_waiting_jobs()
        answer = alice_client.get(f"/api/v1/jobs/{job.pk}/events")
        assert answer["Content-Type"] == "text/event-stream"
        (last,) = events(answer)
        assert last["state"] == "done"

    def test_news_are_told_once(self, job: Job, alice_client: Client) -> None:
        answer = alice_client.get(f"/api/v1/jobs/{job.pk}/events")
        seen = list(events(answer))
        assert [each["state"] for each in seen] == ["queued"]

    def test_only_so_many_at_a_time(self, job: Job, alice_client: Client) -> None:
        place = f"/api/v1/jobs/{job.pk}/events"
        streams = [alice_client.get(place) for _ in range(jobs.MOST_STREAMS)]
        refused = alice_client.get(place)
        assert (refused.status_code, refused.json()["code"]) == (503, "streams-taken")
        assert refused["Retry-After"]
        for stream in streams:
            stream.close()
        assert alice_client.get(place).status_code == 200
