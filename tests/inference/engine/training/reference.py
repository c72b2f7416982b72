"""A hypernetwork trained the plain way: section 4 of the format specification, term by term.

Nothing is shared, cached, fused or frozen: what the trainer computes has to come out the same.
"""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

Heads = Mapping[int, tuple[nn.Module, nn.Module]]


class PlainProcessor:
    """softmax(q kᵀ / √d) v with k = to_k(c + f_k(c)) and v = to_v(c + f_v(c)), the scores kept."""

    def __init__(self, heads: Heads) -> None:
        self._heads = heads

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        for_keys = for_values = context
        if context.shape[-1] in self._heads:
            f_k, f_v = self._heads[context.shape[-1]]
            for_keys, for_values = context + f_k(context), context + f_v(context)
        q, k, v = (
            torch.cat(x.chunk(attn.heads, dim=-1))  # one head after the other
            for x in (attn.to_q(hidden_states), attn.to_k(for_keys), attn.to_v(for_values))
        )
        scores = torch.einsum("bid,bjd->bij", q, k) * q.shape[-1] ** -0.5
        mixed = torch.einsum("bij,bjd->bid", scores.softmax(dim=-1), v)
        joined = torch.cat(mixed.chunk(attn.heads), dim=-1)
        out: Tensor = attn.to_out[1](attn.to_out[0](joined))
        return out


def plain_gradients(
    unet: UNet2DConditionModel, network: nn.Module, heads: Heads, loss_of: Any
) -> dict[str, Tensor]:
    """Gradients of ``loss_of(unet)`` by the network's parameters, the UNet's weights trainable."""
    before = dict(unet.attn_processors)
    unet.set_attn_processor(PlainProcessor(heads))
    unet.requires_grad_(True)
    network.zero_grad()
    loss_of(unet).backward()
    unet.requires_grad_(False)
    unet.zero_grad()
    unet.set_attn_processor(before)
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
