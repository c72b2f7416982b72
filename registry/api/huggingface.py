"""What `huggingface_hub` asks of a host (`HF_ENDPOINT`): repositories, revisions, files.

A network is a repository `creator/slug`, a released version a commit. Revisions are `main` (the
latest), a version's name, and the 40 hex digits of its commit. A HEAD of a file answers 200 with
all that the client wants to know; a GET leads to the bytes, and is where a download is counted.
"""

import hashlib
import re
from http import HTTPStatus
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from registry import downloads
from registry.api.downloads import redirect_to_bytes
from registry.api.reading import (
    MAX_LIMIT,
    PublicRead,
    address_with,
    issues_of_form,
    one_of,
    whole_number,
)
from registry.api.schema import huggingface as doc
from registry.api.schema.operations import documented
from registry.api.shapes import JSON, moment
from registry.filters import NetworkFilter
from registry.keyset import LARGEST_KEY, Order, keyset_page
from registry.models import File, Network, Version
from registry.search import normal_tag, tag_ids

LATEST: Final = "main"
# The first is the default. Networks are numbered as they are made: their id says when.
SORTS: Final = {
    "lastModified": Order("last_version_at"),
    "createdAt": Order("id"),
    "downloads": Order("download_count"),
    "likes": Order("like_count"),
}
# The client has a type of error of its own for this very sentence.
DISABLED: Final = "Access to this resource is disabled."
INNER_PUNCTUATION: Final = re.compile(r"(?<=\w)[-_/.](?=\w)")


class NotFound(Exception):
    """What the client looks for is not here; `code` is the name that it knows."""

    def __init__(self, code: str, sentence: str, *, commit: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.commit = commit

    def response(self) -> Response:
        headers = {"X-Error-Code": self.code, "X-Error-Message": str(self)}
        if self.commit:
            headers["X-Repo-Commit"] = self.commit
        return Response({"error": str(self)}, HTTPStatus.NOT_FOUND, headers=headers)


class HuggingFaceRead(PublicRead):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Postgres takes no NUL, and nothing here has one in its name.
        if any("\0" in value for value in kwargs.values()):
            raise _no_repository()

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, NotFound):
            return exc.response()
        response = super().handle_exception(exc)
        if isinstance(exc, downloads.NotServed):
            response["X-Error-Message"] = DISABLED
        return response


class RepositoryList(HuggingFaceRead):
    """`GET /api/models?search=&author=&filter=&sort=&limit=`; `filter` names tags."""

    def limit_of(self, request: Request) -> str:
        return "search" if request.query_params.get("search") else "read"

    @documented(doc.LIST)
    def get(self, request: Request) -> Response:
        asked = request.query_params
        limit = whole_number(asked.get("limit"), "limit", least=0, most=LARGEST_KEY)
        page = keyset_page(
            _found(request).select_related("creator", "latest_version").prefetch_related("tags"),
            order=SORTS[one_of(asked.get("sort"), "sort", tuple(SORTS))],
            # The client asks for as many as it wants in all, and follows the links.
            limit=MAX_LIMIT if limit is None else min(limit, MAX_LIMIT),
            cursor=asked.get("cursor"),
        )
        response = Response([_summary(n, n.latest_version) for n in page.rows])
        if page.next_cursor:
            following = address_with(request, cursor=page.next_cursor)
            response["Link"] = f'<{following}>; rel="next"'
        return response


class RepositoryView(HuggingFaceRead):
    def answer(self, request: Request, creator: str, slug: str, revision: str = LATEST) -> Response:
        network = _network(request, creator, slug)
        version = _version(request, network, revision)
        files = [_sibling(file) for file in _files(version)]
        return Response(_summary(network, version) | {"siblings": files})


class Repository(RepositoryView):
    """`GET /api/models/{creator}/{slug}`."""

    @documented(doc.READ)
    def get(self, request: Request, creator: str, slug: str) -> Response:
        return self.answer(request, creator, slug)


class BareRepository(HuggingFaceRead):
    """`GET /api/models/{slug}`: names without an owner, as of the oldest models there."""

    @documented(doc.READ_BARE)
    def get(self, request: Request, slug: str) -> Response:
        raise _no_repository()


class Revision(RepositoryView):
    """`GET /api/models/{creator}/{slug}/revision/{rev}`."""

    @documented(doc.READ_REVISION)
    def get(self, request: Request, creator: str, slug: str, revision: str) -> Response:
        return self.answer(request, creator, slug, revision)


class Tree(HuggingFaceRead):
    """`GET /api/models/{creator}/{slug}/tree/{rev}`: files, all in one folder."""

    @documented(doc.TREE)
    def get(self, request: Request, creator: str, slug: str, revision: str) -> Response:
        version = _version(request, _network(request, creator, slug), revision)
        return Response([_entry(file) for file in _files(version)])


class Folder(HuggingFaceRead):
    """`GET …/tree/{rev}/{folder}`: there is only the one above."""

    @documented(doc.FOLDER)
    def get(
        self, request: Request, creator: str, slug: str, revision: str, folder: str
    ) -> Response:
        version = _version(request, _network(request, creator, slug), revision)
        if folder.strip("/"):
            raise _no_entry(version)
        return Response([_entry(file) for file in _files(version)])


class Resolve(HuggingFaceRead):
    """`HEAD|GET /{creator}/{slug}/resolve/{rev}/{file}`."""

    def limit_of(self, request: Request) -> str:
        return "download" if request.method == "GET" else "read"

    @documented(doc.RESOLVE_HEAD)
    def head(self, request: Request, **address: str) -> HttpResponseBase:
        version, file = self._file(request, **address)
        response = HttpResponse(content_type=downloads.CONTENT_TYPE)
        response["Content-Length"] = str(file.size)
        response["Content-Disposition"] = downloads.disposition(file)
        response["Accept-Ranges"] = "bytes"
        response["ETag"] = f'"{file.sha256}"'
        return _with_facts(response, version, file)

    @documented(doc.RESOLVE)
    def get(self, request: Request, **address: str) -> HttpResponseBase:
        version, file = self._file(request, **address)
        return _with_facts(redirect_to_bytes(request, file), version, file)

    def _file(
        self, request: Request, *, creator: str, slug: str, revision: str, name: str
    ) -> tuple[Version, File]:
        version = _version(request, _network(request, creator, slug), revision)
        file = version.files.filter(name=name).first()
        if file is None:
            raise _no_entry(version)
        choice = downloads.Choice(file_id=file.pk)
        return version, downloads.file_to_download(
            version_id=version.pk, choice=choice, by=request.user
        )


def commit_of(version: Version) -> str:
    """The 40 hex digits that stand for a version: it is immutable, so they never change."""
    text = f"hyperhub:version:{version.pk}:{version.weights_hash}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


# --- What is asked for ----------------------------------------------------------------------------


def _found(request: Request) -> QuerySet[Network]:
    """Listed networks, by the filters of the catalogue."""
    asked = QueryDict(mutable=True)
    # People search for an address, `ink-wash`; in names these are words.
    asked["query"] = INNER_PUNCTUATION.sub(" ", request.query_params.get("search", ""))
    asked["username"] = request.query_params.get("author", "")
    found = NetworkFilter(asked, viewer=request.user)
    if not found.is_valid():
        raise issues_of_form(found.form)
    networks: QuerySet[Network] = found.qs.defer("search")
    for part in request.query_params.getlist("filter"):
        for tag in filter(None, part.split(",")):
            networks = networks.filter(tag_ids__overlap=tag_ids({normal_tag(tag)}))
    return networks


def _network(request: Request, creator: str, slug: str) -> Network:
    found = Network.objects.visible_to(request.user).select_related("creator", "latest_version")
    network = found.filter(creator__username__iexact=creator, slug=slug.lower()).first()
    if network is None:
        raise _no_repository()
    return network


def _version(request: Request, network: Network, revision: str) -> Version:
    """The released version that a revision names. Drafts may still change: they are no commits."""
    released = Version.objects.visible_to(request.user).filter(
        network=network, published_at__isnull=False
    )
    version: Version | None
    if revision == LATEST:
        version = network.latest_version
    elif re.fullmatch("[0-9a-f]{40}", revision):
        version = next((each for each in released if commit_of(each) == revision), None)
    else:
        version = released.filter(name=revision).first()
    if version is None:
        raise NotFound("RevisionNotFound", "Revision not found")
    return version


def _files(version: Version) -> QuerySet[File]:
    """Those that can be downloaded: of what was deleted only the names are left."""
    return version.files.filter(blob__isnull=False)


def _no_repository() -> NotFound:
    return NotFound("RepoNotFound", "Repository not found")


def _no_entry(version: Version) -> NotFound:
    return NotFound("EntryNotFound", "Entry not found", commit=commit_of(version))


# --- What is answered -----------------------------------------------------------------------------


def _with_facts(response: HttpResponse, version: Version, file: File) -> HttpResponse:
    response["X-Repo-Commit"] = commit_of(version)
    response["X-Linked-Etag"] = f'"{file.sha256}"'
    response["X-Linked-Size"] = str(file.size)
    return response


def _summary(network: Network, version: Version | None) -> JSON:
    address = f"{network.creator.username}/{network.slug}"
    return {
        "_id": str(network.pk),
        "id": address,
        "modelId": address,
        "author": network.creator.username,
        "sha": commit_of(version) if version else None,
        "createdAt": moment(network.published_at or network.created_at),
        "lastModified": moment(version.published_at if version else network.updated_at),
        "private": False,
        "gated": False,
        "disabled": network.status in (Network.Status.ARCHIVED, Network.Status.TAKEN_DOWN),
        "downloads": network.download_count,
        "likes": network.like_count,
        "tags": [tag.name for tag in network.tags.all()],
        "cardData": {
            "license": network.licence.lower(),
            "base_model": version.base_model if version else "",
        },
    }


def _sibling(file: File) -> JSON:
    pointer = _pointer(file)
    return {
        "rfilename": file.name,
        "size": file.size,
        "blobId": _git_id(pointer),
        "lfs": {"sha256": file.sha256, "size": file.size, "pointerSize": len(pointer)},
    }


def _entry(file: File) -> JSON:
    pointer = _pointer(file)
    return {
        "type": "file",
        "path": file.name,
        "size": file.size,
        "oid": _git_id(pointer),
        "lfs": {"oid": file.sha256, "size": file.size, "pointerSize": len(pointer)},
    }


def _pointer(file: File) -> bytes:
    """What git would hold in place of the bytes (git-lfs/docs/spec.md)."""
    spec = "https://git-lfs.github.com/spec/v1"
    return f"version {spec}\noid sha256:{file.sha256}\nsize {file.size}\n".encode()


def _git_id(content: bytes) -> str:
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


_REPOSITORY: Final = "api/models/<str:creator>/<str:slug>"
_FILE: Final = "<str:creator>/<str:slug>/resolve/<str:revision>/<path:name>"
urlpatterns: list[Any] = [
    path("api/models", RepositoryList.as_view()),
    path("api/models/<str:slug>", BareRepository.as_view()),
    path(_REPOSITORY, Repository.as_view()),
    path(f"{_REPOSITORY}/revision/<str:revision>", Revision.as_view()),
    path(f"{_REPOSITORY}/tree/<str:revision>", Tree.as_view()),
    path(f"{_REPOSITORY}/tree/<str:revision>/<path:folder>", Folder.as_view()),
    path(_FILE, Resolve.as_view()),
]
