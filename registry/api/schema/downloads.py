"""Downloads, and what lies beside a file on a disk."""

from typing import Final

from registry.api.schema.operations import Answer, Operation, said
from registry.api.schema.words import (
    ADDRESS,
    BYTES,
    COUNT,
    KEY,
    NUMBER,
    TEXT,
    choice,
    component,
    header,
    query,
    shape,
    text,
)
from registry.models import File

GROUP: Final = "Downloads"
DTYPES: Final = ("fp32", "fp16", "bf16", "fp64")
ONE_VERSION: Final = {"version_id": 17}
CHOICE: Final = (
    query("type", "The kind of file; there is one.", choice(["Model"])),
    query("format", "`PickleTensor` is `.pt`.", choice(File.Format.values)),
    query("flavor", "`training` keeps A1111's settings for going on.", choice(File.Flavour.values)),
    query("fp", "Its precision; a version has one.", choice(DTYPES)),
    query("fileId", "This very file of the version.", KEY | {"minimum": 1}),
)
NAMED: Final = said("`attachment` with one plain ASCII `filename`.", required=True)
FILE_FACTS: Final = {
    "ETag": said("The SHA256, in quotes: strong."),
    "Accept-Ranges": said("`bytes`"),
    "Content-Disposition": NAMED,
    "Content-Length": said("How many bytes follow.", COUNT),
}
LEADS_TO: Final = Answer(
    "The bytes are at `Location`, for ten minutes, without a key.",
    headers={"Location": said("A signed address.", ADDRESS, required=True)},
)
GONE: Final = (400, 404, 410)

DOWNLOAD: Final = Operation(
    "downloadVersion",
    "Download a version",
    group=GROUP,
    description=(
        "Its primary file where nothing is asked. Counted once per client, file and day. Deleted "
        "and taken down networks are answered with 410; withdrawn versions are still served."
    ),
    parameters=CHOICE,
    answers={307: LEADS_TO},
    errors=GONE,
    example=ONE_VERSION,
)
SIDECAR: Final = Operation(
    "downloadSidecar",
    "`STEM.json`, as A1111 reads it beside the file",
    group=GROUP,
    parameters=CHOICE,
    answers={
        200: Answer(
            "What A1111 shows and uses: description, trigger words, the preferred weight.",
            component(
                "Sidecar",
                shape(
                    {
                        "description": TEXT,
                        "sd version": TEXT,
                        "activation text": TEXT,
                        "notes": TEXT,
                    },
                    optional={"preferred weight": NUMBER},
                ),
            ),
            headers={"Content-Disposition": NAMED},
        )
    },
    errors=GONE,
    example=ONE_VERSION,
)
PREVIEW: Final = Operation(
    "downloadPreview",
    "The PNG that lies beside the file",
    group=GROUP,
    parameters=CHOICE,
    answers={
        200: Answer(
            "A picture with A1111's infotext.",
            BYTES,
            content_type="image/png",
            headers={"Content-Disposition": NAMED},
        )
    },
    errors=GONE,
    example=ONE_VERSION,
)
BUNDLE: Final = Operation(
    "downloadBundle",
    "File, picture and sidecar in one zip",
    group=GROUP,
    parameters=CHOICE,
    answers={
        200: Answer(
            "A zip, streamed; counted as a download of the file.",
            BYTES,
            content_type="application/zip",
            headers={
                "Content-Disposition": NAMED,
                "Content-Length": said("How many bytes follow.", COUNT),
            },
        )
    },
    errors=GONE,
    example=ONE_VERSION,
)
OCTETS: Final = "application/octet-stream"
SIGNED_FILE: Final = Operation(
    "downloadBytes",
    "The bytes, for whoever holds the signed address",
    group=GROUP,
    description="Where a download leads to. Downloads can be gone on with at any byte.",
    keyless=True,
    parameters=(
        header("Range", "`bytes=1000-`, `bytes=0-999` or `bytes=-1000`: one part.", text()),
        header("If-Range", "The ETag that the part must belong to; else all is sent.", text()),
    ),
    answers={
        200: Answer("The whole file.", BYTES, content_type=OCTETS, headers=FILE_FACTS),
        206: Answer(
            "The part.",
            BYTES,
            content_type=OCTETS,
            headers={
                **FILE_FACTS,
                "Content-Range": said("Which bytes of how many.", required=True),
            },
        ),
        304: Answer("The client has these bytes already (`If-None-Match`)."),
        416: Answer(
            "No byte of the file is in the range.",
            headers={"Content-Range": said("`bytes */SIZE`", required=True)},
        ),
    },
    errors=(403,),
)
