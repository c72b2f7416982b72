"""Hypernetworks in the attention of any diffusers UNet: K = to_k(c + m·f_k(c)), V likewise.

A network acts wherever the context width `attn.to_k.in_features` is one of its own: on text states
in cross-attention, on hidden states in self-attention, in both halves of guidance. m is a number
per row of the batch. Several networks compose in prompt order: x = f2(f1(x)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from diffusers import UNet2DConditionModel
from torch import Tensor

from inference.engine.hypernetwork import Hypernetwork


@contextmanager
def hypernetworks_on(
    unet: UNet2DConditionModel,
    networks: Sequence[tuple[Hypernetwork, Tensor]],
    *,
    cache: bool = True,
    fold: bool = True,
    pictures: int = 1,
) -> Iterator[None]:
    """Within the block every forward of the UNet goes through the networks; afterwards none.

    Each network comes with its multipliers: (batch,), unconditional rows included.
    `cache`: keys and values of cross-attention are kept as long as the same context tensor comes.
    `fold`: affine networks become one product, multiplied out in float64.
    `pictures`: how many generations share the batch; only activations that go over the rows of a
    batch (softmax) look at it: row i belongs to picture `i % pictures`.

    Raises: NoMatchingWidth, WrongMultipliers.
    """
    yield
    raise NotImplementedError
