"""Real workers, really killed or told to stop in the middle of a call: the event gets through."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from registry.models import User, Version, Webhook
from registry.publishing import yank_version
from registry.webhooks import create_webhook
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.receiver import Handler, Receiver
from tests.registry.jobs.processes import LONG, Processes, send, until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def processes(tmp_path: Path, process_environment: dict[str, str]) -> Iterator[Processes]:
    quick = {"WEBHOOKS_TO_PRIVATE_NETWORKS": "true", "WEBHOOK_RETRY_SECONDS": "1,1,1"}
    running = Processes(tmp_path, process_environment | quick)
    yield running
    running.end()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@pytest.fixture
def webhook(hook: Receiver, alice: User) -> Webhook:
    return create_webhook(by=alice, url=hook.url, events=["version.yanked"])


def something_happens(alice: User) -> Version:
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    return yank_version(version=version, by=alice, reason="Too strong.")


def silent(handler: Handler) -> None:
    handler.receiver.over.wait(LONG)


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_in_the_middle_of_a_call(
    way: signal.Signals, webhook: Webhook, alice: User, hook: Receiver, processes: Processes
) -> None:
    hook.answers = [silent, 200]
    doomed = processes.worker("notify")
    something_happens(alice)
    until(lambda: hook.received, "the call")
    send(doomed, way)
    processes.worker("notify")
    processes.beat()
    until(lambda: webhook.deliveries.exclude(delivered_at=None).exists(), "the second call")

    first, *others = hook.received
    assert others
    assert {each.headers["webhook-id"] for each in others} == {first.headers["webhook-id"]}


def test_all_servers_that_fail_and_come_back_are_waited_for(
    webhook: Webhook, alice: User, hook: Receiver, processes: Processes
) -> None:
    hook.answers = [500, 500, 200]
    something_happens(alice)
    processes.worker("notify")
    processes.beat()
    until(lambda: webhook.deliveries.exclude(delivered_at=None).exists(), "the third call")

    assert [each.status_code for each in webhook.deliveries.get().attempts.all()] == [500, 500, 200]


def test_what_happens_while_no_worker_and_no_broker_is_there_is_told_later(
    webhook: Webhook, alice: User, hook: Receiver, processes: Processes
) -> None:
    something_happens(alice)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()  # every message is lost
    processes.worker("notify")
    processes.beat()
    until(lambda: hook.received, "the call")
