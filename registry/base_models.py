"""Which base models a file can be for: its layers' widths say the family."""

from collections.abc import Collection
from typing import Final

from registry.errors import BaseModelMismatch, BaseModelMissing
from registry.models import BaseModelName

FAMILIES: Final = {
    "sd1": (BaseModelName.SD_1_4, BaseModelName.SD_1_5),
    "sd2": (
        BaseModelName.SD_2_0,
        BaseModelName.SD_2_0_768,
        BaseModelName.SD_2_1,
        BaseModelName.SD_2_1_768,
    ),
}


def family_of(dims: Collection[int]) -> str:
    """sd1, sd2, or "any" for a file that only bends self-attention (format specification, 4).

    1024 and 768 are the widths of the text states in SD 2.x and SD 1.x.
    """
    if 1024 in dims:
        return "sd2"
    return "sd1" if 768 in dims else "any"


def fitting(dims: Collection[int]) -> tuple[BaseModelName, ...]:
    """The base models that a file with these layers can be for."""
    family = FAMILIES.get(family_of(dims))
    return (*family, BaseModelName.OTHER) if family else tuple(BaseModelName)


def suggested(dims: Collection[int]) -> BaseModelName | None:
    """The most common base model of the file's family, for a form to begin with."""
    common = {"sd1": BaseModelName.SD_1_5, "sd2": BaseModelName.SD_2_1}
    return common.get(family_of(dims))


def require_fitting(base_model: str, *, dims: Collection[int]) -> None:
    """Raise BaseModelMissing, or BaseModelMismatch when the file's layers fit other models."""
    if not base_model:
        raise BaseModelMissing
    expected = fitting(dims)
    if dims and base_model not in expected:
        raise BaseModelMismatch(
            base_model=base_model, family=family_of(dims), expected=[str(e) for e in expected]
        )
