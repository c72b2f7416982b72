"""The prompts of the grids: fixed, so that networks can be compared, and cells shared.

Four for a style (subjects that show line, light, texture and a face), four for a subject (places
and ways to show it). The demo base model knows few words; its prompts are made of those.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from django.db import transaction

from inference.models import BaseModel, SuitePrompt
from inference.models.prompt import MOST_SEED
from registry.models import Network

Suite = Mapping[str, tuple[str, ...]]

STABLE_DIFFUSION: Final[Suite] = {
    Network.Kind.STYLE: (
        "portrait of a woman with short hair, looking at the viewer",
        "a small house at the edge of a forest, morning light",
        "a cat sleeping on a windowsill",
        "a street market in the rain, many people",
    ),
    Network.Kind.SUBJECT: (
        "portrait, looking at the viewer, plain background",
        "standing in a sunlit garden, full body",
        "sitting at a table in a café, evening light",
        "a pencil drawing on paper",
    ),
}
DEMO: Final[Suite] = {
    Network.Kind.STYLE: (
        "a large red house, in a meadow",
        "a medium yellow star, at night",
        "a medium blue boat, by the sea",
        "a large green tree, at dusk",
    ),
    Network.Kind.SUBJECT: (
        "a large orange cat, on a grey background",
        "a medium blue cat, in a meadow",
        "a large purple cat, at night",
        "a small white cat on the left, in the desert",
    ),
}


def add_suite(base_model: BaseModel) -> None:
    """Give it the suite of its kind, unless it has one: the admin may have changed it."""
    suite = DEMO if base_model.is_demo else STABLE_DIFFUSION
    with transaction.atomic():
        for kind, prompts in suite.items():
            if base_model.suite.filter(kind=kind).exists():
                continue
            SuitePrompt.objects.bulk_create(
                SuitePrompt(
                    base_model=base_model,
                    kind=kind,
                    position=position,
                    text=text,
                    seed=seed_of(text),
                )
                for position, text in enumerate(prompts)
            )


def seed_of(text: str) -> int:
    """A seed for a prompt, the same everywhere and for ever."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % (MOST_SEED + 1)
