"""A reference of A1111's forward pass in torch, from hypernetwork-format.md sections 3 and 4.

It shares nothing with registry.formats but A1111's own key names: what it computes from the tensors
that we return is compared with what A1111 itself computed from the file.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as activations

KNOWN: dict[str, type[nn.Module]] = {
    name.lower(): cls
    for name, cls in vars(activations).items()
    if isinstance(cls, type) and issubclass(cls, nn.Module) and cls is not nn.Module
}
KNOWN |= {"swish": nn.Hardswish, "linear": nn.Identity}


class Module(nn.Module):
    """f_k or f_v of one context width: `x + net(x) * multiplier`."""

    def __init__(self, dim: int, spec: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.linear = nn.Sequential(*layers(dim, spec))
        self.load_state_dict({key: value.float() for key, value in state.items()}, strict=True)
        self.eval()

    def forward(self, x: Tensor, multiplier: float) -> Tensor:
        changed: Tensor = self.linear(x)
        return x + changed * multiplier


def layers(dim: int, spec: Mapping[str, Any]) -> list[nn.Module]:
    """The nn.Sequential that A1111 builds for one context width."""
    structure, dropout = spec["layer_structure"], spec["dropout_structure"]
    last = len(structure) - 2
    built: list[nn.Module] = []
    for i in range(last + 1):
        width_in, width_out = int(dim * structure[i]), int(dim * structure[i + 1])
        built.append(nn.Linear(width_in, width_out))
        active = spec["activation_func"] not in (None, "linear")
        if active and (i < last or spec["activate_output"]):
            built.append(KNOWN[spec["activation_func"].lower()]())
        if spec["is_layer_norm"]:
            built.append(nn.LayerNorm(width_out))
        if dropout[i + 1] > 0:
            built.append(nn.Dropout(dropout[i + 1]))
    return built


@torch.no_grad()
def output(
    dim: int, spec: Mapping[str, Any], state: Mapping[str, Tensor], x: Tensor, multiplier: float
) -> Tensor:
    """A1111's f_k(x) or f_v(x) in float32; x is (batch, tokens, dim)."""
    result: Tensor = Module(dim, spec, state)(x.float(), multiplier)
    return result


def in_todays_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A1111 renames the keys of its first files while loading: linear1 is linear.0, and so on."""
    return {
        key.replace("linear1.", "linear.0.").replace("linear2.", "linear.1."): value
        for key, value in state.items()
    }
