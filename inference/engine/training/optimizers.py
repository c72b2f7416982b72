"""The optimizers of torch by name, as A1111 offers them, and their state as A1111 stores it."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.optim import Optimizer

from inference.engine.training.errors import UnknownChoice, UnusableOptimizer

# Needs a closure; sparse gradients; matrices only.
_UNUSABLE: Final = frozenset({"LBFGS", "SparseAdam", "Muon"})
_FUSED: Final = frozenset({"AdamW", "Adam", "SGD", "Adagrad"})
_OURS: Final = ("fused", "foreach", "capturable", "differentiable")

OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {
    name: found
    for name, found in sorted(vars(torch.optim).items())
    if isinstance(found, type)
    and issubclass(found, Optimizer)
    and found is not Optimizer
    and name not in _UNUSABLE
}


def check_optimizer(name: str) -> None:
    if name in _UNUSABLE:
        raise UnusableOptimizer(found=name)
    if name not in OPTIMIZERS:
        choices = ", ".join(OPTIMIZERS)
        raise UnknownChoice(option="optimizer_name", found=name, choices=choices)


def new_optimizer(name: str, weights: Iterable[Tensor], rate: float) -> Optimizer:
    """With torch's defaults, as in A1111, in its fused form where there is one."""
    fused: dict[str, Any] = {"fused": True} if name in _FUSED else {}
    made: Any = OPTIMIZERS[name]
    optimizer: Optimizer = made(list(weights), lr=rate, **fused)
    return optimizer


def set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def load_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Take over a stored state, but go on in our own form of the algorithm."""
    forms: list[dict[str, Any]] = [
        {key: group[key] for key in _OURS if key in group} for group in optimizer.param_groups
    ]
    optimizer.load_state_dict(state)
    for group, form in zip(optimizer.param_groups, forms, strict=True):
        group.update(form)


def in_our_order(
    state: dict[str, Any], weights: Sequence[Tensor], dims: Sequence[int]
) -> dict[str, Any] | None:
    """A stored state for weights whose widths ascend: A1111 has them in the order of their ticks.

    None where it is not of these weights.
    """
    slots, size = state["state"], len(weights) // len(dims)
    places: dict[int, int] = {}
    for chunk in range(len(dims)):
        first = slots.get(chunk * size, {}).values()
        moments = [value for value in first if isinstance(value, Tensor) and value.ndim == 2]
        if not moments:
            return state  # an optimizer that keeps nothing of a weight's shape
        places[moments[0].shape[1]] = chunk
    if places.keys() != set(dims):
        return None
    moved = {
        ours * size + i: slots[places[dim] * size + i]
        for ours, dim in enumerate(dims)
        for i in range(size)
        if places[dim] * size + i in slots
    }
    return {**state, "state": moved}


def a1111_state(name: str, optimizer: Optimizer, file_hash: str) -> bytes:
    """The ``.optim`` file beside a ``.pt`` whose SHA256 begins with ``file_hash``, ten digits.

    A1111 goes on from it only if the hash is right.
    """
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        for key in ("fused", "foreach"):  # older torch has no such form for every device
            if key in group:
                group[key] = None
    return _portable_zip(
        {"optimizer_name": name, "hash": file_hash, "optimizer_state_dict": _on_cpu(state)}
    )


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_on_cpu(item) for item in value]
    return value


def _portable_zip(content: dict[str, Any]) -> bytes:
    """As ``torch.save`` writes it, less the members that A1111's unpickler refuses; same bytes for
    the same content."""
    saved, packed = io.BytesIO(), io.BytesIO()
    torch.save(content, saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            inner = name.partition("/")[2]
            if inner in ("data.pkl", "version") or inner.startswith("data/"):
                new.writestr(zipfile.ZipInfo(f"archive/{inner}"), old.read(name))
    return packed.getvalue()
