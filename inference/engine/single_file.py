"""The layout of a checkpoint in one file, with the names that LDM and A1111 gave its tensors.

What every SD 1.x and 2.x has in common is in `configurations/`; the widths are those of the
tensors. The names are translated by diffusers' own converters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

from inference.engine.base_errors import (
    PredictionUnknown,
    UnknownLayout,
    WeightsBroken,
    WeightsMissing,
)
from inference.engine.base_source import BaseSource, Family, Parts, require_family
from inference.engine.diffusers_folder import tokenizer_beside

CONFIGURATIONS: Final = Path(__file__).parent / "configurations"
UNET: Final = "model.diffusion_model."
VAE: Final = "first_stage_model."
# CLIP as transformers writes it (SD 1.x), and as open_clip does (SD 2.x).
CLIP: Final = "cond_stage_model.transformer."
OPEN_CLIP: Final = "cond_stage_model.model."
CROSS_ATTENTION: Final = re.compile(r"attn2\.to_k\.weight$")
# Where each of the four levels of a UNet begins among its input blocks.
LEVELS: Final = (1, 4, 7, 10)

Tensors = Mapping[str, torch.Tensor]
# Diffusers' own converters, which have no types.
Convert = Callable[[dict[str, torch.Tensor], dict[str, Any]], dict[str, torch.Tensor]]


def load(source: BaseSource, *, dtype: torch.dtype) -> Parts:
    """Raises BaseModelError."""
    path = source.path
    tensors = _read(path)
    _require_stable_diffusion(path, tensors, source.family)
    settings = _settings(source.family)
    text_encoder = _text_encoder(path, tensors, settings["text_encoder"]).to(dtype)
    return Parts(
        unet=_unet(path, tensors, settings["unet"], dtype),
        vae=_vae(path, tensors, settings["vae"], dtype),
        text_encoder=text_encoder,
        tokenizer=tokenizer_beside(path.parent, text_encoder),
        scheduler_config=settings["scheduler"]
        | {"prediction_type": _prediction_type(source, tensors)},
    )


def load_vae(path: Path, *, family: Family, dtype: torch.dtype) -> AutoencoderKL:
    """From a file of a VAE alone, as A1111 takes it. Raises BaseModelError."""
    tensors = _read(path)
    if not any(name.startswith(VAE) for name in tensors):
        tensors = {f"{VAE}{name}": tensor for name, tensor in tensors.items()}
    return _vae(path, tensors, _settings(family)["vae"], dtype)


# --- Parts ----------------------------------------------------------------------------------------


def _unet(
    path: Path, tensors: Tensors, settings: dict[str, Any], dtype: torch.dtype
) -> UNet2DConditionModel:
    widths = [
        _width(path, "UNet", tensors, f"{UNET}input_blocks.{block}.0.out_layers.3.weight")
        for block in LEVELS
    ]
    settings = settings | {"block_out_channels": widths}
    if isinstance(settings["attention_head_dim"], list):  # heads of 64 in SD 2.x
        settings["attention_head_dim"] = [max(1, width // 64) for width in widths]
    convert: Convert = convert_ldm_unet_checkpoint
    weights = convert(dict(tensors), settings)
    unet: UNet2DConditionModel = _filled(
        path, "UNet", UNet2DConditionModel, settings, weights, dtype
    )
    return unet


def _vae(
    path: Path, tensors: Tensors, settings: dict[str, Any], dtype: torch.dtype
) -> AutoencoderKL:
    widths = [
        _width(path, "VAE", tensors, f"{VAE}encoder.down.{level}.block.0.conv2.weight")
        for level in range(4)
    ]
    settings = settings | {"block_out_channels": widths}
    # Only its own tensors: other parts have names that look like the VAE's.
    own = {name: tensor for name, tensor in tensors.items() if name.startswith(VAE)}
    convert: Convert = convert_ldm_vae_checkpoint
    weights = convert(own, settings)
    vae: AutoencoderKL = _filled(path, "VAE", AutoencoderKL, settings, weights, dtype)
    return vae


def _text_encoder(path: Path, tensors: Tensors, settings: dict[str, Any]) -> CLIPTextModel:
    is_open_clip = any(name.startswith(OPEN_CLIP) for name in tensors)
    weights = _from_open_clip(tensors) if is_open_clip else _from_clip(tensors)
    embedding = weights.get("embeddings.token_embedding.weight")
    positions = weights.get("embeddings.position_embedding.weight")
    inner = weights.get("encoder.layers.0.mlp.fc1.weight")
    if embedding is None or positions is None or inner is None:
        raise WeightsMissing(path, part="text encoder", names=["embeddings, first layer"])
    layers = 1 + max(
        int(name.split(".")[2]) for name in weights if name.startswith("encoder.layers.")
    )
    # SD 2.x uses the last layer but one; its checkpoints carry the last one all the same.
    layers -= is_open_clip
    configuration = CLIPTextConfig(
        **settings
        | {
            "vocab_size": embedding.shape[0],
            "hidden_size": embedding.shape[1],
            "intermediate_size": inner.shape[0],
            "max_position_embeddings": positions.shape[0],
            "num_hidden_layers": layers,
            "num_attention_heads": max(1, embedding.shape[1] // 64),
        }
    )
    model = CLIPTextModel(configuration)
    weights = {n: t for n, t in weights.items() if not n.startswith(f"encoder.layers.{layers}.")}
    _fill(path, "text encoder", model, weights, assign=False)
    return model


def _from_clip(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Old merges leave `text_model.` out."""
    return {
        name.removeprefix(CLIP).removeprefix("text_model."): tensor
        for name, tensor in tensors.items()
        if name.startswith(CLIP)
    }


def _from_open_clip(tensors: Tensors) -> dict[str, torch.Tensor]:
    """open_clip keeps query, key and value in one matrix."""
    known = {
        "positional_embedding": "embeddings.position_embedding.weight",
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "ln_final.weight": "final_layer_norm.weight",
        "ln_final.bias": "final_layer_norm.bias",
    }
    weights: dict[str, torch.Tensor] = {}
    for full_name, tensor in tensors.items():
        if not full_name.startswith(OPEN_CLIP):
            continue
        name = full_name.removeprefix(OPEN_CLIP)
        if name in known:
            weights[known[name]] = tensor
        elif block := re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name):
            layer = f"encoder.layers.{block[1]}"
            weights |= {f"{layer}.{n}": t for n, t in _open_clip_block(block[2], tensor)}
    return weights


def _open_clip_block(name: str, tensor: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    if name.startswith("attn.in_proj_"):
        kind = name.removeprefix("attn.in_proj_")
        thirds = zip("qkv", tensor.chunk(3), strict=True)
        return [(f"self_attn.{which}_proj.{kind}", third.contiguous()) for which, third in thirds]
    for theirs, ours in (
        ("attn.out_proj", "self_attn.out_proj"),
        ("ln_1", "layer_norm1"),
        ("ln_2", "layer_norm2"),
        ("mlp.c_fc", "mlp.fc1"),
        ("mlp.c_proj", "mlp.fc2"),
    ):
        if name.startswith(theirs):
            return [(ours + name.removeprefix(theirs), tensor)]
    return []


# --- Checks ---------------------------------------------------------------------------------------


def _require_stable_diffusion(path: Path, tensors: Tensors, family: Family) -> None:
    """Raises UnknownLayout, WrongFamily."""
    width = next((t.shape[1] for n, t in tensors.items() if CROSS_ATTENTION.search(n)), 0)
    first = tensors.get(f"{UNET}input_blocks.0.0.weight")
    if first is None or not width:
        raise UnknownLayout(path, "the file has no UNet with the names of Stable Diffusion")
    if any(name.startswith("conditioner.embedders.") for name in tensors):
        width = 2048  # SDXL and its refiner
    require_family(path, expected=family, width=width, in_channels=first.shape[1])


def _prediction_type(source: BaseSource, tensors: Tensors) -> str:
    if source.prediction_type:
        return source.prediction_type
    if "v_pred" in tensors:
        return "v_prediction"
    if source.family == "sd2":
        raise PredictionUnknown(source.path)
    return "epsilon"


def _width(path: Path, part: str, tensors: Tensors, name: str) -> int:
    """How many channels a convolution gives; SDXL and others lack some of those asked for."""
    if name not in tensors:
        raise WeightsMissing(path, part=part, names=[name])
    return int(tensors[name].shape[0])


# --- Reading and filling --------------------------------------------------------------------------


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsBroken(path, part="file", reason=str(error)) from error


def _settings(family: Family) -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = json.loads(
        (CONFIGURATIONS / f"{family}.json").read_text()
    )
    return settings


def _filled(
    path: Path,
    part: str,
    kind: Any,
    settings: dict[str, Any],
    weights: Tensors,
    dtype: torch.dtype,
) -> Any:
    with torch.device("meta"):  # no time is lost on random weights
        model = kind.from_config(settings)
    weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
    return _fill(path, part, model, weights, assign=True)


def _fill(path: Path, part: str, model: Any, weights: Tensors, *, assign: bool) -> Any:
    """Raises WeightsMissing, WeightsBroken. What the model does not know is left out."""
    if missing := sorted(set(model.state_dict()) - set(weights)):
        raise WeightsMissing(path, part=part, names=missing)
    try:
        model.load_state_dict(weights, strict=False, assign=assign)
    except RuntimeError as error:  # shapes
        lines = str(error).strip().splitlines()
        raise WeightsBroken(path, part=part, reason=lines[-1].strip()[:200]) from error
    return model
