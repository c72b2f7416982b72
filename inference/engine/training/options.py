"""What can be chosen about a training: A1111's options under A1111's names, with its defaults.

Source: section 9 of the format specification. Ours are only the last group, and the presets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from inference.engine.training.errors import (
    BadDropout,
    BadName,
    BadStructure,
    DropoutDoesNothing,
    DropoutIsOff,
    LayerWithoutWidth,
    OutOfRange,
    UnknownChoice,
)
from inference.engine.training.optimizers import check_optimizer
from inference.engine.training.schedules import Schedule
from registry.formats.hypernetwork import HypernetworkSpec, Number
from registry.formats.settings import ACTIVATIONS

WEIGHT_INITIALIZATIONS: Final = (
    "Normal", "KaimingUniform", "KaimingNormal", "XavierUniform", "XavierNormal",
)  # fmt: skip
CLIP_GRAD_MODES: Final = ("disabled", "value", "norm")
LATENT_SAMPLING_METHODS: Final = ("once", "deterministic", "random")
PRECISIONS: Final = ("auto", "fp32", "bf16")
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,120}", re.ASCII)

RECOMMENDED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "learn_rate": "1e-5:5000, 5e-6:10000, 2e-6",
        "batch_size": 4,
        "latent_sampling_method": "random",
    }
)
"""Where we would choose otherwise than A1111: a rate that falls, more than one picture a step, and
latents drawn anew each time. Linear [1, 2, 1] without layer norm is A1111's default already."""
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {"a1111": MappingProxyType({}), "recommended": RECOMMENDED}
)


@dataclass(frozen=True)
class TrainingOptions:
    """Checked when made: raises a ``TrainingError`` that says which option is wrong and why.

    ``enable_sizes`` None takes the widths of A1111's list that the base model has. Sizes are in
    pixels. ``learn_rate`` and ``clip_grad_value`` are schedules. ``save_*_every`` and
    ``create_image_every`` count optimizer steps; 0 is never.
    """

    name: str

    # A1111's "Create hypernetwork"
    enable_sizes: tuple[int, ...] | None = None
    layer_structure: tuple[Number, ...] = HypernetworkSpec.layer_structure
    activation_func: str = "linear"
    weight_initialization: str = HypernetworkSpec.weight_initialization
    add_layer_norm: bool = False
    use_dropout: bool = False
    last_layer_dropout: bool = False
    dropout_structure: tuple[Number, ...] = ()

    # A1111's "Train"
    learn_rate: str = "0.00001"
    clip_grad_mode: str = "disabled"
    clip_grad_value: str = "0.1"
    batch_size: int = 1
    gradient_step: int = 1
    training_width: int = 512
    training_height: int = 512
    steps: int = 100_000
    save_hypernetwork_every: int = 500
    create_image_every: int = 500
    template_file: str = "style_filewords.txt"
    shuffle_tags: bool = False
    tag_drop_out: float = 0.0
    latent_sampling_method: str = "once"
    use_weight: bool = False
    optimizer_name: str = "AdamW"
    preview_prompt: str = ""
    preview_seed: int = 1

    # Ours
    identity_start: bool = False
    seed: int = 0
    precision: str = "auto"
    validation_images: int | None = None
    validation_times: int = 8
    log_every: int = 50
    keep_steps: bool = True

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name == "None":
            raise BadName(found=self.name)
        self._check_choices()
        self._check_numbers()
        self._check_structure()
        self._check_dropout()
        Schedule.parse(self.learn_rate)
        Schedule.parse(self.clip_grad_value, option="gradient clipping value")
        check_optimizer(self.optimizer_name)

    def spec(
        self, *, sd_checkpoint: str | None = None, sd_checkpoint_name: str | None = None
    ) -> HypernetworkSpec:
        """The settings of a new network, as A1111 would store them."""
        return HypernetworkSpec(
            name=self.name,
            sd_checkpoint=sd_checkpoint,
            sd_checkpoint_name=sd_checkpoint_name,
            layer_structure=self.layer_structure,
            activation_func=self.activation_func.lower(),
            is_layer_norm=self.add_layer_norm,
            weight_initialization=self.weight_initialization,
            activate_output=False,
            use_dropout=self.use_dropout,
            last_layer_dropout=self.last_layer_dropout,
            dropout_structure=self.dropout_structure,
        )

    def _check_choices(self) -> None:
        for option, found, choices in (
            ("activation_func", self.activation_func.lower(), sorted(ACTIVATIONS)),
            ("weight_initialization", self.weight_initialization, WEIGHT_INITIALIZATIONS),
            ("clip_grad_mode", self.clip_grad_mode, CLIP_GRAD_MODES),
            ("latent_sampling_method", self.latent_sampling_method, LATENT_SAMPLING_METHODS),
            ("precision", self.precision, PRECISIONS),
        ):
            if found not in choices:
                raise UnknownChoice(option=option, found=found, choices=", ".join(choices))

    def _check_numbers(self) -> None:
        for option in ("batch_size", "gradient_step", "steps", "validation_times", "log_every"):
            _at_least(option, getattr(self, option), 1)
        for option in ("save_hypernetwork_every", "create_image_every", "seed", "preview_seed"):
            _at_least(option, getattr(self, option), 0)
        if self.validation_images is not None:
            _at_least("validation_images", self.validation_images, 0)
        for option in ("training_width", "training_height"):
            found = getattr(self, option)
            if found < 64 or found % 8 or found > 4096:
                expected = "a multiple of 8 from 64 to 4096"
                raise OutOfRange(option=option, found=found, expected=expected)
        if not 0 <= self.tag_drop_out < 1:
            raise OutOfRange(
                option="tag_drop_out", found=self.tag_drop_out, expected="from 0 to below 1"
            )

    def _check_structure(self) -> None:
        structure = self.layer_structure
        if (
            len(structure) < 2
            or structure[0] != 1
            or structure[-1] != 1
            or not all(0 < factor <= 1024 for factor in structure)
        ):
            raise BadStructure(found=_listed(structure))
        for dim in self.enable_sizes or ():
            if dim < 1:
                raise OutOfRange(option="enable_sizes", found=dim, expected="1 or more")
            for factor in structure:
                if int(dim * factor) == 0:
                    raise LayerWithoutWidth(factor=factor, dim=dim)

    def _check_dropout(self) -> None:
        rates, size = self.dropout_structure, len(self.layer_structure)
        if not self.use_dropout:
            if any(rates) or self.last_layer_dropout:
                raise DropoutIsOff
            return
        if rates and (
            len(rates) != size or rates[0] or rates[-1] or not all(0 <= rate < 1 for rate in rates)
        ):
            raise BadDropout(found=_listed(rates), expected=size)
        spec = self.spec()
        if not any(spec.dropout_structure):
            example = _listed((0, *(0.1,) * (size - 2), 0))
            structure = _listed(self.layer_structure)
            raise DropoutDoesNothing(structure=structure, example=example)


def as_json(options: TrainingOptions) -> dict[str, Any]:
    """The options by name, ready for JSON."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(options).items()
    }


def _at_least(option: str, found: int, least: int) -> None:
    if found < least:
        raise OutOfRange(option=option, found=found, expected=f"{least} or more")


def _listed(numbers: tuple[Number, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
