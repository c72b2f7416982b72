"""One's networks after they are out: listed, described anew, withdrawn, deleted."""

from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.accounts.people import posted_from, signed_in
from hub.publish.editing import Editing
from hub.publish.forms import OptionalReasonForm, ReasonForm
from hub.publish.own import address_of, own_network, own_version
from hub.publish.signed_out import sign_in_first
from hub.publish.states import STATES, counts_of_creator, versions_of_creator
from registry import publishing
from registry.errors import HubError
from registry.keyset import BadCursor, Order, keyset_page
from registry.models import Network, Version
from registry.networks import delete_network as write_tombstone
from registry.permissions import Action, require

PAGE: Final = 30
NEWEST: Final = Order("id")


@login_required
@require_safe
@never_cache
def my_networks(request: HttpRequest) -> HttpResponse:
    """Every version of one's own, in all states or in one."""
    user = signed_in(request)
    state = request.GET.get("state", "")
    rows = versions_of_creator(user, state).select_related("network")
    rows = rows.exclude(network__status=Network.Status.ARCHIVED).defer("network__search", "facts")
    try:
        page = keyset_page(rows, order=NEWEST, limit=PAGE, cursor=request.GET.get("cursor"))
    except BadCursor:
        raise Http404(_("There is no such page.")) from None
    counts = counts_of_creator(user)
    for version in page.rows:
        version.network.creator = user
    context = {
        "page": page,
        "versions": [(version, address_of(version.network)) for version in page.rows],
        "state": state if state in STATES else "",
        "tabs": [(name, label, counts[name]) for name, (label, _rows) in STATES.items()],
    }
    return render(request, "publish/my_networks.html", context)


@never_cache
def edit_network(request: HttpRequest, network_id: int) -> HttpResponse:
    """Words, tags, permissions. A draft's are on its own page."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    network = own_network(request, network_id)
    if network.status == Network.Status.DRAFT:
        draft = network.versions.order_by("-number").first()
        if draft is not None:
            return redirect("draft", draft.pk)
    editing = Editing.of(request, network, None, "publish/edit_network.html")
    if unsaved := editing.answer():
        return unsaved
    messages.success(request, _("Saved."))
    return redirect(address_of(network) or "my_networks")


@login_required
def yank_version(request: HttpRequest, version_id: int) -> HttpResponse:
    """Asks for the reason, which everyone who comes to it reads."""
    version = own_version(request, version_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            publishing.yank_version(
                version=version, reason=form.cleaned_data["reason"], by=signed_in(request)
            )
        except HubError as objection:
            form.add_error(None, objection.message)
        else:
            messages.success(request, _("%(version)s is withdrawn.") % {"version": version.name})
            return _to(version)
    status = 400 if request.method == "POST" else 200
    context = {"version": version, "form": form, "address": address_of(version.network)}
    return render(request, "publish/yank_version.html", context, status=status)


@posted_from("yank_version")
@login_required
def unyank_version(request: HttpRequest, version_id: int) -> HttpResponse:
    version = own_version(request, version_id)
    publishing.unyank_version(version=version, by=signed_in(request))
    messages.success(request, _("%(version)s is back in the lists.") % {"version": version.name})
    return _to(version)


@login_required
def delete_network(request: HttpRequest, network_id: int) -> HttpResponse:
    """Asks first, and says what stays."""
    network = own_network(request, network_id)
    require(Action.DELETE, by=signed_in(request), creator=network.creator)
    form = OptionalReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            write_tombstone(
                network=network, by=signed_in(request), reason=form.cleaned_data["reason"]
            )
        except HubError as objection:
            form.add_error(None, objection.message)
        else:
            messages.success(request, _("“%(name)s” is deleted.") % {"name": network.name})
            return redirect("my_networks")
    status = 400 if request.method == "POST" else 200
    context = {
        "network": network,
        "form": form,
        "address": address_of(network),
        "was_published": network.published_at is not None,
    }
    return render(request, "publish/delete_network.html", context, status=status)


def _to(version: Version) -> HttpResponse:
    return redirect(address_of(version.network) or "my_networks")
