"""`model-versions`: by id, and by any hash of the bytes that we serve or that were uploaded.

A draft is changed, published and deleted here; what is published can only be withdrawn.
"""

from collections.abc import Sequence, Set
from http import HTTPStatus
from typing import Any, Final

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api import shapes
from registry.api.errors import Issues, issue
from registry.api.reading import MAX_HASHES, MAX_HASHES_FOR_IDS, PublicRead, origin_of
from registry.api.schema import catalogue as read
from registry.api.schema import publishing as write
from registry.api.schema.operations import documented
from registry.api.writing import (
    Nothing,
    Publication,
    Reason,
    VersionBody,
    WriteOnly,
    Writes,
    in_the_words_of,
    person,
    taken,
)
from registry.catalogue import keys_by_hash, keys_by_sha256
from registry.models import ContentLevel, Version
from registry.publishing import (
    publish_version,
    schedule_version,
    unyank_version,
    yank_version,
)
from registry.rows import whole_versions
from registry.versions import delete_version, update_version

NOT_FOUND: Final = "Model not found"


class VersionDetail(Writes, PublicRead):
    @documented(read.READ_VERSION)
    def get(self, request: Request, version_id: int) -> Response:
        return version_response(request, version_id)

    @documented(write.CHANGE_VERSION)
    def patch(self, request: Request, version_id: int) -> Response:
        version = _visible(request, version_id)
        words = taken(request, VersionBody, partial=True)
        with in_the_words_of(VersionBody):
            update_version(version=version, by=person(request), **words)
        return version_response(request, version_id)

    @documented(write.DELETE_VERSION)
    def delete(self, request: Request, version_id: int) -> Response:
        delete_version(version=_visible(request, version_id), by=person(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class VersionPublication(WriteOnly):
    """`POST …/publish`: now, or at `publishAt`."""

    @documented(write.PUBLISH_VERSION)
    def post(self, request: Request, version_id: int) -> Response:
        version = _visible(request, version_id)
        at = taken(request, Publication).get("at")
        if at is None:
            publish_version(version=version, by=person(request))
        else:
            schedule_version(version=version, at=at, by=person(request))
        return version_response(request, version_id)


class VersionYank(WriteOnly):
    """`POST …/yank`: out of the lists, for this reason; whoever asks for it still gets it."""

    @documented(write.YANK_VERSION)
    def post(self, request: Request, version_id: int) -> Response:
        version = _visible(request, version_id)
        yank_version(version=version, by=person(request), **taken(request, Reason))
        return version_response(request, version_id)


class VersionUnyank(WriteOnly):
    @documented(write.UNYANK_VERSION)
    def post(self, request: Request, version_id: int) -> Response:
        version = _visible(request, version_id)
        taken(request, Nothing)
        unyank_version(version=version, by=person(request))
        return version_response(request, version_id)


class VersionMini(PublicRead):
    @documented(read.READ_VERSION_MINI)
    def get(self, request: Request, version_id: int) -> Response:
        visible = Version.objects.visible_to(request.user).filter(pk=version_id)
        found = whole_versions(_keys(visible), up_to=ContentLevel.GENERAL)
        if not found:
            raise Http404(NOT_FOUND)
        return Response(shapes.version_mini(found[0], origin=origin_of(request)))


class VersionByHash(PublicRead):
    max_age = 3600
    stale = 1800

    @documented(read.VERSION_BY_HASH)
    def get(self, request: Request, digest: str) -> Response:
        return Response(_one(request, keys_by_hash(digest, viewer=request.user)[:1]))


class VersionsByHash(PublicRead):
    """POST, though it only reads: a hundred hashes do not fit into an address."""

    def limit_of(self, request: Request) -> str:
        return "read"

    @documented(read.VERSIONS_BY_HASH)
    def post(self, request: Request) -> Response:
        ids = {version for version, _, _ in _matches(request, most=MAX_HASHES)}
        return Response(_shapes(request, ids))


class VersionIdsByHash(PublicRead):
    def limit_of(self, request: Request) -> str:
        return "read"

    @documented(read.VERSION_IDS_BY_HASH)
    def post(self, request: Request) -> Response:
        return Response(
            [
                {"modelVersionId": version, "modelId": network, "hash": digest.upper()}
                for version, network, digest in _matches(request, most=MAX_HASHES_FOR_IDS)
            ]
        )


def version_response(request: Request, version_id: int, status: int = HTTPStatus.OK) -> Response:
    """A version alone, as this person may see it."""
    visible = Version.objects.visible_to(request.user).filter(pk=version_id)
    return Response(_one(request, _keys(visible)), status)


def _keys(versions: QuerySet[Version]) -> list[int]:
    return list(versions.values_list("pk", flat=True))


def _one(request: Request, keys: Sequence[int]) -> shapes.JSON:
    found = _shapes(request, keys)
    if not found:
        raise Http404(NOT_FOUND)
    return found[0]


def _shapes(request: Request, keys: Sequence[int] | Set[int]) -> list[shapes.JSON]:
    found = whole_versions(keys, up_to=ContentLevel.EXPLICIT)
    origin = origin_of(request)
    return [shapes.version(whole, origin=origin) for whole in found]


def _visible(request: Request, version_id: int) -> Version:
    """To change it: the verbs read it again under lock."""
    visible = Version.objects.visible_to(request.user).filter(pk=version_id)
    version = visible.select_related("network__creator").defer("network__search").first()
    if version is None:
        raise Http404(NOT_FOUND)
    return version


def _matches(request: Request, *, most: int) -> list[tuple[int, int, str]]:
    digests = _sha256_list(request.data, most=most)
    return keys_by_sha256(digests, viewer=request.user)


def _sha256_list(data: Any, *, most: int) -> list[str]:
    """The body: a JSON array of SHA256 in hex."""
    if not isinstance(data, list) or len(data) > most:
        raise Issues([issue("", f"Send a JSON array of at most {most} SHA256 hashes.")])
    for position, value in enumerate(data):
        if not isinstance(value, str) or len(value) != 64 or not _is_hex(value):
            raise Issues([issue(str(position), "A SHA256 has 64 hex digits.")])
    return [value.lower() for value in data]


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)
