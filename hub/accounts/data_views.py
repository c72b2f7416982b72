"""One's data: asked for, fetched by a link for its owner alone; and the end of an account."""

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.accounts.forms import CloseAccountForm
from hub.accounts.people import signed_in, surely_the_owner
from registry.errors import LastAdmin
from registry.exporting import (
    KEPT_FOR,
    ask_for_export,
    export_of_signature,
    exports_of,
    kept_until,
    key_of,
    signature_of,
)
from registry.leaving import close_account, is_last_admin
from registry.models import Network, User


@never_cache
@surely_the_owner
def data(request: HttpRequest) -> HttpResponse:
    """What there is, how far it is; by POST a new archive is asked for."""
    user = signed_in(request)
    if request.method == "POST":
        ask_for_export(by=user)
        messages.success(request, _("Your archive is being made. It appears here."))
        return redirect("account_data")
    job = exports_of(user).first()
    context = {
        "job": job,
        "until": kept_until(job) if job else None,
        "signature": signature_of(job) if job else "",
        "days": KEPT_FOR.days,
    }
    return render(request, "account/data.html", context)


@never_cache
@require_safe
@surely_the_owner
def archive(request: HttpRequest, signature: str) -> HttpResponseBase:
    """The ZIP. Not found for everyone but its owner, and after its week."""
    user = signed_in(request)
    job = export_of_signature(signature, by=user)
    if job is None:
        raise Http404
    try:
        file = default_storage.open(key_of(job.pk))
    except FileNotFoundError as missing:
        raise Http404 from missing
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"hyperhub-{user.username}.zip",
        content_type="application/zip",
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


@never_cache
@surely_the_owner
def close(request: HttpRequest) -> HttpResponse:
    """Says what happens first; the public name is typed, and the sign-in recent."""
    user = signed_in(request)
    if request.method != "POST":
        return _closing(request, user, CloseAccountForm(user=user))
    form = CloseAccountForm(request.POST, user=user)
    if form.is_valid():
        try:
            keep = form.cleaned_data.get("networks") == "keep"
            close_account(by=user, keep_networks=keep)
        except LastAdmin as refused:
            form.add_error(None, refused.message)
        else:
            # Not `logout`: what hears of that would write about somebody who is no more.
            request.session.flush()
            request.user = AnonymousUser()
            messages.success(request, _("Your account is closed. Thank you for having been here."))
            return redirect("/")
    return _closing(request, user, form, status=400)


def _closing(
    request: HttpRequest, user: User, form: CloseAccountForm, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "published": user.networks.filter(status=Network.Status.PUBLISHED).count(),
        "is_last_admin": is_last_admin(user),
    }
    return render(request, "account/close.html", context, status=status)
