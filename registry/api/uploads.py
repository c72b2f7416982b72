"""`/api/v1/uploads`: a file in one multipart `POST`, and what became of each upload.

    curl -H "Authorization: Bearer KEY" -F file=@ink-wash.pt -F versionId=17 …/api/v1/uploads

The same addresses speak tus, by which a file can be gone on with at any byte: see
`registry.api.tus`. A request that says `Tus-Resumable` is one of those.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from registry import storage, uploads
from registry.api.errors import Issues, issue
from registry.api.permissions import needs
from registry.api.reading import Paging, page_metadata, whole_number
from registry.api.schema import uploads as doc
from registry.api.schema.operations import documented
from registry.api.shapes import JSON, moment
from registry.api.view import ApiView
from registry.api.writing import person
from registry.errors import UploadTooLarge
from registry.ingest import attach_upload
from registry.keyset import LARGEST_KEY, BadCursor, Page
from registry.models import Scope, Upload, Version

# What a form has beside its file: boundaries, names, a version's number.
FORM_OVERHEAD: Final = 1 << 20
SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


class UploadView(ApiView):
    """One's own uploads, not to be kept by caches."""

    permission_classes = (needs(Scope.UPLOAD),)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        # Asked again and again while a file is checked: an ETag spares the body.
        answer.setdefault("Cache-Control", "private, no-cache")
        return answer


def list_uploads(request: Request) -> Response:
    """One's own, newest first; pages by cursor, which is the id of the last one seen."""
    paging = Paging.of(request, default=20)
    if paging.page:
        raise Issues([issue("page", _("Uploads are paged by cursor."))])
    mine = Upload.objects.filter(owner=person(request)).select_related("job").order_by("-pk")
    if paging.cursor:
        mine = mine.filter(pk__lt=_cursor(paging.cursor))
    found = list(mine.prefetch_related("findings")[: paging.limit + 1])
    shown = found[: paging.limit]
    has_more = bool(shown) and len(found) > paging.limit
    page = Page(shown, str(shown[-1].pk) if has_more else None)
    items = [shape(upload) for upload in page.rows]
    return Response({"items": items, "metadata": page_metadata(request, paging, page)})


def _cursor(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadCursor from None


def receive_form(request: Request) -> Response:
    """201 with the upload, whose check has been asked for."""
    file = _field(request, "file")
    if not isinstance(file, ReceivedFile):
        raise Issues([issue("file", _("Send the file as a form's field of this name."))])
    upload = uploads.create_upload(
        by=person(request),
        name=file.name or "",
        size=file.size or 0,
        version=draft(request, str(_field(request, "versionId") or "")),
        checksum=sha256_or_none(str(_field(request, "sha256") or "")),
    )
    uploads.receive_file(upload=upload, path=file.path)
    response = Response(shape(upload), status=HTTPStatus.CREATED)
    response["Location"] = request.build_absolute_uri(address(upload))
    return response


class UploadAttachment(UploadView):
    """`POST {"versionId": 17}`: a checked upload becomes the file of a draft. 202."""

    @documented(doc.ATTACH_UPLOAD)
    def post(self, request: Request, upload_id: UUID) -> Response:
        upload = own_upload(request, upload_id)
        version = draft(request, str(_field(request, "versionId") or ""))
        if version is None:
            raise Issues([issue("versionId", _("The number of a draft of yours."))])
        attach_upload(upload=upload, version=version, by=person(request))
        upload.refresh_from_db()
        return Response(shape(upload), status=HTTPStatus.ACCEPTED)


# --- Shapes ---------------------------------------------------------------------------------------


def shape(upload: Upload) -> JSON:
    """An upload: how far it is, and what was found, in plain words."""
    return {
        "id": str(upload.pk),
        "name": upload.name,
        "size": upload.size,
        "offset": _offset(upload),
        "state": upload.state,
        "step": upload.step,
        "progress": _progress(upload),
        "reason": upload.reason,
        "findings": [
            {"rule": f.rule, "severity": f.severity, "message": f.message, "data": f.data}
            for f in upload.findings.all()
        ],
        "report": _report(upload),
        "versionId": upload.version_id,
        "createdAt": moment(upload.created_at),
        "expiresAt": moment(upload.expires_at),
        "url": address(upload),
    }


def _offset(upload: Upload) -> int:
    receiving = upload.state == Upload.State.RECEIVING
    return uploads.received_size(upload) if receiving else upload.offset


def _progress(upload: Upload) -> JSON:
    """Percent of what is under way now: of receiving, then of the check."""
    label = str(upload.get_state_display())
    if upload.state == Upload.State.RECEIVING:
        return {"percent": 100 * _offset(upload) // upload.size, "label": label}
    checking = upload.state in (Upload.State.RECEIVED, Upload.State.CHECKING)
    if not checking or upload.job is None:
        return {"percent": 100, "label": label}
    done, total = upload.job.progress_done, upload.job.progress_total
    return {
        "percent": 100 * done // total if total else 0,
        "label": upload.job.progress_label or label,
    }


def _report(upload: Upload) -> JSON:
    """What the reader found in the file, once it has read it."""
    reading = dict(upload.report.get("reading", {}))
    reading.pop("findings", None)
    return {
        "sha256": upload.report.get("sha256"),
        "opinions": upload.report.get("opinions", []),
        **reading,
    }


def address(upload: Upload) -> str:
    return reverse("api-upload", args=[upload.pk])


# --- Parameters -----------------------------------------------------------------------------------


def own_upload(request: Request, upload_id: UUID) -> Upload:
    """404 for others' too."""
    mine = Upload.objects.filter(owner=person(request)).select_related("job", "owner", "version")
    upload = mine.filter(pk=upload_id).first()
    if upload is None:
        raise Http404(_("There is no such upload of yours."))
    return upload


def draft(request: Request, text: str) -> Version | None:
    """The version that the file is for, None where none is named. 404 for one that is not seen."""
    number = whole_number(text, "versionId", least=1, most=LARGEST_KEY)
    if number is None:
        return None
    visible = Version.objects.visible_to(person(request)).select_related("network__creator")
    version = visible.filter(pk=number).first()
    if version is None:
        raise Http404(_("There is no such version."))
    return version


def _field(request: Request, name: str) -> Any:
    """A field of the form, or of the JSON; None where it is not there."""
    return request.data.get(name) if isinstance(request.data, Mapping) else None


def sha256_or_none(text: str) -> str | None:
    if text and not SHA256.fullmatch(text):
        raise Issues([issue("sha256", _("The SHA256 of the whole file: 64 hexadecimal digits."))])
    return text or None


# --- The form's file ------------------------------------------------------------------------------


class ReceivedFile(UploadedFile):  # type: ignore[type-arg]  # generic in stubs alone
    """A form's file, in a folder of its own beside the uploads: stored by a rename."""

    path: Path


class Receive(FileUploadHandler):
    """Writes the form's file where it can stay; nothing of it is kept in memory."""

    chunk_size = 1 << 20

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.folder: Path | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.upload_interrupted()
        root = Path(settings.INCOMING_ROOT)
        root.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=storage.TEMPORARY, dir=root))
        self.file = (self.folder / "received").open("xb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if (size := start + len(raw_data)) > settings.UPLOAD_MAX_BYTES:
            raise UploadTooLarge(size=size, most=settings.UPLOAD_MAX_BYTES)
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> ReceivedFile:
        self.file.close()
        received = ReceivedFile(name=self.file_name, size=file_size)
        received.path = Path(self.file.name)
        return received

    def upload_interrupted(self) -> None:
        """Also when all is done: what was not renamed away goes."""
        if self.folder is not None:
            self.file.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def refuse_too_large(request: HttpRequest) -> None:
    """By what a form announces, before any of it is read. Raises UploadTooLarge."""
    announced = int(request.META.get("CONTENT_LENGTH") or 0)
    if announced > settings.UPLOAD_MAX_BYTES + FORM_OVERHEAD:
        raise UploadTooLarge(size=announced, most=settings.UPLOAD_MAX_BYTES)
