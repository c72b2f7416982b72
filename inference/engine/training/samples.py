"""Pictures on the way: the same prompt and seed each time, at half and at full strength."""

from pathlib import Path
from typing import Final

from inference.engine.grid import render_row
from inference.engine.hypernetwork import hypernetwork_of
from inference.engine.infotext import infotext
from inference.engine.png import as_png
from inference.engine.sampling import Settings
from inference.engine.training.setup import Prepared

MULTIPLIERS: Final = (0.5, 1.0)


def write_samples(prepared: Prepared, folder: Path, *, step: int) -> list[Path]:
    """`samples/<name>-<step>-<multiplier>.png`, rendered as a preview grid renders."""
    options, base = prepared.options, prepared.base
    settings = Settings(width=options.training_width, height=options.training_height)
    samples = folder / "samples"
    samples.mkdir(exist_ok=True)
    file = prepared.network.to_file(step=step)
    network = hypernetwork_of(file, name=options.name, device=base.device)
    pictures = render_row(
        base,
        [network],
        prompt=prepared.preview_prompt,
        seed=options.preview_seed,
        multipliers=MULTIPLIERS,
        settings=settings,
    )
    written = []
    for multiplier, picture in zip(MULTIPLIERS, pictures, strict=True):
        path = samples / f"{options.name}-{step:06}-{multiplier}.png"
        parameters = infotext(
            prompt=prepared.preview_prompt,
            seed=options.preview_seed,
            settings=settings,
            model_name=base.source.path.stem,
            model_hash=base.hash[:10],
            hypernetwork=options.name,
            multiplier=multiplier,
        )
        path.write_bytes(as_png(picture, parameters))
        written.append(path)
    return written
