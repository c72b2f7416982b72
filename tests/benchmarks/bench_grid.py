"""./bench grid: a strength grid, ours beside a loop over its cells, in one run on one machine.

The loop is what A1111's X/Y/Z plot does: for each cell the file is read, the texts are encoded, and
one picture is generated and decoded; A1111 bends the context anew at each attention and step. Both
have the same sampler, noise and scaled dot product attention, and their pictures are compared. Rows
of both ways alternate, and the ratio is the median over the rows: other work on the machine
disturbs it less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from inference.engine.attention import hypernetworks_on
from inference.engine.base import BaseSource, LoadedBase, load_base
from inference.engine.demo.autoencoder import new_autoencoder
from inference.engine.demo.captions import Scene
from inference.engine.demo.denoiser import SCHEDULER, new_text_encoder, new_unet
from inference.engine.demo.scenes import SIDE
from inference.engine.demo.tokenizer import write_tokenizer
from inference.engine.grid import render_row
from inference.engine.hypernetwork import Hypernetwork, load_hypernetwork
from inference.engine.pictures import decoded
from inference.engine.samplers import Diffusion, sample
from inference.engine.sampling import Settings, encode_text, latent_shape, noise
from inference.engine.training.network import TrainableNetwork
from inference.engine.vocabulary import clip_tokenizer
from registry.formats.hypernetwork import HypernetworkSpec
from registry.formats.writer import write_portable

DEMO_BASE: Final = Path(__file__).resolve().parents[2] / "inference" / "demo" / "base"
MULTIPLIERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
NETWORKS: Final[dict[str, dict[str, Any]]] = {
    "affine [1, 2, 1]": {},
    "relu [1, 2, 1]": {"activation_func": "relu", "activate_output": False},
    "deep [1, 2, 4, 2, 1], swish": {
        "activation_func": "swish",
        "activate_output": False,
        "layer_structure": (1, 2, 4, 2, 1),
    },
}
CPU_GOAL, GPU_GOAL = 2.5, 4.0
LEVELS: Final = 2  # of 255, by which pictures in fp32 may differ
BF16_PEAKS: Final = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}
MIB: Final = 1 << 20


# --- The loop over cells --------------------------------------------------------------------------


class CellProcessor:
    """As A1111: the context of each attention and step is bent where it is used."""

    def __init__(self, heads: dict[int, tuple[nn.Module, nn.Module]], multiplier: float) -> None:
        self._heads, self._multiplier = heads, multiplier

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        for_k = for_v = context
        if context.shape[-1] in self._heads:
            f_k, f_v = self._heads[context.shape[-1]]
            for_k = context + f_k(context) * self._multiplier
            for_v = context + f_v(context) * self._multiplier
        query, key, value = (
            x.view(*x.shape[:2], attn.heads, -1).transpose(1, 2)
            for x in (attn.to_q(hidden_states), attn.to_k(for_k), attn.to_v(for_v))
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out


def network_by_torch(path: Path, base: LoadedBase) -> dict[int, tuple[nn.Module, nn.Module]]:
    """The whole file by torch.load, each half's `nn.Sequential` filled from it."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    spec = HypernetworkSpec(
        path.stem,
        layer_structure=tuple(stored["layer_structure"]),
        activation_func=stored["activation_func"],
        is_layer_norm=stored["is_layer_norm"],
        activate_output=stored["activate_output"],
    )
    network = Hypernetwork(spec, [dim for dim in stored if isinstance(dim, int)])
    for dim, heads in network.heads.items():
        for head, state in zip(heads, stored[dim], strict=True):
            head.load_state_dict(state)
    network.to(base.device, base.unet.dtype)
    return {dim: (k, v) for dim, (k, v) in network.heads.items()}


@torch.no_grad()
def cell(
    base: LoadedBase, path: Path, prompt: str, seed: int, multiplier: float, settings: Settings
) -> Image.Image:
    """One full generation: a batch of the unconditional and the conditional row."""
    heads = network_by_torch(path, base)
    context = encode_text(base, [settings.negative_prompt, prompt])
    unet = base.unet
    before = dict(unet.attn_processors)
    unet.set_attn_processor(CellProcessor(heads, multiplier))

    def guided(x: Tensor, t: Tensor) -> Tensor:
        said = unet(torch.cat([x, x]).to(unet.dtype), t, context, return_dict=False)[0].float()
        without, with_prompt = said.chunk(2)
        both: Tensor = without + settings.cfg_scale * (with_prompt - without)
        return both

    try:
        latents = sample(
            settings.sampler_name,
            settings.schedule_type,
            Diffusion.of(base.scheduler_config),
            guided,
            lambda: noise(base, seed, settings),
            steps=settings.steps,
            rows=1,
            tick=lambda: None,
        )
    finally:
        unet.set_attn_processor(before)
    return decoded(base, list(latents))[0]


# --- Base models ----------------------------------------------------------------------------------


def demo_base() -> LoadedBase:
    """The shipped one, else its architecture with random weights: as fast, but noise."""
    if (DEMO_BASE / "model_index.json").exists():
        return load_base(BaseSource(DEMO_BASE), device="cpu")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = write_tokenizer(Path(folder))
    return assembled(
        new_unet(), new_autoencoder(), new_text_encoder(tokenizer), tokenizer, torch.device("cpu")
    )


def whole_base(device: torch.device) -> LoadedBase:
    """SD 1.5's sizes, random weights, bf16."""
    torch.manual_seed(0)
    tokenizer = clip_tokenizer()
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=768, intermediate_size=3072,
        num_hidden_layers=12, num_attention_heads=12,
    ))  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    for part in (unet, vae, text_encoder):
        part.to(torch.bfloat16)
    return assembled(unet, vae, text_encoder, tokenizer, device)


def assembled(
    unet: Any, vae: Any, text_encoder: Any, tokenizer: Any, device: torch.device
) -> LoadedBase:
    for part in (unet, vae, text_encoder):
        part.requires_grad_(False).eval().to(device)
    return LoadedBase(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config=dict(SCHEDULER),
        source=BaseSource(Path("random")),
        device=device,
        hash="0" * 64,
    )


def network_file(folder: Path, base: LoadedBase, **settings: Any) -> Path:
    """A portable .pt for all context widths of the base model, its weights as a training starts."""
    spec = HypernetworkSpec("bench", **settings)
    network = TrainableNetwork.new(spec, widths(base.unet), seed=1, identity_start=False)
    path = folder / "bench.pt"
    with path.open("wb") as file:
        write_portable(network.to_file(step=1), file, stem="bench")
    return path


def widths(unet: Any) -> set[int]:
    return {module.in_features for name, module in unet.named_modules() if name.endswith(".to_k")}


# --- Measuring ------------------------------------------------------------------------------------


@dataclass
class Figures:
    """Seconds by row, and the largest use of memory in MiB."""

    seconds: list[float] = field(default_factory=list)
    peak: float = 0.0

    def take(self, work: Callable[[], list[Image.Image]], device: torch.device) -> Any:
        reset_peak(device)
        began = time.perf_counter()
        pictures = work()
        self.seconds.append(time.perf_counter() - began)
        self.peak = max(self.peak, peak(device))
        return pictures


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> float:
    """Since it was reset; on the CPU of the whole process, base model and Python included."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / MIB
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def levels_apart(one: list[Image.Image], other: list[Image.Image]) -> int:
    pairs = zip(one, other, strict=True)
    return max(
        int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max()) for a, b in pairs
    )


def measure(base: LoadedBase, path: Path, chosen: argparse.Namespace) -> dict[str, Figures]:
    """Row by row: the loop, our grid, and our grid where the base's column is known already."""
    ways = {"loop": Figures(), "grid": Figures(), "known": Figures()}
    settings, device = settings_for(base, chosen.steps), base.device
    apart = 0
    for row in range(chosen.prompts):
        prompt, seed = Scene("house", "red", "meadow", seed=row).caption(), row
        one_cell = partial(cell, base, path, prompt, seed, settings=settings)
        network = load_hypernetwork(path, device=device, dtype=base.unet.dtype)

        def our_row(
            multipliers: tuple[float, ...],
            network: Hypernetwork = network,
            prompt: str = prompt,
            seed: int = seed,
        ) -> list[Image.Image]:
            return render_row(
                base, [network], prompt=prompt, seed=seed, multipliers=multipliers,
                settings=settings,
            )  # fmt: skip

        for part in (base.unet, base.vae):  # ours lays it out anew, and in its own time
            part.to(memory_format=torch.contiguous_format)
        theirs = ways["loop"].take(lambda: [one_cell(m) for m in MULTIPLIERS], device)  # noqa: B023
        ours = ways["grid"].take(lambda: our_row(MULTIPLIERS), device)  # noqa: B023
        ways["known"].take(lambda: our_row(MULTIPLIERS[1:]), device)  # noqa: B023
        apart = max(apart, levels_apart(theirs, ours))
    if base.unet.dtype == torch.float32:
        assert apart <= LEVELS, f"pictures differ by {apart} of 255"
    print(f"    pictures differ by at most {apart} of 255")
    return ways


def settings_for(base: LoadedBase, steps: int) -> Settings:
    side = SIDE if base.device.type == "cpu" else 512
    return Settings(width=side, height=side, steps=steps)


def report(ways: dict[str, Figures], goal: float) -> bool:
    titles = {
        "loop": "cell by cell",
        "grid": "our grid",
        "known": "our grid, the column of 0 known",
    }
    reached = True
    for name, title in titles.items():
        each = ways[name]
        pairs = zip(ways["loop"].seconds, each.seconds, strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        verdict = ""
        if name == "grid":
            verdict = f"   goal {goal} ×: {'met' if ratio >= goal else 'missed'}"
            reached = ratio >= goal
        print(
            f"    {title:<34}{sum(each.seconds):8.2f} s{ratio:7.2f} ×"
            f"{each.peak:9.0f} MiB at most{verdict}"
        )
    return reached


def measure_all(base: LoadedBase, chosen: argparse.Namespace, goal: float) -> bool:
    reached = True
    shape = "×".join(map(str, latent_shape(base, settings_for(base, chosen.steps))[1:]))
    print(f"    latents {shape}, context widths {sorted(widths(base.unet))}")
    with tempfile.TemporaryDirectory(prefix="bench-grid-") as name:
        for title, settings in NETWORKS.items():
            path = network_file(Path(name), base, **settings)
            print(f"  {title} ({path.stat().st_size / 1e6:.1f} MB)")
            warm_up(base, path)
            ways = measure(base, path, chosen)
            reached &= report(ways, goal)
            if base.device.type == "cuda":
                report_throughput(base, ways["grid"], chosen)
    return reached


def warm_up(base: LoadedBase, path: Path) -> None:
    settings = settings_for(base, 1)
    cell(base, path, "a", 0, 1.0, settings)
    network = load_hypernetwork(path, device=base.device, dtype=base.unet.dtype)
    render_row(base, [network], prompt="a", seed=0, multipliers=MULTIPLIERS, settings=settings)


def report_throughput(base: LoadedBase, grid: Figures, chosen: argparse.Namespace) -> None:
    """Pictures a second, and how much of what the card can do in bf16 that is."""
    settings = settings_for(base, chosen.steps)
    latents = torch.randn(latent_shape(base, settings), device=base.device, dtype=base.unet.dtype)
    context = encode_text(base, ["", "a"])
    with (
        torch.no_grad(),
        FlopCounterMode(display=False) as counter,
        hypernetworks_on(base.unet, []),
    ):
        base.unet(latents.repeat(2, 1, 1, 1), torch.tensor(500.0), context)
    unet = counter.get_total_flops()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        base.vae.decode(latents)
    each = unet * chosen.steps + counter.get_total_flops()
    rate = len(MULTIPLIERS) / statistics.median(grid.seconds)
    name = torch.cuda.get_device_name()
    of_peak = next((rate * each / top for card, top in BF16_PEAKS.items() if card in name), None)
    share = f"{of_peak:.1%} of the card's bf16 peak" if of_peak else "the card's peak is unknown"
    print(f"    {rate:.2f} pictures a second, {each / 1e12:.1f} TFLOP each: {share}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench grid", description=(__doc__ or "")[:90])
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    print(
        f"torch {torch.__version__}, {chosen.threads} threads, {chosen.prompts} prompts × "
        f"{len(MULTIPLIERS)} multipliers, {chosen.steps} steps; ratios: medians over the prompts"
    )
    base = demo_base()
    print(
        "\nCPU, fp32, "
        + ("the demo base model" if base.source.path == DEMO_BASE else "its sizes, random weights")
    )
    reached = measure_all(base, chosen, CPU_GOAL)
    if torch.cuda.is_available():
        print(
            f"\n{torch.cuda.get_device_name()}, bf16, SD 1.5's sizes at 512 × 512, random weights"
        )
        reached &= measure_all(whole_base(torch.device("cuda")), chosen, GPU_GOAL)
    else:
        print("\nGPU: not measured: no GPU")
    raise SystemExit(0 if reached else 1)


if __name__ == "__main__":
    main()
