"""Attention of a frozen UNet in training: gradients reach the hypernetwork and nothing else.

A hypernetwork bends the context that a layer's keys and values are made of: ``c + f(c)``. The text
states are the same in every cross-attention layer, so ``f(text)`` is computed once a step and its
gradients add up there. That is exact unless dropout is on: A1111 then drops anew in each layer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F

Heads = Mapping[int, tuple[nn.Module, nn.Module]]


class Contexts:
    """Bends the contexts of one step; ``share`` sets the text states that all layers have."""

    def __init__(self, heads: Heads, *, drops: bool) -> None:
        self._heads, self._drops = heads, drops
        self._text: Tensor | None = None
        self._bent: tuple[Tensor, Tensor] | None = None

    def share(self, text: Tensor) -> None:
        self._text = text
        self._bent = None if self._drops else self._compute(text)

    def __call__(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """What keys and values are made of, each B × N × width."""
        if self._bent is not None and context is self._text:
            return self._bent
        return self._compute(context)

    def _compute(self, context: Tensor) -> tuple[Tensor, Tensor]:
        pair = self._heads.get(context.shape[-1])
        if pair is None:
            return context, context
        f_k, f_v = pair
        return context + f_k(context), context + f_v(context)


class TrainingProcessor:
    """Scaled dot product attention over bent contexts, as Stable Diffusion's UNet needs it."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        for_keys, for_values = self._contexts(context)
        query, key, value = (
            _split(projected, attn.heads)
            for projected in (
                attn.to_q(hidden_states), attn.to_k(for_keys), attn.to_v(for_values),
            )
        )  # fmt: skip
        mixed = F.scaled_dot_product_attention(query, key, value)
        joined = mixed.transpose(1, 2).flatten(2)
        projected: Tensor = attn.to_out[0](joined)
        return projected


def _split(x: Tensor, heads: int) -> Tensor:
    """B × N × (heads · d) to B × heads × N × d."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


@contextmanager
def in_training(unet: UNet2DConditionModel, contexts: Contexts) -> Iterator[None]:
    """The UNet frozen, its attention bent; afterwards as it was before."""
    before = dict(unet.attn_processors)
    wanted = {name: weight.requires_grad for name, weight in unet.named_parameters()}
    unet.requires_grad_(False)
    unet.set_attn_processor(TrainingProcessor(contexts))
    try:
        yield
    finally:
        unet.set_attn_processor(before)
        for name, weight in unet.named_parameters():
            weight.requires_grad_(wanted[name])
