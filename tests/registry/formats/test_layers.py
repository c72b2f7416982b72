"""Layers say their widths, norms and gaps on their own; a disagreement is told exactly."""

import pytest

from registry.formats.errors import (
    Ambiguous,
    IndicesDisagree,
    LayerNormDisagrees,
    MissingWeights,
    WidthsDisagree,
)
from registry.formats.hypernetwork import HypernetworkSpec
from registry.formats.layers import Half, check_half, settings_of_layers
from registry.formats.stored import StorageRef, StoredTensor
from registry.formats.tensor import DType


def half(spec: HypernetworkSpec, dim: int = 320) -> Half:
    """The half that a spec asks for."""
    return {
        f"linear.{layer.index}.{name}": stored(*shape)
        for layer in spec.layout(dim)
        for name, shape in layer.parameters.items()
    }


def stored(*shape: int) -> StoredTensor:
    return StoredTensor(DType.FP32, shape, StorageRef(DType.FP32, "0", 1))


RELU = HypernetworkSpec("net", layer_structure=(1, 0.1, 1), activation_func="relu")
NORM = HypernetworkSpec("net", layer_structure=(1, 0.1, 1), is_layer_norm=True)
PLAIN = HypernetworkSpec("net", layer_structure=(1, 0.1, 1))
PRELU = HypernetworkSpec("net", activation_func="prelu", is_layer_norm=True)


@pytest.mark.parametrize("spec", [RELU, NORM, PLAIN, PRELU])
def test_layers_that_are_as_asked_pass(spec: HypernetworkSpec) -> None:
    check_half(spec, 320, "k", half(spec))


def test_a_width_is_told_with_the_structure_that_the_weights_have() -> None:
    with pytest.raises(WidthsDisagree) as caught:
        check_half(PLAIN, 320, "v", half(HypernetworkSpec("net", layer_structure=(1, 0.2, 1))))

    assert caught.value.data() == {
        "dim": 320,
        "half": "v",
        "tensor": "linear.0.weight",
        "expected": [32, 320],
        "found": [64, 320],
        "layer_structure": [1, 0.1, 1],
        "structure": [1, 0.2, 1],
    }


def test_a_layer_too_many_is_a_matter_of_widths() -> None:
    with pytest.raises(WidthsDisagree) as caught:
        check_half(PLAIN, 320, "k", half(HypernetworkSpec("net", layer_structure=(1, 0.1, 0.1, 1))))
    assert caught.value.data()["structure"] == [1, 0.1, 0.1, 1]


def test_a_norm_that_is_not_announced_is_told() -> None:
    with pytest.raises(LayerNormDisagrees, match="is_layer_norm = False"):
        check_half(PLAIN, 320, "k", half(NORM))
    with pytest.raises(LayerNormDisagrees, match="is_layer_norm = True"):
        check_half(NORM, 320, "k", half(PLAIN))


def test_a_gap_tells_of_an_activation() -> None:
    with pytest.raises(IndicesDisagree) as caught:
        check_half(PLAIN, 320, "k", half(RELU))
    assert caught.value.data()["found"] == [0, 2]
    assert caught.value.data()["expected"] == [0, 1]


@pytest.mark.parametrize("missing", ["linear.1.bias", "linear.0.weight"])
def test_a_partner_that_is_missing_is_named(missing: str) -> None:
    layers = half(PLAIN)
    del layers[missing]

    with pytest.raises(MissingWeights, match=missing):
        check_half(PLAIN, 320, "k", layers)


# Settings that were lost


@pytest.mark.parametrize(
    "structure", [(1, 2, 1), (1, 0.1, 1), (1, 0.05, 0.05, 1), (1, 1.5, 3, 1), (1, 1 / 3, 1)]
)
def test_the_structure_is_found_from_the_widths(structure: tuple[float, ...]) -> None:
    lost = HypernetworkSpec("net", layer_structure=structure)
    found = settings_of_layers({dim: (half(lost, dim), half(lost, dim)) for dim in (320, 768)})
    spec = HypernetworkSpec("net", layer_structure=tuple(found["layer_structure"]))

    assert [spec.widths(dim) for dim in (320, 768)] == [lost.widths(dim) for dim in (320, 768)]
    assert found["is_layer_norm"] is False


def test_the_shortest_factor_is_taken() -> None:
    lost = HypernetworkSpec("net", layer_structure=(1, 0.05, 1))
    pair = (half(lost, 768), half(lost, 768))

    assert settings_of_layers({768: pair})["layer_structure"] == [1, 0.05, 1]


def test_a_norm_is_seen() -> None:
    assert settings_of_layers({320: (half(NORM), half(NORM))})["is_layer_norm"] is True


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (RELU, "stood between them"),
        (HypernetworkSpec("net", layer_structure=(1, 1)), "only layer"),
        (HypernetworkSpec("net", dropout_structure=(0, 0.3, 0)), "stood between them"),
    ],
)
def test_nothing_is_guessed(spec: HypernetworkSpec, reason: str) -> None:
    with pytest.raises(Ambiguous, match=reason):
        settings_of_layers({320: (half(spec), half(spec))})


def test_context_widths_must_agree_on_the_structure() -> None:
    wide, deep = HypernetworkSpec("net"), HypernetworkSpec("net", layer_structure=(1, 2, 2, 1))

    with pytest.raises(Ambiguous):
        settings_of_layers({320: (half(wide), half(wide)), 768: (half(deep, 768),) * 2})
    with pytest.raises(Ambiguous):
        settings_of_layers({320: (half(wide), half(wide)), 768: (half(PLAIN, 768),) * 2})
