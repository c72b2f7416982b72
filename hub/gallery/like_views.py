"""Liking from pages: a form that works alone, and its button anew where htmx sent it."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from hub.accounts.people import signed_in
from registry.likes import like_network, unlike_network
from registry.models import Network


def like(request: HttpRequest, network_id: int) -> HttpResponse:
    return _change(request, network_id, liked=True)


def unlike(request: HttpRequest, network_id: int) -> HttpResponse:
    return _change(request, network_id, liked=False)


@login_required
def _change(request: HttpRequest, network_id: int, *, liked: bool) -> HttpResponse:
    """A visit by GET, after signing in say, changes nothing and leads to the network."""
    visible = Network.objects.visible_to(request.user).select_related("creator").defer("search")
    network = visible.filter(pk=network_id).first()
    if network is None:
        raise Http404(_("There is no such network."))
    if request.method != "POST":
        return HttpResponseRedirect(network.get_absolute_url())
    change = like_network if liked else unlike_network
    network = change(network=network, by=signed_in(request))
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "gallery/like.html", {"network": network, "liked": liked})
    return HttpResponseRedirect(_back(request, network))


def _back(request: HttpRequest, network: Network) -> str:
    """To the card that was liked, where it hangs."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = reverse("gallery")
    return f"{target}#network-{network.pk}"
