"""tus 1.0.0 (https://tus.io/protocols/resumable-upload) at `/api/v1/uploads`.

Core, creation, creation-with-upload, expiration, checksum and termination. The metadata that we
read are `filename`, `versionId` (the draft that the file is for) and `sha256` (of the whole).
Statuses of tus' own: 412 for another version of it, 423 while another connection writes, 460 for a
part that does not match its checksum.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from registry import receiving, uploads
from registry.api.errors import Issues, issue
from registry.api.schema import uploads as doc
from registry.api.schema.operations import documented
from registry.api.uploads import (
    Receive,
    UploadView,
    address,
    draft,
    list_uploads,
    own_upload,
    receive_form,
    refuse_too_large,
    sha256_or_none,
    shape,
)
from registry.api.writing import person
from registry.errors import UploadBusy, WrongChecksum
from registry.models import Upload

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
PART: Final = "application/offset+octet-stream"
LARGEST_LENGTH: Final = 18  # digits
STATUS_OF: Final[Mapping[type[Exception], int]] = {UploadBusy: 423, WrongChecksum: 460}
OVERRIDABLE: Final = ("PATCH", "DELETE", "HEAD")


class OtherVersion(exceptions.APIException):
    status_code = HTTPStatus.PRECONDITION_FAILED
    default_detail = f"This hub speaks tus {VERSION}: say so in a Tus-Resumable header."


class WrongType(exceptions.APIException):
    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    default_detail = f"The part of a file is sent as {PART}."


class TusView(UploadView):
    """What all answers of tus say, and its way around proxies that know no PATCH."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        override = request.headers.get("X-HTTP-Method-Override", "").upper()
        if request.method == "POST" and override in OVERRIDABLE:
            request.method = override
        return super().dispatch(request, *args, **kwargs)

    def get_permissions(self) -> Sequence[Any]:
        # What the hub can do is told before a key is needed.
        return [] if self.request.method == "OPTIONS" else super().get_permissions()

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        response = Response(status=HTTPStatus.NO_CONTENT)
        response["Tus-Version"] = VERSION
        response["Tus-Extension"] = EXTENSIONS
        response["Tus-Max-Size"] = str(settings.UPLOAD_MAX_BYTES)
        response["Tus-Checksum-Algorithm"] = ",".join(receiving.ALGORITHMS)
        return response

    def handle_exception(self, error: Exception) -> Response:
        response = super().handle_exception(error)
        response.status_code = STATUS_OF.get(type(error), response.status_code)
        if isinstance(error, OtherVersion):
            response["Tus-Version"] = VERSION
        return response

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Tus-Resumable"] = VERSION
        return answer


class UploadList(TusView):
    """`GET` one's uploads; `POST` begins one by tus, or brings a whole file as a form."""

    parser_classes = (MultiPartParser,)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Before anything looks into the form: signing in by session does, for the CSRF token.
        request.upload_handlers = [Receive(request)]
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "POST" and not _is_tus(request):
            refuse_too_large(request._request)
        super().initial(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        # Whatever came of it: a form is read before its token is found to be wrong, too.
        for handler in request._request.upload_handlers:
            handler.upload_interrupted()
        return super().finalize_response(request, response, *args, **kwargs)

    @documented(doc.LIST_UPLOADS)
    def get(self, request: Request) -> Response:
        return list_uploads(request)

    def limit_of(self, request: Request) -> str:
        return "upload" if request.method == "POST" else super().limit_of(request)

    @documented(doc.CREATE_UPLOAD)
    def post(self, request: Request) -> Response:
        return begin(request) if _is_tus(request) else receive_form(request)


class UploadDetail(TusView):
    """`GET` what became of it; `HEAD`, `PATCH` and `DELETE` by tus."""

    def limit_of(self, request: Request) -> str:
        # A large file in small parts is many requests.
        return "part" if request.method in ("PATCH", "HEAD") else super().limit_of(request)

    @documented(doc.READ_UPLOAD)
    def get(self, request: Request, upload_id: UUID) -> Response:
        return Response(shape(own_upload(request, upload_id)))

    @documented(doc.OFFSET_OF_UPLOAD)
    def head(self, request: Request, upload_id: UUID) -> Response:
        _require_version(request)
        upload = own_upload(request, upload_id)
        offset = uploads.received_size(upload)
        if upload.state == Upload.State.RECEIVING and offset == upload.size:
            # Its process was killed between the last byte and the check.
            uploads.finish_upload(upload=upload)
        response = _progressed(Response(), upload, offset)
        response["Upload-Length"] = str(upload.size)
        response["Cache-Control"] = "no-store"
        return response

    @documented(doc.APPEND_TO_UPLOAD)
    def patch(self, request: Request, upload_id: UUID) -> Response:
        _require_version(request)
        upload = own_upload(request, upload_id)
        offset = _length(request, "Upload-Offset")
        end = _append(request, upload, offset)
        return _progressed(Response(status=HTTPStatus.NO_CONTENT), upload, end)

    @documented(doc.CANCEL_UPLOAD)
    def delete(self, request: Request, upload_id: UUID) -> Response:
        if _is_tus(request):
            _require_version(request)
        uploads.cancel_upload(upload=own_upload(request, upload_id), by=person(request))
        return Response(status=HTTPStatus.NO_CONTENT)


def begin(request: Request) -> Response:
    """201 with the address to send the bytes to; the first of them may come along."""
    _require_version(request)
    if "Upload-Defer-Length" in request.headers:
        raise Issues([issue("Upload-Defer-Length", _("Say how long the file is at the start."))])
    words = metadata_of(request.headers.get("Upload-Metadata", ""))
    upload = uploads.create_upload(
        by=person(request),
        name=words.get("filename") or words.get("name", ""),
        size=_length(request, "Upload-Length"),
        version=draft(request, words.get("versionId", "")),
        checksum=sha256_or_none(words.get("sha256", "")),
    )
    response = Response(status=HTTPStatus.CREATED)
    response["Location"] = request.build_absolute_uri(address(upload))
    if request.content_type == PART:
        return _progressed(response, upload, _append(request, upload, 0))
    response["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return response


def _append(request: Request, upload: Upload, offset: int) -> int:
    if request.content_type != PART:
        raise WrongType
    with _body(request._request) as body:
        return uploads.append(
            upload=upload,
            by=person(request),
            offset=offset,
            body=body,
            checksum=checksum_of(request.headers.get("Upload-Checksum", "")),
        )


def _progressed(response: Response, upload: Upload, offset: int) -> Response:
    response["Upload-Offset"] = str(offset)
    if offset < upload.size:
        response["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return response


@contextmanager
def _body(request: HttpRequest) -> Iterator[receiving.Body]:
    """The raw body. A connection that falls silent is given up: a lost one says nothing at all."""
    socket = request.META.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(settings.UPLOAD_SILENT_SECONDS)
    try:
        # Without a length in advance Django reads nothing; the server knows where chunks end.
        chunked = "Transfer-Encoding" in request.headers
        terminated = request.META.get("wsgi.input_terminated")
        yield request.META["wsgi.input"] if chunked and terminated else request
    finally:
        if socket is not None:
            socket.settimeout(None)


# --- Headers --------------------------------------------------------------------------------------


def _is_tus(request: Request) -> bool:
    return "Tus-Resumable" in request.headers or "Upload-Length" in request.headers


def _require_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise OtherVersion


def _length(request: Request, name: str) -> int:
    """A header's number of bytes. Raises Issues."""
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= LARGEST_LENGTH):
        raise Issues([issue(name, _("A number of bytes, as a header."))])
    return int(text)


def metadata_of(header: str) -> dict[str, str]:
    """`filename aW5rLnB0,sha256 …`: keys, and values in base64. Raises Issues."""
    words: dict[str, str] = {}
    for pair in filter(None, map(str.strip, header.split(","))):
        key, _space, value = pair.partition(" ")
        try:
            words[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            text = _("“%(key)s” is not text in base64.") % {"key": key}
            raise Issues([issue("Upload-Metadata", text)]) from None
    return words


def checksum_of(header: str) -> receiving.Checksum | None:
    """`sha256 BASE64`; None where there is none. Raises Issues."""
    if not header:
        return None
    algorithm, _space, digest = header.partition(" ")
    if algorithm not in receiving.ALGORITHMS:
        raise Issues(
            [
                issue(
                    "Upload-Checksum",
                    _("An algorithm that the hub does not know."),
                    options=receiving.ALGORITHMS,
                )
            ]
        )
    try:
        return receiving.Checksum(algorithm, base64.b64decode(digest, validate=True))
    except binascii.Error:
        raise Issues([issue("Upload-Checksum", _("The digest is not base64."))]) from None
