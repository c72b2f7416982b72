"""`/{creator}/{slug}`: what a network does at each strength, and all that is known of it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.network.page import grid_context, page_of
from hub.network.reading import (
    GONE,
    chosen,
    find_network,
    gate_of,
    tombstones_of,
    versions_of,
    whole,
)
from registry.models import Network


@require_safe
def network(
    request: HttpRequest, username: str, slug: str, number: int | None = None
) -> HttpResponse:
    found = find_network(username, slug, viewer=request.user)
    if (found.creator.username, found.slug) != (username, slug):
        return redirect(found.get_absolute_url(), permanent=True)
    if found.status in GONE:
        return _tombstone(request, found)
    return _private(render(request, "network/network.html", page_of(request, found, number)))


@require_safe
def grid(request: HttpRequest, username: str, slug: str, number: int) -> HttpResponse:
    """The pictures as far as they are, for a page that waits; 204 where it has seen all of them.

    `?seen=` is what `Viewer.seen` was when it looked last.
    """
    found = find_network(username, slug, viewer=request.user)
    gate = gate_of(found, viewer=request.user, asked="show" in request.GET)
    if gate.closed or found.status in GONE:
        raise Http404(_("These pictures are not shown."))
    version = chosen(found, versions_of(found, viewer=request.user), number)
    assert version is not None  # noqa: S101  # a number is there, or it is a 404
    context = grid_context(request, whole(version), gate)
    viewer = context["viewer"]
    if viewer is None:
        raise Http404(_("There are no pictures."))
    if viewer.seen == request.GET.get("seen"):
        return _private(HttpResponse(status=204))
    context |= {"network": found, "version": viewer.version, "gate": gate, "anew": True}
    return _private(render(request, "network/grid_anew.html", context))


def _tombstone(request: HttpRequest, found: Network) -> HttpResponse:
    context = {"network": found, "versions": tombstones_of(found)}
    return _private(render(request, "network/tombstone.html", context, status=410))


def _private(response: HttpResponse) -> HttpResponse:
    """It differs by who looks, and from one minute to the next."""
    patch_cache_control(response, private=True, no_cache=True)
    return response
