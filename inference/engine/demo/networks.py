"""The demo networks: six styles and two subjects, each trained on a set that is drawn here."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from inference.engine.base import LoadedBase
from inference.engine.demo.captions import SIZES, Scene, training_caption
from inference.engine.demo.scenes import SIDE
from inference.engine.demo.styles import STYLES, styled
from inference.engine.demo.subjects import CHARACTERS, pictured, word_of
from inference.engine.training import TrainingOptions, TrainingResult, read_dataset, train
from inference.engine.training.checkpoints import resume_file
from inference.engine.training.run import OnStep

PICTURES: Final = 240
MAX_BYTES: Final = 1_500_000
_FINISHED: Final = (".pt", ".json")


@dataclass(frozen=True)
class DemoNetwork:
    """``draw`` makes the picture of a scene; ``subject`` fixes the scenes' subject, if any."""

    name: str
    kind: str
    draw: Callable[[Scene], Image.Image]
    subject: str = ""

    def scene(self, chance: random.Random) -> Scene:
        scene = Scene.random(chance)
        if not self.subject:
            return scene
        # Small ones have no room for what makes a character.
        size = chance.choice(SIZES[1:])
        return Scene(self.subject, scene.colour, scene.background, size, scene.place, scene.seed)

    def options(self) -> TrainingOptions:
        """Structure [1, 0.125, 1]: what fits into 1.5 MB and still loads in A1111."""
        return TrainingOptions(
            name=self.name,
            enable_sizes=(320, 768),
            layer_structure=(1, 0.125, 1),
            weight_initialization="XavierNormal",
            identity_start=True,
            learn_rate="2e-3:100, 1e-3:500, 4e-4:800, 1e-4",
            batch_size=8,
            training_width=SIDE,
            training_height=SIDE,
            steps=1000,
            save_hypernetwork_every=100,
            create_image_every=0,
            template_file="filewords.txt",
            latent_sampling_method="random",
            clip_grad_mode="norm",
            clip_grad_value="1.0",
            keep_steps=False,
            log_every=20,
        )


DEMO_NETWORKS: Final = (
    *(DemoNetwork(f"demo-{style}", "style", partial(styled, style=style)) for style in STYLES),
    *(
        DemoNetwork(f"demo-{who}", "subject", partial(pictured, character=who), word_of(who))
        for who in CHARACTERS
    ),
)


def draw_set(network: DemoNetwork, folder: Path, *, seed: int = 0) -> Path:
    """Pictures and captions as any creator would lay them out; drawn once."""
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    chance = random.Random(f"{network.name} {seed}")  # noqa: S311  # pictures, no secrets
    for i in range(PICTURES):
        scene = network.scene(chance)
        network.draw(scene).save(unfinished / f"{i:03}.png")
        caption = training_caption(scene, chance)
        (unfinished / f"{i:03}.txt").write_text(caption, encoding="utf-8")
    unfinished.rename(folder)
    return folder


def train_demo_network(
    base: LoadedBase,
    network: DemoNetwork,
    *,
    work: Path,
    into: Path,
    on_step: OnStep | None = None,
) -> TrainingResult:
    """Draw, train, and put the `.pt` and its figures into ``into``; goes on after a break.

    The same base model gives the same bytes on the same machine.
    """
    options = network.options()
    pictures = draw_set(network, work / "pictures" / network.name)
    folder = work / "runs" / network.name
    result = train(
        base,
        read_dataset(pictures, needs_captions=True),
        options,
        folder,
        on_step,
        resume=resume_file(folder, options.name).exists(),
    )
    if result.ending == "done":
        into.mkdir(parents=True, exist_ok=True)
        for suffix in _FINISHED:
            shutil.copyfile(folder / f"{network.name}{suffix}", into / f"{network.name}{suffix}")
    return result


def is_finished(network: DemoNetwork, into: Path) -> bool:
    return all((into / f"{network.name}{suffix}").is_file() for suffix in _FINISHED)
