"""`manage.py train_hypernetwork`: A1111's trainer on a terminal. Needs no database and no server.

Ctrl-C ends a training as a cancel does: everything is written, and `--resume` goes on from there.
"""

import signal
from argparse import ArgumentTypeError, BooleanOptionalAction
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from inference.engine.base import BaseSource, load_base
from inference.engine.base_errors import BaseModelError
from inference.engine.training import (
    PRESETS,
    Progress,
    TrainingError,
    TrainingOptions,
    TrainingResult,
    read_dataset,
    train,
)
from inference.engine.training.optimizers import OPTIMIZERS
from inference.engine.training.options import (
    CLIP_GRAD_MODES,
    LATENT_SAMPLING_METHODS,
    PRECISIONS,
    WEIGHT_INITIALIZATIONS,
)
from inference.engine.training.templates import BUILT_IN, FILEWORDS, read_templates
from registry.formats.errors import Refusal

DEMO_BASE: Final = Path(__file__).parents[2] / "demo" / "base"


def whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"whole numbers with commas between, not “{text}”") from None


def numbers(text: str) -> tuple[int | float, ...]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"numbers with commas between, not “{text}”") from None
    return tuple(int(number) if number == int(number) else number for number in found)


# Each option of TrainingOptions but the name: what argparse needs to know, and its help.
OPTIONS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "enable_sizes": ({"type": whole_numbers, "metavar": "768,320"}, "context widths to bend"),
    "layer_structure": ({"type": numbers, "metavar": "1,2,1"}, "widths, as parts of the context's"),
    "activation_func": ({}, "activation function between the layers"),
    "weight_initialization": ({"choices": WEIGHT_INITIALIZATIONS}, "how weights start"),
    "add_layer_norm": ({"action": BooleanOptionalAction}, "layer norm after each layer"),
    "use_dropout": ({"action": BooleanOptionalAction}, "dropout"),
    "last_layer_dropout": ({"action": BooleanOptionalAction}, "dropout before the last layer, too"),
    "dropout_structure": ({"type": numbers, "metavar": "0,0.1,0"}, "a rate for each width"),
    "learn_rate": ({"metavar": "RATE:STEP,…"}, "learning rate, perhaps one until a step"),
    "clip_grad_mode": ({"choices": CLIP_GRAD_MODES}, "gradient clipping"),
    "clip_grad_value": ({"metavar": "VALUE:STEP,…"}, "largest gradient, or its largest norm"),
    "batch_size": ({"type": int}, "pictures at once"),
    "gradient_step": ({"type": int}, "batches before a step is taken"),
    "training_width": ({"type": int}, "width of the pictures, in pixels"),
    "training_height": ({"type": int}, "height of the pictures, in pixels"),
    "steps": ({"type": int}, "steps altogether"),
    "save_hypernetwork_every": ({"type": int}, "steps between files; 0: only at the end"),
    "create_image_every": ({"type": int}, "steps between pictures; 0: none"),
    "template_file": ({}, f"a text file, or one of {', '.join(BUILT_IN)}"),
    "shuffle_tags": ({"action": BooleanOptionalAction}, "captions' tags in a new order each time"),
    "tag_drop_out": ({"type": float}, "share of tags left out each time"),
    "latent_sampling_method": ({"choices": LATENT_SAMPLING_METHODS}, "how latents are drawn"),
    "use_weight": (
        {"action": BooleanOptionalAction},
        "what is transparent in a picture counts less",
    ),
    "optimizer_name": ({"choices": tuple(OPTIMIZERS)}, "optimizer"),
    "preview_prompt": ({}, "of the pictures on the way; by default a caption"),
    "preview_seed": ({"type": int}, "of the pictures on the way"),
    "identity_start": (
        {"action": BooleanOptionalAction},
        "last layer zero: start from the base model",
    ),
    "seed": ({"type": int}, "of all chance"),
    "precision": ({"choices": PRECISIONS}, "auto: bf16 on a GPU"),
    "validation_images": ({"type": int}, "pictures kept back to measure; by default one in ten"),
    "validation_times": ({"type": int}, "times at which each of them is measured"),
    "log_every": ({"type": int}, "steps between readings of the loss"),
    "keep_steps": ({"action": BooleanOptionalAction}, "keep the files of each save"),
}


class Command(BaseCommand):
    help = "Train a hypernetwork on a folder of pictures with captions."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the network: letters, digits, . - and _")
        parser.add_argument("pictures", type=Path, help="folder of pictures and .txt captions")
        parser.add_argument("folder", type=Path, help="where the network is written")
        base = parser.add_argument_group("the base model")
        base.add_argument("--base", type=Path, default=DEMO_BASE, help="folder or .safetensors")
        base.add_argument("--family", choices=("sd1", "sd2"), default="sd1")
        base.add_argument("--prediction-type", choices=("epsilon", "v_prediction"), default="")
        base.add_argument("--clip-skip", type=int, default=1)
        base.add_argument("--vae", type=Path, help="another autoencoder")
        going_on = parser.add_mutually_exclusive_group()
        going_on.add_argument("--resume", action="store_true", help="go on where it was ended")
        going_on.add_argument("--start-from", type=Path, metavar="FILE.pt", help="train it further")
        parser.add_argument("--preset", choices=tuple(PRESETS), default="a1111")
        options = parser.add_argument_group("A1111's options, with its defaults, and a few more")
        defaults = {field.name: field.default for field in fields(TrainingOptions)}
        for name, (kind, text) in OPTIONS.items():
            default = defaults[name]
            said = "" if default in (None, "", ()) else f" (default: {_shown(default)})"
            flag = "--" + name.replace("_", "-")
            options.add_argument(
                flag, default=None, help=f"{text}{said}".replace("%", "%%"), **kind
            )

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            result = self._train(given)
        except (TrainingError, BaseModelError, Refusal) as error:
            raise CommandError(str(error)) from error
        self._report(result)

    def _train(self, given: dict[str, Any]) -> TrainingResult:
        options = TrainingOptions(name=given["name"], **_chosen(given))
        templates = read_templates(options.template_file)
        dataset = read_dataset(
            given["pictures"],
            needs_captions=any(FILEWORDS in template for template in templates),
            validation_images=options.validation_images,
        )
        source = BaseSource(
            path=given["base"],
            family=given["family"],
            prediction_type=given["prediction_type"],
            clip_skip=given["clip_skip"],
            vae_path=given["vae"],
        )
        with stopped_by_ctrl_c() as stop, tqdm(total=options.steps, unit="step") as bar:
            return train(
                load_base(source),
                dataset,
                options,
                given["folder"],
                lambda progress: _show(bar, progress) and not stop,
                resume=given["resume"],
                start_from=given["start_from"],
            )

    def _report(self, result: TrainingResult) -> None:
        self.stdout.write(
            f"{result.ending.capitalize()} after {result.step} steps, "
            f"{result.samples_per_second:.2f} pictures a second.\n"
            f"Fixed loss {result.validation_loss:.5f}, without the network "
            f"{result.base_validation_loss:.5f}: lowered by {result.lowered_by:.1%}.\n"
            f"{result.network}\n{result.safetensors}"
        )


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The preset, and above it what was given."""
    own = {name: given[name] for name in OPTIONS if given[name] is not None}
    return {**PRESETS[given["preset"]], **own}


def _show(bar: "tqdm[Any]", progress: Progress) -> bool:
    bar.update(progress.step - bar.n)
    if progress.loss is not None:
        bar.set_postfix(loss=f"{progress.loss:.4f}", rate=f"{progress.rate:g}", refresh=False)
    if progress.validation_loss is not None:
        bar.write(f"step {progress.step}: fixed loss {progress.validation_loss:.5f}")
    return True


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


@contextmanager
def stopped_by_ctrl_c() -> Iterator[list[int]]:
    """A list that is empty until the first Ctrl-C; the second one interrupts as ever."""
    caught: list[int] = []

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, catch)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)
