"""Webhooks: members' programs hear of what happens here.

`events` turns what is announced into jobs, in the transaction of the change, so that neither is
there without the other; `deliveries` calls, tries again and keeps the log; `subscriptions` has the
verbs. Signed as the Standard Webhooks specification says, so that receivers find a library for it.
"""

from registry.webhooks.subscriptions import (
    SUBSCRIBABLE,
    TooManyWebhooks,
    WebhookIsOff,
    create_webhook,
    delete_webhook,
    ping,
    redeliver,
    renew_secret,
    update_webhook,
)

__all__ = [
    "SUBSCRIBABLE",
    "TooManyWebhooks",
    "WebhookIsOff",
    "create_webhook",
    "delete_webhook",
    "ping",
    "redeliver",
    "renew_secret",
    "update_webhook",
]
