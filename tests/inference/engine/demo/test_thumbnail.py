import numpy as np
import torch
from torch.nn import functional as F

from inference.engine.demo.autoencoder import LATENT_SIDE, new_autoencoder
from inference.engine.demo.captions import Scene
from inference.engine.demo.pictures import as_tensor
from inference.engine.demo.scenes import SIDE, draw


def test_the_new_autoencoder_shows_thumbnails() -> None:
    vae = new_autoencoder()
    pictures = [Scene("house", "red", "meadow"), Scene("cat", "white", "night", "large")]
    batch = as_tensor(np.stack([np.asarray(draw(scene)) for scene in pictures]))
    with torch.no_grad():
        latents = vae.encode(batch).latent_dist.mean
        shown = vae.decode(latents).sample
    block = SIDE // LATENT_SIDE
    small = F.avg_pool2d(batch, block)
    assert latents.shape == (2, 4, LATENT_SIDE, LATENT_SIDE)
    assert (latents[:, :3] - small).abs().mean() < 0.05
    assert (shown - F.interpolate(small, scale_factor=float(block))).abs().mean() < 0.1
    assert (shown - batch).abs().mean() < 0.15
