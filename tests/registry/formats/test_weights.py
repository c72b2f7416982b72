"""Weights are sound, or the file is refused; and what is remarkable about sound ones is said."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from registry.formats.errors import AllZero, NotFinite
from registry.formats.hypernetwork import Epoch, Hypernetwork, HypernetworkSpec
from registry.formats.tensor import DType, Tensor
from registry.formats.weights import check, facts, gain, largest_magnitude, looks_untrained
from tests.registry.formats.networks import network, tensor

SPEC = HypernetworkSpec("net", layer_structure=(1, 2, 1))


def one(value: float, dtype: DType) -> Tensor:
    """A tensor of small numbers with that value in its middle."""
    values = torch.linspace(-1, 1, 1001)
    values[500] = value
    kinds: dict[DType, Any] = {
        DType.FP32: torch.float32,
        DType.FP16: torch.float16,
        DType.BF16: torch.bfloat16,
        DType.FP64: torch.float64,
    }
    raw = values.to(kinds[dtype]).view(torch.uint8).numpy().tobytes()
    return Tensor(dtype, (1001,), memoryview(raw))


@pytest.mark.parametrize("dtype", DType)
@pytest.mark.parametrize("value", [math.nan, -math.nan, math.inf, -math.inf])
def test_each_sort_of_no_number_is_found_in_each_type(dtype: DType, value: float) -> None:
    with pytest.raises(NotFinite) as caught:
        check([("64.k.linear.0.bias", one(value, dtype))])
    assert caught.value.data()["index"] == 500
    assert ("NaN" in caught.value.message) is math.isnan(value)


@pytest.mark.parametrize("dtype", DType)
@pytest.mark.parametrize("value", [0.0, -0.0, 60000.0, -60000.0, 1e-7])
def test_every_number_is_sound(dtype: DType, value: float) -> None:
    check([("64.k.linear.0.bias", one(value, dtype))])


@pytest.mark.parametrize("values", [[-3.0, 2.0], [-2.0, 3.0], [3.0, 3.0], [-3.0, -3.0]])
def test_the_largest_magnitude_ignores_the_sign(values: list[float]) -> None:
    bits = largest_magnitude(tensor(np.array(values)))
    assert np.array([bits], np.uint32).view(np.float32)[0] == 3.0


def test_a_network_of_zeros_is_refused_and_one_number_saves_it() -> None:
    zeros, minus = tensor(np.zeros(4)), tensor(np.array([0.0, -0.0]))

    with pytest.raises(AllZero):
        check([("a", zeros), ("b", minus)])
    check([("a", zeros), ("b", tensor(np.array([0.0, 1e-30])))])


@pytest.mark.parametrize("dtype", [DType.FP32, DType.FP16, DType.BF16, DType.FP64])
def test_the_gain_is_the_largest_singular_value_of_the_product(dtype: DType) -> None:
    half = network(SPEC, dtype=dtype).modules[64][0]
    first, second = (half[f"linear.{index}.weight"].float32() for index in (0, 1))
    true = np.linalg.svd(second @ first, compute_uv=False)[0]

    assert 0.8 * true <= (gain(half) or 0) <= 1.001 * true


def test_where_one_direction_dominates_the_gain_is_exact() -> None:
    direction = np.linspace(1, 2, 64)
    half = {"linear.0.weight": tensor(np.outer(direction, direction))}

    assert gain(half) == pytest.approx(float(direction @ direction), rel=1e-5)


def test_a_gain_beyond_all_numbers_is_none() -> None:
    huge = tensor(np.full((8, 8), 1e38))

    assert gain({"linear.0.weight": huge, "linear.1.weight": huge}) is None


@pytest.mark.parametrize(
    ("initialization", "draw"),
    [
        ("Normal", lambda w: torch.nn.init.normal_(w, 0, 0.01)),
        ("XavierNormal", torch.nn.init.xavier_normal_),
        ("XavierUniform", torch.nn.init.xavier_uniform_),
        ("KaimingNormal", lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="relu")),
        ("KaimingUniform", lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="relu")),
    ],
)
def test_a_fresh_network_looks_untrained_however_it_was_drawn(
    initialization: str, draw: Any
) -> None:
    torch.manual_seed(7)
    spec = HypernetworkSpec("net", weight_initialization=initialization)
    fresh = {
        f"linear.{layer.index}.{name}": tensor(
            draw(torch.empty(shape)).numpy() if name == "weight" else np.zeros(shape)
        )
        for layer in spec.layout(128)
        for name, shape in layer.parameters.items()
    }

    assert looks_untrained(Hypernetwork(spec, {128: (fresh, fresh)}, Epoch.UNDATED))
    trained = {**fresh, "linear.1.bias": tensor(np.full(128, 1e-5))}
    assert not looks_untrained(Hypernetwork(spec, {128: (fresh, trained)}, Epoch.UNDATED))
    stretched = {**fresh, "linear.0.weight": tensor(fresh["linear.0.weight"].float32() * 2)}
    assert not looks_untrained(Hypernetwork(spec, {128: (fresh, stretched)}, Epoch.UNDATED))


def test_facts_are_given_for_each_half_and_remarked_where_remarkable() -> None:
    ordinary = facts(network(SPEC, dims=(64, 32)))

    assert [(module.dim, module.half) for module in ordinary.modules] == [
        (32, "k"),
        (32, "v"),
        (64, "k"),
        (64, "v"),
    ]
    assert ordinary.findings() == ()


def test_equal_halves_are_remarked() -> None:
    half = network(SPEC).modules[64][0]
    found = facts(Hypernetwork(SPEC, {64: (half, half)}, Epoch.UNDATED))

    assert [finding.rule for finding in found.findings()] == ["equal-halves"]


def test_a_strong_gain_is_remarked_with_its_place() -> None:
    modules = dict(network(SPEC, dims=(64, 32)).modules)
    strong = {key: tensor(100 * found.float32()) for key, found in modules[32][1].items()}
    modules[32] = (modules[32][0], strong)
    (finding,) = facts(Hypernetwork(SPEC, modules, Epoch.UNDATED)).findings()

    assert finding.rule == "strong-gain"
    assert (finding.data["dim"], finding.data["half"]) == (32, "v")
