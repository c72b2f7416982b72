"""Atom feeds (RFC 4287): new networks, those of a creator, those of a tag.

What an anonymous visitor sees in the gallery without asking for more: published, listed, general.
An entry is a network; a new version of it moves it up, under the same id.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.feedgenerator import Atom1Feed, Enclosure
from django.utils.http import http_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from registry.catalogue import networks_with_shape
from registry.filters import SORTS
from registry.keyset import keyset_page
from registry.markdown import to_html
from registry.models import ContentLevel, Network, Tag, User, Version
from registry.search import normal_tag

ENTRIES: Final = 30
MAX_AGE: Final = 300
# Of a feed without entries: a date that no visit changes.
BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
# What XML cannot hold, escaped or not.
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@require_safe
def new_networks(request: HttpRequest) -> HttpResponseBase:
    networks = _listed()
    return _feed(request, networks, title=_("New hypernetworks"), page=reverse("gallery"), id="new")


@require_safe
def of_creator(request: HttpRequest, username: str) -> HttpResponseBase:
    creator = User.objects.filter(username__iexact=username, blocked_at=None).first()
    if creator is None:
        raise Http404(_("There is no creator of this name."))
    if creator.username != username:
        return redirect("creator_feed", creator.username, permanent=True)
    title = _("Hypernetworks by %(name)s") % {"name": creator.name}
    networks = _listed().filter(creator=creator)
    page, id = f"/{creator.username}", f"creator/{creator.pk}"
    return _feed(request, networks, title=title, page=page, id=id)


@require_safe
def of_tag(request: HttpRequest, name: str) -> HttpResponseBase:
    tag = Tag.objects.select_related("alias_of").filter(name=normal_tag(name)).first()
    if tag is None:
        raise Http404(_("There is no such tag."))
    meant = tag.alias_of or tag
    if meant.name != name:
        return redirect("tag_feed", meant.name, permanent=True)
    title = _("Hypernetworks tagged “%(name)s”") % {"name": meant.name}
    networks = _listed().filter(tag_ids__overlap=[meant.pk])
    page, id = reverse("tag", args=[meant.name]), f"tag/{meant.pk}"
    return _feed(request, networks, title=title, page=page, id=id)


def _listed() -> QuerySet[Network]:
    level = ContentLevel.GENERAL
    return networks_with_shape(Network.objects.listed(up_to=level), up_to=level)


def _feed(
    request: HttpRequest, networks: QuerySet[Network], *, title: str, page: str, id: str
) -> HttpResponse:
    """`page` shows the same to people; `id` never changes, whatever the addresses do."""
    entries = keyset_page(networks, order=SORTS["Newest"], limit=ENTRIES).rows
    updated = max(filter(None, (each.last_version_at for each in entries)), default=BEGINNING)
    feed = _AtomFeed(
        title=f"{_fit(title)} · HyperHub",
        link=request.build_absolute_uri(page),
        description="",
        subtitle=None,
        language=get_language(),
        feed_url=request.build_absolute_uri(request.path),
        feed_guid=_permanent(f"feed/{id}"),
        author_name="HyperHub",
        updated=updated,
    )
    for network in entries:
        feed.add_item(**_entry(request, network))
    response = HttpResponse(feed.writeString("utf-8"), content_type=Atom1Feed.content_type)
    # The ETag is ConditionalGetMiddleware's, of these very bytes.
    response["Last-Modified"] = http_date(updated.timestamp())
    patch_cache_control(response, public=True, max_age=MAX_AGE)
    return response


class _AtomFeed(Atom1Feed):
    """As Django makes them, but an empty one was not changed by this very visit."""

    def latest_post_date(self) -> datetime:
        updated: datetime = self.feed["updated"]
        return updated


def _entry(request: HttpRequest, network: Network) -> dict[str, Any]:
    latest = network.versions.all()[0]
    creator = network.creator
    context = {
        "description": _fit(to_html(network.description)),
        "version": latest,
        "words": [_fit(each) for each in latest.trigger_words],
    }
    return {
        "title": _fit(network.name),
        "link": request.build_absolute_uri(network.get_absolute_url()),
        "description": render_to_string("gallery/feed_entry.html", context).strip(),
        "author_name": _fit(creator.name),
        "author_link": request.build_absolute_uri(f"/{creator.username}"),
        "pubdate": network.published_at,
        "updateddate": network.last_version_at,
        "unique_id": _permanent(f"network/{network.pk}"),
        "categories": [_fit(tag.name) for tag in network.tags.all()],
        "enclosures": _enclosures(request, latest),
    }


def _enclosures(request: HttpRequest, version: Version) -> list[Enclosure]:
    address = request.build_absolute_uri(f"/api/download/models/{version.pk}")
    return [
        Enclosure(address, str(file.size), "application/octet-stream")
        for file in version.files.all()
        if file.is_primary
    ]


def _permanent(what: str) -> str:
    """A tag: URI (RFC 4151): the hub's name at a date, and ours for the thing."""
    return f"tag:{urlsplit(settings.SITE_URL).hostname},2026:{what}"


def _fit(text: str) -> str:
    return _UNFIT.sub("", text)
