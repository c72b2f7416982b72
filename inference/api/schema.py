"""How grids and base models are described: see `registry.api.schema.operations`."""

from typing import Final

from inference.api.bodies import GridBody, PromptsBody
from inference.models import BaseModel, Cell, PreviewGrid
from registry.api.schema.operations import JSON_TYPE, Answer, Operation, said
from registry.api.schema.words import (
    ADDRESS,
    BOOLEAN,
    COUNT,
    INTEGER,
    KEY,
    MOMENT,
    NOTHING,
    NUMBER,
    TEXT,
    UUID,
    array,
    choice,
    component,
    described,
    nullable,
    query,
    shape,
)
from registry.models import Scope

GROUP: Final = "Previews"
ONE_VERSION: Final = {"version_id": 17}
ONE_GRID: Final = {"grid_id": 4}
PROMPT: Final = component("GridPrompt", shape({"text": TEXT, "seed": INTEGER}))
_BASE_MODEL: Final = shape(
    {
        "id": KEY,
        "name": TEXT,
        "family": choice(BaseModel.Family.values),
        "hash": described(TEXT, "The first ten digits of its SHA256, as A1111 shows it."),
        "isDemo": BOOLEAN,
    }
)
BASE_MODEL_OF_GRID: Final = component("BaseModelOfGrid", _BASE_MODEL)
_SETTINGS: Final = shape(
    {
        "width": COUNT,
        "height": COUNT,
        "steps": COUNT,
        "cfg_scale": NUMBER,
        "sampler": TEXT,
        "negative_prompt": TEXT,
    }
)
CELL: Final = component(
    "Cell",
    shape(
        {
            "row": COUNT,
            "column": COUNT,
            "multiplier": NUMBER,
            "state": choice(Cell.State.values),
            "url": nullable(ADDRESS),
            "sha256": TEXT,
            "width": nullable(COUNT),
            "height": nullable(COUNT),
            "hash": nullable(described(TEXT, "BlurHash.")),
            "placeholder": nullable(described(TEXT, "A picture of 16 pixels as a data URI.")),
            "parameters": nullable(described(TEXT, "A1111's infotext.")),
            "shift": nullable(described(NUMBER, "How far from strength 0: 1 - cos.")),
            "fidelity": nullable(described(NUMBER, "How well it shows its prompt: cos.")),
        },
        description="One picture: a prompt at a strength. Null is “not yet”, or “not measured”.",
    ),
)
MEASURED: Final = component(
    "MeasuredStrength",
    shape(
        {
            "curve": array(
                shape({"multiplier": NUMBER, "shift": NUMBER, "fidelity": NUMBER, "kept": NUMBER})
            ),
            "unlike": described(NUMBER, "How alike the pictures are to prompts of others."),
            "recommended": nullable(NUMBER),
            "least": nullable(NUMBER),
            "most": nullable(NUMBER),
            "reason": described(TEXT, "Why nothing is recommended."),
            "rule": shape({"keptWell": NUMBER, "keptEnough": NUMBER, "visibleShare": NUMBER}),
            "encoder": TEXT,
        },
        description=(
            "Means over the prompts. `kept` is the share of the prompt that is still shown; the "
            "strongest strength up to which it stays above `keptWell` is recommended."
        ),
    ),
)
GRID: Final = component(
    "Grid",
    shape(
        {
            "id": KEY,
            "versionId": KEY,
            "baseModel": BASE_MODEL_OF_GRID,
            "settings": _SETTINGS,
            "status": choice(PreviewGrid.Status.values),
            "reason": TEXT,
            "progress": shape({"done": COUNT, "total": COUNT}),
            "jobId": nullable(UUID),
            "prompts": array(PROMPT),
            "multipliers": array(NUMBER),
            "cells": array(CELL),
            "measured": nullable(MEASURED),
            "createdAt": MOMENT,
            "finishedAt": nullable(MOMENT),
        },
        description="Prompts × strengths of one version on one base model, each row from one seed.",
    ),
)
GRIDS: Final = component("Grids", shape({"items": array(GRID)}))
CELLS: Final = component("Cells", shape({"items": array(CELL)}))
PROMPTS: Final = component("GridPrompts", shape({"items": array(PROMPT)}))
BASE_MODELS: Final = component(
    "BaseModels",
    shape(
        {
            "items": array(
                shape(
                    {
                        **_BASE_MODEL["properties"],
                        "about": TEXT,
                        "standsFor": array(TEXT),
                        "clipSkip": COUNT,
                        "settings": _SETTINGS,
                        "suites": described(
                            {"type": "object", "additionalProperties": array(PROMPT)},
                            "The prompts of its grids, by the kind of network.",
                        ),
                    }
                )
            )
        }
    ),
)
LIST_GRIDS: Final = Operation(
    "listGrids",
    "A version's grids, newest first",
    group=GROUP,
    answers={200: Answer("Its grids.", GRIDS)},
    errors=(404,),
    example=ONE_VERSION,
)
ASK_FOR_GRID: Final = Operation(
    "askForGrid",
    "Ask for a grid of a version",
    group=GROUP,
    description=(
        "For its creator, drafts too. Asking twice is one grid; one that is finished is answered "
        "as it is."
    ),
    scope=Scope.UPLOAD,
    body={JSON_TYPE: GridBody},
    body_required=False,
    answers={
        200: Answer("A finished grid of the same.", GRID),
        202: Answer(
            "The grid, on its way.",
            GRID,
            headers={"Location": said("Where it is.", ADDRESS, required=True)},
        ),
    },
    errors=(400, 404, 409),
    example=ONE_VERSION | {"body": {}},
)
READ_GRID: Final = Operation(
    "readGrid",
    "A grid with its cells, as far as they are",
    group=GROUP,
    description="Its ETag changes when there is something new to show: ask with `If-None-Match`.",
    answers={200: Answer("The grid.", GRID)},
    errors=(404,),
    example=ONE_GRID,
)
LIST_CELLS: Final = Operation(
    "listCells",
    "A grid's cells, row by row",
    group=GROUP,
    parameters=(query("state", "Only those in this state.", choice(["", *Cell.State.values])),),
    answers={200: Answer("The cells.", CELLS)},
    errors=(400, 404),
    example=ONE_GRID,
)
CANCEL_GRID: Final = Operation(
    "cancelGrid",
    "Cancel a grid",
    group=GROUP,
    description="What is rendered stays.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: NOTHING},
    body_required=False,
    answers={202: Answer("The grid: ended, or asked to end at its next step.", GRID)},
    errors=(400, 404, 409),
    example=ONE_GRID | {"body": {}},
)
READ_PROMPTS: Final = Operation(
    "readPrompts",
    "A version's own prompts",
    group=GROUP,
    description="Rows of its grids after those that all networks of its kind share.",
    answers={200: Answer("At most two prompts.", PROMPTS)},
    errors=(404,),
    example=ONE_VERSION,
)
SET_PROMPTS: Final = Operation(
    "setPrompts",
    "Set a version's own prompts",
    group=GROUP,
    description="At most two, for the next grid.",
    scope=Scope.UPLOAD,
    body={JSON_TYPE: PromptsBody},
    answers={200: Answer("The prompts as they are now.", PROMPTS)},
    errors=(400, 404, 413),
    example=ONE_VERSION | {"body": {"prompts": ["inkwash, a fox in the snow"]}},
)
LIST_BASE_MODELS: Final = Operation(
    "listBaseModels",
    "The base models that this hub renders on",
    group=GROUP,
    answers={200: Answer("Those in use.", BASE_MODELS)},
)
