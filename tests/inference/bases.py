"""Small base models with random weights, in the real layouts: for tests, made in a second.

`tiny_base(folder)` is an SD 1.x of a few megabytes whose pictures are 64 pixels square.
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WORDS = (
    "a", "an", "the", "of", "on", "in", "by", "red", "green", "blue", "small", "large",
    "circle", "square", "house", "cat", "photo", "style",
)  # fmt: skip
LENGTH = 16
SIDE = 64


def tiny_base(folder: Path, *, width: int = 768, seed: int = 0, **scheduler: Any) -> Path:
    """A diffusers folder; `width` 768 is SD 1.x, 1024 SD 2.x."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer(folder / "words")
    parts: dict[str, Any] = {
        "unet": UNet2DConditionModel(
            sample_size=SIDE // 4,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=width,
            attention_head_dim=2,
            norm_num_groups=8,
        ),
        "vae": AutoencoderKL(
            block_out_channels=(8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=8,
            sample_size=SIDE,
        ),
        "text_encoder": CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=width,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=LENGTH,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        ),
        "scheduler": DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            **scheduler,
        ),
    }
    pipeline = StableDiffusionPipeline(
        **parts,
        tokenizer=tokenizer,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def tiny_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's own kind, that knows letters and a few words."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,.!'-"
    merges: list[tuple[str, str]] = []
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            if pair not in merges:
                merges.append(pair)
                tokens.append("".join(pair))
            parts = ["".join(pair), *parts[2:]]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    pairs: Any = merges
    return CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=LENGTH)
