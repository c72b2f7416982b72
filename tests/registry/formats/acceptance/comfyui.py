"""How ComfyUI reads a hypernetwork, from the facts of hypernetwork-format.md section 5.

It knows nine activations, has other defaults than A1111, and never leaves training mode, so that
dropout stays live. A file is not applied when its activation is unknown to it, None included.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leakyrelu": nn.LeakyReLU,
    "elu": nn.ELU,
    "swish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softsign": nn.Softsign,
    "mish": nn.Mish,
}


class Network:
    """A file as ComfyUI holds it: one stack of layers per dim and half, in training mode."""

    def __init__(self, stored: Mapping[Any, Any]) -> None:
        self.activation = stored.get("activation_func", "linear")
        self.active_output = stored.get("activate_output", False)
        self.layer_norm = stored.get("is_layer_norm", False)
        self.dropout = stored.get("use_dropout", False)
        self.last_dropout = stored.get("last_layer_dropout", False)
        self.applied = self.activation in ACTIVATIONS
        self.modules: dict[tuple[int, str], nn.Sequential] = {}
        if self.applied:
            for dim, pair in stored.items():
                if str(dim).isdecimal():
                    for half, state in zip("kv", pair, strict=True):
                        self.modules[int(dim), half] = self._stack(state)

    def _stack(self, state: Mapping[str, Tensor]) -> nn.Sequential:
        names = [key.removesuffix(".weight") for key in state if key.endswith(".weight")]
        step = 2 if self.layer_norm else 1
        stack: list[nn.Module] = []
        for at in range(0, len(names), step):
            # Of all names with a weight, norms included: with layer norm no Linear is ever last.
            is_last, is_next_to_last = at == len(names) - 1, at == len(names) - 2
            stack.append(loaded(nn.Linear, state, names[at]))
            if self.activation != "linear" and (self.active_output or not is_last):
                stack.append(ACTIVATIONS[self.activation]())
            if self.layer_norm:
                stack.append(loaded(nn.LayerNorm, state, names[at + 1]))
            if self.dropout and not is_last and (self.last_dropout or not is_next_to_last):
                stack.append(nn.Dropout(0.3))
        return nn.Sequential(*stack).train()

    @torch.no_grad()
    def output(self, dim: int, half: str, x: Tensor, multiplier: float) -> Tensor:
        """x + f(x) * multiplier, or x where the file is not applied."""
        if (dim, half) not in self.modules:
            return x
        changed: Tensor = self.modules[dim, half](x)
        return x + changed * multiplier


def loaded(kind: type[nn.Module], state: Mapping[str, Tensor], name: str) -> nn.Module:
    weight, bias = state[f"{name}.weight"].float(), state[f"{name}.bias"].float()
    module = kind(*reversed(weight.shape))
    module.load_state_dict({"weight": weight, "bias": bias})
    return module
