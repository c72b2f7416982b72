"""Versions as the API shows them: plain rows, read in a fixed number of queries.

A page of a hundred networks is two thousand rows; as model instances, with a query set for each
relation of each, they took four times as long as the rest of the request.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import cache
from typing import Any, Final, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, OuterRef, Q, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from registry.models import ContentLevel, File, Network, Picture, User, Version
from registry.statements import AnyOf, Statement, answers

Keys = Sequence[int] | Set[int]
_Row = tuple[Any, ...]


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
    id: int
    name: str
    slug: str
    kind: str
    description: str
    description_html: str
    content_level: str
    licence: str
    allow_no_credit: bool
    allow_commercial_use: list[str]
    allow_derivatives: bool
    allow_different_licence: bool
    status: str
    base_models: list[str]
    download_count: int
    like_count: int
    comment_count: int
    creator_id: int
    creator: str
    avatar: str
    tags: list[str]  # names, in order


class VersionRow(NamedTuple):
    """Moments are text, as the API writes them."""

    id: int
    name: str
    status: str
    status_reason: str
    created_at: str
    updated_at: str
    published_at: str | None
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
    scanned_at: str | None


class WholeVersion(NamedTuple):
    version: VersionRow
    network: NetworkRow
    files: list[FileRow]
    pictures: list[PictureRow]


class WholeNetwork(NamedTuple):
    network: NetworkRow
    versions: list[WholeVersion]


class Moment(Func):
    """ISO 8601 in UTC with milliseconds and Z: Python needs longer for a page's than for the rest
    of a version."""

    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    output_field = TextField()


# Columns that are not simply named like the row's.
_NETWORK_COLUMNS: Final = {
    "creator": "creator__username",
    "avatar": "creator__avatar",
    "tags": ArraySubquery(
        Network.tags.through.objects.filter(network_id=OuterRef("pk"))
        .order_by("tag__name")
        .values("tag__name")
    ),
}
_VERSION_COLUMNS: Final = {
    **{name: Moment(name) for name in ("created_at", "updated_at", "published_at")},
    "preview_grid": Cast("preview_grid", TextField()),
    "compatibility": KT("facts__compatibility"),
    "opinions": Cast("original__opinions", TextField()),
    "scanned_at": Moment("original__scanned_at"),
}
_PICTURE_COLUMNS: Final = {
    **{name: f"picture__{name}" for name in PictureRow._fields},
    "meta": Cast("picture__meta", TextField()),
}


def whole_versions(
    keys: Keys, *, up_to: ContentLevel, primary_file_only: bool = False
) -> list[WholeVersion]:
    """The versions of these keys, newest first, with files and the previews that may be shown."""
    found = _BY_KEY.rows(keys)
    files, pictures, networks = answers(
        *_files_and_previews(found, up_to, primary_only=primary_file_only),
        (_NETWORKS, {key for key, *_ in found}),
    )
    return list(_joined(_networks(networks), found, files, pictures))


def whole_networks(
    keys: Keys,
    *,
    up_to: ContentLevel,
    primary_file_only: bool = False,
    owner: User | None = None,
) -> list[WholeNetwork]:
    """The networks in the order of their keys, with their published versions, newest first; an
    `owner`'s with all of theirs."""
    networks, found = answers(
        (_NETWORKS, keys), (_PUBLISHED_OF if owner is None else _ALL_OF, keys)
    )
    by_key = _networks(networks)
    shown = [row for row in found if row[0] in by_key and _is_shown(row, by_key[row[0]], owner)]
    files, pictures = answers(*_files_and_previews(shown, up_to, primary_only=primary_file_only))
    versions: dict[int, list[WholeVersion]] = defaultdict(list)
    for whole in _joined(by_key, shown, files, pictures):
        versions[whole.network.id].append(whole)
    return [WholeNetwork(by_key[key], versions[key]) for key in keys if key in by_key]


def _is_shown(row: _Row, network: NetworkRow, owner: User | None) -> bool:
    if owner is None or network.creator_id == owner.pk:
        return True
    return VersionRow._make(row[1:]).status == Version.Status.PUBLISHED


def _files_and_previews(
    versions: list[_Row], up_to: ContentLevel, *, primary_only: bool
) -> list[tuple[Statement, Keys]]:
    keys = [key for _, key, *_ in versions]
    return [(_PRIMARY_FILES if primary_only else _FILES, keys), (_previews(up_to), keys)]


def _networks(rows: list[_Row]) -> dict[int, NetworkRow]:
    return {row[0]: NetworkRow._make(row) for row in rows}


def _joined(
    networks: dict[int, NetworkRow], versions: list[_Row], files: list[_Row], pictures: list[_Row]
) -> Iterator[WholeVersion]:
    """Rows of versions begin with the network's key, those of files and pictures with theirs."""
    files_of, pictures_of = _grouped(files, FileRow._make), _grouped(pictures, PictureRow._make)
    for key, *row in versions:
        if network := networks.get(key):
            version = VersionRow._make(row)
            yield WholeVersion(version, network, files_of[version.id], pictures_of[version.id])


def _columns(row: Any, elsewhere: dict[str, Any]) -> list[Any]:
    return [elsewhere.get(name, name) for name in row._fields]


def _versions(condition: Q) -> Statement:
    return Statement(
        lambda: (
            Version.objects.filter(condition)
            .order_by("-number", "pk")
            .values_list("network_id", *_columns(VersionRow, _VERSION_COLUMNS))
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
            .values_list("version_id", *_columns(PictureRow, _PICTURE_COLUMNS))
        )
    )


_NETWORKS = Statement(
    lambda: Network.objects.filter(AnyOf("pk")).values_list(*_columns(NetworkRow, _NETWORK_COLUMNS))
)
_BY_KEY = _versions(Q(AnyOf("pk")))
_ALL_OF = _versions(Q(AnyOf("network_id")))
_PUBLISHED_OF = _versions(Q(AnyOf("network_id"), status=Version.Status.PUBLISHED))
_FILES = _files()
_PRIMARY_FILES = _files(Q(is_primary=True))


def _grouped(rows: Iterable[_Row], make: Callable[[_Row], Any]) -> dict[int, list[Any]]:
    """By the first column what is made of the others."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(make(row[1:]))
    return found
