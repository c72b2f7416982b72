"""Writing: models and versions made, changed, published, withdrawn, deleted; likes."""

from typing import Final

from registry.api.schema import shapes
from registry.api.schema.operations import JSON_TYPE, Answer, Operation, said
from registry.api.schema.words import ADDRESS, BOOLEAN, COUNT, KEY, NOTHING, component, shape
from registry.api.writing import (
    ModelBody,
    ModelChange,
    OptionalReason,
    Publication,
    Reason,
    VersionBody,
)
from registry.models import Scope

GROUP: Final = "Publishing"
ONE_NETWORK: Final = {"network_id": 7}
ONE_VERSION: Final = {"version_id": 17}
MADE: Final = {"Location": said("Where it is.", ADDRESS, required=True)}
_VERSION_NOW: Final = Answer("The version as it is now.", shapes.VERSION)

CREATE_MODEL: Final = Operation(
    "createModel",
    "A new network, as a draft",
    group=GROUP,
    scope=Scope.UPLOAD,
    body={JSON_TYPE: ModelBody},
    answers={201: Answer("The draft.", shapes.MODEL, headers=MADE)},
    errors=(400,),
    example={"body": {"name": "Ink wash", "kind": "style", "tags": ["ink", "style:line art"]}},
)
CHANGE_MODEL: Final = Operation(
    "changeModel",
    "Change what is said of a network",
    group=GROUP,
    description=(
        "Only the fields that are sent. Moderators may set `tags` and `contentLevel` of everyone's."
    ),
    scope=Scope.UPLOAD,
    body={JSON_TYPE: ModelChange},
    answers={200: Answer("The network as it is now.", shapes.MODEL)},
    errors=(400, 404, 409),
    example={**ONE_NETWORK, "body": {"description": "Wet ink on **rough** paper."}},
)
DELETE_MODEL: Final = Operation(
    "deleteModel",
    "Delete a network",
    group=GROUP,
    description=(
        "A draft is gone. Of what was published the tombstone stays: its words and hashes, and the "
        "reason, without the files."
    ),
    scope=Scope.UPLOAD,
    body={JSON_TYPE: OptionalReason},
    body_required=False,
    answers={
        200: Answer("The tombstone.", shapes.MODEL),
        204: Answer("The draft is gone."),
    },
    errors=(400, 404, 409),
    example={**ONE_NETWORK, "body": {"reason": "There is a better one."}},
)
CREATE_VERSION: Final = Operation(
    "createVersion",
    "The next version, as a draft",
    group=GROUP,
    scope=Scope.UPLOAD,
    body={JSON_TYPE: VersionBody},
    answers={201: Answer("The draft.", shapes.VERSION, headers=MADE)},
    errors=(400, 404, 409),
    example={
        **ONE_NETWORK,
        "body": {"name": "v2", "baseModel": "SD 1.5", "trainedWords": ["inkwash"]},
    },
)
CHANGE_VERSION: Final = Operation(
    "changeVersion",
    "Change a version",
    group=GROUP,
    description="A draft in all, a published one in its recommended strength alone.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: VersionBody},
    answers={200: _VERSION_NOW},
    errors=(400, 404, 409),
    example={**ONE_VERSION, "body": {"settings": {"strength": 0.7}}},
)
DELETE_VERSION: Final = Operation(
    "deleteVersion",
    "Delete a draft",
    group=GROUP,
    scope=Scope.UPLOAD,
    answers={204: Answer("It is gone.")},
    errors=(404, 409),
    example=ONE_VERSION,
)
PUBLISH_VERSION: Final = Operation(
    "publishVersion",
    "Publish a version, now or at a time to come",
    group=GROUP,
    description="From now on it never changes: what is different becomes a new version.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: Publication},
    body_required=False,
    answers={200: _VERSION_NOW},
    errors=(400, 404, 409),
    example={**ONE_VERSION, "body": {}},
)
YANK_VERSION: Final = Operation(
    "yankVersion",
    "Withdraw a version",
    group=GROUP,
    description=(
        "It leaves the lists, and says why. Whoever asks for it by its number or by a hash still "
        "gets it."
    ),
    scope=Scope.UPLOAD,
    body={JSON_TYPE: Reason},
    answers={200: _VERSION_NOW},
    errors=(400, 404, 409),
    example={**ONE_VERSION, "body": {"reason": "Too strong at 1.0: use v2."}},
)
UNYANK_VERSION: Final = Operation(
    "unyankVersion",
    "Put a withdrawn version back",
    group=GROUP,
    scope=Scope.UPLOAD,
    body={JSON_TYPE: NOTHING},
    body_required=False,
    answers={200: _VERSION_NOW},
    errors=(400, 404, 409),
    example={**ONE_VERSION, "body": {}},
)

_LIKED: Final = Answer(
    "Whether the key's owner likes it, and how many do.",
    component("Liked", shape({"modelId": KEY, "liked": BOOLEAN, "thumbsUpCount": COUNT})),
)
READ_LIKE: Final = Operation(
    "readLike",
    "Do I like it?",
    group=GROUP,
    scope=Scope.READ,
    answers={200: _LIKED},
    errors=(404,),
    example=ONE_NETWORK,
)
LIKE: Final = Operation(
    "likeModel",
    "Like a network",
    group=GROUP,
    description="May be said twice.",
    scope=Scope.UPLOAD,
    answers={200: _LIKED},
    errors=(404, 409),
    example=ONE_NETWORK,
)
UNLIKE: Final = Operation(
    "unlikeModel",
    "Take a like back",
    group=GROUP,
    scope=Scope.UPLOAD,
    answers={200: _LIKED},
    errors=(404, 409),
    example=ONE_NETWORK,
)
