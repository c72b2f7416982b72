"""API keys: listed, made (and shown that once), revoked."""

import secrets

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from hub.accounts.forms import ApiKeyForm
from hub.accounts.people import signed_in, surely_the_owner
from registry.api_keys import TooManyKeys, create_api_key, revoke_api_key

# One creation a form: reloading the page that shows a key must not make another.
TICKET = "api_key_ticket"


@never_cache
@surely_the_owner
def api_keys(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if request.method == "POST":
        return _create(request)
    request.session[TICKET] = secrets.token_urlsafe(16)
    return _page(request, ApiKeyForm(user=user))


def _create(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if request.POST.get("ticket") != request.session.get(TICKET, ""):
        messages.info(
            request, _("Sent twice? This is a new form. A key is made, and shown, only once.")
        )
        return redirect("account_keys")
    form = ApiKeyForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        key, secret = create_api_key(user=user, **form.cleaned_data)
    except TooManyKeys as refused:
        form.add_error(None, refused.message)
        return _page(request, form, status=400)
    del request.session[TICKET]
    return render(request, "account/api_key_created.html", {"key": key, "secret": secret})


def _page(request: HttpRequest, form: ApiKeyForm, status: int = 200) -> HttpResponse:
    keys = signed_in(request).api_keys.filter(revoked_at=None)
    context = {"form": form, "keys": keys, "ticket": request.session.get(TICKET, "")}
    return render(request, "account/api_keys.html", context, status=status)


@surely_the_owner
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Asks first: programs that use the key stop working."""
    user = signed_in(request)
    key = get_object_or_404(user.api_keys.filter(revoked_at=None), pk=key_id)
    if request.method != "POST":
        return render(request, "account/api_key_revoke.html", {"key": key})
    revoke_api_key(key=key, by=user)
    messages.success(request, _("The key “%(name)s” no longer works.") % {"name": key.name})
    return redirect("account_keys")
