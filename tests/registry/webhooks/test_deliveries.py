"""Calls: signed, tried again later and later, logged, given up; against a real receiver."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry.models import AuditEvent, Job, User, Webhook, WebhookDelivery
from registry.sweep import sweep
from registry.webhooks import create_webhook, ping, redeliver, renew_secret, update_webhook
from tests.jobs import run_waiting_jobs
from tests.receiver import Handler, Received, Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(hook: Receiver, alice: User) -> Webhook:
    return create_webhook(by=alice, url=hook.url, events=["version.published"])


def deliver(delivery: WebhookDelivery) -> WebhookDelivery:
    """What is due by now is tried; the row as it is then."""
    run_waiting_jobs(queue="notify")
    return WebhookDelivery.objects.get(pk=delivery.pk)


def time_passes() -> None:
    """What waits for its time is due."""
    Job.objects.filter(run_after__isnull=False).update(run_after=timezone.now())


def is_signed(received: Received, secret: str) -> bool:
    """As a receiver would look at it, with nothing of ours."""
    key = base64.b64decode(secret.split("_", 1)[1])
    said = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}."
    mac = hmac.new(key, said.encode() + received.body, hashlib.sha256).digest()
    return received.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_a_call_is_signed_and_says_what_happened(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    delivery = deliver(ping(webhook=webhook, by=alice))
    [received] = hook.received
    body = json.loads(received.body)

    assert delivery.state == "delivered"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == str(delivery.message_id)
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 300
    assert is_signed(received, webhook.secret)
    assert (body["type"], body["data"]) == ("ping", {"webhookId": webhook.pk})


def test_the_log_says_what_was_answered_and_how_long_it_took(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    hook.answers = [lambda handler: handler.say(503, b"busy\0!")]
    delivery = deliver(ping(webhook=webhook, by=alice))
    attempt = delivery.attempts.get()

    assert (attempt.number, attempt.status_code, attempt.answer) == (1, 503, "busy!")
    assert attempt.milliseconds is not None
    assert attempt.error == delivery.error == "It answered 503, which is not a success."


def test_it_is_tried_again_under_the_same_id_until_it_gets_through(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    hook.answers = [500, 404, 200]
    delivery = ping(webhook=webhook, by=alice)
    for _ in range(5):
        delivery = deliver(delivery)
        time_passes()

    assert (delivery.state, delivery.attempt) == ("delivered", 3)
    assert [each.status_code for each in delivery.attempts.all()] == [500, 404, 200]
    assert {each.headers["webhook-id"] for each in hook.received} == {str(delivery.message_id)}
    assert len({each.body for each in hook.received}) == 1
    assert all(is_signed(each, webhook.secret) for each in hook.received)


def test_later_and_later_and_then_no_more(
    webhook: Webhook, alice: User, hook: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_RETRY_SECONDS = [60, 3600]
    hook.answers = [500]
    delivery, waits = ping(webhook=webhook, by=alice), []
    for _ in range(5):
        delivery = deliver(delivery)
        if delivery.next_attempt_at:
            waits.append(round((delivery.next_attempt_at - timezone.now()).total_seconds() / 60))
            assert not run_waiting_jobs(queue="notify")  # not before its time
        time_passes()

    assert waits == [1, 60]
    assert (delivery.state, delivery.attempt) == ("given-up", 3)
    assert not Job.objects.unfinished().exists()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_no_success(
    status: int, webhook: Webhook, alice: User, hook: Receiver
) -> None:
    hook.answers = [status]
    delivery = deliver(ping(webhook=webhook, by=alice))

    assert "Those are not followed" in delivery.error
    assert delivery.state == "waiting"


def test_who_does_not_answer_in_time(
    webhook: Webhook, alice: User, hook: Receiver, settings: Settings
) -> None:
    settings.WEBHOOK_SECONDS = 0.3

    def silent(handler: Handler) -> None:
        handler.receiver.over.wait(30)

    hook.answers = [silent]
    delivery = deliver(ping(webhook=webhook, by=alice))

    assert delivery.error == "There was no answer within 0.3 seconds."
    assert delivery.status_code is None


def test_a_private_address_is_not_called(
    webhook: Webhook, alice: User, hook: Receiver, settings: Settings
) -> None:
    """Nor one that was allowed, or looked public, when the webhook was made."""
    settings.WEBHOOKS_TO_PRIVATE_NETWORKS = False
    delivery = deliver(ping(webhook=webhook, by=alice))

    assert "not on the public internet" in delivery.error
    assert not hook.received


# --- Switched off by the hub ----------------------------------------------------------------------


def test_after_days_without_success_it_is_switched_off_with_the_reason(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    hook.answers = [500]
    deliver(ping(webhook=webhook, by=alice))
    webhook.refresh_from_db()
    assert webhook.failing_since
    assert webhook.disabled_at is None

    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3, minutes=1))
    waiting = ping(webhook=webhook, by=alice)
    time_passes()
    deliver(waiting)
    off = Webhook.objects.get()

    assert off.disabled_at
    assert off.disabled_reason == (
        "No call got through for 3 days. The last one: It answered 500, which is not a success."
    )
    assert {each.state for each in webhook.deliveries.all()} == {"given-up"}
    assert AuditEvent.objects.filter(action="webhook.disabled", actor=None).exists()


def test_one_success_starts_the_count_afresh(webhook: Webhook, alice: User, hook: Receiver) -> None:
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=9))
    deliver(ping(webhook=webhook, by=alice))
    webhook.refresh_from_db()

    assert (webhook.failing_since, webhook.disabled_at) == (None, None)


def test_gone_for_good(webhook: Webhook, alice: User, hook: Receiver) -> None:
    hook.answers = [410]
    deliver(ping(webhook=webhook, by=alice))
    webhook.refresh_from_db()

    assert webhook.disabled_reason == "It answered 410: it is gone for good."


def test_what_waits_for_a_webhook_that_is_off_is_not_sent(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    delivery = ping(webhook=webhook, by=alice)
    update_webhook(webhook=webhook, by=alice, enabled=False)
    deliver(delivery)

    assert not hook.received


# --- Sent again -----------------------------------------------------------------------------------


def test_delivered_once_more_on_demand(webhook: Webhook, alice: User, hook: Receiver) -> None:
    delivery = deliver(ping(webhook=webhook, by=alice))
    delivery = deliver(redeliver(delivery=delivery, by=alice))

    assert (delivery.state, delivery.attempt, len(hook.received)) == ("delivered", 2, 2)
    assert hook.received[0].headers["webhook-id"] == hook.received[1].headers["webhook-id"]
    assert hook.received[0].body == hook.received[1].body


def test_on_demand_now_though_the_next_attempt_waits(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    hook.answers = [500, 200]
    delivery = deliver(ping(webhook=webhook, by=alice))
    delivery = deliver(redeliver(delivery=delivery, by=alice))
    assert (delivery.state, delivery.attempt) == ("delivered", 2)

    time_passes()
    deliver(delivery)
    assert len(hook.received) == 2


def test_with_the_new_secret(webhook: Webhook, alice: User, hook: Receiver) -> None:
    delivery = deliver(ping(webhook=webhook, by=alice))
    renewed = renew_secret(webhook=webhook, by=alice)
    deliver(redeliver(delivery=delivery, by=alice))

    assert is_signed(hook.received[0], webhook.secret)
    assert is_signed(hook.received[1], renewed.secret)


# --- Nothing is lost ------------------------------------------------------------------------------


def test_what_no_job_is_about_is_found_by_the_sweep(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    delivery = ping(webhook=webhook, by=alice)
    assert sweep()["forgotten deliveries"] == 0
    Job.objects.all().delete()
    WebhookDelivery.objects.update(next_attempt_at=timezone.now() - timedelta(hours=2))

    assert sweep()["forgotten deliveries"] == 1
    assert deliver(delivery).state == "delivered"


def test_old_lines_of_the_log_are_swept_but_what_waits_is_not(
    webhook: Webhook, alice: User, hook: Receiver
) -> None:
    deliver(ping(webhook=webhook, by=alice))
    waiting = ping(webhook=webhook, by=alice)
    recent = deliver(ping(webhook=webhook, by=alice))
    WebhookDelivery.objects.exclude(pk=recent.pk).update(
        created_at=timezone.now() - timedelta(days=31)
    )
    WebhookDelivery.objects.filter(pk=waiting.pk).update(
        delivered_at=None, next_attempt_at=timezone.now()
    )

    assert sweep()["old deliveries"] == 1
    assert set(webhook.deliveries.all()) == {waiting, recent}
