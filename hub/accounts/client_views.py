"""The device flow as people see it, and the programs that they have connected."""

from allauth.idp.oidc.internal.oauthlib import device_codes
from allauth.idp.oidc.models import Client
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from hub.accounts.allauth_forms import DeviceCodeForm
from hub.accounts.clients import connections_of, disconnect, known_scopes
from hub.accounts.people import signed_in, surely_the_owner
from registry import audit


@never_cache
@surely_the_owner
def device(request: HttpRequest) -> HttpResponse:
    """Enter the code that a program shows, see what it asks for, allow or refuse.

    allauth has this page too, but there people cannot see what they allow.
    """
    form = DeviceCodeForm(request.GET if "code" in request.GET else None)
    if not form.is_bound or not form.is_valid():
        template = "idp/oidc/device_authorization_code_form.html"
        return render(request, template, {"form": form}, status=400 if form.is_bound else 200)
    scopes = known_scopes(_asked_scopes(form))
    context = {"client": form.client, "user_code": form.cleaned_data["code"], "scopes": scopes}
    if request.method != "POST":
        return render(request, "idp/oidc/device_authorization_confirm_form.html", context)
    allowed = request.POST.get("action") == "confirm"
    user = signed_in(request)
    device_codes.confirm_or_deny_device_code(user, form.device_code, confirm=allowed)
    if not allowed:
        return render(request, "idp/oidc/device_authorization_denied.html", context)
    audit.record(
        "client.connected",
        by=user,
        on=form.client,
        data={"name": form.client.name, "scopes": scopes},
    )
    return render(request, "idp/oidc/device_authorization_confirmed.html", context)


def _asked_scopes(form: DeviceCodeForm) -> list[str]:
    """What the program asked for when it got its code; without that, the client's default."""
    asked = cache.get(device_codes.cache_device_code_key(form.device_code)) or {}
    return list(asked.get("scope") or form.client.get_default_scopes())


@login_required
def clients(request: HttpRequest) -> HttpResponse:
    connections = connections_of(signed_in(request))
    return render(request, "account/clients.html", {"connections": connections})


@surely_the_owner
def disconnect_client(request: HttpRequest, client_id: str) -> HttpResponse:
    client = get_object_or_404(Client, pk=client_id)
    if request.method != "POST":
        return render(request, "account/client_disconnect.html", {"client": client})
    disconnect(client=client, user=signed_in(request))
    messages.success(request, _("“%(name)s” is disconnected.") % {"name": client.name})
    return redirect("account_clients")
