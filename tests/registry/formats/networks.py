"""Small networks for the tests of writers, hashes and the matrix: made from a spec and a seed."""

from __future__ import annotations

import numpy as np

from registry.formats.hypernetwork import Epoch, Hypernetwork, HypernetworkSpec, StateDict
from registry.formats.tensor import DType, Tensor


def network(
    spec: HypernetworkSpec,
    *,
    dims: tuple[int, ...] = (64, 32),
    dtype: DType = DType.FP32,
    seed: int = 0,
) -> Hypernetwork:
    """A network with the layers that the spec asks for; same arguments, same weights."""
    rng = np.random.default_rng(seed)
    modules = {dim: (_half(spec, dim, dtype, rng), _half(spec, dim, dtype, rng)) for dim in dims}
    return Hypernetwork(spec=spec, modules=modules, epoch=Epoch.DROPOUT_STRUCTURE)


def tensor(values: np.ndarray, dtype: DType = DType.FP32) -> Tensor:
    """The values, rounded to `dtype`."""
    if dtype is DType.BF16:
        stored = (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    else:
        stored = values.astype(dtype.carrier)
    return Tensor(dtype, values.shape, memoryview(stored.tobytes()))


def _half(spec: HypernetworkSpec, dim: int, dtype: DType, rng: np.random.Generator) -> StateDict:
    return {
        f"linear.{layer.index}.{name}": tensor(rng.normal(0, 0.01, shape), dtype)
        for layer in spec.layout(dim)
        for name, shape in layer.parameters.items()
    }
