"""`/api/download/models/:versionId`, and the signed address that it leads to."""

from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from registry import bundles, downloads
from registry.api.permissions import MayReadInPublic
from registry.api.reading import one_of, whole_number
from registry.api.schema import downloads as doc
from registry.api.schema.operations import documented
from registry.api.view import ApiView, address_of
from registry.counters import count_download
from registry.keyset import LARGEST_KEY
from registry.models import File
from registry.ranges import file_response


class Download(ApiView):
    """Open to everyone, like the versions themselves."""

    permission_classes = (MayReadInPublic,)

    def limit_of(self, request: Request) -> str:
        return "download"


class DownloadVersion(Download):
    """307 to the bytes. Counted here: the signed address may be fetched in many parts."""

    @documented(doc.DOWNLOAD)
    def get(self, request: Request, version_id: int) -> HttpResponseBase:
        return redirect_to_bytes(request, _file(request, version_id))


class VersionSidecar(Download):
    """`STEM.json` as A1111 reads it beside the file."""

    @documented(doc.SIDECAR)
    def get(self, request: Request, version_id: int) -> HttpResponseBase:
        file = _file(request, version_id)
        response = HttpResponse(_sidecar(request, file), content_type="application/json")
        response["Content-Disposition"] = _named(file, ".json")
        return _private(response)


class VersionPreview(Download):
    """The PNG that lies beside the file; 404 with a sentence while there is none."""

    @documented(doc.PREVIEW)
    def get(self, request: Request, version_id: int) -> HttpResponseBase:
        file = _file(request, version_id)
        key = bundles.preview_of(file.version)
        if key is None:
            raise Http404(_("There is no picture of this version yet."))
        response = FileResponse(default_storage.open(key), content_type="image/png")
        response["Content-Disposition"] = _named(file, ".png")
        return _private(response)


class VersionBundle(Download):
    """File, picture and sidecar in one zip, streamed; counted as a download of the file."""

    @documented(doc.BUNDLE)
    def get(self, request: Request, version_id: int) -> HttpResponseBase:
        file = _file(request, version_id)
        _count(request, file)
        members = bundles.members_of(file.version, file, sidecar=_sidecar(request, file))
        at = file.version.published_at or file.created_at
        response = StreamingHttpResponse(
            bundles.zip_of(members, at=at), content_type="application/zip"
        )
        response["Content-Length"] = str(bundles.zip_length(members))
        response["Content-Disposition"] = _named(file, ".zip")
        return _private(response)


def _file(request: Request, version_id: int) -> File:
    """The file that is asked for. Raises Http404, NotServed, Issues."""
    try:
        return downloads.file_to_download(
            version_id=version_id, choice=_choice(request), by=request.user
        )
    except downloads.NotThere:
        raise Http404("File not found") from None


def _sidecar(request: Request, file: File) -> bytes:
    network = file.version.network
    path = f"/{network.creator.username}/{network.slug}"
    return bundles.as_bytes(
        bundles.sidecar_of(file.version, address=request.build_absolute_uri(path))
    )


def _named(file: File, suffix: str) -> str:
    return f'attachment; filename="{file.name.rpartition(".")[0]}{suffix}"'


def _private(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = "private, no-cache"
    return response


def redirect_to_bytes(request: Request, file: File) -> HttpResponse:
    """307 to an address that works without a key for a while; counted unless it is a HEAD."""
    _count(request, file)
    response = HttpResponse(status=HTTPStatus.TEMPORARY_REDIRECT)
    response["Location"] = request.build_absolute_uri(downloads.address_of_bytes(file))
    response["Cache-Control"] = "private, no-store"
    return response


def _count(request: Request, file: File) -> None:
    if request.method != "GET":
        return
    client = downloads.client_digest(address=address_of(request), user=request.user)
    count_download(file=file, client=client)


def _choice(request: Request) -> downloads.Choice:
    """The file that the query asks for; nothing asked is the primary one."""
    asked = request.query_params

    def value(name: str, options: tuple[str, ...]) -> str | None:
        return one_of(asked.get(name), name, options) if asked.get(name) else None

    value("type", ("Model",))
    return downloads.Choice(
        file_id=whole_number(asked.get("fileId"), "fileId", least=1, most=LARGEST_KEY),
        format=value("format", tuple(File.Format.values)),
        flavour=value("flavor", tuple(File.Flavour.values)),
        dtype=value("fp", doc.DTYPES),
    )


class SignedFile(ApiView):
    """The bytes, whole or in part, for whoever holds the signed address."""

    authentication_classes = ()
    permission_classes = ()

    def limit_of(self, request: Request) -> str:
        return "bytes"

    @documented(doc.SIGNED_FILE)
    def get(self, request: Request, signature: str, name: str) -> HttpResponseBase:
        try:
            file = downloads.file_of_signature(signature)
        except downloads.NotThere:
            sentence = _("This address has expired. Ask for the download again.")
            return Response({"error": sentence}, status=HTTPStatus.FORBIDDEN)
        response = _bytes(request, file)
        response["Content-Disposition"] = downloads.disposition(file)
        response["Content-Type"] = downloads.CONTENT_TYPE
        response["Cache-Control"] = "private, no-transform"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return response


def _bytes(request: Request, file: File) -> HttpResponseBase:
    assert file.blob is not None  # noqa: S101  # file_of_signature has seen to it
    etag = f'"{file.sha256}"'
    # nginx sends the bytes itself; it takes our ETag over, and with it `If-Range`.
    if settings.ACCEL_REDIRECT:
        response = HttpResponse()
        response["X-Accel-Redirect"] = f"{settings.ACCEL_REDIRECT}{file.blob.key}"
        response["ETag"] = etag
        return response
    path = Path(default_storage.path(file.blob.key))
    return file_response(request._request, path.open("rb"), etag=etag)
