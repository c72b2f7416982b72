"""An encoder for tests, to which a text is what the base model paints of it."""

from collections.abc import Sequence

import torch
from PIL import Image

from inference.models import Cell
from inference.suites import seed_of
from tests.inference.conftest import painting


class PaintedEncoder:
    """Pictures are their pixels: as a painting moves away from that of multiplier 0, it moves
    away from its text."""

    bytes = 0

    def image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        pixels = [bytearray(image.resize((8, 8)).tobytes()) for image in images]
        looks = torch.stack([torch.frombuffer(each, dtype=torch.uint8) for each in pixels])
        return torch.nn.functional.normalize(looks.float() - 128, dim=-1)

    def text_features(self, texts: Sequence[str]) -> torch.Tensor:
        return self.image_features(
            [painting(Cell(prompt=text, seed=seed_of(text), multiplier=0.0)) for text in texts]
        )
