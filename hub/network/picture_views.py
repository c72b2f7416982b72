"""What people made with a network: all of their pictures, one more, one less."""

from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from hub.accounts.people import signed_in
from hub.network.forms import PictureForm
from hub.network.reading import (
    GONE,
    find_network,
    gate_of,
    shown_by_people,
    versions_of,
)
from registry.errors import HubError
from registry.models import Network, Picture, Version
from registry.permissions import Action, may
from registry.shown_pictures import OUT, hide_picture, remove_picture, show_picture

PER_PAGE: Final = 24


def pictures(request: HttpRequest, username: str, slug: str) -> HttpResponse:
    """All of them, newest first; a form that brings another."""
    network = _network(request, username, slug)
    versions = [v for v in versions_of(network, viewer=request.user) if v.status in OUT]
    if request.method != "POST":
        asked = request.GET.get("version", "")
        initial = {"version": asked} if asked.isascii() and asked.isdigit() else {}
        form = PictureForm(network=network, versions=versions, initial=initial)
        return _page(request, network, versions, form)
    return _take(request, network, versions)


@login_required
def _take(request: HttpRequest, network: Network, versions: list[Version]) -> HttpResponse:
    form = PictureForm(request.POST, request.FILES, network=network, versions=versions)
    if form.is_valid():
        said = form.cleaned_data
        version = next(each for each in versions if each.number == said["version"])
        try:
            picture = show_picture(
                version=version,
                by=signed_in(request),
                upload=said["picture"],
                content_level=said["content_level"],
            )
        except HubError as refused:
            form.add_error("picture", refused.message)
        else:
            messages.success(request, _thanks(picture))
            return redirect("network_pictures", network.creator.username, network.slug)
    return _page(request, network, versions, form, status=400)


@login_required
def remove(request: HttpRequest, username: str, slug: str, picture_id: int) -> HttpResponse:
    """One's own for good; others' from this network, by its creator, or from everyone, by a
    moderator. A visit by GET, after signing in say, changes nothing."""
    if request.method != "POST":
        return redirect("network_pictures", username, slug)
    network = _network(request, username, slug)
    user = signed_in(request)
    shown = Picture.objects.filter(is_preview=False, versions__network=network).distinct()
    picture = shown.select_related("owner").filter(pk=picture_id).first()
    if picture is None:
        raise Http404(_("There is no such picture."))
    if picture.owner == user:
        remove_picture(picture=picture, by=user)
    else:
        hide_picture(picture=picture, network=network, by=user)
    messages.success(request, _("The picture is no longer shown."))
    return redirect("network_pictures", network.creator.username, network.slug)


def _page(
    request: HttpRequest,
    network: Network,
    versions: list[Version],
    form: PictureForm,
    status: int = 200,
) -> HttpResponse:
    gate = gate_of(network, viewer=request.user, asked="show" in request.GET)
    found = shown_by_people(network, viewer=request.user, up_to=gate.up_to)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit():
        found = found.filter(pk__lt=int(before[:18]))
    shown = list(found[: PER_PAGE + 1])
    context = {
        "network": network,
        "trail": [(network.name, network.get_absolute_url()), (_("Made with it"), "")],
        "gate": gate,
        "form": form if versions and network.status == Network.Status.PUBLISHED else None,
        "pictures": shown[:PER_PAGE],
        "next_before": shown[PER_PAGE - 1].pk if len(shown) > PER_PAGE else None,
        "is_first_page": not before,
        "may_hide": may(Action.HIDE_PICTURE, by=request.user, creator=network.creator),
    }
    return render(request, "network/pictures.html", context, status=status)


def _network(request: HttpRequest, username: str, slug: str) -> Network:
    network = find_network(username, slug, viewer=request.user)
    if network.status in GONE:
        raise Http404(_("This network is gone, and its pictures with it."))
    return network


def _thanks(picture: Picture) -> str:
    networks = len(set(picture.versions.values_list("network", flat=True)))
    if networks > 1:
        return _("Your picture is shown here, and with %(count)d more of the networks in it.") % {
            "count": networks - 1
        }
    return _("Your picture is shown here.")
