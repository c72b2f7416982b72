"""What a base model is, as it is registered and as its layouts give it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from inference.engine.base_errors import UnknownLayout, WrongFamily

Family = Literal["sd1", "sd2"]
Precision = Literal["fp32", "fp16", "bf16"]
DTYPES: Final[dict[str, torch.dtype]] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
# The width of the text states says the family.
FAMILIES: Final = {768: "sd1", 1024: "sd2", 2048: "sdxl"}


@dataclass(frozen=True)
class BaseSource:
    """Where a base model is and how it is to be used. "" leaves to the model what it says.

    `prediction_type`: "epsilon" or "v_prediction"; needed for SD 2.x in one file.
    `clip_skip`: as A1111 counts: 1 is the last layer of the text encoder.
    """

    path: Path
    family: Family = "sd1"
    prediction_type: str = ""
    clip_skip: int = 1
    vae_path: Path | None = None
    precision: Precision = "fp32"


@dataclass
class Parts:
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    # As diffusers' schedulers take it; `prediction_type` in it is the one to use.
    scheduler_config: dict[str, Any]


def require_family(path: Path, *, expected: str, width: int, in_channels: int) -> None:
    """By the UNet's cross-attention width. Raises WrongFamily, UnknownLayout."""
    found = FAMILIES.get(width)
    if found is None:
        raise UnknownLayout(path, f"its text states are {width} numbers wide")
    if found != expected:
        raise WrongFamily(path, expected=expected, found=found)
    if in_channels != 4:
        raise UnknownLayout(path, f"its UNet takes {in_channels} channels, as for inpainting")
