"""A1111's defaults, and the nn.Sequential that they stand for."""

from dataclasses import replace

import pytest

from registry.formats.hypernetwork import (
    Epoch,
    HypernetworkHeader,
    HypernetworkSpec,
    Layer,
)
from registry.formats.tensor import DType, TensorInfo


def modules(spec: HypernetworkSpec, dim: int = 320) -> list[tuple[int, str]]:
    return [(layer.index, layer.module) for layer in spec.layout(dim)]


def test_a_file_without_settings_has_the_defaults_of_the_first_week() -> None:
    assert HypernetworkSpec("net").as_dict() == {
        "name": "net",
        "step": 0,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
        "layer_structure": [1, 2, 1],
        "activation_func": None,
        "is_layer_norm": False,
        "weight_initialization": "Normal",
        "activate_output": True,
        "use_dropout": False,
        "last_layer_dropout": False,
        "dropout_structure": [0, 0, 0],
        "optional_info": None,
    }


@pytest.mark.parametrize(
    ("structure", "use_dropout", "last_layer_dropout", "derived"),
    [
        ((1, 2, 1), False, True, (0, 0, 0)),
        ((1, 2, 1), True, False, (0, 0, 0)),
        ((1, 2, 1), True, True, (0, 0.3, 0)),
        ((1, 2, 2, 1), True, False, (0, 0.3, 0, 0)),
        ((1, 2, 4, 2, 1), True, True, (0, 0.3, 0.3, 0.3, 0)),
        ((1, 1), True, True, (0, 0)),
    ],
)
def test_older_files_derive_their_dropout(
    structure: tuple[int, ...],
    use_dropout: bool,
    last_layer_dropout: bool,
    derived: tuple[float, ...],
) -> None:
    spec = HypernetworkSpec(
        "net",
        layer_structure=structure,
        use_dropout=use_dropout,
        last_layer_dropout=last_layer_dropout,
    )

    assert spec.dropout_structure == derived
    assert spec.use_dropout == any(derived)


def test_dropout_can_be_switched_off() -> None:
    spec = HypernetworkSpec("net", dropout_structure=(0, 0.3, 0))

    assert spec.use_dropout
    assert not replace(spec, dropout_structure=(0, 0, 0)).use_dropout


def test_widths_are_cut_off_not_rounded() -> None:
    assert HypernetworkSpec("net", layer_structure=(1, 0.05, 1)).widths(768) == (768, 38, 768)


def test_each_layer_takes_its_place_in_the_order_of_a1111() -> None:
    spec = HypernetworkSpec(
        "net",
        activation_func="mish",
        is_layer_norm=True,
        activate_output=False,
        dropout_structure=(0, 0.1, 0),
    )

    assert modules(spec) == [
        (0, "linear"),
        (1, "activation"),
        (2, "layer_norm"),
        (3, "dropout"),
        (4, "linear"),
        (5, "layer_norm"),
    ]


def test_an_activated_output_adds_an_index() -> None:
    relu = HypernetworkSpec("net", activation_func="relu")

    assert modules(relu)[-1] == (3, "activation")
    assert modules(replace(relu, activate_output=False))[-1] == (2, "linear")


@pytest.mark.parametrize("name", [None, "linear"])
def test_the_identity_takes_no_index(name: str | None) -> None:
    spec = HypernetworkSpec("net", activation_func=name)

    assert modules(spec) == [(0, "linear"), (1, "linear")]
    assert spec.is_affine


def test_shapes_are_those_of_nn_linear_and_layer_norm() -> None:
    spec = HypernetworkSpec("net", layer_structure=(1, 0.5, 1), is_layer_norm=True)

    assert spec.layout(8)[:2] == (
        Layer(0, "linear", {"weight": (4, 8), "bias": (4,)}),
        Layer(1, "layer_norm", {"weight": (4,), "bias": (4,)}),
    )


def test_prelu_is_the_only_activation_with_a_weight() -> None:
    assert HypernetworkSpec("net", activation_func="prelu").layout(8)[1].parameters == {
        "weight": (1,)
    }
    assert HypernetworkSpec("net", activation_func="gelu").layout(8)[1].parameters == {}


@pytest.mark.parametrize(
    ("dims", "family"),
    [((320, 768), "sd1"), ((320, 1024), "sd2"), ((768, 1024), "sd2"), ((320, 640, 1280), "any")],
)
def test_the_context_width_tells_the_base_model(dims: tuple[int, ...], family: str) -> None:
    assert header(dims).base_family == family


def test_a_header_counts_its_parameters_and_names_its_commonest_type() -> None:
    found = header((640, 320))

    assert found.dims == (320, 640)
    assert found.parameters == 4 * 110
    assert found.dtype is DType.FP16


def header(dims: tuple[int, ...]) -> HypernetworkHeader:
    half = {
        "linear.0.weight": TensorInfo(DType.FP16, (10, 10)),
        "linear.0.bias": TensorInfo(DType.FP32, (10,)),
    }
    modules = dict.fromkeys(dims, (half, half))
    return HypernetworkHeader(HypernetworkSpec("net"), modules, Epoch.UNDATED)
