"""The shapes of `registry.api.shapes`, described; the tests hold the two together."""

from typing import Final

from registry.api.schema.words import (
    ADDRESS,
    ANYTHING,
    BOOLEAN,
    COUNT,
    INTEGER,
    KEY,
    MOMENT,
    NOTHING,
    NUMBER,
    TEXT,
    array,
    choice,
    component,
    described,
    extended,
    hexadecimal,
    nullable,
    shape,
    text,
)
from registry.api.shapes import NSFW_LEVELS, NSFW_NAMES
from registry.facets import COLUMNS
from registry.formats.compatibility import App, Verdict
from registry.models import BaseModelName, ContentLevel, File, Network
from registry.models.network import CommercialUse, Licence
from registry.models.version import Version
from registry.search import SUGGESTIONS

BASE_MODEL: Final = choice(BaseModelName.values)
LEVEL: Final = described(
    {"type": "integer", "enum": list(NSFW_LEVELS.values())},
    "1 for everyone, 4 mature, 16 explicit.",
)
SCAN_RESULT: Final = choice(["Pending", "Success", "Danger", "Error"])
MODE: Final = described(
    choice(["Archived", "TakenDown"]),
    "Only on tombstones: what was deleted or taken down keeps its metadata and hashes.",
)
HTML: Final = described(text(), "HTML, made from Markdown and cleaned.")

CREATOR: Final = component(
    "Creator", shape({"username": described(TEXT, "", example="alice"), "image": nullable(ADDRESS)})
)
HASHES: Final = component(
    "Hashes",
    shape(
        {
            "AutoV2": hexadecimal(10),
            "SHA256": hexadecimal(64),
            "CRC32": hexadecimal(8),
            "BLAKE3": hexadecimal(64),
        },
        optional={"AutoV1": hexadecimal(8), "AutoV3": hexadecimal(12)},
        description="In upper case; AutoV1 and AutoV3 only where the file has them.",
    ),
)
FILE: Final = component(
    "File",
    shape(
        {
            "id": KEY,
            "sizeKB": NUMBER,
            "name": described(TEXT, "Its stem is the prompt token.", example="ink-wash.pt"),
            "type": choice(["Model"]),
            "pickleScanResult": SCAN_RESULT,
            "pickleScanMessage": nullable(TEXT),
            "virusScanResult": SCAN_RESULT,
            "virusScanMessage": nullable(TEXT),
            "scannedAt": nullable(MOMENT),
            "metadata": shape(
                {
                    "format": choice(File.Format.values),
                    "size": choice(["full"]),
                    "fp": choice(["fp32", "fp16", "bf16", "fp64", ""]),
                }
            ),
            "flavor": choice(File.Flavour.values),
            "hashes": HASHES,
            "primary": BOOLEAN,
            "downloadUrl": described(
                ADDRESS, "The primary file's equals the version's, without a query."
            ),
        }
    ),
)
_IMAGE = shape(
    {
        "id": KEY,
        "url": described(ADDRESS, "In place of `/width=450/` any other width answers too."),
        "nsfw": BOOLEAN,
        "nsfwLevel": LEVEL,
        "width": COUNT,
        "height": COUNT,
        "hash": described(TEXT, "A BlurHash."),
        "type": choice(["image"]),
        "hasMeta": BOOLEAN,
        "hasPositivePrompt": BOOLEAN,
        "onSite": described(BOOLEAN, "Whether the hub's own workers made it."),
    }
)
META: Final = described(nullable(ANYTHING), "What the picture says of its making: A1111's words.")
IMAGE: Final = component("Image", _IMAGE)
IMAGE_WITH_META: Final = component("ImageWithMeta", extended(_IMAGE, {"meta": META}))
_REACTIONS = ("cry", "laugh", "like", "dislike", "heart", "comment")
IMAGE_IN_LIST: Final = component(
    "ImageInList",
    extended(
        _IMAGE,
        {
            "nsfwLevel": choice(NSFW_NAMES.values()),
            "createdAt": MOMENT,
            "postId": KEY,
            "stats": shape({f"{name}Count": COUNT for name in _REACTIONS}),
            "meta": described(META, "null unless `withMeta`."),
            "username": TEXT,
            "baseModel": BASE_MODEL,
            "modelVersionIds": array(KEY),
        },
    ),
)
CELL_OF_COMPATIBILITY: Final = component(
    "Compatibility",
    shape(
        {
            "app": choice(App),
            "verdict": choice(Verdict),
            "rule": TEXT,
            "reason": described(TEXT, "In plain words."),
            "data": ANYTHING,
        },
        description="What the served file does in one app.",
    ),
)
SETTINGS: Final = component(
    "Strength",
    shape(
        {
            "strength": nullable(NUMBER),
            "minStrength": nullable(NUMBER),
            "maxStrength": nullable(NUMBER),
            "source": choice(["measured", "creator", "not measured"]),
        },
        description="The recommended strength (A1111: multiplier) and its range; null: not known.",
    ),
)
FACTS: Final = component(
    "NetworkFacts",
    shape(
        {
            "layerStructure": described(array(NUMBER), "", example=[1, 2, 1]),
            "activation": described(TEXT, "", example="relu"),
            "layerNorm": BOOLEAN,
            "dropout": array(NUMBER),
            "dims": described(array(INTEGER), "", example=[320, 640, 768, 1280]),
            "step": COUNT,
            "parameters": COUNT,
            "trainedOn": shape({"name": nullable(TEXT), "hash": nullable(TEXT)}),
        },
        description="What the file says of the network.",
    ),
)
PREVIEW_GRID: Final = component(
    "PreviewGrid",
    shape(
        {
            "id": described(KEY, "`grids/{id}` says the rest."),
            "versionId": KEY,
            "baseModel": shape({"id": KEY, "name": TEXT, "family": TEXT, "hash": TEXT}),
            "settings": ANYTHING,
            "prompts": array(shape({"text": TEXT, "seed": INTEGER})),
            "multipliers": array(NUMBER),
            "cells": array(
                shape(
                    {
                        "row": COUNT,
                        "column": COUNT,
                        "multiplier": NUMBER,
                        "url": nullable(ADDRESS),
                        "hash": nullable(TEXT),
                        "shift": nullable(NUMBER),
                        "fidelity": nullable(NUMBER),
                    }
                )
            ),
            "measured": nullable(ANYTHING),
            "createdAt": MOMENT,
            "finishedAt": nullable(MOMENT),
        },
        description="Prompts × strengths, each row from one seed. Null is “not measured”.",
    ),
)
_VERSION = shape(
    {
        "id": KEY,
        "name": described(TEXT, "", example="v1"),
        "nsfwLevel": LEVEL,
        "createdAt": MOMENT,
        "publishedAt": nullable(MOMENT),
        "status": choice(
            status.replace("_", " ").title().replace(" ", "") for status in Version.Status.values
        ),
        "statusReason": described(TEXT, "Why it was withdrawn or taken down."),
        "availability": choice(["Public"]),
        "trainedWords": array(TEXT),
        "baseModel": BASE_MODEL,
        "baseModelType": choice(["Standard"]),
        "description": described(text(), "What changed: HTML, made from Markdown and cleaned."),
        "stats": shape({"downloadCount": COUNT, "thumbsUpCount": COUNT, "thumbsDownCount": COUNT}),
        "files": array(FILE),
        "images": array(IMAGE),
        "downloadUrl": ADDRESS,
        "settings": SETTINGS,
        "network": FACTS,
        "compatibility": array(CELL_OF_COMPATIBILITY),
        "previewGrid": nullable(PREVIEW_GRID),
    }
)
VERSION_IN_MODEL: Final = component("VersionInModel", _VERSION)
VERSION: Final = component(
    "Version",
    extended(
        _VERSION,
        {
            "images": array(IMAGE_WITH_META),
            "modelId": KEY,
            "updatedAt": MOMENT,
            "trainingStatus": {"type": "null"},
            "trainingDetails": {"type": "null"},
            "uploadType": choice(["Created"]),
            "usageControl": choice(["Download"]),
            "air": described(TEXT, "", example="urn:air:sd1:hypernetwork:hyperhub:7@17"),
            "model": shape(
                {
                    "name": TEXT,
                    "type": choice(["Hypernetwork"]),
                    "nsfw": BOOLEAN,
                    "poi": BOOLEAN,
                    "creator": TEXT,
                    "tags": array(TEXT),
                },
                optional={"mode": MODE},
            ),
        },
    ),
)
VERSION_MINI: Final = component(
    "VersionMini",
    shape(
        {
            "id": KEY,
            "air": TEXT,
            "versionName": TEXT,
            "modelName": TEXT,
            "baseModel": BASE_MODEL,
            "availability": choice(["Public"]),
            "publishedAt": nullable(MOMENT),
            "size": described(COUNT, "Bytes of the primary file; 0 while there is none."),
            "fileName": TEXT,
            "fileType": choice(["Model"]),
            "format": choice(["", *File.Format.values]),
            "hashes": {"anyOf": [HASHES, NOTHING]},
            "downloadUrls": array(ADDRESS),
        }
    ),
)
MODEL: Final = component(
    "Model",
    shape(
        {
            "id": KEY,
            "name": described(TEXT, "", example="Ink wash"),
            "description": HTML,
            "kind": choice(Network.Kind.values),
            "address": described(ADDRESS, "Its page."),
            "licence": choice(Licence.values),
            "allowNoCredit": BOOLEAN,
            "allowCommercialUse": array(choice(CommercialUse.values)),
            "allowDerivatives": BOOLEAN,
            "allowDifferentLicense": BOOLEAN,
            "type": choice(["Hypernetwork"]),
            "minor": BOOLEAN,
            "sfwOnly": BOOLEAN,
            "poi": BOOLEAN,
            "nsfw": BOOLEAN,
            "nsfwLevel": LEVEL,
            "availability": choice(["Public"]),
            "cosmetic": {"type": "null"},
            "supportsGeneration": BOOLEAN,
            "baseModels": array(BASE_MODEL),
            "stats": shape(
                {
                    "downloadCount": COUNT,
                    "thumbsUpCount": COUNT,
                    "thumbsDownCount": COUNT,
                    "commentCount": COUNT,
                    "tippedAmountCount": COUNT,
                }
            ),
            "creator": CREATOR,
            "tags": described(array(TEXT), "", example=["ink", "line art"]),
            "modelVersions": described(array(VERSION_IN_MODEL), "Newest first."),
        },
        optional={"mode": MODE},
        description="A network: the published thing, with its versions.",
    ),
)
CURSOR_METADATA: Final = {
    "nextCursor": TEXT,
    "nextPage": ADDRESS,
    "currentPage": COUNT,
    "pageSize": COUNT,
}
PAGE_BY_CURSOR: Final = component(
    "CursorMetadata",
    shape(
        {},
        optional=CURSOR_METADATA,
        description=(
            "`nextCursor` and `nextPage` are absent at the end; `currentPage` and `pageSize` are "
            "there when `page` was used."
        ),
    ),
)
PAGE_BY_NUMBER: Final = component(
    "PageMetadata",
    shape(
        {"totalItems": COUNT, "currentPage": COUNT, "pageSize": COUNT, "totalPages": COUNT},
        optional={"nextPage": ADDRESS, "prevPage": ADDRESS},
    ),
)
MODELS: Final = component(
    "Models",
    shape(
        {
            "items": array(MODEL),
            "metadata": component(
                "SearchMetadata",
                shape(
                    {},
                    optional={
                        **CURSOR_METADATA,
                        "suggestions": described(
                            array(TEXT, maxItems=SUGGESTIONS),
                            "“Did you mean”: names and tags close to a query that found little.",
                        ),
                        "remarks": described(
                            array(TEXT), "What in the query was perhaps not meant as it was taken."
                        ),
                    },
                ),
            ),
        }
    ),
)
_FACET: Final = array(shape({"value": TEXT, "count": COUNT}))
FACETS: Final = component(
    "Facets",
    shape(
        {
            "total": described(COUNT, "How many networks the filters find."),
            "exact": described(
                BOOLEAN, "false: so many that all numbers are estimates, to two digits."
            ),
            "facets": shape(
                dict.fromkeys(COLUMNS, _FACET),
                description=(
                    "By parameter, its values with how many networks each would leave, the most "
                    "frequent first."
                ),
            ),
        }
    ),
)
IMAGES: Final = component(
    "Images", shape({"items": array(IMAGE_IN_LIST), "metadata": PAGE_BY_CURSOR})
)
CREATORS: Final = component(
    "Creators",
    shape(
        {
            "items": array(
                shape(
                    {
                        "username": TEXT,
                        "image": nullable(ADDRESS),
                        "modelCount": COUNT,
                        "link": described(ADDRESS, "Their networks."),
                    }
                )
            ),
            "metadata": PAGE_BY_NUMBER,
        }
    ),
)
TAGS: Final = component(
    "Tags",
    shape(
        {
            "items": array(
                shape(
                    {
                        "name": TEXT,
                        "namespace": choice(["style", "subject", "general"]),
                        "modelCount": COUNT,
                        "link": described(ADDRESS, "The networks that carry it."),
                    }
                )
            ),
            "metadata": PAGE_BY_NUMBER,
        }
    ),
)
CONTENT_LEVEL: Final = choice(ContentLevel.values)
