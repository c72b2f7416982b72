"""What the encoders say about a training's pictures and texts, computed once and kept.

Each text is encoded alone: a batch would round differently, and a resumed training has to find the
very same numbers.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inference.engine.base import LoadedBase
from inference.engine.training.datasets import Example, read_picture

TEXT_CACHE_BYTES = 1 << 30
_VAE_BATCH = 4


class Latents:
    """Posterior moments of each picture, N × 4 × height/8 × width/8, scaled for the UNet.

    ``weights`` are the pictures' opacities at the same size, each with a mean of one.
    """

    def __init__(self, base: LoadedBase, examples: Sequence[Example], width: int, height: int):
        means, deviations, opacities = [], [], []
        for start in range(0, len(examples), _VAE_BATCH):
            read = [read_picture(e.file, width, height) for e in examples[start:][:_VAE_BATCH]]
            mean, deviation = _moments(base, torch.stack([pixels for pixels, _ in read]))
            means.append(mean)
            deviations.append(deviation)
            opacities.append(torch.stack([opacity for _, opacity in read]))
        self.mean, self.deviation = torch.cat(means), torch.cat(deviations)
        self.weights = _weights(torch.cat(opacities), self.mean)

    def __len__(self) -> int:
        return len(self.mean)

    def drawn(self, chosen: Tensor, noise: Tensor) -> Tensor:
        """One latent for each of ``chosen``, by ``noise`` of the same shape."""
        return self.mean[chosen] + self.deviation[chosen] * noise

    def fix(self, noise: Tensor | None) -> None:
        """From now on always the same latents: one draw, or the means."""
        if noise is not None:
            self.mean = self.mean + self.deviation * noise.to(self.mean.device)
        self.deviation = torch.zeros_like(self.deviation)


@torch.no_grad()
def _moments(base: LoadedBase, pixels: Tensor) -> tuple[Tensor, Tensor]:
    vae = base.vae
    posterior = vae.encode(pixels.to(base.device, vae.dtype)).latent_dist
    scale = vae.config.scaling_factor
    return posterior.mean.float() * scale, posterior.std.float() * scale


def _weights(opacity: Tensor, like: Tensor) -> Tensor:
    """N × 1 × h × w, from nothing where a picture is clearest to a mean of one."""
    small = torch.nn.functional.interpolate(opacity[:, None], like.shape[2:], mode="area")
    raised = small - small.amin(dim=(1, 2, 3), keepdim=True)
    mean = raised.mean(dim=(1, 2, 3), keepdim=True)
    # Evenly opaque: every place counts the same.
    return torch.where(mean > 1e-6, raised / mean.clamp_min(1e-6), 1.0).to(like.device)


class TextStates:
    """Text states by text, each 1 × tokens × width; the least lately used ones are forgotten."""

    def __init__(
        self, encode: Callable[[Sequence[str]], Tensor], limit: int = TEXT_CACHE_BYTES
    ) -> None:
        self._encode, self._limit, self._size = encode, limit, 0
        self._known: OrderedDict[str, Tensor] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """B × tokens × width."""
        return torch.cat([self._state(text) for text in texts])

    def _state(self, text: str) -> Tensor:
        if text in self._known:
            self._known.move_to_end(text)
            return self._known[text]
        with torch.no_grad():
            state = self._encode([text]).detach().float()
        self._known[text] = state
        self._size += state.nbytes
        while self._size > self._limit and len(self._known) > 1:
            self._size -= self._known.popitem(last=False)[1].nbytes
        return state
