"""Webhooks: one's own, and the log of their calls."""

from typing import Final

from registry.api.schema.catalogue import CURSOR, PAGE, limit_of
from registry.api.schema.operations import JSON_TYPE, Answer, Operation, said
from registry.api.schema.shapes import PAGE_BY_CURSOR
from registry.api.schema.words import (
    ADDRESS,
    ANYTHING,
    BOOLEAN,
    COUNT,
    KEY,
    MOMENT,
    NOTHING,
    TEXT,
    UUID,
    array,
    choice,
    component,
    described,
    extended,
    nullable,
    shape,
    text,
)
from registry.api.webhook_bodies import WebhookBody, WebhookChange
from registry.models import Scope, Webhook
from registry.webhooks import SUBSCRIBABLE

GROUP: Final = "Webhooks"
ONE: Final = {"webhook_id": 3}
ONE_CALL: Final = {"webhook_id": 3, "delivery_id": 41}
THE_CALL: Final = (
    "A call is a POST of `{type, timestamp, data}` in JSON. It is signed as the Standard Webhooks "
    "specification says: `webhook-id` is the same for each attempt at one event, "
    "`webhook-timestamp` is in seconds, and `webhook-signature` is `v1,` and the base64 of the "
    "HMAC-SHA256 of `{id}.{timestamp}.{body}`; its key is the base64 after `whsec_` in the secret. "
    "Answer with 200 to 299 within ten seconds. Redirects are not followed, and only public "
    "addresses are called. A call that fails is tried again for two days, ever later; 410, or "
    "three days without success, switch the webhook off."
)

_WEBHOOK: Final = {
    "id": KEY,
    "url": ADDRESS,
    "events": array(choice(SUBSCRIBABLE), minItems=1),
    "about": choice(Webhook.About.values),
    "enabled": BOOLEAN,
    "disabledAt": nullable(MOMENT),
    "disabledReason": TEXT,
    "failingSince": described(nullable(MOMENT), "Since when no call got through."),
    "createdAt": MOMENT,
}
WEBHOOK: Final = component("Webhook", shape(_WEBHOOK))
WITH_SECRET: Final = component(
    "WebhookWithSecret",
    shape(
        _WEBHOOK
        | {"secret": described(text(pattern="^whsec_"), "In this answer, and never again.")}
    ),
)
_DELIVERY: Final = shape(
    {
        "id": KEY,
        "messageId": described(UUID, "The `webhook-id` of its calls."),
        "event": choice(Webhook.Event.values),
        "state": choice(["waiting", "delivered", "given-up"]),
        "createdAt": MOMENT,
        "attemptCount": COUNT,
        "nextAttemptAt": nullable(MOMENT),
        "deliveredAt": nullable(MOMENT),
        "statusCode": described(nullable(COUNT), "What the last attempt was answered with."),
        "error": described(TEXT, "What was wrong with it, in words."),
    }
)
DELIVERY: Final = component("WebhookDelivery", _DELIVERY)
ATTEMPT: Final = component(
    "WebhookAttempt",
    shape(
        {
            "number": COUNT,
            "startedAt": MOMENT,
            "milliseconds": nullable(COUNT),
            "statusCode": nullable(COUNT),
            "error": TEXT,
            "answer": described(TEXT, "The beginning of what was answered."),
        },
        description="Neither a status nor an error: it is under way, or was cut short.",
    ),
)
DELIVERY_IN_FULL: Final = component(
    "WebhookDeliveryInFull",
    extended(
        _DELIVERY,
        {
            "body": described(ANYTHING, "What is sent: `type`, `timestamp` and `data`."),
            "attempts": array(ATTEMPT),
        },
    ),
)
_NEW: Final = {"url": "https://example.org/hyperhub", "events": ["version.published"]}

LIST_WEBHOOKS: Final = Operation(
    "listWebhooks",
    "Your webhooks",
    group=GROUP,
    scope=Scope.READ,
    answers={
        200: Answer("All of them.", component("Webhooks", shape({"items": array(WEBHOOK)}))),
    },
)
CREATE_WEBHOOK: Final = Operation(
    "createWebhook",
    "A new webhook",
    group=GROUP,
    description=THE_CALL,
    scope=Scope.UPLOAD,
    body={JSON_TYPE: WebhookBody},
    answers={
        201: Answer(
            "It, with its secret.",
            WITH_SECRET,
            headers={"Location": said("Where it is.", ADDRESS, required=True)},
        )
    },
    errors=(400,),
    example={"body": _NEW},
)
READ_WEBHOOK: Final = Operation(
    "readWebhook",
    "One webhook",
    group=GROUP,
    scope=Scope.READ,
    answers={200: Answer("How it fares.", WEBHOOK)},
    errors=(404,),
    example=ONE,
)
CHANGE_WEBHOOK: Final = Operation(
    "changeWebhook",
    "Change it, switch it off or on",
    group=GROUP,
    scope=Scope.UPLOAD,
    body={JSON_TYPE: WebhookChange},
    answers={200: Answer("It, as it is now.", WEBHOOK)},
    errors=(400, 404),
    example={**ONE, "body": {"enabled": True}},
)
DELETE_WEBHOOK: Final = Operation(
    "deleteWebhook",
    "Delete it, and its log",
    group=GROUP,
    scope=Scope.UPLOAD,
    answers={204: Answer("It is gone.")},
    errors=(404,),
    example=ONE,
)
RENEW_SECRET: Final = Operation(
    "renewWebhookSecret",
    "Another secret",
    group=GROUP,
    description="From the next call on; the old one signs nothing any more.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: NOTHING},
    body_required=False,
    answers={200: Answer("It, with its new secret.", WITH_SECRET)},
    errors=(400, 404),
    example={**ONE, "body": {}},
)
PING: Final = Operation(
    "pingWebhook",
    "Try it",
    group=GROUP,
    description="One call of the type `ping`, as soon as a worker is free.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: NOTHING},
    body_required=False,
    answers={202: Answer("The call, which the log will say more of.", DELIVERY)},
    errors=(400, 404, 409),
    example={**ONE, "body": {}},
)
LIST_DELIVERIES: Final = Operation(
    "listWebhookDeliveries",
    "The log of its calls, the latest first",
    group=GROUP,
    description="Kept for thirty days.",
    scope=Scope.READ,
    parameters=(limit_of(100, 20), CURSOR, PAGE),
    answers={
        200: Answer(
            "A page of them.",
            component(
                "WebhookDeliveries",
                shape({"items": array(DELIVERY), "metadata": PAGE_BY_CURSOR}),
            ),
        )
    },
    errors=(400, 404),
    example=ONE,
)
READ_DELIVERY: Final = Operation(
    "readWebhookDelivery",
    "One event: what is sent, and what came of each attempt",
    group=GROUP,
    scope=Scope.READ,
    answers={200: Answer("The event.", DELIVERY_IN_FULL)},
    errors=(404,),
    example=ONE_CALL,
)
REDELIVER: Final = Operation(
    "redeliver",
    "Send it once more",
    group=GROUP,
    description="Now, under its old `webhook-id`.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: NOTHING},
    body_required=False,
    answers={202: Answer("It, on its way again.", DELIVERY)},
    errors=(400, 404, 409),
    example={**ONE_CALL, "body": {}},
)
