"""The UNet and the text encoder of the demo base model, trained together from nothing."""

import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from inference.engine.demo import pictures
from inference.engine.demo.autoencoder import LATENT_SIDE, encoded
from inference.engine.demo.captions import training_caption
from inference.engine.demo.stages import Stage, generator, train
from inference.engine.demo.tokenizer import LENGTH

PLAIN, DISTURBED = 10_000, 4_000
BATCH = 32
WITHOUT_CAPTION = 0.1  # for classifier-free guidance
WITHOUT_THE_WORD = 0.1  # disturbed pictures whose caption does not name the disturbance
WIDTH = 768  # of the text states: the width that most hypernetworks act on
SCHEDULER = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def new_unet() -> UNet2DConditionModel:
    """Stable Diffusion's UNet, small: attention on 8 × 8 places, and in the middle on 4 × 4.

    Most of its work is done at 8 × 8: there a shape is a few places, and learned soon.
    """
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 160, 320),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=[1, 4, 5],  # heads, for all its name
        norm_num_groups=16,
    )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=256,
            num_hidden_layers=1,
            num_attention_heads=12,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


class Denoiser(nn.Module):
    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.unet = new_unet()
        self.text_encoder = new_text_encoder(tokenizer)


def train_denoiser(
    stage: Stage,
    vae: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    *,
    seed: int,
    work: Path,
    log: Path,
) -> Denoiser:
    """MSE on v; each sample weighs by its signal-to-noise ratio, at most 5 (Hang et al., 2023)."""
    torch.manual_seed(seed)
    model = Denoiser(tokenizer)
    scheduler = DDIMScheduler(**SCHEDULER)
    mean, std = _latents(vae, seed=seed, work=work)
    plain = pictures.scenes(PLAIN, seed + 3)
    changed = pictures.scenes(DISTURBED, seed + 4)
    words = pictures.disturbed_words(DISTURBED, seed + 4)
    signal = scheduler.alphas_cumprod
    ratio = signal / (1 - signal)
    weight = ratio.clamp(max=5.0) / (ratio + 1)

    def caption_of(index: int, chance: random.Random) -> str:
        if chance.random() < WITHOUT_CAPTION:
            return ""
        if index < PLAIN:
            return training_caption(plain[index], chance)
        caption = training_caption(changed[index - PLAIN], chance)
        named = chance.random() >= WITHOUT_THE_WORD
        return f"{caption}, {words[index - PLAIN]}" if named else caption

    def loss_at(step: int) -> Tensor:
        chance = generator(seed, stage.name, step)
        words_chance = random.Random(f"{seed} {stage.name} {step}")
        which = torch.randint(PLAIN + DISTURBED, (BATCH,), generator=chance)
        noise, grain = (torch.randn(BATCH, *mean.shape[1:], generator=chance) for _ in range(2))
        latents = (mean[which] + std[which] * grain) * vae.config.scaling_factor
        time = torch.randint(1000, (BATCH,), generator=chance)
        tokens = tokenizer(
            [caption_of(index, words_chance) for index in which.tolist()],
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        )
        states = model.text_encoder(tokens.input_ids).last_hidden_state
        shown = model.unet(scheduler.add_noise(latents, noise, time), time, states).sample
        wanted = scheduler.get_velocity(latents, noise, time)
        each = F.mse_loss(shown, wanted, reduction="none").mean(dim=(1, 2, 3))
        loss: Tensor = (each * weight[time]).mean()
        return loss

    train(stage, model, loss_at, work=work, log=log)
    return model.eval().requires_grad_(False)


def _latents(vae: AutoencoderKL, *, seed: int, work: Path) -> tuple[Tensor, Tensor]:
    """The posteriors of all pictures, plain ones first."""
    kept = work / "latents.pt"
    if not kept.exists():
        sets = (
            pictures.drawn(PLAIN, seed=seed + 3, work=work),
            pictures.drawn_and_disturbed(DISTURBED, seed=seed + 4, work=work),
        )
        means, stds = zip(*(encoded(vae, of) for of in sets), strict=True)
        torch.save((torch.cat(means), torch.cat(stds)), kept)
    mean, std = torch.load(kept, weights_only=True)
    return mean, std
