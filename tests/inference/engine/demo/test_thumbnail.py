import numpy as np
import torch
from torch.nn import functional as F

from inference.engine.demo.autoencoder import new_autoencoder
from inference.engine.demo.captions import Scene
from inference.engine.demo.pictures import as_tensor
from inference.engine.demo.scenes import draw


def test_the_new_autoencoder_shows_thumbnails() -> None:
    vae = new_autoencoder()
    pictures = [Scene("house", "red", "meadow"), Scene("cat", "white", "night", "large")]
    batch = as_tensor(np.stack([np.asarray(draw(scene)) for scene in pictures]))
    with torch.no_grad():
        latents = vae.encode(batch).latent_dist.mean
        shown = vae.decode(latents).sample
    small = F.avg_pool2d(batch, 4)
    assert latents.shape == (2, 4, 32, 32)
    assert (latents[:, :3] - small).abs().mean() < 0.05
    assert (shown - F.interpolate(small, scale_factor=4.0)).abs().mean() < 0.05
    assert (shown - batch).abs().mean() < 0.1
