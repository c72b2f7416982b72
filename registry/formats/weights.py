"""What the weights say: sound or not, trained or not, and how strongly they act.

All of it is measured on views of the file, in passes that allocate a few kilobytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.formats.errors import AllZero, Finding, NotFinite, Severity
from registry.formats.hypernetwork import Hypernetwork, HypernetworkSpec, StateDict
from registry.formats.tensor import Tensor

Vector: TypeAlias = NDArray[np.float32]

CHUNK: Final = 1 << 16  # elements
ROUNDS: Final = 3
STRONG_GAIN: Final = 1.0


def check(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse weights that are infinite or not a number, and a network of zeros."""
    largest = 0
    for name, tensor in tensors:
        magnitude = largest_magnitude(tensor)
        if magnitude >= tensor.dtype.exponent:
            raise _not_finite(name, tensor)
        largest = max(largest, magnitude)
    if largest == 0:
        raise AllZero()


def largest_magnitude(tensor: Tensor) -> int:
    """Return the bits of the element that is farthest from zero, without its sign.

    Floats without their sign are ordered like their bits, with infinities and NaNs above all
    numbers. Read as signed integers, the positive ones come out on top; as unsigned, the negative.
    """
    bits = np.frombuffer(tensor.data, dtype=f"<u{tensor.dtype.itemsize}")
    sign = 1 << (8 * tensor.dtype.itemsize - 1)
    positive = int(bits.view(f"<i{tensor.dtype.itemsize}").max())
    negative = int(bits.max())
    return max(positive, negative & (sign - 1))


def _not_finite(name: str, tensor: Tensor) -> NotFinite:
    for start, chunk in _chunks(tensor):
        wrong = np.flatnonzero(~np.isfinite(chunk))
        if wrong.size:
            index = int(wrong[0])
            value = "NaN" if np.isnan(chunk[index]) else "an infinite number"
            return NotFinite(tensor=name, index=start + index, value=value)
    raise AssertionError("every element is finite")


def _chunks(tensor: Tensor) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (index of its first element, elements as floats) for each 65,536 elements."""
    width = CHUNK * tensor.dtype.itemsize
    for start in range(0, tensor.nbytes, width):
        data = tensor.data[start : start + width]
        piece = Tensor(tensor.dtype, (len(data) // tensor.dtype.itemsize,), data)
        is_double = tensor.dtype.itemsize == 8
        yield start // tensor.dtype.itemsize, piece.array() if is_double else piece.float32()


# Facts


@dataclass(frozen=True)
class ModuleFacts:
    """One half of one context width. `gain` is the largest factor by which its matrices stretch.

    At strength 1 the module adds up to `gain` times what it is given (biases, norms and activations
    aside); None where that is beyond all numbers.
    """

    dim: int
    half: str
    gain: float | None


@dataclass(frozen=True)
class WeightFacts:
    """What is worth knowing about a network's weights before anyone tries it."""

    modules: tuple[ModuleFacts, ...]
    looks_untrained: bool
    halves_are_equal: bool

    def findings(self) -> tuple[Finding, ...]:
        """Return the facts as remarks, where they are remarkable."""
        return tuple(_remarks(self))


def facts(network: Hypernetwork) -> WeightFacts:
    """Measure a sound network."""
    return WeightFacts(
        modules=tuple(
            ModuleFacts(dim, half, gain(state))
            for dim in network.dims
            for half, state in zip("kv", network.modules[dim], strict=True)
        ),
        looks_untrained=looks_untrained(network),
        halves_are_equal=all(_are_equal(k, v) for k, v in network.modules.values()),
    )


def gain(state: StateDict) -> float | None:
    """Return the largest singular value of a half's matrices, multiplied in order.

    Power iteration on WᵀW: always from below, and usually within a tenth; exact where training has
    made one direction stand out.
    """
    matrices = [tensor for tensor in state.values() if len(tensor.shape) == 2]
    x = np.cos(math.sqrt(2) * np.arange(matrices[0].shape[1], dtype=np.float32))
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            x = _unit(_applied_back(matrices, _applied(matrices, _unit(x))))
        stretched = _length(_applied(matrices, x))
    return stretched if math.isfinite(stretched) else None


def _length(x: Vector) -> float:
    return math.sqrt(np.dot(x.astype(np.float64), x.astype(np.float64)))


def _unit(x: Vector) -> Vector:
    """Return x at length 1, or x itself where it has none."""
    length = _length(x)
    return (x / length).astype(np.float32) if length else x


def _applied(matrices: Sequence[Tensor], x: Vector) -> Vector:
    """Return W_n … W_1 x."""
    for matrix in matrices:
        x = np.concatenate([rows @ x for rows in _rows(matrix)])
    return x


def _applied_back(matrices: Sequence[Tensor], y: Vector) -> Vector:
    """Return W_1ᵀ … W_nᵀ y."""
    for matrix in reversed(matrices):
        start, x = 0, np.zeros(matrix.shape[1], np.float32)
        for rows in _rows(matrix):
            x += y[start : start + len(rows)] @ rows
            start += len(rows)
        y = x
    return y


def _rows(matrix: Tensor) -> Iterator[NDArray[np.float32]]:
    """Yield a matrix as float32, some rows at a time, so that shorter types need little room."""
    width = matrix.shape[1] * matrix.dtype.itemsize
    step = max(1, 16 * CHUNK // matrix.shape[1])
    for start in range(0, matrix.shape[0], step):
        data = matrix.data[start * width : (start + step) * width]
        yield Tensor(matrix.dtype, (len(data) // width, matrix.shape[1]), data).float32()


def looks_untrained(network: Hypernetwork) -> bool:
    """Whether all biases are still zero and the matrices still spread as they were drawn.

    The first step of any optimizer moves the biases, so zeros alone are strong evidence.
    """
    biases = (tensor for name, tensor in network.tensors() if name.endswith("bias"))
    if any(largest_magnitude(tensor) for tensor in biases):
        return False
    return all(
        _is_as_drawn(tensor, network.spec)
        for _, tensor in network.tensors()
        if len(tensor.shape) == 2
    )


def _is_as_drawn(matrix: Tensor, spec: HypernetworkSpec) -> bool:
    expected = _INITIAL_SPREAD.get(spec.weight_initialization, _normal)(*matrix.shape)
    squares = sum(float(np.dot(chunk, chunk)) for _, chunk in _chunks(matrix))
    tolerance = max(0.02, 5 / math.sqrt(2 * matrix.numel))
    return abs(math.sqrt(squares / matrix.numel) / expected - 1) < tolerance


def _normal(fan_out: int, fan_in: int) -> float:
    return 0.01


def _xavier(fan_out: int, fan_in: int) -> float:
    return math.sqrt(2 / (fan_in + fan_out))


def _kaiming(fan_out: int, fan_in: int) -> float:
    return math.sqrt(2 / fan_in)


_INITIAL_SPREAD: Final = {
    "XavierUniform": _xavier,
    "XavierNormal": _xavier,
    "KaimingUniform": _kaiming,
    "KaimingNormal": _kaiming,
}


def _are_equal(k: StateDict, v: StateDict) -> bool:
    """Whether two halves have the same tensors, to the bit."""
    return k.keys() == v.keys() and all(_same_bytes(k[key], v[key]) for key in k)


def _same_bytes(a: Tensor, b: Tensor) -> bool:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    left, right = (np.frombuffer(tensor.data, np.uint8) for tensor in (a, b))
    pieces = range(0, a.nbytes, CHUNK)
    return all(np.array_equal(left[at : at + CHUNK], right[at : at + CHUNK]) for at in pieces)


def _strength(module: ModuleFacts) -> float:
    return math.inf if module.gain is None else module.gain


def _remarks(found: WeightFacts) -> Iterator[Finding]:
    if found.looks_untrained:
        yield Finding(
            "untrained",
            Severity.WARNING,
            "This looks untrained: all biases are zero and the weights are spread as a new "
            "network's. It would hardly change a picture.",
            {},
        )
    if found.halves_are_equal:
        yield Finding(
            "equal-halves",
            Severity.INFO,
            "The layers for keys and for values are the same, which training does not produce.",
            {},
        )
    if strong := [module for module in found.modules if _strength(module) > STRONG_GAIN]:
        worst = max(strong, key=_strength)
        yield Finding(
            "strong-gain",
            Severity.INFO,
            f"At full strength the network can outweigh its input ({worst.dim}, {worst.half}: "
            f"{'without limit' if worst.gain is None else f'{worst.gain:.2g} times'}). "
            "Try it at a lower strength first.",
            {"dim": worst.dim, "half": worst.half, "gain": worst.gain},
        )
