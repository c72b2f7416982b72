"""How far a picture has moved from another, and how well it shows a text: by a CLIP model.

Any folder of a `CLIPModel` with its tokenizer will do. The demo base model has an encoder of its
own, trained on what it draws; one of photographs would say little about drawings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer

# Of CLIP, for a folder that does not say; small models of one's own see -1 to 1.
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
DEVIATION: Final = (0.26862954, 0.26130258, 0.27577711)
SIDES_OF_CLIP: Final = (224, 336)
PLAIN: Final = (0.5, 0.5, 0.5)
BATCH: Final = 16


class EncoderError(Exception):
    """The encoder's folder cannot be used; the sentence says why."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"The image encoder at {path} cannot be used: {reason}.")


class Encoder(Protocol):
    """Pictures and texts as points on one sphere."""

    def image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """[n, d], each of length 1."""

    def text_features(self, texts: Sequence[str]) -> torch.Tensor:
        """[n, d], each of length 1."""


@dataclass
class ClipEncoder:
    """A CLIP model of transformers, in fp32."""

    model: CLIPModel
    tokenizer: CLIPTokenizer
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def bytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())

    @torch.inference_mode()
    def image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        parts = []
        for start in range(0, len(images), BATCH):
            pixels = torch.stack([self._pixels(each) for each in images[start : start + BATCH]])
            states = self.model.vision_model(pixel_values=pixels.to(self.model.device))
            parts.append(self.model.visual_projection(states.pooler_output))
        return torch.nn.functional.normalize(torch.cat(parts), dim=-1).cpu()

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> torch.Tensor:
        length = int(self.model.config.text_config.max_position_embeddings)
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        ).to(self.model.device)
        states = self.model.text_model(**tokens)
        features = self.model.text_projection(states.pooler_output)
        return torch.nn.functional.normalize(features, dim=-1).cpu()

    def _pixels(self, image: Image.Image) -> torch.Tensor:
        """[3, side, side]: the shorter side fitted, the middle cut out, as CLIP was trained."""
        side = int(self.model.config.vision_config.image_size)
        scale = side / min(image.size)
        size = (max(side, round(image.width * scale)), max(side, round(image.height * scale)))
        fitted = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        middle = fitted.crop((left, top, left + side, top + side))
        pixels = torch.frombuffer(bytearray(middle.tobytes()), dtype=torch.uint8)
        levels = pixels.view(side, side, 3).permute(2, 0, 1).float() / 255
        mean, deviation = torch.tensor(self.mean), torch.tensor(self.deviation)
        return (levels - mean[:, None, None]) / deviation[:, None, None]


def load_encoder(path: Path, *, device: str | torch.device = "cpu") -> ClipEncoder:
    """From a folder with config.json, safetensors and the tokenizer. Raises EncoderError."""
    if not (path / "config.json").is_file():
        raise EncoderError(path, "it has no config.json")
    try:
        model, report = CLIPModel.from_pretrained(
            path, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        tokenizer = CLIPTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise EncoderError(path, str(error).strip().splitlines()[0][:200]) from error
    if missing := sorted(report["missing_keys"]):
        raise EncoderError(path, f"weights are missing ({missing[0]})")
    said: dict[str, Any] = {}
    if (settings := path / "preprocessor_config.json").is_file():
        said = json.loads(settings.read_text())
    is_clip = model.config.vision_config.image_size in SIDES_OF_CLIP
    return ClipEncoder(
        model.requires_grad_(False).eval().float().to(device),
        tokenizer,
        tuple(said.get("image_mean", MEAN if is_clip else PLAIN)),
        tuple(said.get("image_std", DEVIATION if is_clip else PLAIN)),
    )
