"""Reading the catalogue: rows with all that their shapes need, in a fixed number of queries."""

import string

from django.db.models import Prefetch, Q, QuerySet

from registry.models import ContentLevel, File, Network, Original, Picture, User, Version


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


def versions_by_hash(value: str) -> QuerySet[Version]:
    """Released versions that have a file of this hash, as served or as uploaded; earliest first.

    Any of the six kinds, in any case. What was withdrawn or deleted is found too: people ask what
    a file on their disk is.
    """
    same = _of_hash(value.strip().lower())
    if same is None:
        return Version.objects.none()
    served = File.objects.filter(same).values("version")
    uploaded = Original.objects.filter(same).values("version")
    return Version.objects.filter(
        pk__in=served.union(uploaded), published_at__isnull=False
    ).order_by("published_at", "pk")


def _of_hash(value: str) -> Q | None:
    """Kinds by length: SHA256 and BLAKE3 64, AutoV3 12, AutoV2 10, AutoV1 and CRC32 8."""
    if not value or set(value) - set(string.hexdigits):
        return None
    match len(value):
        case 64:
            return Q(sha256=value) | Q(blake3=value)
        case 12:
            return Q(autov3=value)
        case 10:
            return Q(sha256__startswith=value)
        case 8:
            return Q(autov1=value) | Q(crc32=value)
        case _:
            return None


def versions_by_sha256(
    digests: list[str], *, among: QuerySet[Version]
) -> list[tuple[int, int, str]]:
    """(version, network, SHA256) of each hash that is known, the earliest version of it."""
    rows = [
        row
        for model in (File, Original)
        for row in model.objects.filter(
            sha256__in=digests, version__in=among, version__published_at__isnull=False
        ).values_list("sha256", "version__published_at", "version_id", "version__network_id")
    ]
    earliest = {digest: (version, network) for digest, _, version, network in sorted(rows)[::-1]}
    return [(*earliest[digest], digest) for digest in dict.fromkeys(digests) if digest in earliest]
