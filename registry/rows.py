"""Versions as the API shows them: plain rows, read in a fixed number of queries.

A page of a hundred networks is two thousand rows; as model instances, with a query set for each
relation of each, they took four times as long as the rest of the request.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db.models import Q

from registry.models import ContentLevel, File, Network, Picture, User, Version
from registry.statements import AnyOf, Statement


class FileRow(NamedTuple):
    id: int
    name: str
    format: str
    flavour: str
    is_primary: bool
    size: int
    sha256: str
    blake3: str
    crc32: str
    autov1: str
    autov3: str


class PictureRow(NamedTuple):
    id: int
    sha256: str
    content_level: str
    width: int
    height: int
    blurhash: str
    is_preview: bool
    meta: str  # JSON


class NetworkRow(NamedTuple):
    """What a version says of the network that it belongs to."""

    id: int
    name: str
    status: str
    content_level: str
    like_count: int
    creator: str


class VersionRow(NamedTuple):
    id: int
    name: str
    status: str
    status_reason: str
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    trigger_words: list[str]
    base_model: str
    changelog: str
    changelog_html: str
    download_count: int
    recommended_strength: float | None
    min_strength: float | None
    max_strength: float | None
    strength_source: str
    layer_structure: list[float]
    activation: str
    is_layer_norm: bool
    dropout_structure: list[float]
    dims: list[int]
    dtype: str
    step: int
    parameters: int
    trained_on_name: str
    trained_on_hash: str
    preview_grid: str | None  # JSON, with addresses that begin with /
    compatibility: str | None  # JSON
    # JSON: what scanners said of the upload; null for a draft without one.
    opinions: str | None
    scanned_at: datetime | None


class WholeVersion(NamedTuple):
    version: VersionRow
    network: NetworkRow
    files: list[FileRow]
    pictures: list[PictureRow]


_ELSEWHERE = {
    "compatibility": "facts__compatibility",
    "opinions": "original__opinions",
    "scanned_at": "original__scanned_at",
}
_VERSION_COLUMNS = [_ELSEWHERE.get(name, name) for name in VersionRow._fields]
_NETWORK_COLUMNS = [f"network__{name}" for name in NetworkRow._fields[:-1]]
_NETWORK_COLUMNS += ["network__creator__username"]


def whole_versions(
    keys: Collection[int], *, up_to: ContentLevel, primary_file_only: bool = False
) -> list[WholeVersion]:
    """The versions of these keys, newest first, with files and the previews that may be shown."""
    width = len(_NETWORK_COLUMNS)
    rows = [
        (NetworkRow._make(row[:width]), VersionRow._make(row[width:])) for row in _BY_KEY.rows(keys)
    ]
    return _with_files(rows, up_to, primary_only=primary_file_only)


def versions_of(
    networks: Collection[Network],
    *,
    up_to: ContentLevel,
    primary_file_only: bool = False,
    owner: User | None = None,
) -> dict[int, list[WholeVersion]]:
    """By network the published ones, newest first; of an `owner`'s networks all of theirs.

    The networks come with their creators.
    """
    by_key = {each.pk: _network_row(each) for each in networks}
    own = {each.pk for each in networks if owner is not None and each.creator_id == owner.pk}
    found = _ALL_OF.rows(own) + _PUBLISHED_OF.rows(by_key.keys() - own)
    rows = [(by_key[row[0]], VersionRow._make(row[1:])) for row in found]
    by_network: dict[int, list[WholeVersion]] = defaultdict(list)
    for whole in _with_files(rows, up_to, primary_only=primary_file_only):
        by_network[whole.network.id].append(whole)
    return by_network


def tags_of(networks: Collection[int]) -> dict[int, list[str]]:
    """Names by network, in order."""
    return _grouped(_TAGS.rows(networks))


def _network_row(network: Network) -> NetworkRow:
    own = [getattr(network, name) for name in NetworkRow._fields[:-1]]
    return NetworkRow._make([*own, network.creator.username])


def _with_files(
    pairs: list[tuple[NetworkRow, VersionRow]], up_to: ContentLevel, *, primary_only: bool
) -> list[WholeVersion]:
    keys = [version.id for _, version in pairs]
    files = _grouped((_PRIMARY_FILES if primary_only else _FILES).rows(keys), FileRow._make)
    pictures = _grouped(_previews(up_to).rows(keys), PictureRow._make)
    return [
        WholeVersion(version, network, files[version.id], pictures[version.id])
        for network, version in pairs
    ]


def _versions(condition: Q, *columns: str) -> Statement:
    return Statement(
        lambda: (
            Version.objects.filter(condition)
            .order_by("-number", "pk")
            .values_list(*columns, *_VERSION_COLUMNS)
        )
    )


def _files(*conditions: Any) -> Statement:
    return Statement(
        lambda: (
            File.objects.filter(AnyOf("version_id"), *conditions)
            .order_by("-is_primary", "id")
            .values_list("version_id", *FileRow._fields)
        )
    )


@cache
def _previews(up_to: ContentLevel) -> Statement:
    shown = {
        "picture__is_preview": True,
        "picture__hidden_at": None,
        "picture__content_level__in": ContentLevel.up_to(up_to),
    }
    return Statement(
        lambda: (
            Picture.versions.through.objects.filter(AnyOf("version_id"), **shown)
            .order_by("-picture__is_cover", "picture_id")
            .values_list("version_id", *(f"picture__{name}" for name in PictureRow._fields))
        )
    )


_BY_KEY = _versions(Q(AnyOf("pk")), *_NETWORK_COLUMNS)
_ALL_OF = _versions(Q(AnyOf("network_id")), "network_id")
_PUBLISHED_OF = _versions(Q(AnyOf("network_id"), status=Version.Status.PUBLISHED), "network_id")
_FILES = _files()
_PRIMARY_FILES = _files(Q(is_primary=True))
_TAGS = Statement(
    lambda: (
        Network.tags.through.objects.filter(AnyOf("network_id"))
        .order_by("tag__name")
        .values_list("network_id", "tag__name")
    )
)


def _grouped(
    rows: Iterable[tuple[Any, ...]], make: Callable[[tuple[Any, ...]], Any] | None = None
) -> dict[int, list[Any]]:
    """By the first column what the others make; without `make` the second one."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(make(row[1:]) if make else row[1])
    return found
