"""What somebody who types into the search may mean: networks, tags, creators, words of filters.

Of a query only its last term is completed: "ink tag:la" may go on as "ink tag:landscape".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from registry.filters import content_level
from registry.models import Network, User
from registry.search import MAX_QUERY_CHARACTERS, PREFIXES
from registry.tagging import suggest_tags

MOST: Final = 5
MOST_WORDS: Final = 8
_LAST_TERM: Final = re.compile(r'(?:^|(?<=\s))(-?)(?:([a-z]+):)?("?)([^"\s]*)\Z', re.I)


@dataclass(frozen=True)
class Suggestion:
    label: str
    url: str
    # Beside it, quietly.
    note: str | Promise = ""


@dataclass(frozen=True)
class Group:
    title: str | Promise
    icon: str
    suggestions: list[Suggestion]


@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """A list for under the search field; empty for an empty one."""
    query = request.GET.get("q", "")[:MAX_QUERY_CHARACTERS].replace("\0", "")
    groups = [group for group in _groups(query.lstrip(), request) if group.suggestions]
    return render(request, "gallery/suggestions.html", {"groups": groups})


def _groups(query: str, request: HttpRequest) -> Iterator[Group]:
    term = _LAST_TERM.search(query)
    if term is None or not (term[2] or term[4]):
        return
    before, minus, prefix, word = query[: term.start()], term[1], (term[2] or "").lower(), term[4]
    if prefix == "tag":
        yield Group(_("Tags"), "tag", _tags(word, before=f"{before}{minus}tag:"))
    elif prefix in ("user", "creator"):
        yield Group(_("Creators"), "user", _creators(word, before=f"{before}{minus}{prefix}:"))
    elif prefix in PREFIXES:
        yield Group(_("Filters"), "sliders-horizontal", _words(before + minus, prefix, word))
    elif not prefix:
        yield Group(_("Networks"), "image", _networks(query, request))
        yield Group(_("Tags"), "tag", _tags(word))
        yield Group(_("Creators"), "user", _creators(word))
        yield Group(_("Filters"), "sliders-horizontal", _prefixes(before + minus, word))


def _networks(text: str, request: HttpRequest) -> list[Suggestion]:
    """By a part of the name, the most downloaded first."""
    found = (
        Network.objects.listed(up_to=content_level(request.user, asked=None))
        .annotate(lowered=Lower("name"))
        .filter(lowered__contains=text.lower().strip())
        .order_by("-download_count", "-pk")
        .values_list("name", "creator__username", "slug")[:MOST]
    )
    return [Suggestion(name, f"/{creator}/{slug}", creator) for name, creator, slug in found]


def _tags(word: str, *, before: str = "") -> list[Suggestion]:
    tags = suggest_tags(word, limit=MOST)
    return [
        Suggestion(
            tag.name,
            _search(before, tag.name) if before else reverse("tag", args=[tag.name]),
            str(tag.network_count),
        )
        for tag in tags
        if tag.network_count
    ]


def _creators(word: str, *, before: str = "") -> list[Suggestion]:
    """People with something on a wall, by the beginning of either name."""
    listed = User.objects.filter(networks__is_listed=True, blocked_at=None)
    by_name = listed.filter(username__istartswith=word) | listed.filter(
        display_name__istartswith=word
    )
    names = by_name.distinct().order_by("username").values_list("username", "display_name")
    return [
        Suggestion(
            display_name or username,
            _search(before, username) if before else reverse("creator", args=[username]),
            username if display_name else "",
        )
        for username, display_name in names[:MOST]
    ]


def _words(before: str, prefix: str, word: str) -> list[Suggestion]:
    """What may stand after a prefix."""
    known = [each for each in PREFIXES[prefix].words if each.startswith(word.lower())]
    return [
        Suggestion(f"{prefix}:{each}", _search(f"{before}{prefix}:", each))
        for each in known[:MOST_WORDS]
    ]


def _prefixes(before: str, word: str) -> list[Suggestion]:
    """Somebody types "ba": there is "base:sd1", say."""
    if len(word) < 2:
        return []
    return [
        suggestion
        for prefix in PREFIXES
        if prefix.startswith(word.lower())
        for suggestion in _words(before, prefix, "")
    ][:MOST_WORDS]


def _search(before: str, value: str) -> str:
    quoted = f'"{value}"' if " " in value else value
    return f"{reverse('gallery')}?{urlencode({'q': before + quoted})}"
