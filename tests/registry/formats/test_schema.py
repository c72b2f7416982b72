"""From a tree to a network: every dialect of A1111's history, and what is said of the others."""

from typing import Any

import pytest

from registry.formats.errors import (
    BadDim,
    IsCheckpoint,
    IsSdxl,
    LayerKey,
    MixedKeys,
    ModulePair,
    NoDims,
    Refusal,
    StringDims,
)
from registry.formats.hypernetwork import Epoch
from registry.formats.pickle_program import OrderedItems
from registry.formats.schema import Understood, understand
from registry.formats.stored import StorageRef, StoredTensor
from registry.formats.tensor import DType


def stored(*shape: int) -> StoredTensor:
    return StoredTensor(DType.FP32, shape, StorageRef(DType.FP32, "0", 1))


def half(dim: int = 64, first: str = "linear.0", second: str = "linear.1") -> OrderedItems:
    return OrderedItems(
        {
            f"{first}.weight": stored(2 * dim, dim),
            f"{first}.bias": stored(2 * dim),
            f"{second}.weight": stored(dim, 2 * dim),
            f"{second}.bias": stored(dim),
        }
    )


OLD = half(first="linear1", second="linear2")


def tree(**settings: Any) -> dict[Any, Any]:
    return {64: (half(), half()), **settings}


def read(value: Any) -> Understood:
    return understand(value, stem="net")


def test_a_tuple_or_a_list_of_two_halves_is_a_module() -> None:
    assert read({64: (half(), half())}).modules == read({64: [half(), half()]}).modules


def test_the_names_of_the_first_weeks_become_todays() -> None:
    assert read({64: (OLD, OLD)}).modules == read({64: (half(), half())}).modules


def test_layers_are_ordered_by_number() -> None:
    structure = [1, *[2] * 11, 1]
    widths = [64 * factor for factor in structure]
    shapes: dict[str | int, Any] = {}
    for index, (before, after) in reversed([*enumerate(zip(widths, widths[1:], strict=False))]):
        shapes[f"linear.{index}.bias"] = stored(after)
        shapes[f"linear.{index}.weight"] = stored(after, before)
    found = read({64: (OrderedItems(shapes),) * 2, "layer_structure": structure})

    assert [*found.modules[64][0]][:4] == [
        "linear.0.weight",
        "linear.0.bias",
        "linear.1.weight",
        "linear.1.bias",
    ]
    assert [*found.modules[64][0]][-1] == "linear.11.bias"


@pytest.mark.parametrize(
    ("value", "epoch"),
    [
        ({64: (OLD, OLD)}, Epoch.FIRST),
        (tree(), Epoch.UNDATED),
        (tree(step=7), Epoch.STEP),
        (tree(layer_structure=[1, 2, 1], step=7), Epoch.LAYER_STRUCTURE),
        (tree(activation_func="linear", layer_structure=[1, 2, 1]), Epoch.ACTIVATION),
        (tree(activate_output=False, activation_func="linear"), Epoch.ACTIVATE_OUTPUT),
        (tree(dropout_structure=None, activate_output=False), Epoch.DROPOUT_STRUCTURE),
    ],
)
def test_the_youngest_setting_dates_a_file(value: dict[Any, Any], epoch: Epoch) -> None:
    assert read(value).epoch is epoch


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        ([], NoDims),
        ({}, NoDims),
        ({"step": 7}, NoDims),
        ({"state_dict": {"model.diffusion_model.out.weight": stored(1)}}, IsCheckpoint),
        ({"768": (half(768), half(768))}, StringDims),
        ({**tree(), "768": (half(768), half(768))}, StringDims),
        ({2048: (half(2048), half(2048))}, IsSdxl),
        ({0: (half(), half())}, BadDim),
        ({-64: (half(), half())}, BadDim),
        ({1 << 20: (half(), half())}, BadDim),
        ({64: half()}, ModulePair),
        ({64: (half(),)}, ModulePair),
        ({64: (half(), half(), half())}, ModulePair),
        ({64: (half(), {})}, ModulePair),
        ({64: (half(), None)}, ModulePair),
        ({64: (half(), {"linear.0.weight": 7})}, LayerKey),
        ({64: (half(), {0: stored(1)})}, LayerKey),
        ({64: (half(), {"linear.00.weight": stored(1)})}, LayerKey),
        ({64: (half(), {"linear3.weight": stored(1)})}, LayerKey),
        ({64: (half(), {"linear.0.scale": stored(1)})}, LayerKey),
        ({64: (half(), OrderedItems({**half(), "linear1.weight": stored(1)}))}, MixedKeys),
    ],
)
def test_what_is_no_network_is_refused(value: Any, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        read(value)


def test_a_width_that_no_model_has_is_remarked() -> None:
    (finding,) = read(tree(name="net")).findings

    assert finding.rule == "unusual-dims"
    assert finding.data == {"dims": [64]}


def test_another_name_inside_is_remarked() -> None:
    found = read({320: (half(320), half(320)), "name": "inside"})

    assert [finding.rule for finding in found.findings] == ["renamed-file"]
    assert found.spec.name == "inside"


def test_lost_settings_are_taken_from_the_layers_and_said() -> None:
    found = understand({320: (half(320), half(320))}, stem="net", settings_lost=True)

    assert found.spec.layer_structure == (1, 2, 1)
    assert found.stored == {}
    assert [finding.rule for finding in found.findings] == ["settings-from-layers"]
