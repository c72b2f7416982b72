"""One row per picture until the texts come in: the same answer as with two from the start."""

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from inference.engine.attention import hypernetworks_on
from inference.engine.demo.denoiser import new_unet
from inference.engine.pairs import rows_become_pairs
from tests.inference.engine.plain import apart, random_network
from tests.inference.engine.test_attention import small_unet

BLOCKS: dict[str, dict[str, tuple[str, str]]] = {
    "text in the first block": {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    },
    "text in the second": {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    },
    "text in the middle only": {
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D"),
    },
}


def made(kind: str) -> UNet2DConditionModel:
    if kind == "SD 1.x, small":
        return small_unet()
    torch.manual_seed(1)
    if kind == "demo base model":
        return new_unet().requires_grad_(False).eval()
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=2,
        norm_num_groups=8,
        **BLOCKS[kind],
    ).requires_grad_(False)


@pytest.mark.parametrize("kind", [*BLOCKS, "SD 1.x, small", "demo base model"])
def test_the_answer_is_the_same(kind: str) -> None:
    unet: Any = made(kind)
    x, context = torch.randn(3, 4, 8, 8), torch.randn(2, 5, 768).repeat(3, 1, 1)
    t = torch.tensor(77.5)
    network = random_network([32, 64, 128, 320, 768])
    multipliers = torch.tensor([0.0, 0.5, 1.0]).repeat_interleave(2)
    with hypernetworks_on(unet, [(network, multipliers)]):
        expected = unet(x.repeat_interleave(2, dim=0), t, context).sample
        with rows_become_pairs(unet):
            found = unet(x, t, context).sample
        again = unet(x.repeat_interleave(2, dim=0), t, context).sample
    assert apart(found, expected) <= 1e-5
    assert torch.equal(again, expected)  # nothing stays behind


def test_a_unet_without_texts_is_refused() -> None:
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32,),
        layers_per_block=1,
        down_block_types=("DownBlock2D",),
        mid_block_type=None,
        up_block_types=("UpBlock2D",),
        norm_num_groups=8,
    )
    with pytest.raises(ValueError, match="no text"), rows_become_pairs(unet):
        pass
