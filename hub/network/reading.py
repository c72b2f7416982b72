"""A network's page, read in a fixed number of queries, however many versions it has."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import BooleanField, Exists, OuterRef, Prefetch, QuerySet, Value
from django.db.models.functions import Lower
from django.http import Http404
from django.utils.translation import gettext as _

from registry.models import (
    CollectionEntry,
    ContentLevel,
    File,
    Like,
    Network,
    Picture,
    User,
    Version,
)

Viewer = User | AnonymousUser

GONE: Final = (Network.Status.ARCHIVED, Network.Status.TAKEN_DOWN)
# What only one version of a page needs, and what nobody reads there.
HEAVY: Final = ("facts", "preview_grid", "changelog", "dropout_structure")


def find_network(username: str, slug: str, *, viewer: Viewer) -> Network:
    """With its creator and its tags; in any case. Raises Http404.

    And with `is_liked` and `is_collected`, in any collection, by the viewer.
    """
    liked: Exists | Value = Value(False, output_field=BooleanField())
    collected = liked
    if isinstance(viewer, User):
        here = {"network": OuterRef("pk")}
        liked = Exists(Like.objects.filter(**here, user=viewer))
        collected = Exists(CollectionEntry.objects.filter(**here, collection__owner=viewer))
    network = (
        Network.objects.visible_to(viewer)
        .alias(lower_name=Lower("creator__username"))
        .filter(lower_name=username.lower(), slug=slug.lower())
        .select_related("creator")
        .prefetch_related("tags")
        .defer("search", "trigger_words", "tag_words")
        .annotate(is_liked=liked, is_collected=collected)
        .first()
    )
    if network is None:
        raise Http404(_("There is no such network."))
    return network


def versions_of(network: Network, *, viewer: Viewer) -> list[Version]:
    """Those that the viewer may open, newest first, without what a list does not show."""
    visible = Version.objects.visible_to(viewer).filter(network=network)
    versions = list(visible.defer(*HEAVY).order_by("-number"))
    for each in versions:
        each.network = network
    return versions


def chosen(network: Network, versions: list[Version], number: int | None) -> Version | None:
    """The one that was asked for, else the latest that is published, else the newest.

    None where there is none at all. Raises Http404 for a number that this viewer does not see.
    """
    if number is not None:
        found = next((each for each in versions if each.number == number), None)
        if found is None:
            raise Http404(_("There is no such version."))
        return found
    latest = network.latest_version_id
    return next((each for each in versions if each.pk == latest), next(iter(versions), None))


def whole(version: Version) -> Version:
    """With files, the original, and what the check found."""
    found = (
        Version.objects.select_related("original")
        .prefetch_related("files", "original__findings")
        .get(pk=version.pk)
    )
    found.network = version.network
    return found


def tombstones_of(network: Network) -> list[Version]:
    """What is kept of a network that is gone: each released version with its hashes."""
    versions = network.versions.filter(published_at__isnull=False).select_related("original")
    files = Prefetch("files", File.objects.order_by("-is_primary", "id"))
    return list(versions.defer(*HEAVY).prefetch_related(files).order_by("-number"))


def shown_by_people(network: Network, *, viewer: Viewer, up_to: str) -> QuerySet[Picture]:
    """Pictures that people show with any version of it that is not taken down, newest first."""
    visible = Version.objects.visible_to(viewer).filter(network=network)
    versions = visible.exclude(status=Version.Status.TAKEN_DOWN)
    shown = Picture.objects.filter(
        pk__in=Picture.versions.through.objects.filter(version__in=versions).values("picture"),
        is_preview=False,
        hidden_at=None,
        owner__blocked_at=None,
        content_level__in=ContentLevel.up_to(up_to),
    )
    return shown.select_related("owner").order_by("-id")


# --- Content level --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gate:
    """Whether this viewer sees the pictures at once, and what he can do about it if not.

    `up_to` is how strong other people's pictures on the page may be.
    """

    closed: bool
    level: str
    up_to: str
    needs_account: bool = False


def gate_of(network: Network, *, viewer: Viewer, asked: bool) -> Gate:
    """Closed above the viewer's own level, unless he `asked` for it now.

    Explicit pictures are for people with an account. Who made them and who judges them sees them.
    """
    level = network.content_level
    own = viewer.content_level if isinstance(viewer, User) else ContentLevel.GENERAL
    if level in ContentLevel.up_to(own):
        return Gate(False, level, own)
    is_theirs = isinstance(viewer, User) and (viewer == network.creator or viewer.is_moderator)
    needs_account = level == ContentLevel.EXPLICIT and not isinstance(viewer, User)
    if is_theirs or (asked and not needs_account):
        return Gate(False, level, level)
    return Gate(True, level, own, needs_account)
