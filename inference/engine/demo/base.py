"""Trains the demo base model from nothing, measures it, and writes it as diffusers does."""

import json
import logging
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
)
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer

from inference.engine.demo.autoencoder import train_autoencoder
from inference.engine.demo.captions import Scene
from inference.engine.demo.denoiser import SCHEDULER, Denoiser, train_denoiser
from inference.engine.demo.encoder import train_encoder
from inference.engine.demo.reading import read
from inference.engine.demo.scenes import SIDE
from inference.engine.demo.stages import Stage
from inference.engine.demo.tokenizer import write_tokenizer

logger = logging.getLogger(__name__)

AUTOENCODER = Stage("autoencoder", steps=5000, learning_rate=1e-3, averaging=0.99)
DENOISER = Stage("denoiser", steps=5000, learning_rate=8e-4, averaging=0.998, steady=0.7)
ENCODER = Stage("encoder", steps=1200, learning_rate=1e-3, averaging=0.99)
STEPS, GUIDANCE = 20, 4.0
LOG = "training.jsonl"
ABOUT = "about.json"


@dataclass(frozen=True)
class Recipe:
    """``shortened`` multiplies the steps of each stage: for a trial of the mechanics."""

    seed: int = 0
    shortened: float = 1.0

    def stage(self, whole: Stage) -> Stage:
        return replace(whole, steps=max(1, round(whole.steps * self.shortened)))


def train_demo_base(
    base: Path, encoder: Path, *, work: Path, recipe: Recipe, prompts: int = 200
) -> dict[str, object]:
    """Writes a StableDiffusionPipeline to ``base`` and a CLIPModel to ``encoder``, both fp16.

    Goes on where an earlier call with the same ``work`` folder ended. Returns the figures that
    about.json keeps.
    """
    started = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    log = work / LOG
    tokenizer = write_tokenizer(work / "tokenizer")
    seed = recipe.seed
    vae = train_autoencoder(recipe.stage(AUTOENCODER), seed=seed, work=work, log=log)
    denoiser = train_denoiser(recipe.stage(DENOISER), vae, tokenizer, seed=seed, work=work, log=log)
    judge = train_encoder(recipe.stage(ENCODER), tokenizer, seed=seed, work=work, log=log)
    pipeline = assembled(vae, denoiser, tokenizer)
    figures = {
        "seed": seed,
        "minutes_of_this_run": round((time.monotonic() - started) / 60, 1),
        "parameters": _parameters(vae, denoiser, judge),
        "prompts": measured(pipeline, prompts=prompts, seed=seed),
    }
    _save(pipeline, judge, tokenizer, base, encoder)
    (base / LOG).write_bytes(log.read_bytes())
    (base / ABOUT).write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def assembled(
    vae: AutoencoderKL, denoiser: Denoiser, tokenizer: CLIPTokenizer
) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser.text_encoder,
        tokenizer=tokenizer,
        unet=denoiser.unet,
        scheduler=DDIMScheduler(**SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def measured(pipeline: StableDiffusionPipeline, *, prompts: int, seed: int) -> dict[str, object]:
    """How many of so many random prompts the pictures show, part by part and whole."""
    chance = random.Random(f"prompts {seed}")
    scenes = [Scene.random(chance) for _ in range(prompts)]
    parts = dict.fromkeys(("subject", "colour", "background", "size", "place"), 0)
    whole = 0
    for scene, picture in zip(scenes, rendered(pipeline, scenes), strict=True):
        seen = read(picture)
        whole += seen.agrees(scene)
        for part in parts:
            parts[part] += getattr(seen, part) == getattr(scene, part)
    return {"asked": prompts, "shown_whole": whole, "shown": parts}


def rendered(
    pipeline: StableDiffusionPipeline, scenes: list[Scene], batch: int = 20
) -> list[Image.Image]:
    """One picture for each scene's caption and seed."""
    pipeline.set_progress_bar_config(disable=True)
    kept = pipeline.scheduler
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(kept.config)
    pictures: list[Image.Image] = []
    for first in range(0, len(scenes), batch):
        part = scenes[first : first + batch]
        pictures += pipeline(
            [scene.caption() for scene in part],
            height=SIDE,
            width=SIDE,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=[torch.Generator().manual_seed(scene.seed) for scene in part],
        ).images
    pipeline.scheduler = kept
    return pictures


def _parameters(vae: AutoencoderKL, denoiser: Denoiser, judge: CLIPModel) -> dict[str, int]:
    parts = {
        "unet": denoiser.unet,
        "text_encoder": denoiser.text_encoder,
        "autoencoder": vae,
        "encoder": judge,
    }
    return {name: sum(w.numel() for w in part.parameters()) for name, part in parts.items()}


def _save(
    pipeline: StableDiffusionPipeline,
    judge: CLIPModel,
    tokenizer: CLIPTokenizer,
    base: Path,
    encoder: Path,
) -> None:
    pipeline.to(torch.float16).save_pretrained(base, safe_serialization=True)
    judge.to(torch.float16).save_pretrained(encoder, safe_serialization=True)
    tokenizer.save_pretrained(encoder)
