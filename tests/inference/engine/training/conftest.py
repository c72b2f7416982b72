"""A base model of random weights that trains in moments, and a folder of pictures for it."""

import random
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image, ImageDraw
from transformers import CLIPTextConfig, CLIPTextModel

from inference.engine.base import BaseSource, LoadedBase
from inference.engine.vocabulary import clip_tokenizer

SIDE = 64


def tiny_base(prediction_type: str = "epsilon", deep: int = 64) -> LoadedBase:
    """Context widths 32 and ``deep`` (self-attention) and 768 (text)."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=SIDE // 8,
        block_out_channels=(32, deep),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=768,
        attention_head_dim=2,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=SIDE,
        mid_block_add_attention=False,
    )
    tokenizer = clip_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=768,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
        )
    )
    for part in (unet, vae, text_encoder):
        part.requires_grad_(False).eval()
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
            "prediction_type": prediction_type,
        },
        source=BaseSource(Path("tiny.safetensors"), prediction_type=prediction_type),
        device=torch.device("cpu"),
        hash="ab" * 32,
    )


@pytest.fixture(scope="session")
def base() -> LoadedBase:
    return tiny_base()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return draw_pictures(tmp_path / "pictures")


def draw_pictures(folder: Path) -> Path:
    """Six discs whose captions are two tags each; parts of the pictures are transparent."""
    folder.mkdir()
    chance = random.Random(1)  # noqa: S311
    for i in range(6):
        colour = tuple(chance.randrange(256) for _ in range(3))
        picture = Image.new("RGBA", (SIDE, SIDE), (*colour, 255))
        ImageDraw.Draw(picture).ellipse((8, 8, 40, 40), fill=(*colour[::-1], 60))
        picture.save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(f"a disc {i}, on a plain ground")
    return folder
