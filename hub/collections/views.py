"""Collections: everyone's, one's own, a creator's, and one by itself."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.accounts.people import signed_in
from hub.collections.reading import covers_page, find_collection, numbers_of, wall_of
from registry.filters import content_level
from registry.keyset import BadCursor
from registry.keyset import Window as KeysetWindow
from registry.models import Collection, User


@require_safe
def collections(request: HttpRequest) -> HttpResponse:
    """Public ones in which there is something to see."""
    level = content_level(request.user, asked=None)
    public = Collection.objects.visible_to(request.user).filter(is_public=True)
    return _covers(
        request, public.with_something_for(request.user, up_to=level), "collections/public.html"
    )


@login_required
@require_safe
def my_collections(request: HttpRequest) -> HttpResponse:
    mine = Collection.objects.visible_to(request.user).filter(owner=signed_in(request))
    return _covers(request, mine, "collections/mine.html")


@require_safe
def creator_collections(request: HttpRequest, username: str) -> HttpResponse:
    """Of whoever has an account; a blocked person is nowhere."""
    person = User.objects.filter(username__iexact=username, blocked_at=None, is_active=True).first()
    if person is None:
        raise Http404(_("There is no creator of this name."))
    if person.username != username:
        return redirect("creator_collections", person.username, permanent=True)
    theirs = Collection.objects.visible_to(request.user).filter(owner=person, is_public=True)
    return _covers(request, theirs, "collections/creator.html", person=person)


@require_safe
def collection(request: HttpRequest, username: str, slug: str) -> HttpResponse:
    """For htmx the cards alone that its endless wall grows by."""
    found = find_collection(username, slug, viewer=request.user)
    if (found.owner.username, found.slug) != (username, slug):
        return redirect(found.get_absolute_url(), permanent=True)
    asked = {"nsfw": "true"} if request.GET.get("nsfw") == "true" else {}
    level = content_level(request.user, asked=True if asked else None)
    try:
        cards, window = wall_of(found, viewer=request.user, up_to=level, asked=request.GET.dict())
    except BadCursor:
        return redirect(found.get_absolute_url())
    context: dict[str, Any] = {"cards": cards, **_ways(window, asked)}
    if request.htmx.target == "wall-more":  # type: ignore[attr-defined]
        template = "gallery/wall_cards.html"
    else:
        template = "collections/collection.html"
        numbers = numbers_of(found, viewer=request.user, up_to=level)
        is_owner = request.user == found.owner
        context |= {"collection": found, "numbers": numbers, "is_owner": is_owner}
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Target"])
    return _private(response)


def _covers(
    request: HttpRequest, found: QuerySet[Collection], template: str, **context: Any
) -> HttpResponse:
    try:
        covers, window = covers_page(found, viewer=request.user, asked=request.GET.dict())
    except BadCursor:
        return redirect(request.path)
    return _private(render(request, template, {"covers": covers, **_ways(window, {}), **context}))


def _ways(window: KeysetWindow[Any], asked: dict[str, str]) -> dict[str, str]:
    """Addresses of the pages on both sides; "" where there is none."""
    cursors = {"next_url": ("after", window.next_cursor)}
    cursors["previous_url"] = ("before", window.previous_cursor)
    return {
        name: f"?{urlencode({**asked, where: cursor})}" if cursor else ""
        for name, (where, cursor) in cursors.items()
    }


def _private(response: HttpResponse) -> HttpResponse:
    """It differs by who looks."""
    patch_cache_control(response, private=True, no_cache=True)
    return response
