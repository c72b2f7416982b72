"""Uploads: by a form, by tus 1.0.0, and what became of them."""

from typing import Final

from registry.api.schema import shapes
from registry.api.schema.operations import JSON_TYPE, Answer, Operation, said
from registry.api.schema.words import (
    ADDRESS,
    ANYTHING,
    BYTES,
    COUNT,
    INTEGER,
    KEY,
    MOMENT,
    SHA256,
    TEXT,
    UUID,
    Schema,
    array,
    choice,
    component,
    described,
    header,
    nullable,
    query,
    shape,
    text,
)
from registry.formats.errors import Severity
from registry.models import Scope, Upload
from registry.opinions import Says
from registry.receiving import ALGORITHMS

GROUP: Final = "Uploads"
PART: Final = "application/offset+octet-stream"
TUS_VERSION: Final = "1.0.0"
ONE_UPLOAD: Final = {"upload_id": "019abf3c-7d2e-7c41-9b1f-5b8f0f6f3a10"}

FINDING: Final = component(
    "Finding",
    shape(
        {
            "rule": described(TEXT, "A stable name."),
            "severity": choice(Severity),
            "message": described(TEXT, "In plain words."),
            "data": ANYTHING,
        },
        description="One thing that the check found. `info` and `warning` do not stop a file.",
    ),
)
_OPINION: Final = shape(
    {"scanner": TEXT, "version": TEXT, "verdict": choice(Says), "message": TEXT}
)
REPORT: Final = component(
    "Report",
    shape(
        {
            "sha256": nullable(text(pattern="^[0-9a-f]{64}$")),
            "opinions": described(array(_OPINION), "What other scanners said; never what decides."),
        },
        optional={
            "accepted": {"type": "boolean"},
            "hashes": ANYTHING,
            "container": nullable(TEXT),
            "spec": nullable(ANYTHING),
            "dims": array(INTEGER),
            "dtype": nullable(TEXT),
            "parameters": nullable(COUNT),
            "base_family": nullable(TEXT),
            "epoch": nullable(TEXT),
            "weights": nullable(ANYTHING),
            "compatibility": {
                "type": "object",
                "additionalProperties": array(shapes.CELL_OF_COMPATIBILITY),
            },
            "files": ANYTHING,
            "process": nullable(ANYTHING),
        },
        description="What the reader found in the file, once it has read it.",
    ),
)
UPLOAD: Final = component(
    "Upload",
    shape(
        {
            "id": UUID,
            "name": TEXT,
            "size": COUNT,
            "offset": described(COUNT, "How many bytes have come: where to go on."),
            "state": choice(Upload.State.values),
            "step": described(TEXT, "The last finished step of the check."),
            "progress": shape(
                {"percent": {"type": "integer", "minimum": 0, "maximum": 100}, "label": TEXT}
            ),
            "reason": described(TEXT, "Why it was refused, held or given up."),
            "findings": array(FINDING),
            "report": REPORT,
            "versionId": nullable(KEY),
            "createdAt": MOMENT,
            "expiresAt": MOMENT,
            "url": described(TEXT, "Its address on this host."),
        }
    ),
)
UPLOADS: Final = component(
    "Uploads", shape({"items": array(UPLOAD), "metadata": shapes.PAGE_BY_CURSOR})
)

RESUMABLE: Final = said("`1.0.0`", choice([TUS_VERSION]))
OFFSET: Final = said("How many bytes the hub has.", COUNT)
EXPIRES: Final = said("Until when it can be gone on with, as an HTTP date.")


def tus(*, required: bool = True) -> Schema:
    return header("Tus-Resumable", "Says that this is tus, and which.", text(), required=required)


METHOD: Final = header(
    "X-HTTP-Method-Override",
    "For proxies that know no PATCH: a POST that means PATCH, DELETE or HEAD.",
    text(),
)

LIST_UPLOADS: Final = Operation(
    "listUploads",
    "Your uploads, newest first",
    group=GROUP,
    scope=Scope.UPLOAD,
    parameters=(
        query("limit", "How many to a page.", COUNT | {"maximum": 100, "default": 20}),
        query("cursor", "Where to begin: `nextCursor` of the page before."),
    ),
    answers={200: Answer("A page of them.", UPLOADS, headers={"Tus-Resumable": RESUMABLE})},
    errors=(400,),
)
FORM: Final = component(
    "UploadForm",
    shape(
        {"file": described(BYTES, "The hypernetwork's file.")},
        optional={
            "versionId": described(KEY, "The draft that it is for."),
            "sha256": described(SHA256, "Of the whole file: other bytes are refused."),
        },
    ),
)
CREATE_UPLOAD: Final = Operation(
    "createUpload",
    "Bring a file: whole as a form, or begin a tus upload",
    group=GROUP,
    description=(
        "A form brings the whole file in one request. With `Upload-Length` it is tus: the answer's "
        "`Location` is where the bytes go, and the first of them may come along as "
        f"`{PART}`. The check begins when all bytes are there; ask for the upload to see it."
    ),
    scope=Scope.UPLOAD,
    parameters=(
        tus(required=False),
        header("Upload-Length", "tus: how many bytes the file has.", COUNT),
        header(
            "Upload-Metadata",
            "tus: `filename`, `versionId` and `sha256` with their values in base64, by commas.",
            text(),
        ),
        header("Upload-Checksum", f"tus: {', '.join(ALGORITHMS)} of this part, base64.", text()),
        METHOD,
    ),
    body={"multipart/form-data": FORM, PART: BYTES},
    body_required=False,
    answers={
        201: Answer(
            "The upload; by tus without a body.",
            UPLOAD,
            headers={
                "Location": said("Its address.", ADDRESS, required=True),
                "Tus-Resumable": RESUMABLE,
                "Upload-Offset": OFFSET,
                "Upload-Expires": EXPIRES,
            },
        )
    },
    errors=(400, 404, 405, 409, 410, 412, 423, 460),
    example={"form": {"file": "ink-wash.pt", "versionId": 17}},
)
READ_UPLOAD: Final = Operation(
    "readUpload",
    "What became of an upload",
    group=GROUP,
    description="Asked again and again while a file is checked: an `ETag` spares the body.",
    scope=Scope.UPLOAD,
    answers={200: Answer("The upload.", UPLOAD, headers={"Tus-Resumable": RESUMABLE})},
    errors=(404,),
    example=ONE_UPLOAD,
)
OFFSET_OF_UPLOAD: Final = Operation(
    "readUploadOffset",
    "tus: where to go on",
    group=GROUP,
    scope=Scope.UPLOAD,
    parameters=(tus(),),
    answers={
        200: Answer(
            "Where to go on.",
            headers={
                "Upload-Offset": OFFSET | {"required": True},
                "Upload-Length": said("How many bytes the file has.", COUNT, required=True),
                "Upload-Expires": EXPIRES,
                "Tus-Resumable": RESUMABLE,
            },
        )
    },
    errors=(400, 404, 409, 410, 412),
    example=ONE_UPLOAD,
)
APPEND_TO_UPLOAD: Final = Operation(
    "appendToUpload",
    "tus: the next bytes",
    group=GROUP,
    description=(
        "What has come is kept when the connection breaks: ask where to go on by HEAD. A part that "
        "does not match its checksum is dropped whole."
    ),
    scope=Scope.UPLOAD,
    parameters=(
        tus(),
        header(
            "Upload-Offset", "Which byte of the file the body begins with.", COUNT, required=True
        ),
        header("Upload-Checksum", f"{', '.join(ALGORITHMS)} of this part, base64.", text()),
    ),
    body={PART: BYTES},
    body_required=False,
    answers={
        204: Answer(
            "Kept.",
            headers={
                "Upload-Offset": OFFSET | {"required": True},
                "Upload-Expires": EXPIRES,
                "Tus-Resumable": RESUMABLE,
            },
        )
    },
    errors=(400, 404, 409, 410, 412, 423, 460),
    example=ONE_UPLOAD,
)
CANCEL_UPLOAD: Final = Operation(
    "cancelUpload",
    "Cancel an upload",
    group=GROUP,
    description="Its bytes are dropped, whatever the check has made of them so far.",
    scope=Scope.UPLOAD,
    parameters=(tus(required=False),),
    answers={204: Answer("It is cancelled.", headers={"Tus-Resumable": RESUMABLE})},
    errors=(404, 409, 410, 412),
    example=ONE_UPLOAD,
)
ATTACH_UPLOAD: Final = Operation(
    "attachUpload",
    "Make a checked upload the file of a draft",
    group=GROUP,
    scope=Scope.UPLOAD,
    body={
        JSON_TYPE: component(
            "Attachment", shape({"versionId": described(KEY, "A draft of yours.")})
        )
    },
    answers={202: Answer("The upload; its files are being stored.", UPLOAD)},
    errors=(400, 404, 409, 410),
    example={**ONE_UPLOAD, "body": {"versionId": 17}},
)
