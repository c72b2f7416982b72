"""The matrix: row by row what section 5 of the format specification says, with its reasons.

That a "works" in ComfyUI really computes what A1111 does is tested by computing, in
acceptance/test_elsewhere.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.formats.compatibility import SENTENCES, App, Cell, Verdict, served, uploaded
from registry.formats.container import Container, Kind
from registry.formats.errors import JSON
from registry.formats.flavors import Flavor
from registry.formats.hypernetwork import HypernetworkSpec

PLAIN = HypernetworkSpec("stem", activation_func="relu", activate_output=False)
OLD_TORCH = ("data.pkl", "data/0", "data/1", "version")
TORCH_2_1 = ("data.pkl", "byteorder", "data/0", "version", ".data/serialization_id")
TODAY = (*TORCH_2_1, ".format_version", ".storage_alignment")


def cell(app: App, cells: tuple[Cell, ...]) -> Cell:
    return next(cell for cell in cells if cell.app is app)


def of_upload(
    app: App,
    spec: HypernetworkSpec = PLAIN,
    *,
    members: tuple[str, ...] = OLD_TORCH,
    kind: Kind = Kind.TORCH_ZIP,
    without: str | None = None,
    suffix: str = ".pt",
    **stored: JSON,
) -> Cell:
    """The cell of a file that stores what the spec says, changed by `stored` and `without`."""
    settings = {**spec.as_dict(), **stored}
    if without is not None:
        del settings[without]
    container = Container(kind, root="archive", members=members, stored=settings)
    return cell(app, uploaded(spec, container, stem="stem", suffix=suffix))


def test_every_program_has_a_cell_with_a_reason() -> None:
    cells = served(PLAIN, Flavor.PORTABLE, stem="stem")
    assert [cell.app for cell in cells] == list(App)
    assert all(cell.reason for cell in cells)
    assert {cell.rule for cell in cells} <= SENTENCES.keys()


@pytest.mark.parametrize(
    ("members", "until_1_9", "since_1_10"),
    [
        (OLD_TORCH, Verdict.WORKS, Verdict.WORKS),
        (TORCH_2_1, Verdict.REFUSED, Verdict.WORKS),
        (TODAY, Verdict.REFUSED, Verdict.REFUSED),
    ],
)
def test_a1111_refuses_zip_entries_that_its_list_does_not_have(
    members: tuple[str, ...], until_1_9: Verdict, since_1_10: Verdict
) -> None:
    assert of_upload(App.A1111_OLD, members=members).verdict is until_1_9
    assert of_upload(App.A1111, members=members).verdict is since_1_10
    assert of_upload(App.COMFYUI, members=members).verdict is Verdict.WORKS


def test_the_reason_names_the_entry_that_is_refused() -> None:
    assert "“byteorder”" in of_upload(App.A1111_OLD, members=TODAY).reason
    assert "“.format_version”" in of_upload(App.A1111, members=TODAY).reason


@pytest.mark.parametrize("app", [App.A1111_OLD, App.A1111, App.COMFYUI])
def test_the_legacy_stream_works(app: App) -> None:
    assert of_upload(app, kind=Kind.LEGACY_STREAM, members=()).verdict is Verdict.WORKS


@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".PT"])
def test_a1111_lists_files_that_end_in_pt_only(suffix: str) -> None:
    assert of_upload(App.A1111, suffix=suffix).verdict is Verdict.NOT_LISTED


def test_safetensors_is_not_listed_in_a1111_and_does_nothing_in_comfyui() -> None:
    cells = served(PLAIN, Flavor.SAFETENSORS, stem="stem")
    assert cell(App.A1111_OLD, cells).verdict is Verdict.NOT_LISTED
    assert cell(App.A1111, cells).verdict is Verdict.NOT_LISTED
    assert cell(App.COMFYUI, cells).verdict is Verdict.NO_EFFECT


@pytest.mark.parametrize(
    ("app", "verdict"),
    [
        (App.FORGE, Verdict.NO_EFFECT),
        (App.SDNEXT, Verdict.UNSUPPORTED),
        (App.DIFFUSERS, Verdict.UNSUPPORTED),
    ],
)
def test_programs_without_hypernetworks_say_so(app: App, verdict: Verdict) -> None:
    assert of_upload(app).verdict is verdict


def test_another_name_inside_works_but_is_told() -> None:
    found = of_upload(App.A1111, name="other")
    assert found.verdict is Verdict.WORKS
    assert "“other”" in found.reason
    assert of_upload(App.A1111, without="name").rule == "works"


def test_an_activation_in_capitals_is_not_known_everywhere() -> None:
    assert of_upload(App.A1111, activation_func="ReLU").verdict is Verdict.PARTLY
    assert of_upload(App.COMFYUI, activation_func="ReLU").verdict is Verdict.NO_EFFECT


@pytest.mark.parametrize("activation", ["gelu", "silu", "prelu", "hardswish", "softmax"])
def test_comfyui_does_not_apply_activations_that_it_lacks(activation: str) -> None:
    found = of_upload(App.COMFYUI, replace(PLAIN, activation_func=activation))
    assert found.verdict is Verdict.NO_EFFECT
    assert activation in found.reason


def test_comfyui_does_not_apply_a_stored_none() -> None:
    spec = replace(PLAIN, activation_func=None)
    assert of_upload(App.COMFYUI, spec).verdict is Verdict.NO_EFFECT
    assert of_upload(App.COMFYUI, spec, without="activation_func").verdict is Verdict.WORKS


def test_comfyui_has_another_default_for_activate_output() -> None:
    spec = replace(PLAIN, activate_output=True)
    assert of_upload(App.COMFYUI, spec).verdict is Verdict.WORKS
    assert of_upload(App.COMFYUI, spec, without="activate_output").verdict is Verdict.WRONG
    linear = replace(spec, activation_func="linear")
    assert of_upload(App.COMFYUI, linear, without="activate_output").verdict is Verdict.WORKS


@pytest.mark.parametrize(
    ("activation", "activate_output", "verdict"),
    [
        ("relu", False, Verdict.WRONG),
        ("relu", True, Verdict.WORKS),
        ("linear", False, Verdict.WORKS),
    ],
)
def test_comfyui_takes_a_norm_for_the_last_layer(
    activation: str, activate_output: bool, verdict: Verdict
) -> None:
    spec = replace(
        PLAIN, is_layer_norm=True, activation_func=activation, activate_output=activate_output
    )
    assert of_upload(App.COMFYUI, spec).verdict is verdict
    portable = served(spec, Flavor.PORTABLE, stem="stem")
    assert cell(App.COMFYUI, portable).verdict is verdict  # no metadata can mend it


DROPOUT = replace(PLAIN, layer_structure=(1, 2, 2, 1), dropout_structure=(0, 0.3, 0, 0))


def test_comfyui_leaves_dropout_on_until_we_take_it_out() -> None:
    assert of_upload(App.COMFYUI, DROPOUT).verdict is Verdict.RANDOM
    training = served(DROPOUT, Flavor.TRAINING, stem="stem")
    assert cell(App.COMFYUI, training).verdict is Verdict.RANDOM
    portable = served(DROPOUT, Flavor.PORTABLE, stem="stem")
    assert cell(App.COMFYUI, portable).verdict is Verdict.WORKS


def test_the_portable_file_works_wherever_any_repair_can_make_it_work() -> None:
    broken = replace(DROPOUT, activation_func=None, name="other")
    before = of_upload(App.COMFYUI, broken, members=TODAY)
    assert before.verdict is Verdict.NO_EFFECT
    cells = served(broken, Flavor.PORTABLE, stem="stem")
    for app in (App.A1111_OLD, App.A1111, App.COMFYUI):
        assert cell(app, cells).rule == "works"


def test_a_cell_as_json_has_its_sentence_filled_in() -> None:
    row = of_upload(App.A1111, members=TODAY).as_dict()
    assert row == {
        "app": "A1111 ≥1.10",
        "verdict": "refused",
        "rule": "a1111-member",
        "reason": SENTENCES["a1111-member"].format(member=".format_version"),
        "data": {"member": ".format_version"},
    }
