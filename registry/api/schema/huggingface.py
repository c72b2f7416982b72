"""What `huggingface_hub` asks of a host (`HF_ENDPOINT`)."""

from typing import Final

from registry.api.schema.downloads import LEADS_TO, NAMED
from registry.api.schema.operations import Answer, Operation, said
from registry.api.schema.words import (
    BOOLEAN,
    COUNT,
    MOMENT,
    TEXT,
    array,
    choice,
    component,
    described,
    extended,
    nullable,
    query,
    shape,
    text,
)

GROUP: Final = "Hugging Face"
SORTS: Final = ("lastModified", "createdAt", "downloads", "likes")
ADDRESS_OF_ONE: Final = {"creator": "alice", "slug": "ink-wash", "revision": "main"}
COMMIT: Final = text(pattern="^[0-9a-f]{40}$")
SHA256: Final = text(pattern="^[0-9a-f]{64}$")

_SUMMARY = shape(
    {
        "_id": TEXT,
        "id": described(TEXT, "`creator/slug`", example="alice/ink-wash"),
        "modelId": TEXT,
        "author": TEXT,
        "sha": nullable(COMMIT),
        "createdAt": MOMENT,
        "lastModified": nullable(MOMENT),
        "private": BOOLEAN,
        "gated": BOOLEAN,
        "disabled": BOOLEAN,
        "downloads": COUNT,
        "likes": COUNT,
        "tags": array(TEXT),
        "cardData": shape({"license": TEXT, "base_model": TEXT}),
    }
)
SUMMARY: Final = component("RepositorySummary", _SUMMARY)
REPOSITORY: Final = component(
    "Repository",
    extended(
        _SUMMARY,
        {
            "siblings": array(
                shape(
                    {
                        "rfilename": TEXT,
                        "size": COUNT,
                        "blobId": COMMIT,
                        "lfs": shape({"sha256": SHA256, "size": COUNT, "pointerSize": COUNT}),
                    }
                )
            )
        },
    ),
)
ENTRY: Final = component(
    "TreeEntry",
    shape(
        {
            "type": choice(["file"]),
            "path": TEXT,
            "size": COUNT,
            "oid": COMMIT,
            "lfs": shape({"oid": SHA256, "size": COUNT, "pointerSize": COUNT}),
        }
    ),
)
FACTS: Final = {
    "X-Repo-Commit": said("The version, as 40 hex digits.", COMMIT, required=True),
    "X-Linked-Etag": said("The file's SHA256, in quotes.", required=True),
    "X-Linked-Size": said("The file's bytes.", COUNT, required=True),
}
REVISION: Final = (
    "Revisions are `main`, the latest version, a version's name, and the 40 hex digits of its "
    "commit. On 404 `X-Error-Code` is `RepoNotFound`, `RevisionNotFound` or `EntryNotFound`."
)

LIST: Final = Operation(
    "listRepositories",
    "Networks as repositories",
    group=GROUP,
    parameters=(
        query("search", "Words of the name."),
        query("author", "Of this creator."),
        query("filter", "Tags, repeated or with commas: all of them."),
        query("sort", "In which order.", choice(SORTS, default=SORTS[0])),
        query("limit", "How many in all; pages have at most 100.", COUNT),
        query("cursor", "Where to begin: part of the `Link`."),
    ),
    answers={
        200: Answer(
            "A page of them.",
            array(SUMMARY),
            headers={"Link": said('The next page: `<…>; rel="next"`.')},
        )
    },
    errors=(400,),
    example={"query": {"search": "ink", "limit": 20}},
)
READ: Final = Operation(
    "readRepository",
    "A network as a repository",
    group=GROUP,
    description=REVISION,
    answers={200: Answer("What it is, and its files.", REPOSITORY)},
    errors=(404,),
    example=ADDRESS_OF_ONE,
)
READ_BARE: Final = Operation(
    "readBareRepository",
    "A repository without an owner: there is none here",
    group=GROUP,
    answers={},
    errors=(404,),
)
READ_REVISION: Final = Operation(
    "readRevision",
    "A version of it",
    group=GROUP,
    description=REVISION,
    answers={200: Answer("What it is, and its files.", REPOSITORY)},
    errors=(404,),
    example=ADDRESS_OF_ONE,
)
TREE: Final = Operation(
    "readTree",
    "The files of a version",
    group=GROUP,
    description=REVISION,
    answers={200: Answer("All in one folder.", array(ENTRY))},
    errors=(404,),
    example=ADDRESS_OF_ONE,
)
FOLDER: Final = Operation(
    "readFolder",
    "The files of a folder: there is none but the one above",
    group=GROUP,
    answers={200: Answer("All in one folder.", array(ENTRY))},
    errors=(404,),
    example={**ADDRESS_OF_ONE, "folder": "weights"},
)
RESOLVE: Final = Operation(
    "resolveFile",
    "Download a file by its address",
    group=GROUP,
    description=REVISION,
    answers={307: Answer(LEADS_TO.description, headers={**LEADS_TO.headers, **FACTS})},
    errors=(404, 410),
    example={**ADDRESS_OF_ONE, "name": "ink-wash.pt"},
)
RESOLVE_HEAD: Final = Operation(
    "resolveFileHead",
    "What a file is, without its bytes",
    group=GROUP,
    description=REVISION,
    answers={
        200: Answer(
            "All that a client wants to know before it downloads.",
            headers={
                **FACTS,
                "Content-Length": said("The file's bytes.", COUNT, required=True),
                "Content-Disposition": NAMED,
                "Accept-Ranges": said("`bytes`"),
                "ETag": said("The SHA256, in quotes: strong.", required=True),
            },
        )
    },
    errors=(404, 410),
    example={**ADDRESS_OF_ONE, "name": "ink-wash.pt"},
)
