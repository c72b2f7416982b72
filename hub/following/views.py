"""Following creators, and the feed of what they publish."""

from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.accounts.people import signed_in
from hub.following.feed import feed_of
from registry.following import follow_creator, unfollow_creator
from registry.keyset import BadCursor
from registry.models import User

# Of those whom one follows, at the head of the feed.
FACES: Final = 12


@never_cache
@login_required
@require_safe
def following(request: HttpRequest) -> HttpResponse:
    """For htmx the entries alone that the endless feed grows by."""
    viewer = signed_in(request)
    try:
        cards, window = feed_of(viewer, asked=request.GET.dict())
    except BadCursor:
        return redirect("following")
    context: dict[str, Any] = {
        "cards": cards,
        "next_url": _way("after", window.next_cursor),
        "previous_url": _way("before", window.previous_cursor),
    }
    if request.htmx.target == "wall-more":  # type: ignore[attr-defined]
        response = render(request, "following/entries.html", context)
    else:
        follows = viewer.follows.filter(creator__blocked_at=None, creator__is_active=True)
        newest = follows.select_related("creator").order_by("-pk")[:FACES]
        context |= {"people": [each.creator for each in newest], "count": follows.count()}
        response = render(request, "following/feed.html", context)
    patch_vary_headers(response, ["HX-Target"])
    return response


def follow(request: HttpRequest, creator_id: int) -> HttpResponse:
    return _change(request, creator_id, followed=True)


def unfollow(request: HttpRequest, creator_id: int) -> HttpResponse:
    return _change(request, creator_id, followed=False)


@login_required
def _change(request: HttpRequest, creator_id: int, *, followed: bool) -> HttpResponse:
    """A visit by GET, after signing in say, changes nothing and leads to the creator."""
    creator = User.objects.filter(pk=creator_id, blocked_at=None, is_active=True).first()
    if creator is None:
        raise Http404(_("There is no such creator."))
    if request.method == "POST":
        change = follow_creator if followed else unfollow_creator
        change(creator=creator, by=signed_in(request))
    return redirect("creator", creator.username)


def _way(where: str, cursor: str | None) -> str:
    return f"?{urlencode({where: cursor})}" if cursor else ""
