"""Webhooks by API: made, changed, tried, read, sent again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from registry.api_keys import create_api_key
from registry.models import User, Webhook
from tests.jobs import run_waiting_jobs
from tests.receiver import Receiver, receiver

pytestmark = pytest.mark.django_db
WEBHOOKS = "/api/v1/webhooks"
NEW = {"url": "https://hooks.example/hub", "events": ["version.published", "job.ended"]}


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_NETWORKS = True
    with receiver() as it:
        yield it


@pytest.fixture
def program(alice: User) -> APIClient:
    """With a key of Alice's."""
    secret = create_api_key(user=alice, name="t", scopes=["read", "upload"], expires_at=None)[1]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def made(program: APIClient, **changes: Any) -> dict[str, Any]:
    answer = program.post(WEBHOOKS, NEW | changes, format="json")
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_made_with_a_secret_that_is_told_once(program: APIClient) -> None:
    answer = program.post(WEBHOOKS, NEW, format="json")
    webhook = answer.json()

    assert answer["Location"] == f"http://testserver{WEBHOOKS}/{webhook['id']}"
    assert "no-store" in answer["Cache-Control"]
    assert webhook.pop("secret") == Webhook.objects.get().secret
    assert webhook["enabled"] is True
    assert program.get(f"{WEBHOOKS}/{webhook['id']}").json() == webhook
    assert program.get(WEBHOOKS).json() == {"items": [webhook]}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"url": "ftp://hooks.example/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"about": "others"}, "about"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_is_not_taken(changes: dict[str, Any], path: str, program: APIClient) -> None:
    answer = program.post(WEBHOOKS, NEW | changes, format="json")

    assert answer.status_code == 400
    assert [issue["path"] for issue in answer.json()["error"]["issues"]] == [[path]]


def test_a_wrong_event_is_answered_with_the_right_ones(program: APIClient) -> None:
    answer = program.post(WEBHOOKS, NEW | {"events": ["version.sold"]}, format="json")
    [issue] = answer.json()["error"]["issues"]

    assert "version.published" in issue["options"]
    assert "ping" not in issue["options"]


def test_too_many(program: APIClient, settings: Settings) -> None:
    settings.WEBHOOKS_PER_USER = 1
    made(program)
    answer = program.post(WEBHOOKS, NEW, format="json")

    assert (answer.status_code, answer.json()["code"]) == (413, "too-many-webhooks")


def test_changed_switched_off_and_deleted(program: APIClient) -> None:
    address = f"{WEBHOOKS}/{made(program)['id']}"
    changed = program.patch(address, {"about": "all", "enabled": False}, format="json").json()

    assert (changed["about"], changed["enabled"]) == ("all", False)
    assert changed["disabledReason"] == "Its owner switched it off."
    assert changed["url"] == NEW["url"]
    off = program.post(f"{address}/ping", {}, format="json")
    assert (off.status_code, off.json()["code"]) == (409, "webhook-off")
    assert program.delete(address).status_code == 204
    assert program.get(address).json() == {"error": "Webhook not found"}


def test_another_secret(program: APIClient) -> None:
    webhook = made(program)
    renewed = program.post(f"{WEBHOOKS}/{webhook['id']}/secret", {}, format="json").json()

    assert renewed["secret"] == Webhook.objects.get().secret != webhook["secret"]


def test_tried_read_in_the_log_and_sent_again(program: APIClient, hook: Receiver) -> None:
    hook.answers = [503, 200]
    address = f"{WEBHOOKS}/{made(program, url=hook.url)['id']}"
    trial = program.post(f"{address}/ping", {}, format="json")
    assert trial.status_code == 202
    assert (trial.json()["event"], trial.json()["state"]) == ("ping", "waiting")
    run_waiting_jobs(queue="notify")

    log = f"{address}/deliveries/{trial.json()['id']}"
    delivery = program.get(log).json()
    assert delivery["body"]["type"] == "ping"
    [attempt] = delivery["attempts"]
    assert (attempt["statusCode"], attempt["answer"]) == (503, "thanks")
    assert attempt["milliseconds"] >= 0
    assert delivery["nextAttemptAt"] is not None

    assert program.post(f"{log}/redeliver", {}, format="json").status_code == 202
    run_waiting_jobs(queue="notify")
    delivery = program.get(log).json()
    assert (delivery["state"], delivery["attemptCount"]) == ("delivered", 2)
    assert [each["statusCode"] for each in delivery["attempts"]] == [503, 200]


def test_the_log_pages_from_the_latest(program: APIClient) -> None:
    address = f"{WEBHOOKS}/{made(program)['id']}"
    ids = [program.post(f"{address}/ping", {}, format="json").json()["id"] for _ in range(5)]
    page = program.get(f"{address}/deliveries?limit=3").json()
    rest = program.get(page["metadata"]["nextPage"]).json()

    assert [each["id"] for each in page["items"] + rest["items"]] == ids[::-1]
    assert rest["metadata"] == {}


def test_queries_do_not_grow_with_the_lists(program: APIClient) -> None:
    def queries_of(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert program.get(address).json()["items"]
        return len(queries)

    first = f"{WEBHOOKS}/{made(program)['id']}"
    program.post(f"{first}/ping", {}, format="json")
    few = [queries_of(WEBHOOKS), queries_of(f"{first}/deliveries")]
    for _ in range(3):
        made(program)
        program.post(f"{first}/ping", {}, format="json")
    assert [queries_of(WEBHOOKS), queries_of(f"{first}/deliveries")] == few


def test_a_delivery_of_another_webhook_is_not_under_this_one(program: APIClient) -> None:
    one, other = made(program)["id"], made(program)["id"]
    trial = program.post(f"{WEBHOOKS}/{one}/ping", {}, format="json").json()

    assert program.get(f"{WEBHOOKS}/{other}/deliveries/{trial['id']}").status_code == 404
