"""All that a training needs before its first step: read, checked, encoded."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention

from inference.engine.base import LoadedBase
from inference.engine.sampling import encode_text
from inference.engine.training.checkpoints import HASH_DIGITS, read_optim
from inference.engine.training.datasets import Dataset, Example
from inference.engine.training.diffusion import Diffusion
from inference.engine.training.draws import Draws
from inference.engine.training.errors import (
    NetworkDoesNotFit,
    NetworkMissing,
    WidthNotInBase,
)
from inference.engine.training.network import TrainableNetwork
from inference.engine.training.optimizers import in_our_order
from inference.engine.training.options import TrainingOptions
from inference.engine.training.pictures import Latents, TextStates
from inference.engine.training.schedules import Schedule
from inference.engine.training.templates import fill, read_templates
from inference.engine.training.validation import FixedSet
from registry.formats.reader import read

A1111_SIZES: Final = (320, 640, 768, 1024, 1280)
_VALIDATION_SEED: Final = 0x5EED
_ONCE_SEED: Final = 0x0CE


@dataclass
class Prepared:
    base: LoadedBase
    options: TrainingOptions
    network: TrainableNetwork
    latents: Latents
    states: TextStates
    diffusion: Diffusion
    draws: Draws
    fixed: FixedSet
    validated_on: str
    rates: Schedule
    clips: Schedule
    uses_bf16: bool
    preview_prompt: str
    identity: dict[str, Any]
    first_step: int = 0
    optimizer_state: dict[str, Any] | None = None


def prepare(
    base: LoadedBase, dataset: Dataset, options: TrainingOptions, *, start_from: Path | None
) -> Prepared:
    """Encode every picture, make or read the network, and fix what chance and measure look at."""
    templates = read_templates(options.template_file)
    network, first_step, optimizer_state = _network(base, options, start_from)
    diffusion = Diffusion(base.scheduler_config, prediction_type(base), base.device)
    states = TextStates(lambda texts: encode_text(base, list(texts)))
    latents = _latents(base, dataset.training, options)
    held = dataset.validation or dataset.training
    draws = Draws(
        options,
        dataset.training,
        templates,
        shape=tuple(latents.mean.shape[1:]),
        times=diffusion.times,
    )
    fixed = FixedSet(
        held,
        Latents(base, held, options.training_width, options.training_height),
        states,
        diffusion,
        templates=templates,
        name=options.name,
        times=options.validation_times,
        seed=_VALIDATION_SEED,
    )
    return Prepared(
        base=base,
        options=options,
        network=network,
        latents=latents,
        states=states,
        diffusion=diffusion,
        draws=draws,
        fixed=fixed,
        validated_on="pictures kept back" if dataset.validation else "the training pictures",
        rates=Schedule.parse(options.learn_rate),
        clips=Schedule.parse(options.clip_grad_value, option="gradient clipping value"),
        uses_bf16=_uses_bf16(base, options),
        preview_prompt=options.preview_prompt
        or fill(templates[0], name=options.name, caption=held[0].caption),
        identity={"base_model": base.hash, "set_of_pictures": _digest(dataset)},
        first_step=first_step,
        optimizer_state=optimizer_state,
    )


def context_widths(unet: UNet2DConditionModel) -> tuple[int, ...]:
    """The widths of what the UNet's attention layers take keys and values from, ascending."""
    attentions = (module for module in unet.modules() if isinstance(module, Attention))
    return tuple(sorted({attention.to_k.in_features for attention in attentions}))


def prediction_type(base: LoadedBase) -> str:
    found = base.source.prediction_type or base.scheduler_config.get("prediction_type")
    return str(found or "epsilon")


def _network(
    base: LoadedBase, options: TrainingOptions, start_from: Path | None
) -> tuple[TrainableNetwork, int, dict[str, Any] | None]:
    if start_from is not None:
        return _continued(base, options, start_from)
    spec = options.spec(**_trained_on(base))
    network = TrainableNetwork.new(
        spec, _sizes(base, options), seed=options.seed, identity_start=options.identity_start
    )
    return network.to(base.device), 0, None


def _continued(
    base: LoadedBase, options: TrainingOptions, file: Path
) -> tuple[TrainableNetwork, int, dict[str, Any] | None]:
    """What is in the file counts, not what the options say about a new network."""
    if not file.is_file():
        raise NetworkMissing(file=file)
    network_file = read(file, stem=options.name).hypernetwork
    widths = context_widths(base.unet)
    if not set(network_file.dims) & set(widths):
        raise NetworkDoesNotFit(network=_listed(network_file.dims), base=_listed(widths))
    network = TrainableNetwork.of_file(network_file).to(base.device)
    network.spec = replace(network.spec, **_trained_on(base))
    stored = read_optim(file)
    if stored is None or stored.get("optimizer_name") != options.optimizer_name:
        return network, network.spec.step, None
    weights, dims = list(network.parameters()), list(network.heads)
    state = in_our_order(stored["optimizer_state_dict"], weights, dims)
    return network, network.spec.step, state


def _trained_on(base: LoadedBase) -> dict[str, Any]:
    """Under the keys that A1111 stores."""
    return {
        "sd_checkpoint": base.hash[:HASH_DIGITS],
        "sd_checkpoint_name": base.source.path.stem,
    }


def _sizes(base: LoadedBase, options: TrainingOptions) -> Sequence[int]:
    widths = context_widths(base.unet)
    if options.enable_sizes is None:
        return [dim for dim in A1111_SIZES if dim in widths] or widths
    for dim in options.enable_sizes:
        if dim not in widths:
            raise WidthNotInBase(dim=dim, widths=_listed(widths))
    return options.enable_sizes


def _latents(base: LoadedBase, examples: Sequence[Example], options: TrainingOptions) -> Latents:
    latents = Latents(base, examples, options.training_width, options.training_height)
    if options.latent_sampling_method == "once":
        generator = torch.Generator().manual_seed(options.seed ^ _ONCE_SEED)
        latents.fix(torch.randn(latents.mean.shape, generator=generator))
    elif options.latent_sampling_method == "deterministic":
        latents.fix(None)
    return latents


def _uses_bf16(base: LoadedBase, options: TrainingOptions) -> bool:
    """By itself on a GPU, and where the base model is in halves; on most CPUs it is slower."""
    wanted = options.precision == "bf16"
    by_itself = options.precision == "auto" and base.device.type == "cuda"
    return wanted or by_itself or base.unet.dtype is not torch.float32


def _digest(dataset: Dataset) -> str:
    """Of which pictures and captions there are, and how large each file is."""
    digest = hashlib.sha256()
    for part in (dataset.training, dataset.validation):
        for example in part:
            size = example.file.stat().st_size
            digest.update(f"{example.file.name}\0{size}\0{example.caption}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _listed(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths))
