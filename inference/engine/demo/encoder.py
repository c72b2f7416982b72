"""The image and text encoder of the demo base model: a small CLIP, trained on the same scenes.

It measures style shift and prompt fidelity. It sees disturbed pictures too, named and unnamed,
so that it tells a changed look from a lost subject.
"""

import random
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from inference.engine.demo import pictures
from inference.engine.demo.captions import training_caption
from inference.engine.demo.denoiser import DISTURBED, PLAIN
from inference.engine.demo.scenes import SIDE
from inference.engine.demo.stages import Stage, generator, train
from inference.engine.demo.tokenizer import LENGTH

BATCH = 64
NAMED = 0.7  # disturbed pictures whose caption names the disturbance


def new_encoder(tokenizer: CLIPTokenizer) -> CLIPModel:
    width = {"hidden_size": 160, "intermediate_size": 480, "num_attention_heads": 5}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=LENGTH,
        num_hidden_layers=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **width,
    )
    vision = CLIPVisionConfig(image_size=SIDE, patch_size=16, num_hidden_layers=4, **width)
    return CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=128)
    )


def train_encoder(
    stage: Stage, tokenizer: CLIPTokenizer, *, seed: int, work: Path, log: Path
) -> CLIPModel:
    """Contrastive loss of Radford et al., 2021: each picture finds its caption, and back."""
    torch.manual_seed(seed)
    model = new_encoder(tokenizer)
    plain, changed = pictures.scenes(PLAIN, seed + 3), pictures.scenes(DISTURBED, seed + 4)
    words = pictures.disturbed_words(DISTURBED, seed + 4)
    drawn = pictures.drawn(PLAIN, seed=seed + 3, work=work)
    disturbed = pictures.drawn_and_disturbed(DISTURBED, seed=seed + 4, work=work)

    def loss_at(step: int) -> Tensor:
        chance = generator(seed, stage.name, step)
        say = random.Random(f"{seed} {stage.name} {step}")
        captions, batch = [], []
        for index in torch.randint(PLAIN + DISTURBED, (BATCH,), generator=chance).tolist():
            if index < PLAIN:
                batch.append(drawn[index])
                captions.append(training_caption(plain[index], say))
            else:
                batch.append(disturbed[index - PLAIN])
                caption = training_caption(changed[index - PLAIN], say)
                word = words[index - PLAIN]
                captions.append(f"{caption}, {word}" if say.random() < NAMED else caption)
        tokens = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
        shown = model(
            input_ids=tokens.input_ids,
            attention_mask=tokens.attention_mask,
            pixel_values=pictures.as_tensor(batch),
        )
        same = torch.arange(BATCH)
        across = F.cross_entropy(shown.logits_per_image, same)
        return (across + F.cross_entropy(shown.logits_per_text, same)) / 2

    train(stage, model, loss_at, work=work, log=log)
    return model.eval().requires_grad_(False)
