"""Section 4 of the format specification, term by term: what the engine's results must equal.

Nothing is folded, cached or shared; tensors go by their names in A1111's files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F

from inference.engine.hypernetwork import Hypernetwork
from registry.formats.hypernetwork import HypernetworkSpec

DIMS = (32, 64, 768)
Weights = Mapping[str, Tensor]


def random_network(
    dims: Sequence[int] = DIMS, *, seed: int = 0, strong: float = 1.0, **settings: Any
) -> Hypernetwork:
    """Weights of a size that bends contexts about as much as they are."""
    torch.manual_seed(seed)
    network = Hypernetwork(HypernetworkSpec(f"net{seed}", **settings), dims)
    for name, weight in network.named_parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, std=strong * weight.shape[1] ** -0.5)
        elif name.endswith("bias"):
            nn.init.normal_(weight, std=0.1)
        else:  # layer norm, PReLU
            nn.init.normal_(weight, mean=0.5, std=0.1)
    return network


def plain_f(spec: HypernetworkSpec, weights: Weights, x: Tensor) -> Tensor:
    """f(x) with the dropout off."""
    place, last = 0, len(spec.layer_structure) - 2
    for i in range(last + 1):
        x = x @ weights[f"linear.{place}.weight"].T + weights[f"linear.{place}.bias"]
        place += 1
        if spec.activation_func not in (None, "linear") and (i < last or spec.activate_output):
            x = plain_activation(spec.activation_func, x, weights.get(f"linear.{place}.weight"))
            place += 1
        if spec.is_layer_norm:
            gain, bias = (weights[f"linear.{place}.{kind}"] for kind in ("weight", "bias"))
            deviation = x.var(dim=-1, correction=0, keepdim=True).add(1e-5).sqrt()
            x = (x - x.mean(dim=-1, keepdim=True)) / deviation * gain + bias
            place += 1
        place += spec.dropout_structure[i + 1] > 0
    return x


def plain_activation(name: str | None, x: Tensor, slope: Tensor | None) -> Tensor:
    match name:
        case "swish":
            return x * (x + 3).clamp(0, 6) / 6
        case "leakyrelu":
            return torch.where(x > 0, x, 0.01 * x)
        case "gelu":
            return x * 0.5 * (1 + torch.erf(x * 0.5**0.5))
        case "rrelu":
            return torch.where(x > 0, x, x * (1 / 8 + 1 / 3) / 2)
        case "prelu":
            assert slope is not None
            return torch.where(x > 0, x, slope * x)
        case "softmax" | "softmax2d":
            return torch.softmax(x, dim=0)
        case "softmin":
            return torch.softmax(-x, dim=0)
        case "logsoftmax":
            return torch.log_softmax(x, dim=0)
    by_name = {key.lower(): found for key, found in vars(nn).items() if isinstance(found, type)}
    activated: Tensor = by_name[str(name)]()(x)
    return activated


@dataclass(frozen=True)
class Plain:
    """One network in one batch; `multipliers` has a number for each row."""

    network: Hypernetwork
    multipliers: Tensor

    def bent(self, x: Tensor, half: int) -> Tensor:
        heads = self.network.heads.get(x.shape[-1])
        if heads is None:
            return x
        added = plain_f(self.network.spec, heads[half].state_dict(), x)
        return x + added * self.multipliers[:, None, None]


class PlainProcessor:
    """softmax(q kᵀ / √d) v with k = to_k(f2(f1(c))), and v likewise."""

    def __init__(self, networks: Sequence[Plain]) -> None:
        self._networks = networks

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        for_k = for_v = context
        for network in self._networks:
            for_k, for_v = network.bent(for_k, 0), network.bent(for_v, 1)
        q, k, v = (
            torch.cat(x.chunk(attn.heads, dim=-1))
            for x in (attn.to_q(hidden_states), attn.to_k(for_k), attn.to_v(for_v))
        )
        scores = torch.einsum("bid,bjd->bij", q, k) * q.shape[-1] ** -0.5
        mixed = torch.einsum("bij,bjd->bid", F.softmax(scores, dim=-1), v)
        out: Tensor = attn.to_out[0](torch.cat(mixed.chunk(attn.heads), dim=-1))
        return out


@torch.no_grad()
def plain_forward(
    unet: UNet2DConditionModel, networks: Sequence[Plain], x: Tensor, t: Any, context: Tensor
) -> Tensor:
    before = dict(unet.attn_processors)
    unet.set_attn_processor(PlainProcessor(networks))
    try:
        said: Tensor = unet(x, t, context).sample
        return said
    finally:
        unet.set_attn_processor(before)


def apart(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest expected value."""
    return float((found - expected).abs().max() / expected.abs().max())
