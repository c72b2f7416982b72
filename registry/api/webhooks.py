"""`webhooks`: a member's own, their log, and sending something again.

Reading needs a key that may read, the rest one that may upload. The secret is in the answer that
makes it, and in no other.
"""

from http import HTTPStatus
from typing import Any, Final

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.permissions import needs
from registry.api.reading import Paging, origin_of, page_metadata
from registry.api.schema import webhooks as doc
from registry.api.schema.operations import documented
from registry.api.shapes import JSON, moment
from registry.api.webhook_bodies import WebhookBody, WebhookChange
from registry.api.writing import Nothing, Writes, in_the_words_of, person, taken
from registry.keyset import Order, keyset_page
from registry.models import Scope, Webhook, WebhookAttempt, WebhookDelivery
from registry.webhooks import (
    create_webhook,
    delete_webhook,
    ping,
    redeliver,
    renew_secret,
    update_webhook,
)

DEFAULT_DELIVERIES: Final = 20


class Private(Writes):
    """For the caller's own eyes: kept by no cache."""

    permission_classes = (needs(Scope.READ),)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-store"
        return answer


class WebhookList(Private):
    @documented(doc.LIST_WEBHOOKS)
    def get(self, request: Request) -> Response:
        return Response({"items": [webhook(each) for each in person(request).webhooks.all()]})

    @documented(doc.CREATE_WEBHOOK)
    def post(self, request: Request) -> Response:
        words = taken(request, WebhookBody)
        with in_the_words_of(WebhookBody):
            made = create_webhook(by=person(request), **words)
        location = f"{origin_of(request)}/api/v1/webhooks/{made.pk}"
        body = webhook(made) | {"secret": made.secret}
        return Response(body, HTTPStatus.CREATED, headers={"Location": location})


class WebhookDetail(Private):
    @documented(doc.READ_WEBHOOK)
    def get(self, request: Request, webhook_id: int) -> Response:
        return Response(webhook(_own(request, webhook_id)))

    @documented(doc.CHANGE_WEBHOOK)
    def patch(self, request: Request, webhook_id: int) -> Response:
        """`enabled: true` also takes one back into service that the hub has switched off."""
        own = _own(request, webhook_id)
        words = taken(request, WebhookChange, partial=True)
        with in_the_words_of(WebhookChange):
            changed = update_webhook(webhook=own, by=person(request), **words)
        return Response(webhook(changed))

    @documented(doc.DELETE_WEBHOOK)
    def delete(self, request: Request, webhook_id: int) -> Response:
        delete_webhook(webhook=_own(request, webhook_id), by=person(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class WebhookSecret(Private):
    """`POST …/secret`: another one; the old one signs nothing any more."""

    @documented(doc.RENEW_SECRET)
    def post(self, request: Request, webhook_id: int) -> Response:
        own = _own(request, webhook_id)
        taken(request, Nothing)
        renewed = renew_secret(webhook=own, by=person(request))
        return Response(webhook(renewed) | {"secret": renewed.secret})


class WebhookPing(Private):
    """`POST …/ping`: a trial call, as soon as a worker is free."""

    @documented(doc.PING)
    def post(self, request: Request, webhook_id: int) -> Response:
        own = _own(request, webhook_id)
        taken(request, Nothing)
        return Response(delivery(ping(webhook=own, by=person(request))), HTTPStatus.ACCEPTED)


class DeliveryList(Private):
    """The log, the latest first."""

    @documented(doc.LIST_DELIVERIES)
    def get(self, request: Request, webhook_id: int) -> Response:
        paging = Paging.of(request, default=DEFAULT_DELIVERIES)
        page = keyset_page(
            _own(request, webhook_id).deliveries.all(),
            order=Order("id"),
            limit=paging.limit,
            cursor=paging.cursor,
            number=paging.page,
        )
        items = [delivery(each) for each in page.rows]
        return Response({"items": items, "metadata": page_metadata(request, paging, page)})


class DeliveryDetail(Private):
    """One event: what was sent, and what came of each attempt."""

    @documented(doc.READ_DELIVERY)
    def get(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        own = _own_delivery(request, webhook_id, delivery_id)
        attempts = [attempt(each) for each in own.attempts.all()]
        return Response(delivery(own) | {"body": own.body, "attempts": attempts})


class Redelivery(Private):
    """`POST …/redeliver`: once more, now, under its old id."""

    @documented(doc.REDELIVER)
    def post(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        own = _own_delivery(request, webhook_id, delivery_id)
        taken(request, Nothing)
        again = redeliver(delivery=own, by=person(request))
        return Response(delivery(again), HTTPStatus.ACCEPTED)


def _own(request: Request, webhook_id: int) -> Webhook:
    own = person(request).webhooks.filter(pk=webhook_id).first()
    if own is None:
        raise Http404("Webhook not found")
    return own


def _own_delivery(request: Request, webhook_id: int, delivery_id: int) -> WebhookDelivery:
    own = _own(request, webhook_id).deliveries.filter(pk=delivery_id).first()
    if own is None:
        raise Http404("Delivery not found")
    return own


# --- Shapes ---------------------------------------------------------------------------------------


def webhook(webhook: Webhook) -> JSON:
    return {
        "id": webhook.pk,
        "url": webhook.url,
        "events": webhook.events,
        "about": webhook.about,
        "enabled": webhook.disabled_at is None,
        "disabledAt": moment(webhook.disabled_at),
        "disabledReason": webhook.disabled_reason,
        "failingSince": moment(webhook.failing_since),
        "createdAt": moment(webhook.created_at),
    }


def delivery(delivery: WebhookDelivery) -> JSON:
    """`statusCode` and `error` are those of the last attempt."""
    return {
        "id": delivery.pk,
        "messageId": str(delivery.message_id),
        "event": delivery.event,
        "state": delivery.state,
        "createdAt": moment(delivery.created_at),
        "attemptCount": delivery.attempt,
        "nextAttemptAt": moment(delivery.next_attempt_at),
        "deliveredAt": moment(delivery.delivered_at),
        "statusCode": delivery.status_code,
        "error": delivery.error,
    }


def attempt(attempt: WebhookAttempt) -> JSON:
    """Neither a status nor an error: the worker was stopped in the middle of it."""
    return {
        "number": attempt.number,
        "startedAt": moment(attempt.started_at),
        "milliseconds": attempt.milliseconds,
        "statusCode": attempt.status_code,
        "error": attempt.error,
        "answer": attempt.answer,
    }
