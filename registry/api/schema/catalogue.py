"""Reading the catalogue: models, versions, images, creators, tags."""

from typing import Final

from registry.api.reading import (
    IMAGE_LEVELS,
    IMAGE_SORTS,
    MAX_HASHES,
    MAX_HASHES_FOR_IDS,
    MAX_IMAGES,
    MAX_LIMIT,
)
from registry.api.schema import shapes
from registry.api.schema.operations import JSON_TYPE, Answer, Operation
from registry.api.schema.words import (
    BOOLEAN,
    COUNT,
    KEY,
    SHA256,
    TEXT,
    Schema,
    array,
    choice,
    component,
    query,
    shape,
    text,
)
from registry.filters import APPS, OUR_TYPE, PERIODS, SORTS, TYPES
from registry.models import BaseModelName, Network, Scope

GROUP: Final = "Catalogue"
A_HASH: Final = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"


def limit_of(most: int, default: int) -> Schema:
    limits: Schema = {"type": "integer", "minimum": 0, "maximum": most, "default": default}
    return query("limit", "How many to a page.", limits)


def several(name: str, description: str, values: list[str]) -> Schema:
    """A parameter that may be repeated."""
    return query(name, f"{description} May be repeated: one of them.", array(choice(values)))


CURSOR: Final = query("cursor", "Where to begin: `nextCursor` of the page before.")
PAGE: Final = query(
    "page",
    "The same by number, for the first thousand rows: beyond, `page × limit` is answered with 429.",
    {"type": "integer", "minimum": 1},
)
NSFW: Final = query(
    "nsfw",
    "true: mature and explicit ones too; false: neither. Without it, as the key's owner wishes, "
    "else false.",
    choice(["true", "false"]),
)
FILTERS: Final = (
    query(
        "query",
        "Words, “quoted phrases”, `-without`; `tag:ink,line_art`, `user:`, `base:sd1`, `kind:`, "
        "`works:`, `activation:`, each also with a minus; `order:downloads`, `period:week`.",
        text(maxLength=2000),
    ),
    query("tag", "Networks that carry this tag, or an alias of it; repeated: all of them."),
    query("username", "Networks of this creator."),
    several("types", f"This hub has `{OUR_TYPE}` alone; others find nothing.", list(TYPES)),
    several("kind", "What the network teaches.", Network.Kind.values),
    several("baseModels", "What it was made for.", BaseModelName.values),
    several("works_with", "Apps in which the served file works.", list(APPS)),
    query("activation", "Its activation function, as A1111 spells it: `relu`."),
    query("minSize", "The primary file's bytes, at least.", COUNT),
    query("maxSize", "The primary file's bytes, at most.", COUNT),
    query("period", "Released within.", choice(PERIODS, default="AllTime")),
    query("ids", "These alone: at most 100, repeated or with commas.", text()),
    query(
        "favorites", "Those that the key's owner likes (needs a key).", choice(["true", "false"])
    ),
    NSFW,
)

LIST_MODELS: Final = Operation(
    "listModels",
    "Search the catalogue",
    group=GROUP,
    description=(
        "Networks with all their versions and files, a page at a time. A value that is not known "
        "is answered with 400 and those that are."
    ),
    parameters=(
        *FILTERS,
        query("sort", "In which order.", choice(SORTS, default=next(iter(SORTS)))),
        query(
            "primaryFileOnly", "Leave the other files out of `files`.", choice(["true", "false"])
        ),
        limit_of(MAX_LIMIT, MAX_LIMIT),
        CURSOR,
        PAGE,
    ),
    answers={200: Answer("A page of networks.", shapes.MODELS)},
    errors=(400, 401),
    example={"query": {"query": "ink", "sort": "Most Downloaded", "limit": 20}},
)
LIST_FACETS: Final = Operation(
    "listFacets",
    "Count what each filter would leave",
    group=GROUP,
    description=(
        "For the same parameters as the catalogue's. A facet counts as if its own parameter were "
        "not given, except `tag`. Counted once a minute."
    ),
    parameters=FILTERS,
    answers={200: Answer("Values with counts, by parameter.", shapes.FACETS)},
    errors=(400, 401),
    example={"query": {"query": "ink", "kind": "style"}},
)
READ_MODEL: Final = Operation(
    "readModel",
    "One network",
    group=GROUP,
    description="Its creator sees drafts and withdrawn versions too.",
    answers={200: Answer("The network.", shapes.MODEL)},
    errors=(404,),
    example={"network_id": 7},
)
READ_VERSION: Final = Operation(
    "readVersion",
    "One version",
    group=GROUP,
    answers={200: Answer("The version.", shapes.VERSION)},
    errors=(404,),
    example={"version_id": 17},
)
READ_VERSION_MINI: Final = Operation(
    "readVersionMini",
    "The least that a download needs to know",
    group=GROUP,
    answers={200: Answer("The version, in short.", shapes.VERSION_MINI)},
    errors=(404,),
    example={"version_id": 17},
)
VERSION_BY_HASH: Final = Operation(
    "readVersionByHash",
    "What is this file?",
    group=GROUP,
    description=(
        "By SHA256, BLAKE3, CRC32, AutoV1, AutoV2 or AutoV3, in any case, of the bytes that are "
        "served or of those that were uploaded. Of several matches the earliest published."
    ),
    answers={200: Answer("The version that has the file.", shapes.VERSION)},
    errors=(404,),
    example={"digest": A_HASH[:10]},
)
VERSIONS_BY_HASH: Final = Operation(
    "readVersionsByHash",
    "What are these files?",
    group=GROUP,
    body={JSON_TYPE: array(SHA256, maxItems=MAX_HASHES)},
    answers={200: Answer("The versions that are known.", array(shapes.VERSION))},
    errors=(400,),
    example={"body": [A_HASH]},
)
VERSION_IDS_BY_HASH: Final = Operation(
    "readVersionIdsByHash",
    "Which of these files does the hub know?",
    group=GROUP,
    body={JSON_TYPE: array(SHA256, maxItems=MAX_HASHES_FOR_IDS)},
    answers={
        200: Answer(
            "Those that are known.",
            array(
                component(
                    "HashMatch",
                    shape(
                        {
                            "modelVersionId": KEY,
                            "modelId": KEY,
                            "hash": text(pattern="^[0-9A-F]{64}$"),
                        }
                    ),
                )
            ),
        )
    },
    errors=(400,),
    example={"body": [A_HASH]},
)
LIST_IMAGES: Final = Operation(
    "listImages",
    "Pictures",
    group=GROUP,
    parameters=(
        query("modelId", "Of this network.", KEY),
        query("modelVersionId", "Of this version.", KEY),
        query("postId", "This one.", KEY),
        query("imageId", "This one, by the name that other clients give it.", KEY),
        query("username", "Shown by this person."),
        query("withMeta", "With what the pictures say of their making.", choice(["true", "false"])),
        query("sort", "In which order.", choice(IMAGE_SORTS, default="Newest")),
        query(
            "nsfw",
            "As in the list of models; or the strongest to show, by Civitai's names.",
            choice(["true", "false", *IMAGE_LEVELS]),
        ),
        limit_of(MAX_IMAGES, MAX_LIMIT),
        CURSOR,
        PAGE,
    ),
    answers={200: Answer("A page of pictures.", shapes.IMAGES)},
    errors=(400,),
    example={"query": {"modelVersionId": 17, "withMeta": "true"}},
)
_NUMBERED: Final = (
    query("query", "A part of the name."),
    limit_of(MAX_LIMIT, 20),
    query("page", "Which page; `page × limit` may be 1000 at most.", {"type": "integer"}),
)
LIST_CREATORS: Final = Operation(
    "listCreators",
    "Creators who have something published",
    group=GROUP,
    parameters=_NUMBERED,
    answers={200: Answer("A page of creators, by name.", shapes.CREATORS)},
    errors=(400,),
)
LIST_TAGS: Final = Operation(
    "listTags",
    "Tags in use",
    group=GROUP,
    parameters=_NUMBERED,
    answers={200: Answer("A page of tags, the most used first.", shapes.TAGS)},
    errors=(400,),
)
_ENUMS: Final = (
    "ModelType",
    "ModelFileType",
    "ActiveBaseModel",
    "BaseModel",
    "BaseModelType",
    "Kind",
    "ModelSort",
    "ImageSort",
    "Period",
    "WorksWith",
    "ContentLevel",
)
READ_ENUMS: Final = Operation(
    "readEnums",
    "The values that parameters take",
    group=GROUP,
    answers={200: Answer("Each list of values.", shape({name: array(TEXT) for name in _ENUMS}))},
)
READ_ME: Final = Operation(
    "readMe",
    "Whose key this is",
    group="The API",
    scope=Scope.READ,
    answers={
        200: Answer(
            "The person, and what the key may do.",
            component(
                "Me",
                shape(
                    {
                        "id": KEY,
                        "username": TEXT,
                        "image": {"type": ["string", "null"]},
                        "tier": choice(["free"]),
                        "status": choice(["active", "muted"]),
                        "isMember": BOOLEAN,
                        "subscriptions": array(TEXT, maxItems=0),
                        "displayName": TEXT,
                        "role": choice(["member", "moderator", "admin"]),
                        "scopes": array(choice(Scope.values)),
                    }
                ),
            ),
        )
    },
)
