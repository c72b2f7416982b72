"""Webhooks: listed, made (their secret shown that once), tried, switched off and on, deleted."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from hub.accounts.forms import WebhookForm
from hub.accounts.people import posted_from, signed_in, surely_the_owner
from registry.errors import HubError
from registry.keyset import BadCursor, Order, Page, keyset_page
from registry.models import Webhook, WebhookDelivery
from registry.webhooks import (
    create_webhook,
    delete_webhook,
    ping,
    redeliver,
    renew_secret,
    update_webhook,
)

# One creation a form: reloading the page that shows a secret must not make another webhook.
TICKET: Final = "webhook_ticket"
DELIVERIES_A_PAGE: Final = 20


@never_cache
@surely_the_owner
def webhooks(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _create(request)
    request.session[TICKET] = secrets.token_urlsafe(16)
    return _list(request, WebhookForm())


def _create(request: HttpRequest) -> HttpResponse:
    if request.POST.get("ticket") != request.session.get(TICKET, ""):
        messages.info(request, _("Sent twice? This is a new form. A secret is shown only once."))
        return redirect("account_webhooks")
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            webhook = create_webhook(by=signed_in(request), **form.cleaned_data)
        except (HubError, ValidationError) as refused:
            _tell(form, refused)
        else:
            del request.session[TICKET]
            return _secret(request, webhook)
    return _list(request, form, status=400)


def _list(request: HttpRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "webhooks": signed_in(request).webhooks.all(),
        "ticket": request.session.get(TICKET, ""),
    }
    return render(request, "account/webhooks.html", context, status=status)


@never_cache
@surely_the_owner
def webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """What it is, how it fares, and the log of its calls."""
    own = _own(request, webhook_id)
    if request.method != "POST":
        return _detail(request, own, WebhookForm(initial=_words(own)))
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            update_webhook(webhook=own, by=signed_in(request), **form.cleaned_data)
        except (HubError, ValidationError) as refused:
            _tell(form, refused)
        else:
            messages.success(request, _("The webhook is saved."))
            return redirect("account_webhook", own.pk)
    return _detail(request, own, form, status=400)


def _detail(
    request: HttpRequest, own: Webhook, form: WebhookForm, status: int = 200
) -> HttpResponse:
    context = {"form": form, "webhook": own, "deliveries": _deliveries(request, own)}
    return render(request, "account/webhook.html", context, status=status)


def _deliveries(request: HttpRequest, own: Webhook) -> Page[WebhookDelivery]:
    words: Mapping[str, Any] = {"order": Order("id"), "limit": DELIVERIES_A_PAGE}
    try:
        return keyset_page(own.deliveries.all(), cursor=request.GET.get("cursor"), **words)
    except BadCursor:
        return keyset_page(own.deliveries.all(), **words)


@posted_from("account_webhook")
@surely_the_owner
def switch(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Off, or on again."""
    on = "on" in request.POST
    update_webhook(webhook=_own(request, webhook_id), by=signed_in(request), enabled=on)
    messages.success(request, _("It is switched on.") if on else _("It is switched off."))
    return redirect("account_webhook", webhook_id)


@posted_from("account_webhook")
@surely_the_owner
def attempt(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """A trial call; its outcome is in the log a moment later."""
    own = _own(request, webhook_id)
    try:
        delivery = ping(webhook=own, by=signed_in(request))
    except HubError as refused:
        messages.error(request, refused.message)
        return redirect("account_webhook", own.pk)
    messages.success(request, _("A trial call is on its way."))
    return redirect("account_webhook_delivery", own.pk, delivery.pk)


@never_cache
@posted_from("account_webhook")
@surely_the_owner
def secret(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Another secret, shown that once."""
    own = _own(request, webhook_id)
    return _secret(request, renew_secret(webhook=own, by=signed_in(request)))


def _secret(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    return render(request, "account/webhook_secret.html", {"webhook": webhook})


@surely_the_owner
def delete(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Asks first: the log goes with it."""
    own = _own(request, webhook_id)
    if request.method != "POST":
        return render(request, "account/webhook_delete.html", {"webhook": own})
    delete_webhook(webhook=own, by=signed_in(request))
    messages.success(request, _("The webhook is deleted."))
    return redirect("account_webhooks")


@never_cache
@surely_the_owner
def delivery(request: HttpRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    """What was sent and what came of it; by POST it is sent once more."""
    own = _own(request, webhook_id)
    found = get_object_or_404(own.deliveries.select_related("webhook"), pk=delivery_id)
    if request.method == "POST":
        try:
            redeliver(delivery=found, by=signed_in(request))
        except HubError as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("It is sent once more."))
        return redirect("account_webhook_delivery", own.pk, found.pk)
    context = {
        "webhook": own,
        "delivery": found,
        "attempts": found.attempts.all(),
        "body": json.dumps(found.body, indent=2, ensure_ascii=False),
    }
    return render(request, "account/webhook_delivery.html", context)


def _own(request: HttpRequest, webhook_id: int) -> Webhook:
    return get_object_or_404(signed_in(request).webhooks, pk=webhook_id)


def _words(webhook: Webhook) -> dict[str, Any]:
    return {"url": webhook.url, "events": webhook.events, "about": webhook.about}


def _tell(form: WebhookForm, refused: HubError | ValidationError) -> None:
    if isinstance(refused, HubError):
        form.add_error(None, refused.message)
    else:
        form.add_error(None, refused)
