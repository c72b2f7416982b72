"""`manage.py render_grid FILE`: what a hypernetwork does at several strengths, as one picture.

Needs no database and no server:

    manage.py render_grid ink-wash.pt --prompt "a large red house" --multipliers 0,0.5,1
"""

import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings as hub
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from inference.previews import MULTIPLIERS
from inference.suites import DEMO, STABLE_DIFFUSION, seed_of

KIND: Final = "style"


def numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"numbers with commas between, not “{text}”") from None
    if not all(-10 <= number <= 10 for number in found):
        raise ArgumentTypeError("multipliers from -10 to 10")
    return found


class Command(BaseCommand):
    help = "Render prompts × strengths of a hypernetwork's file into a contact sheet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a hypernetwork: .pt or .safetensors")
        parser.add_argument(
            "--base", type=Path, default=Path(hub.DEMO_BASE), help="folder or .safetensors"
        )
        parser.add_argument("--family", choices=["sd1", "sd2"], default="sd1")
        parser.add_argument("--prediction", choices=["epsilon", "v_prediction"], default="")
        parser.add_argument("--clip-skip", type=int, default=1)
        parser.add_argument("--prompt", action="append", help="a row; may be given several times")
        parser.add_argument("--multipliers", type=numbers, default=list(MULTIPLIERS))
        parser.add_argument("--seed", type=int, help="for every row; else one by the prompt")
        parser.add_argument("--size", type=int, help="side of a picture in pixels")
        parser.add_argument("--steps", type=int, default=20)
        parser.add_argument("--cfg", type=float, help="guidance")
        parser.add_argument("--sampler", default="DPM++ 2M")
        parser.add_argument("--negative", default="", help="negative prompt")
        parser.add_argument("--out", type=Path, help="the sheet; FILE-grid.png if absent")
        parser.add_argument("--cells", type=Path, help="a folder for each cell as a PNG, too")

    def handle(self, **options: Any) -> None:
        from inference.engine.base_errors import BaseModelError
        from inference.engine.hypernetwork_errors import HypernetworkError
        from inference.engine.sampling import SamplingError

        try:
            self._render(**options)
        except (BaseModelError, HypernetworkError, SamplingError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error

    def _render(self, **options: Any) -> None:
        from inference.engine.base import BaseSource, load_base
        from inference.engine.contact_sheet import contact_sheet
        from inference.engine.grid import render_row
        from inference.engine.hypernetwork import load_hypernetwork

        file, multipliers = options["file"], options["multipliers"]
        base = load_base(
            BaseSource(
                options["base"], options["family"], options["prediction"], options["clip_skip"]
            )
        )
        network = load_hypernetwork(file, device=str(base.device))
        used, prompts = _settings(base, options), _prompts(options)
        seeds = [seed_of(p) if options["seed"] is None else options["seed"] for p in prompts]
        started, rows = time.monotonic(), []
        in_a_row = used.steps * len(multipliers)
        with tqdm(total=len(prompts) * in_a_row, unit="step") as bar:
            for number, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
                bar.set_description(prompt[:40])

                def on_step(done: int, _every: int, before: int = number * in_a_row) -> None:
                    bar.update(before + done - bar.n)

                row = render_row(
                    base,
                    [network],
                    prompt=prompt,
                    seed=seed,
                    multipliers=multipliers,
                    settings=used,
                    on_step=on_step,
                )
                rows.append(row)
                if options["cells"]:
                    _write_cells(row, number, prompt, seed, used, base, options)
        out = options["out"] or file.with_name(f"{file.stem}-grid.png")
        contact_sheet(rows, prompts=prompts, multipliers=multipliers, title=file.stem).save(out)
        took, count = time.monotonic() - started, len(prompts) * len(multipliers)
        self.stdout.write(f"{out}: {count} pictures in {took:.1f} s on {base.device}")


def _is_demo(options: dict[str, Any]) -> bool:
    return bool(options["base"] == Path(hub.DEMO_BASE))


def _prompts(options: dict[str, Any]) -> list[str]:
    suite = DEMO if _is_demo(options) else STABLE_DIFFUSION
    return options["prompt"] or list(suite[KIND])


def _settings(base: Any, options: dict[str, Any]) -> Any:
    from inference.engine.sampling import Settings

    is_demo = _is_demo(options)
    side = options["size"] or (128 if is_demo else int(base.vae.config["sample_size"]))
    return Settings(
        width=side,
        height=side,
        steps=options["steps"],
        cfg_scale=options["cfg"] or (4.0 if is_demo else 7.0),
        sampler=options["sampler"],
        negative_prompt=options["negative"],
    )


def _write_cells(
    row: Sequence[Any],
    number: int,
    prompt: str,
    seed: int,
    used: Any,
    base: Any,
    options: dict[str, Any],
) -> None:
    """As A1111 would have written them."""
    from inference.engine.infotext import infotext
    from inference.engine.png import as_png

    folder: Path = options["cells"]
    folder.mkdir(parents=True, exist_ok=True)
    for multiplier, picture in zip(options["multipliers"], row, strict=True):
        text = infotext(
            prompt,
            seed,
            used,
            options["base"].stem,
            base.hash,
            options["file"].stem,
            multiplier,
            clip_skip=options["clip_skip"],
        )
        (folder / f"{number:02d}-{multiplier:g}.png").write_bytes(as_png(picture, text))
