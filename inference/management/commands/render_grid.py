"""`manage.py render_grid FILE`: what a hypernetwork does at several strengths, as one picture.

Needs no database and no server:

    manage.py render_grid ink-wash.pt --prompt "a large red house" --multipliers 0,0.5,1
"""

import time
from argparse import ArgumentTypeError
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
        from inference.engine.infotext import infotext
        from inference.engine.sampling import Settings
        from inference.rendering import as_png

        file, multipliers = options["file"], options["multipliers"]
        is_demo = options["base"] == Path(hub.DEMO_BASE)
        prompts = options["prompt"] or list((DEMO if is_demo else STABLE_DIFFUSION)[KIND])
        base = load_base(
            BaseSource(
                options["base"], options["family"], options["prediction"], options["clip_skip"]
            )
        )
        network = load_hypernetwork(file, device=str(base.device))
        side = options["size"] or (128 if is_demo else int(base.vae.config["sample_size"]))
        used = Settings(
            width=side,
            height=side,
            steps=options["steps"],
            cfg_scale=options["cfg"] or (4.0 if is_demo else 7.0),
            sampler=options["sampler"],
            negative_prompt=options["negative"],
        )
        started, rows = time.monotonic(), []
        with tqdm(total=len(prompts) * used.steps, unit="step") as bar:
            for number, prompt in enumerate(prompts):
                bar.set_description(prompt[:40])
                seed = seed_of(prompt) if options["seed"] is None else options["seed"]
                row = render_row(
                    base,
                    [network],
                    prompt=prompt,
                    seed=seed,
                    multipliers=multipliers,
                    settings=used,
                    on_step=lambda *_: bar.update(),
                )
                rows.append(row)
                bar.n = (number + 1) * used.steps
                for multiplier, picture in zip(multipliers, row, strict=True):
                    if options["cells"]:
                        options["cells"].mkdir(parents=True, exist_ok=True)
                        text = infotext(
                            prompt,
                            seed,
                            used,
                            options["base"].stem,
                            base.hash,
                            file.stem,
                            multiplier,
                            clip_skip=options["clip_skip"],
                        )
                        cell = options["cells"] / f"{number:02d}-{multiplier:g}.png"
                        cell.write_bytes(as_png(picture, text))
        out = options["out"] or file.with_name(f"{file.stem}-grid.png")
        contact_sheet(rows, prompts=prompts, multipliers=multipliers, title=file.stem).save(out)
        took, count = time.monotonic() - started, len(prompts) * len(multipliers)
        self.stdout.write(f"{out}: {count} pictures in {took:.1f} s on {base.device}")
