"""From a prompt to latents as A1111 goes: text states, noise by seed, schedules of sigmas.

A row of pictures shares its seed, so one CPU generator gives the first noise and all that ancestral
samplers add later; every row of a batch gets the same, whatever the batch and the device.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from inference.engine.emphasis import framed, tokens_of, weighted

if TYPE_CHECKING:
    from inference.engine.base import LoadedBase

# A1111's names, and the schedule that each has when none is chosen ("Automatic"). DDIM's steps are
# even in time and need none.
SAMPLERS: Final = {"DPM++ 2M": "Karras", "Euler": "", "Euler a": "", "DDIM": ""}
KEPT_PROMPTS: Final = 256


class SamplingError(ValueError):
    """A setting with which no picture can be rendered; `str(error)` says which and why."""


class NotEnoughMemory(SamplingError):
    """Not even for one picture by itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__(
            f"There is not enough memory for one picture of {settings.width}×{settings.height}. "
            "Ask for smaller pictures, or use a device with more memory."
        )


@dataclass(frozen=True)
class Settings:
    """A1111's names for all that a row of pictures has in common. Sizes are in pixels.

    `sampler` is one of `SAMPLERS`, or with " Karras" behind it as A1111 wrote it until 1.8.
    """

    width: int
    height: int
    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str = "DPM++ 2M"
    negative_prompt: str = ""

    def __post_init__(self) -> None:
        if self.sampler_name not in SAMPLERS:
            raise SamplingError(
                f"There is no sampler “{self.sampler}”. Choose one of {', '.join(SAMPLERS)}."
            )
        if self.steps < 1:
            raise SamplingError(f"{self.steps} steps are none: at least 1 is needed.")
        if self.width % 8 or self.height % 8 or self.width < 8 or self.height < 8:
            raise SamplingError(
                f"{self.width}×{self.height} is no size for pictures: both must be multiples of 8."
            )

    @property
    def sampler_name(self) -> str:
        return self.sampler.removesuffix(" Karras")

    @property
    def schedule_type(self) -> str:
        """As infotext says it; "" is the model's own schedule."""
        if self.sampler.endswith(" Karras") and self.sampler_name != "DDIM":
            return "Karras"
        return SAMPLERS[self.sampler_name]


# --- Text -----------------------------------------------------------------------------------------


def encode_text(base: LoadedBase, prompts: Sequence[str]) -> Tensor:
    """Text states (prompts, tokens, width) at the base's clip skip, with A1111's emphasis; what is
    too long is cut off.
    """
    tokens, weights = framed(base, prompts)
    with torch.no_grad():
        return weighted(_encoded(base, tokens), weights)


def _encoded(base: LoadedBase, tokens: Tensor) -> Tensor:
    encoder: Any = base.text_encoder
    skip = base.source.clip_skip
    if skip <= 1:
        states: Tensor = encoder(tokens).last_hidden_state
        return states
    layers = encoder(tokens, output_hidden_states=True).hidden_states
    # Layer 0 is the embedding: there is nothing left to skip then.
    norm = getattr(encoder, "text_model", encoder).final_layer_norm
    normed: Tensor = norm(layers[-min(skip, len(layers))])
    return normed


def text_states(base: LoadedBase, prompt: str) -> Tensor:
    """`encode_text` of one prompt, (1, tokens, width), kept as long as the base model is loaded."""
    kept = _kept_states.setdefault(base.text_encoder, OrderedDict())
    key = (base.source.clip_skip, prompt)
    if key not in kept:
        kept[key] = encode_text(base, [prompt])
        if len(kept) > KEPT_PROMPTS:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


_kept_states: WeakKeyDictionary[Any, OrderedDict[tuple[int, str], Tensor]] = WeakKeyDictionary()


def cut_off(base: LoadedBase, prompt: str) -> str:
    """The end of a prompt that the text encoder never sees; "" if it sees all: warn if not."""
    tokens, _ = tokens_of(base, prompt)
    room = base.tokenizer.model_max_length - 2  # its start and its end
    return str(base.tokenizer.decode(tokens[room:])).strip()


# --- Noise ----------------------------------------------------------------------------------------


class SeededNoise:
    """Standard normal latents (1, 4, h, w), one after the other, decided by the seed alone."""

    def __init__(self, base: LoadedBase, seed: int, settings: Settings) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)
        self._shape = latent_shape(base, settings)
        self._device, self._dtype = base.device, torch.float32

    def __call__(self) -> Tensor:
        drawn = torch.randn(self._shape, generator=self._generator, dtype=self._dtype)
        return drawn.to(self._device)


def noise(base: LoadedBase, seed: int, settings: Settings) -> Tensor:
    """The first latents of a picture: (1, 4, h, w), from a CPU generator, in float32."""
    return SeededNoise(base, seed, settings)()


def latent_shape(base: LoadedBase, settings: Settings) -> tuple[int, int, int, int]:
    """One picture's: (1, channels, height, width) in the VAE's grid."""
    factor = 2 ** (len(base.vae.config["block_out_channels"]) - 1)
    channels = base.unet.config["in_channels"]
    return (1, channels, settings.height // factor, settings.width // factor)
