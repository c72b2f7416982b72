"""Walls of networks: the gallery, a tag's, a creator's."""

from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.gallery.cards import Viewer
from hub.gallery.menus import Menus
from hub.gallery.wall import Place, Wall
from registry.filters import content_level
from registry.following import with_followers
from registry.keyset import BadCursor
from registry.models import Collection, ContentLevel, Network, Tag, User
from registry.search import normal_tag

# Of the drawing that stands in for pictures: one symbol each in static/img/strengths.svg.
STRENGTHS: Final = ("0", "0.2", "0.4", "0.6", "0.8", "1")


@require_safe
def gallery(request: HttpRequest) -> HttpResponseBase:
    place = Place(reverse("gallery"))
    return _hang(request, place, "gallery/gallery.html", strengths=STRENGTHS)


@require_safe
def tag(request: HttpRequest, name: str) -> HttpResponseBase:
    """Under the name of the tag that is meant: an alias leads there."""
    found = Tag.objects.select_related("alias_of").filter(name=normal_tag(name)).first()
    if found is None:
        raise Http404(_("There is no such tag."))
    meant = found.alias_of or found
    if meant.name != name:
        return redirect("tag", meant.name, permanent=True)
    place = Place(reverse("tag", args=[meant.name]), {"tag": meant.name})
    aliases = meant.aliases.values_list("name", flat=True)
    return _hang(request, place, "gallery/tag.html", tag=meant, aliases=aliases)


@require_safe
def creator(request: HttpRequest, username: str) -> HttpResponseBase:
    """Whoever has an account; a blocked person is nowhere."""
    people = with_followers(User.objects.all(), viewer=request.user)
    shown = Collection.objects.visible_to(request.user).filter(owner=OuterRef("pk"), is_public=True)
    people = people.annotate(has_collections=Exists(shown))
    person = people.filter(username__iexact=username, blocked_at=None, is_active=True).first()
    if person is None:
        raise Http404(_("There is no creator of this name."))
    if person.username != username:
        return redirect("creator", person.username, permanent=True)
    place = Place(reverse("creator", args=[person.username]), {"username": person.username})
    return _hang(
        request, place, "gallery/creator.html", person=person, totals=_totals(person, request.user)
    )


def _totals(person: User, viewer: Viewer) -> dict[str, int]:
    """Of all that is out; `above` is how much of it the viewer does not see without asking."""
    seen = ContentLevel.up_to(content_level(viewer, asked=None))
    listed = Network.objects.listed(up_to=ContentLevel.EXPLICIT).filter(creator=person)
    totals = listed.aggregate(
        networks=Count("pk"),
        above=Count("pk", filter=~Q(content_level__in=seen)),
        downloads=Sum("download_count"),
        likes=Sum("like_count"),
    )
    return {name: value or 0 for name, value in totals.items()}


def _hang(request: HttpRequest, place: Place, template: str, **context: Any) -> HttpResponseBase:
    """The page; for htmx the wall alone, or the cards that an endless wall grows by."""
    wall = Wall(request, place)
    try:
        parts = {
            "cards": wall.cards,
            "next_url": wall.next_url,
            "previous_url": wall.previous_url,
        }
    except BadCursor:
        return redirect(wall.address())
    target = request.htmx.target  # type: ignore[attr-defined]
    if target == "wall-more":
        response = render(request, "gallery/wall_cards.html", parts)
    else:
        context |= {"wall": wall, "menus": Menus(wall), "query": wall.query, **parts}
        is_part = target == "gallery"
        response = render(request, "gallery/region.html" if is_part else template, context)
        if is_part:
            # What was asked for, without the fields of the form that say nothing.
            response["HX-Push-Url"] = wall.address()
    patch_vary_headers(response, ["HX-Target"])
    return response
