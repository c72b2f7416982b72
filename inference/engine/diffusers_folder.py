"""The layout of a diffusers pipeline: a folder with model_index.json and one folder per part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as quiet

from inference.engine.base_errors import (
    TokenizerMissing,
    UnknownLayout,
    WeightsBroken,
    WeightsMissing,
)
from inference.engine.base_source import BaseSource, Parts, require_family
from inference.engine.vocabulary import clip_tokenizer


def load(source: BaseSource, *, dtype: torch.dtype) -> Parts:
    """Raises BaseModelError."""
    path = source.path
    if not (path / "model_index.json").is_file():
        raise UnknownLayout(path, "the folder has no model_index.json")
    unet = settings_of(path, "unet")
    require_family(
        path,
        expected=source.family,
        width=_one(unet.get("cross_attention_dim", 0)),
        in_channels=int(unet.get("in_channels", 0)),
    )
    scheduler = settings_of(path, "scheduler", name="scheduler_config.json")
    if source.prediction_type:
        scheduler["prediction_type"] = source.prediction_type
    text_encoder = _read(path, "text_encoder", CLIPTextModel, dtype)
    return Parts(
        unet=_read(path, "unet", UNet2DConditionModel, dtype),
        vae=_read(path, "vae", AutoencoderKL, dtype),
        text_encoder=text_encoder,
        tokenizer=tokenizer_beside(path, text_encoder),
        scheduler_config=scheduler,
    )


def load_vae(path: Path, *, family: str, dtype: torch.dtype) -> AutoencoderKL:
    """From a folder of a VAE alone. Raises BaseModelError."""
    vae: AutoencoderKL = _read(path, "", AutoencoderKL, dtype)
    return vae


def tokenizer_beside(folder: Path, text_encoder: CLIPTextModel) -> CLIPTokenizer:
    """The one in `folder`/tokenizer, or CLIP's. Raises TokenizerMissing where neither fits."""
    length = int(text_encoder.config.max_position_embeddings)
    tokens = int(text_encoder.config.vocab_size)
    files = ("vocab.json", "tokenizer.json")
    if any((folder / "tokenizer" / name).is_file() for name in files):
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(
            folder / "tokenizer", local_files_only=True
        )
        tokenizer.model_max_length = min(int(tokenizer.model_max_length), length)
    else:
        is_sd2 = int(text_encoder.config.hidden_size) == 1024
        tokenizer = clip_tokenizer(length=length, **({"padding": "!"} if is_sd2 else {}))
    if len(tokenizer) > tokens:
        raise TokenizerMissing(folder, tokens=tokens)
    return tokenizer


def settings_of(path: Path, part: str, *, name: str = "config.json") -> dict[str, Any]:
    """A part's own settings. Raises WeightsMissing, WeightsBroken."""
    file = path / part / name
    if not file.is_file():
        raise WeightsMissing(path, part=part, names=[f"{part}/{name}"])
    try:
        settings: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        raise WeightsBroken(path, part=part, reason=f"{name} is no JSON ({error})") from error
    return settings


def _read(path: Path, part: str, kind: Any, dtype: torch.dtype) -> Any:
    """A part with all its weights, from safetensors only."""
    folder, said = path / part, part or "VAE"
    settings_of(path, part)
    if not any(folder.glob("*.safetensors")):
        raise WeightsMissing(path, part=said, names=[f"{part}/*.safetensors".lstrip("/")])
    named = "torch_dtype" if kind in (UNet2DConditionModel, AutoencoderKL) else "dtype"
    # Diffusers looks for `….fp16.safetensors` only when told so.
    half = all(".fp16." in file.name for file in folder.glob("*.safetensors"))
    quiet.disable_progress_bar()  # a worker's log is no terminal
    try:
        model, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **{named: dtype},
            **({"variant": "fp16"} if half else {}),
        )
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise WeightsBroken(path, part=said, reason=_first_line(error)) from error
    if missing := sorted(report["missing_keys"]):
        raise WeightsMissing(path, part=said, names=missing)
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _one(width: Any) -> int:
    """Diffusers also takes a list, one width per level."""
    return int(width[0] if isinstance(width, list | tuple) and width else width or 0)
