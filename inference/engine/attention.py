"""Hypernetworks in the attention of any diffusers UNet: K = to_k(c + m·f_k(c)), V likewise.

A network acts wherever the context width `attn.to_k.in_features` is one of its own: on text states
in cross-attention, on hidden states in self-attention, in both halves of guidance. m is a number
per row of the batch. Several networks compose in prompt order: x = f2(f1(x)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F

from inference.engine.bending import Applied, Bending, Seen
from inference.engine.hypernetwork import Hypernetwork, NoMatchingWidth
from inference.engine.hypernetwork_errors import UnknownAttention


@contextmanager
def hypernetworks_on(
    unet: UNet2DConditionModel,
    networks: Sequence[tuple[Hypernetwork, Tensor]],
    *,
    cache: bool = True,
    fold: bool = True,
    pictures: Sequence[int] | None = None,
) -> Iterator[None]:
    """Within the block every forward of the UNet goes through the networks; afterwards none.

    Each network comes with its multipliers: (batch,), unconditional rows included.
    `cache`: keys and values of cross-attention are kept as long as the same context tensor comes.
    `fold`: affine networks become one product, multiplied out in float64.
    `pictures`: for each row the picture it belongs to; without it all rows are one picture's. Only
    activations that go over the rows of a batch (softmax) look at it.

    Raises: NoMatchingWidth, UnknownAttention, and in the UNet's forward WrongMultipliers,
    NotANumber.
    """
    sites = {name: _attention_at(unet, name) for name in unet.attn_processors}
    _require_effect(sites, [network for network, _ in networks])
    applied = [Applied(network, multipliers) for network, multipliers in networks]
    # Where a network is off in all rows, this is the base model and nothing else.
    bending = Bending([one for one in applied if not one.is_off], folds=fold, pictures=pictures)
    before = dict(unet.attn_processors)
    unet.set_attn_processor(
        {name: Processor(attn, bending, caches=cache) for name, attn in sites.items()}
    )
    try:
        with torch.no_grad():
            yield
    finally:
        unet.set_attn_processor(before)


class Processor:
    """Scaled dot product attention of one site, its context bent; one per `hypernetworks_on`."""

    def __init__(self, attn: Any, bending: Bending, *, caches: bool) -> None:
        self._bending, self._caches = bending, caches
        self._folded = bending.folded_at(attn.to_k, attn.to_v)
        self._seen: Seen | None = None  # whose keys and values are kept
        self._kept: tuple[Tensor, Tensor] | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """hidden_states (batch, tokens, width), or a picture (batch, width, height, width)."""
        residual = hidden_states
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        is_picture = hidden_states.ndim == 4
        if is_picture:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)

        query = _split(attn.to_q(hidden_states), attn)
        key, value = self._keys_and_values(attn, hidden_states, encoder_hidden_states)
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        mask = _mask(attn, attention_mask, key)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2).to(query.dtype))
        if is_picture:
            out = out.transpose(-1, -2).reshape(residual.shape)
        if attn.residual_connection:
            out = out + residual
        return out if attn.rescale_output_factor == 1 else out / attn.rescale_output_factor

    def _keys_and_values(
        self, attn: Any, hidden: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(batch, heads, tokens, width of a head) each."""
        if context is None:
            if self._folded is not None:
                return _heads(attn, *self._folded(hidden))
            for_k, for_v = self._bending.bent(hidden)
            return _heads(attn, attn.to_k(for_k), attn.to_v(for_v))
        if not self._caches:
            return self._computed(attn, context)
        if self._kept is None or self._seen != Seen(context):
            self._kept, self._seen = self._computed(attn, context), Seen(context)
        return self._kept

    def _computed(self, attn: Any, context: Tensor) -> tuple[Tensor, Tensor]:
        normed = attn.norm_encoder_hidden_states(context) if attn.norm_cross else context
        if self._caches:
            return _heads(attn, *self._bending.projected(normed, attn.to_k, attn.to_v))
        for_k, for_v = self._bending.bent(normed)
        return _heads(attn, attn.to_k(for_k), attn.to_v(for_v))


def _heads(attn: Any, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    key, value = _split(key, attn), _split(value, attn)
    return (key if attn.norm_k is None else attn.norm_k(key)), value


def _split(x: Tensor, attn: Any) -> Tensor:
    """(batch, tokens, heads · d) to (batch, heads, tokens, d)."""
    return x.view(x.shape[0], x.shape[1], attn.heads, -1).transpose(1, 2)


def _mask(attn: Any, mask: Tensor | None, key: Tensor) -> Tensor | None:
    if mask is None:
        return None
    batch, heads, tokens, _ = key.shape
    prepared: Tensor = attn.prepare_attention_mask(mask, tokens, batch)
    return prepared.view(batch, heads, -1, prepared.shape[-1])


def _attention_at(unet: UNet2DConditionModel, name: str) -> Any:
    """The module whose processor has this name in `unet.attn_processors`."""
    attn: Any = unet.get_submodule(name.removesuffix(".processor"))
    if getattr(attn, "to_k", None) is None or getattr(attn, "add_k_proj", None) is not None:
        raise UnknownAttention(name)
    return attn


def _require_effect(sites: dict[str, Any], networks: Sequence[Hypernetwork]) -> None:
    of_unet = {attn.to_k.in_features for attn in sites.values()}
    for network in networks:
        if not of_unet & set(network.heads):
            raise NoMatchingWidth(network.name, widths=network.heads, of_unet=of_unet)
