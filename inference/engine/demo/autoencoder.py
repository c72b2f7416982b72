"""The autoencoder of the demo base model: 128 × 128 pixels to 4 × 16 × 16 latents and back."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from inference.engine.demo import pictures
from inference.engine.demo.scenes import SIDE
from inference.engine.demo.stages import Stage, generator, train
from inference.engine.demo.thumbnail import start_as_thumbnail

PICTURES = 4_000  # of each sort
BATCH = 8
CROP = 64  # the network is a convolution throughout: a crop teaches as much as a whole picture
KL_WEIGHT = 1e-6
CHANNELS = (16, 32, 96, 128)
LATENT_SIDE = SIDE // 2 ** (len(CHANNELS) - 1)


def new_autoencoder() -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=CHANNELS,
        down_block_types=("DownEncoderBlock2D",) * len(CHANNELS),
        up_block_types=("UpDecoderBlock2D",) * len(CHANNELS),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        sample_size=SIDE,
        mid_block_add_attention=False,
    )
    start_as_thumbnail(vae)
    return vae


def train_autoencoder(stage: Stage, *, seed: int, work: Path, log: Path) -> AutoencoderKL:
    """Ends with ``scaling_factor`` set so that latents of drawn scenes have a variance of one."""
    torch.manual_seed(seed)
    vae = new_autoencoder()
    plain = pictures.drawn(PICTURES, seed=seed + 1, work=work)
    changed = pictures.drawn_and_disturbed(PICTURES, seed=seed + 2, work=work)

    def loss_at(step: int) -> Tensor:
        chance = generator(seed, stage.name, step)
        batch = pictures.as_tensor(_crops(plain, changed, chance))
        posterior = vae.encode(batch).latent_dist
        latents = posterior.mean + posterior.std * torch.randn(
            posterior.mean.shape, generator=chance
        )
        shown: Tensor = vae.decode(latents).sample
        spread: Tensor = KL_WEIGHT * posterior.kl().mean()
        return difference(shown, batch) + spread

    train(stage, vae, loss_at, work=work, log=log)
    vae.eval().requires_grad_(False)
    latents = encoded(vae, plain[:512])[0]
    vae.register_to_config(scaling_factor=round(1 / latents.std().item(), 5))
    return vae


def difference(shown: Tensor, wanted: Tensor) -> Tensor:
    """Squares find the colours soon; absolute differences of pixels and slopes keep edges sharp."""
    loss = 2 * F.mse_loss(shown, wanted) + F.l1_loss(shown, wanted)
    for dim in (2, 3):
        loss = loss + 0.5 * F.l1_loss(shown.diff(dim=dim), wanted.diff(dim=dim))
    return loss


@torch.no_grad()
def encoded(vae: AutoencoderKL, of: pictures.Bytes, batch: int = 64) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each picture's posterior: two of N × 4 × 16 × 16."""
    parts = [
        vae.encode(pictures.as_tensor(of[i : i + batch])).latent_dist
        for i in range(0, len(of), batch)
    ]
    return torch.cat([part.mean for part in parts]), torch.cat([part.std for part in parts])


def _crops(
    plain: pictures.Bytes, changed: pictures.Bytes, chance: torch.Generator
) -> pictures.Bytes:
    which = torch.randint(PICTURES, (BATCH,), generator=chance).tolist()
    corners = torch.randint(SIDE - CROP + 1, (BATCH, 2), generator=chance).tolist()
    crops = []
    for i, (picture, (top, left)) in enumerate(zip(which, corners, strict=True)):
        source = plain if i % 8 < 5 else changed
        crops.append(source[picture, top : top + CROP, left : left + CROP])
    return np.stack(crops)
