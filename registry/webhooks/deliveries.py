"""Delivering: one call after the other until one gets through, each written into the log.

The row of the delivery is the truth; a job is one attempt at it. An attempt is written down before
the call and settled after it, with the next attempt's job, in one transaction: a killed worker
costs a second call under the same id, never a lost one.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit
from registry.jobs import Run, enqueue, handler
from registry.models import Job, Webhook, WebhookAttempt, WebhookDelivery
from registry.outbound import CallFailed, post
from registry.webhooks.signatures import signature

KIND: Final = "webhooks.deliver"
LONGEST_ERROR: Final = 300


@dataclass(frozen=True)
class Outcome:
    """What came of a call: a status, or an error without one."""

    status: int | None
    error: str
    answer: str
    milliseconds: int

    @property
    def got_through(self) -> bool:
        return not self.error


def start_delivery(
    *, webhook: Webhook, event: Webhook.Event, data: Mapping[str, Any]
) -> WebhookDelivery:
    """Write it down, to be called as soon as a worker is free."""
    now = timezone.now()
    body = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, event=event, body=body, next_attempt_at=now
    )
    _enqueue(delivery)
    return delivery


def start_again(delivery: WebhookDelivery) -> None:
    """Another attempt now, whatever came of the others; the caller holds the row."""
    now = timezone.now()
    delivery.delivered_at, delivery.given_up_at = None, None
    delivery.next_attempt_at = now
    delivery.save()
    # A later attempt may wait in a job of its own already.
    _enqueue(delivery, key=f":{now.timestamp()}")


def start_forgotten() -> int:
    """Deliveries that are due and that no job is about: theirs has failed for good."""
    since = timezone.now() - timedelta(hours=1)
    forgotten = WebhookDelivery.objects.filter(next_attempt_at__lt=since)
    for delivery in forgotten.select_related("webhook__owner"):
        _enqueue(delivery)
    return len(forgotten)


def delete_old() -> int:
    """What was logged long enough ago."""
    since = timezone.now() - timedelta(days=settings.WEBHOOK_KEPT_DAYS)
    old = WebhookDelivery.objects.filter(created_at__lt=since, next_attempt_at=None)
    return old.delete()[1].get(WebhookDelivery._meta.label, 0)


def stop_waiting(webhook: Webhook) -> None:
    """Give up what was not delivered yet; the caller holds the webhook's row."""
    webhook.deliveries.filter(next_attempt_at__isnull=False).update(
        given_up_at=timezone.now(), next_attempt_at=None
    )


@handler(KIND, queue=Job.Queue.NOTIFY)
def deliver(run: Run) -> dict[str, Any]:
    """One attempt; another one is asked for when this one fails."""
    run.checkpoint()
    attempt = _begun(run)
    if attempt is None:
        return {}
    outcome = _called(attempt.delivery)
    with run.fenced():
        _settle(attempt, outcome)
    return {"delivery": attempt.delivery_id, "status": outcome.status}


def _begun(run: Run) -> WebhookAttempt | None:
    """The next attempt, written down; None when it was delivered, given up or deleted meanwhile."""
    with transaction.atomic():
        delivery = (
            WebhookDelivery.objects.select_for_update(of=("self",))
            .select_related("webhook")
            .filter(pk=run.payload["delivery"], next_attempt_at__isnull=False)
            .first()
        )
        if delivery is None:
            return None
        delivery.attempt += 1
        delivery.save(update_fields=["attempt"])
        return WebhookAttempt.objects.create(delivery=delivery, number=delivery.attempt)


def _called(delivery: WebhookDelivery) -> Outcome:
    body = body_of(delivery)
    started = time.monotonic()
    try:
        answer = post(
            delivery.webhook.url,
            body=body,
            headers=headers_of(delivery, body),
            seconds=settings.WEBHOOK_SECONDS,
            allow_private=settings.WEBHOOKS_TO_PRIVATE_NETWORKS,
        )
    except CallFailed as failure:
        took = round((time.monotonic() - started) * 1000)
        return Outcome(None, failure.message[:LONGEST_ERROR], "", took)
    return Outcome(answer.status, _objection(answer.status), answer.excerpt, answer.milliseconds)


def body_of(delivery: WebhookDelivery) -> bytes:
    """The very bytes that are signed and sent."""
    body = {name: delivery.body[name] for name in ("type", "timestamp", "data")}
    return json.dumps(body, separators=(",", ":")).encode()


def headers_of(delivery: WebhookDelivery, body: bytes) -> dict[str, str]:
    now = int(time.time())
    message_id = str(delivery.message_id)
    secret = delivery.webhook.secret
    return {
        "Content-Type": "application/json",
        "User-Agent": f"HyperHub-Webhooks/1 (+{settings.SITE_URL})",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(
            secret=secret, message_id=message_id, timestamp=now, body=body
        ),
    }


def _objection(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return _("It answered with a redirect. Those are not followed: give the final address.")
    return _("It answered %(status)d, which is not a success.") % {"status": status}


def _settle(attempt: WebhookAttempt, outcome: Outcome) -> None:
    """Write down what came of it, and what comes next."""
    webhook = Webhook.objects.select_for_update().get(pk=attempt.delivery.webhook_id)
    delivery = WebhookDelivery.objects.select_for_update().get(pk=attempt.delivery_id)
    delivery.webhook = webhook
    attempt.status_code, attempt.error = outcome.status, outcome.error
    attempt.answer, attempt.milliseconds = outcome.answer, outcome.milliseconds
    attempt.save()
    delivery.status_code, delivery.error = outcome.status, outcome.error
    if outcome.got_through:
        delivery.delivered_at, delivery.given_up_at = timezone.now(), None
        delivery.next_attempt_at = webhook.failing_since = None
    else:
        webhook.failing_since = webhook.failing_since or timezone.now()
        _plan_next(delivery, outcome)
    delivery.save()
    webhook.save()
    if reason := _reason_to_stop(webhook, outcome):
        _switch_off(webhook, reason)


def _plan_next(delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Later and later; nothing more after the last time, or when it was given up meanwhile."""
    if delivery.next_attempt_at is None:
        return
    if delivery.attempt > len(settings.WEBHOOK_RETRY_SECONDS):
        delivery.given_up_at, delivery.next_attempt_at = timezone.now(), None
        return
    wait = settings.WEBHOOK_RETRY_SECONDS[delivery.attempt - 1]
    delivery.next_attempt_at = timezone.now() + timedelta(seconds=wait)
    _enqueue(delivery, run_after=delivery.next_attempt_at)


def _reason_to_stop(webhook: Webhook, outcome: Outcome) -> str:
    if outcome.status == HTTPStatus.GONE:
        return _("It answered 410: it is gone for good.")
    longest = timedelta(days=settings.WEBHOOK_FAILING_DAYS)
    if webhook.failing_since is None or timezone.now() - webhook.failing_since < longest:
        return ""
    words = {"days": settings.WEBHOOK_FAILING_DAYS, "last": outcome.error}
    return _("No call got through for %(days)g days. The last one: %(last)s") % words


def _switch_off(webhook: Webhook, reason: str) -> None:
    webhook.disabled_at, webhook.disabled_reason = timezone.now(), reason[:LONGEST_ERROR]
    webhook.save()
    stop_waiting(webhook)
    audit.record("webhook.disabled", by=None, on=webhook, reason=webhook.disabled_reason)


def _enqueue(delivery: WebhookDelivery, *, key: str = "", run_after: datetime | None = None) -> Job:
    return enqueue(
        kind=KIND,
        payload={"delivery": delivery.pk},
        owner=delivery.webhook.owner,
        key=f"delivery:{delivery.pk}:{delivery.attempt}{key}",
        run_after=run_after,
    )
