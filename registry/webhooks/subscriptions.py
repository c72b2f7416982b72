"""Webhooks: made, changed, tried, switched off and on, deleted."""

from collections.abc import Collection
from typing import Final, TypedDict, Unpack

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry import audit
from registry.errors import Conflict, TooMuch
from registry.models import User, Webhook, WebhookDelivery
from registry.outbound import AddressNotPublic, UnfitAddress, fit_address, is_public
from registry.permissions import Action, require
from registry.webhooks.deliveries import start_again, start_delivery, stop_waiting
from registry.webhooks.signatures import new_secret

SUBSCRIBABLE: Final = tuple(each for each in Webhook.Event if each != Webhook.Event.PING)


class TooManyWebhooks(TooMuch, code="too-many-webhooks"):
    most: int
    sentence = _("You have {most} webhooks. Delete one that you don't need.")


class WebhookIsOff(Conflict, code="webhook-off"):
    sentence = _("This webhook is switched off. Switch it on first.")


class WebhookWords(TypedDict, total=False):
    """What its owner says of a webhook; each as on the model."""

    url: str
    events: Collection[str]
    about: str


@transaction.atomic
def create_webhook(*, by: User, **words: Unpack[WebhookWords]) -> Webhook:
    """A new webhook; its `secret` is for its owner to copy now, nobody shows it again.

    Raises Forbidden, TooManyWebhooks, ValidationError.
    """
    require(Action.CREATE, by=by, creator=by)
    User.objects.select_for_update().get(pk=by.pk)
    if by.webhooks.count() >= settings.WEBHOOKS_PER_USER:
        raise TooManyWebhooks(most=settings.WEBHOOKS_PER_USER)
    webhook = Webhook(owner=by, secret=new_secret())
    _say(webhook, words)
    webhook.save()
    audit.record("webhook.created", by=by, on=webhook, data={"url": webhook.url})
    return webhook


@transaction.atomic
def update_webhook(
    *, webhook: Webhook, by: User, enabled: bool | None = None, **words: Unpack[WebhookWords]
) -> Webhook:
    """Change what it says, or switch it off or on; off, what waits for it is given up.

    Raises Forbidden, ValidationError.
    """
    webhook = _lock(webhook, by)
    _say(webhook, words)
    if enabled is True:
        webhook.disabled_at, webhook.disabled_reason, webhook.failing_since = None, "", None
    elif enabled is False and webhook.disabled_at is None:
        webhook.disabled_at = timezone.now()
        webhook.disabled_reason = str(_("Its owner switched it off."))
        stop_waiting(webhook)
    webhook.save()
    changed = [*words, *(["enabled"] if enabled is not None else [])]
    audit.record("webhook.changed", by=by, on=webhook, data={"fields": changed})
    return webhook


@transaction.atomic
def renew_secret(*, webhook: Webhook, by: User) -> Webhook:
    """Another secret, from the next call on. Raises Forbidden."""
    webhook = _lock(webhook, by)
    webhook.secret = new_secret()
    webhook.save(update_fields=["secret"])
    audit.record("webhook.secret_renewed", by=by, on=webhook)
    return webhook


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: User) -> None:
    """Gone, and its log with it. Raises Forbidden."""
    webhook = _lock(webhook, by)
    audit.record("webhook.deleted", by=by, on=webhook, data={"url": webhook.url})
    webhook.delete()


@transaction.atomic
def ping(*, webhook: Webhook, by: User) -> WebhookDelivery:
    """Call it now, about nothing, to see whether it works. Raises Forbidden, WebhookIsOff."""
    webhook = _lock(webhook, by)
    _require_on(webhook)
    return start_delivery(webhook=webhook, event=Webhook.Event.PING, data={"webhookId": webhook.pk})


@transaction.atomic
def redeliver(*, delivery: WebhookDelivery, by: User) -> WebhookDelivery:
    """Send it once more, now, under its old id. Raises Forbidden, WebhookIsOff."""
    webhook = _lock(delivery.webhook, by)
    _require_on(webhook)
    delivery = WebhookDelivery.objects.select_for_update().get(pk=delivery.pk)
    audit.record("webhook.redelivered", by=by, on=webhook, data={"delivery": delivery.pk})
    start_again(delivery)
    return delivery


def _say(webhook: Webhook, words: WebhookWords) -> None:
    for field, value in words.items():
        setattr(webhook, field, value)
    webhook.events = [each for each in SUBSCRIBABLE if each in set(webhook.events)]
    try:
        _require_callable(webhook.url)
    except (UnfitAddress, AddressNotPublic) as objection:
        raise ValidationError({"url": objection.message}) from None
    webhook.full_clean(exclude=["secret", "owner"])


def _require_callable(url: str) -> None:
    """What can be said without asking the network: names are looked up with each call."""
    host = str(fit_address(url).hostname)
    if settings.WEBHOOKS_TO_PRIVATE_NETWORKS:
        return
    try:
        public = is_public(host)
    except ValueError:  # a name
        public = host != "localhost" and not host.endswith(".localhost")
    if not public:
        raise AddressNotPublic(host=host)


def _lock(webhook: Webhook, by: User) -> Webhook:
    fresh = Webhook.objects.select_for_update(of=("self",)).select_related("owner")
    found = fresh.get(pk=webhook.pk)
    require(Action.EDIT, by=by, creator=found.owner)
    return found


def _require_on(webhook: Webhook) -> None:
    if webhook.disabled_at:
        raise WebhookIsOff
