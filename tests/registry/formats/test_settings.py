"""Settings: what each may be, what is dropped, and what the defaults make of the rest."""

from typing import Any

import pytest

from registry.formats.errors import (
    FieldValue,
    ImpossibleActivation,
    IsMonkeyPatch,
    LargeMetadata,
    UnknownActivation,
    UnknownTensors,
)
from registry.formats.settings import ACTIVATIONS, IMPOSSIBLE_ACTIVATIONS, read_settings
from registry.formats.stored import StorageRef, StoredTensor
from registry.formats.tensor import DType

TENSOR = StoredTensor(DType.FP32, (1,), StorageRef(DType.FP32, "0", 1))


def rules(raw: dict[str, Any]) -> list[str]:
    return [finding.rule for finding in read_settings(raw).findings]


def test_what_is_absent_stays_absent_until_the_spec() -> None:
    settings = read_settings({"step": 7})

    assert settings.stored == {"step": 7}
    assert settings.spec("net").name == "net"
    assert settings.spec("net").layer_structure == (1, 2, 1)


def test_a_stored_name_wins_over_the_files() -> None:
    assert read_settings({"name": "inside"}).spec("outside").name == "inside"


def test_none_is_kept_as_stored_and_means_the_default() -> None:
    raw = {"name": None, "activation_func": None, "dropout_structure": None, "sd_checkpoint": None}
    settings = read_settings(raw)

    assert settings.stored == raw
    assert settings.spec("net") == read_settings({}).spec("net")


def test_activations_are_known_in_any_case() -> None:
    assert (
        read_settings({"activation_func": "LeakyReLU"}).spec("net").activation_func == "leakyrelu"
    )


def test_every_activation_of_torch_is_known() -> None:
    import inspect

    from torch.nn.modules import activation

    torchs = {
        name.lower()
        for name, found in inspect.getmembers(activation, inspect.isclass)
        if found.__module__ == activation.__name__
    }
    assert torchs | {"linear", "swish"} == ACTIVATIONS | IMPOSSIBLE_ACTIVATIONS


@pytest.mark.parametrize("name", sorted(IMPOSSIBLE_ACTIVATIONS))
def test_three_of_them_cannot_work(name: str) -> None:
    with pytest.raises(ImpossibleActivation):
        read_settings({"activation_func": name})


@pytest.mark.parametrize("name", ["", "leaky_relu", "os.system"])
def test_an_unknown_activation_is_refused(name: str) -> None:
    with pytest.raises(UnknownActivation):
        read_settings({"activation_func": name})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", "7"),
        ("step", -1),
        ("step", 1.0),
        ("step", True),
        ("step", None),
        ("name", 7),
        ("name", "a\0b"),
        ("name", "\ud800"),
        ("optional_info", "\x1b[31m"),
        ("is_layer_norm", None),
        ("is_layer_norm", 1),
        ("activate_output", "True"),
        ("layer_structure", None),
        ("layer_structure", []),
        ("layer_structure", [1]),
        ("layer_structure", [1, 2]),
        ("layer_structure", [2, 1]),
        ("layer_structure", [1, 0, 1]),
        ("layer_structure", [1, -1, 1]),
        ("layer_structure", [1, "2", 1]),
        ("layer_structure", [1, float("nan"), 1]),
        ("layer_structure", [1, float("inf"), 1]),
        ("layer_structure", [1, 1e9, 1]),
        ("layer_structure", [1] * 1000),
        ("layer_structure", {"1": 2}),
        ("dropout_structure", [0, 1, 0]),
        ("dropout_structure", [0, -0.1, 0]),
        ("dropout_structure", [0.1, 0, 0]),
        ("dropout_structure", [0, 0, 0.1]),
        ("dropout_structure", [0, 0.1]),
        ("dropout_structure", [0, 0]),
        ("name", TENSOR),
    ],
)
def test_a_setting_of_the_wrong_sort_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(FieldValue) as caught:
        read_settings({key: value})
    assert caught.value.data()["key"] == key
    assert key in caught.value.message


def test_notes_may_have_lines() -> None:
    notes = "Trained on\n\t20 pictures\r\n"

    assert read_settings({"optional_info": notes}).spec("net").optional_info == notes


def test_a_training_state_inside_the_file_is_left_out_and_said() -> None:
    raw = {"optimizer_name": "AdamW", "optimizer_state_dict": {"state": {0: {"exp_avg": TENSOR}}}}

    assert rules(raw) == ["dropped-optimizer"]
    assert read_settings(raw).stored == {}


def test_unknown_settings_are_left_out_and_named() -> None:
    (finding,) = read_settings({"enable_sizes": [320], "author": "me"}).findings

    assert finding.rule == "dropped-settings"
    assert finding.data == {"keys": ["author", "enable_sizes"]}


def test_unknown_weights_are_not_left_out_silently() -> None:
    with pytest.raises(UnknownTensors):
        read_settings({"extra": {"deep": [TENSOR]}})


@pytest.mark.parametrize("key", ["skip_connection", "upsample_linear"])
def test_another_forward_is_refused_and_its_absence_is_not(key: str) -> None:
    with pytest.raises(IsMonkeyPatch, match=key):
        read_settings({key: True})
    assert rules({key: False}) == ["dropped-settings"]


def test_settings_are_weighed_before_they_are_copied() -> None:
    text = "x" * 4096

    read_settings({"optional_info": text, "notes": [text] * 14})
    with pytest.raises(LargeMetadata):
        read_settings({"optional_info": text, "notes": [[text] * 100_000] * 100})


@pytest.mark.parametrize(
    "raw",
    [
        {"use_dropout": True},
        {"use_dropout": True, "dropout_structure": [0, 0, 0]},
        {"use_dropout": False, "dropout_structure": [0, 0.3, 0]},
    ],
)
def test_the_structure_of_dropout_counts_not_the_switch(raw: dict[str, Any]) -> None:
    assert rules(raw) == ["dropout-contradiction"]
    spec = read_settings(raw).spec("net")
    assert spec.use_dropout == any(spec.dropout_structure)
