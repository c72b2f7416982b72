"""./bench train: a hypernetwork's training, ours beside A1111's way, in one run on one machine.

A1111's way is written out below from section 9 of the format specification: the UNet's own weights
get gradients, nothing is kept that can be computed twice, attention keeps its scores, one picture a
step, the loss is read at each step. Texts are encoded once per picture, with --shuffle-tags anew at
each step: both as there. Both ways train the same network on the same pictures, and their
gradients on equal inputs are compared first.

Wall time counts. Processor time stands beside it, for machines that others use, too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from inference.engine.base import BaseSource, LoadedBase
from inference.engine.demo.captions import Scene
from inference.engine.demo.denoiser import new_unet
from inference.engine.demo.networks import DEMO_NETWORKS
from inference.engine.sampling import encode_text
from inference.engine.training import PRESETS, TrainingOptions, read_dataset
from inference.engine.training.draws import Draw
from inference.engine.training.setup import Prepared, prepare
from inference.engine.training.steps import Stepper
from inference.engine.vocabulary import clip_tokenizer
from tests.inference.engine.training.reference import PlainProcessor

TOLERANCE: Final = 1e-3  # of a parameter's largest gradient, in fp32
GOALS: Final = {"equal": 2.5, "defaults": 6.0}
GPU_GOALS: Final = {"defaults": 5.0}
MIB: Final = 1 << 20


def upper_unet() -> UNet2DConditionModel:
    """The two upper levels of SD 1.5 at their real widths, one layer each."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(320, 640),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=768,
        attention_head_dim=8,
    )


def whole_unet() -> UNet2DConditionModel:
    """SD 1.5's own sizes."""
    return UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)


UNETS: Final[dict[str, tuple[str, Callable[[], UNet2DConditionModel]]]] = {
    "demo": ("the demo base's UNet at 128 × 128", new_unet),
    "upper": ("SD 1.5's two upper levels at 128 × 128", upper_unet),
    "whole": ("SD 1.5's UNet at 512 × 512", whole_unet),
}


def random_base(unet: UNet2DConditionModel, device: torch.device) -> LoadedBase:
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
    )
    tokenizer = clip_tokenizer()
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=768, intermediate_size=3072,
        num_hidden_layers=12, num_attention_heads=12,
    ))  # fmt: skip
    for part in (unet, vae, text_encoder):
        part.requires_grad_(False).eval().to(device)
    return LoadedBase(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config={
            "beta_schedule": "scaled_linear",
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "num_train_timesteps": 1000,
            "prediction_type": "epsilon",
        },
        source=BaseSource(Path("random.safetensors")),
        device=device,
        hash="0" * 64,
    )


def draw_pictures(folder: Path, side: int, count: int = 8) -> Path:
    network = DEMO_NETWORKS[0]
    for i in range(count):
        scene = Scene("house", "red", "meadow", seed=i)
        picture = network.draw(scene).resize((side, side), Image.Resampling.LANCZOS)
        picture.save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(scene.caption())
    return folder


# --- A1111's way ----------------------------------------------------------------------------------


class A1111Way:
    """One object per run; ``step`` trains on the next picture."""

    def __init__(self, ready: Prepared, *, shuffle_tags: bool, bf16: bool) -> None:
        self._ready, self._unet, self._bf16 = ready, ready.base.unet, bf16
        self._shuffles = shuffle_tags
        self._weights = list(ready.network.parameters())
        self._optimizer = torch.optim.AdamW(self._weights, lr=1e-5)
        self._texts: dict[tuple[str, ...], Tensor] = {}

    def __enter__(self) -> A1111Way:
        self._before = dict(self._unet.attn_processors)
        self._unet.set_attn_processor(PlainProcessor(self._ready.network.heads))
        self._unet.requires_grad_(True)
        self._unet.enable_gradient_checkpointing()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._unet.disable_gradient_checkpointing()
        self._unet.requires_grad_(False)
        self._unet.zero_grad(set_to_none=True)
        self._unet.set_attn_processor(self._before)

    def step(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        self.gradients(self._ready.draws.batch())
        self._optimizer.step()

    def gradients(self, draw: Draw) -> float:
        device = self._ready.base.device
        x = self._ready.latents.mean[draw.pictures.to(device)]
        text = self._encoded(draw.texts)
        t, noise = draw.times.to(device), draw.noise.to(device)
        noised = self._ready.diffusion.noised(x, noise, t)
        with torch.autocast(device.type, torch.bfloat16, enabled=self._bf16):
            predicted = self._unet(noised, t, text).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), noise)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def _encoded(self, texts: tuple[str, ...]) -> Tensor:
        if self._shuffles or texts not in self._texts:
            with torch.no_grad():
                self._texts[texts] = encode_text(self._ready.base, list(texts))
        return self._texts[texts]


# --- measuring ------------------------------------------------------------------------------------


@dataclass
class Figures:
    """Seconds a picture, of the wall's clock and of all processors together."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, step: Callable[[], object], device: torch.device, pictures: int = 1) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        self.wall.append((time.perf_counter() - wall) / pictures)
        self.cpu.append((time.process_time() - cpu) / pictures)


def compare_gradients(ready: Prepared) -> float:
    """The largest difference as a share of a parameter's largest gradient; in fp32."""
    draw = ready.draws.batch()
    named = dict(ready.network.named_parameters())
    ready.network.zero_grad()
    with A1111Way(ready, shuffle_tags=False, bf16=False) as theirs:
        theirs.gradients(draw)
    expected = {
        name: weight.grad.clone() for name, weight in named.items() if weight.grad is not None
    }
    uses_bf16, ready.uses_bf16 = ready.uses_bf16, False
    with Stepper(ready) as ours:
        ours.gradients([draw])
    ready.uses_bf16 = uses_bf16
    largest = max(grad.abs().max().item() for grad in expected.values())
    # Biases of f_k move all keys alike, and the softmax does not see that.
    seen = [name for name, grad in expected.items() if grad.abs().max().item() > 1e-4 * largest]
    assert all("bias" in name for name in set(expected) - set(seen))
    return max(
        ((named[n].grad - expected[n]).abs().max() / expected[n].abs().max()).item()  # type: ignore[operator]
        for n in seen
    )


def measure(ready: Prepared, chosen: argparse.Namespace, side: int) -> dict[str, Figures]:
    """Each way in turn, a step at a time."""
    base, device = ready.base, ready.base.device
    usual = prepared_for(base, chosen.folder, side, **PRESETS["recommended"])
    figures: dict[str, Figures] = {}
    for turn in range(chosen.rounds + 1):
        if turn < 2:  # the first turn only warms up
            figures = {"a1111": Figures(), "equal": Figures(), "defaults": Figures()}
        with A1111Way(ready, shuffle_tags=chosen.shuffle_tags, bf16=ready.uses_bf16) as theirs:
            figures["a1111"].take(theirs.step, device)
            peak("A1111's way", device, turn)
        for name, way in (("equal", ready), ("defaults", usual)):
            with Stepper(way) as ours:
                figures[name].take(partial(ours.take, 1e-5), device, way.options.batch_size)
                peak(f"ours, batch {way.options.batch_size}", device, turn)
    return figures


def peak(name: str, device: torch.device, turn: int) -> None:
    if device.type == "cuda":
        if turn == 1:
            print(f"  {name}: {torch.cuda.max_memory_allocated() / MIB:.0f} MiB at most")
        torch.cuda.reset_peak_memory_stats()


def prepared_for(base: LoadedBase, folder: Path, side: int, **options: Any) -> Prepared:
    chosen = {"training_width": side, "training_height": side, **options}
    dataset = read_dataset(folder, needs_captions=True, validation_images=1)
    return prepare(base, dataset, TrainingOptions(name="bench", **chosen), start_from=None)


def report(figures: dict[str, Figures], goals: dict[str, float]) -> bool:
    titles = {
        "a1111": "A1111's way, batch 1",
        "equal": "ours, the same precision and batch",
        "defaults": "ours, recommended preset (batch 4)",
    }
    wall = {name: min(it.wall) for name, it in figures.items()}
    cpu = {name: min(it.cpu) for name, it in figures.items()}
    for name, title in titles.items():
        goal = f"   (goal {goals[name]} ×)" if name in goals else ""
        print(
            f"  {title:<36}{wall[name] * 1e3:9.1f} ms a picture{wall['a1111'] / wall[name]:7.2f} ×"
            f"   cpu {cpu[name] * 1e3:9.1f} ms{cpu['a1111'] / cpu[name]:7.2f} ×{goal}"
        )
    return all(wall["a1111"] / wall[name] >= goal for name, goal in goals.items())


def run(unet: UNet2DConditionModel, device: torch.device, chosen: argparse.Namespace) -> bool:
    side = unet.config.sample_size * 8
    base = random_base(unet, device)
    with tempfile.TemporaryDirectory(prefix="bench-train-") as name:
        chosen.folder = draw_pictures(Path(name), side)
        ready = prepared_for(base, chosen.folder, side)
        apart = compare_gradients(ready)
        print(f"  gradients differ by {apart:.1e} of a parameter's largest one (limit {TOLERANCE})")
        assert apart <= TOLERANCE, "the two ways do not train the same network"
        figures = measure(ready, chosen, side)
    return report(figures, GPU_GOALS if device.type == "cuda" else GOALS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench train", description=(__doc__ or "")[:90])
    parser.add_argument("--rounds", type=int, default=5, help="steps of each way (default 5)")
    parser.add_argument("--unet", choices=tuple(UNETS), default="demo", help="on the CPU")
    parser.add_argument("--shuffle-tags", action="store_true", help="A1111 encodes at each step")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(chosen.threads)
    print(
        f"torch {torch.__version__}, {chosen.threads} threads, best of {chosen.rounds} steps each"
    )
    title, unet = UNETS[chosen.unet]
    print(f"\nCPU, fp32, network [1, 2, 1], {title}, random weights")
    reached = run(unet(), torch.device("cpu"), chosen)
    if torch.cuda.is_available():
        print(f"\n{torch.cuda.get_device_name()}, bf16, SD 1.5's sizes at 512 × 512")
        reached &= run(whole_unet(), torch.device("cuda"), chosen)
    else:
        print("\nGPU: not measured: no GPU")
    raise SystemExit(0 if reached else 1)


if __name__ == "__main__":
    main()
