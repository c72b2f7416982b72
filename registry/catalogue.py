"""Reading the catalogue: rows with all that their shapes need, in a fixed number of queries."""

import string
from collections.abc import Callable
from functools import cache
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch, Q, QuerySet

from registry.models import ContentLevel, File, Network, Original, Picture, User, Version
from registry.statements import AnyOf, Is, Like, Statement


def networks_with_shape(
    networks: QuerySet[Network],
    *,
    up_to: ContentLevel,
    primary_file_only: bool = False,
    owner: User | None = None,
) -> QuerySet[Network]:
    """Add creators, tags, and as `versions` the published ones, newest first.

    Where `owner` is the creator all versions: drafts, and what was withdrawn.
    """
    shown = Version.objects.listed()
    if owner is not None:
        shown = Version.objects.filter(
            Q(status=Version.Status.PUBLISHED) | Q(network__creator=owner)
        )
    versions = versions_with_shape(shown, up_to=up_to, primary_file_only=primary_file_only)
    return (
        networks.select_related("creator")
        .defer("search", "trigger_words", "tag_words")
        .prefetch_related("tags", Prefetch("versions", versions))
    )


def versions_with_shape(
    versions: QuerySet[Version], *, up_to: ContentLevel, primary_file_only: bool = False
) -> QuerySet[Version]:
    """Add files, the scan of the original, and the previews that may be shown."""
    files = File.objects.filter(is_primary=True) if primary_file_only else File.objects.all()
    previews = Picture.objects.filter(
        is_preview=True, hidden_at=None, content_level__in=ContentLevel.up_to(up_to)
    ).order_by("-is_cover", "id")
    return versions.select_related("original").prefetch_related(
        Prefetch("files", files), Prefetch("pictures", previews)
    )


def keys_by_hash(value: str, *, viewer: User | AnonymousUser) -> list[int]:
    """Released versions that have a file of this hash, as served or as uploaded, and that this
    viewer may open; earliest first.

    Any of the six kinds, in any case. What was withdrawn or deleted is found too: people ask what
    a file on their disk is.
    """
    if viewer.is_anonymous:
        return _keys(value, _by_hash_for_everyone)
    return _keys(value, lambda length: _by_hash(length, Version.objects.visible_to(viewer)))


def versions_by_hash(value: str) -> QuerySet[Version]:
    """The same of all released versions, to be narrowed to those that a viewer may open."""
    keys = _keys(value, _by_hash_of_all)
    return Version.objects.filter(pk__in=keys).order_by("published_at", "pk")


def keys_by_sha256(
    digests: list[str], *, viewer: User | AnonymousUser
) -> list[tuple[int, int, str]]:
    """(version, network, SHA256) of each hash that is known, the earliest version of it."""
    statements = _by_sha256_for_everyone() if viewer.is_anonymous else _by_sha256(viewer)
    rows = sorted(row for statement in statements for row in statement.rows(digests))
    earliest = {digest: (version, network) for digest, _, version, network in rows[::-1]}
    return [(*earliest[digest], digest) for digest in dict.fromkeys(digests) if digest in earliest]


def _keys(value: str, statement_of: Callable[[int], Statement]) -> list[int]:
    value = value.strip().lower()
    if len(value) not in _OF_LENGTH or set(value) - set(string.hexdigits):
        return []
    given = f"{value}%" if len(value) == AUTOV2 else value
    return [key for (key,) in statement_of(len(value)).rows(given)]


def _by_hash(length: int, versions: QuerySet[Version]) -> Statement:
    same = _OF_LENGTH[length]
    served = File.objects.filter(same).order_by().values("version")
    uploaded = Original.objects.filter(same).values("version")
    return Statement(
        lambda: (
            versions.filter(pk__in=served.union(uploaded), published_at__isnull=False)
            .order_by("published_at", "pk")
            .values_list("pk")
        )
    )


def _by_sha256(viewer: User | AnonymousUser) -> list[Statement]:
    return [_released_of(model, viewer) for model in (File, Original)]


def _released_of(model: type[File | Original], viewer: User | AnonymousUser) -> Statement:
    columns = ("sha256", "version__published_at", "version_id", "version__network_id")
    return Statement(
        lambda: (
            model._default_manager.filter(
                AnyOf("sha256"),
                version__in=Version.objects.visible_to(viewer),
                version__published_at__isnull=False,
            )
            .order_by()
            .values_list(*columns)
        )
    )


# Most who ask are not signed in: theirs are written once.
@cache
def _by_hash_for_everyone(length: int) -> Statement:
    return _by_hash(length, Version.objects.visible_to(AnonymousUser()))


@cache
def _by_hash_of_all(length: int) -> Statement:
    return _by_hash(length, Version.objects.all())


@cache
def _by_sha256_for_everyone() -> list[Statement]:
    return _by_sha256(AnonymousUser())


AUTOV2: Final = 10
# The kinds by their length. Where the index leaves empty ones out, so must the question.
_OF_LENGTH: Final = {
    64: Q(Is("sha256")) | Q(Is("blake3")),
    12: Q(Is("autov3")) & ~Q(autov3=""),
    AUTOV2: Q(Like("sha256")),
    8: Q(Is("autov1")) & ~Q(autov1="") | Q(Is("crc32")),
}
