"""Where the matrix says that a file works it computes what A1111 does; elsewhere it does not."""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from registry.formats.compatibility import App, Verdict, served, uploaded
from registry.formats.flavors import Flavor
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import read
from registry.formats.writer import write_portable, write_training
from tests.registry.formats.acceptance import a1111, comfyui, fixtures
from tests.registry.formats.acceptance.networks import networks

# A1111's own lists of allowed entries in a ZIP, from hypernetwork-format.md section 5.
A1111_UNTIL_1_9 = re.compile(r"^([^/]+)/((data/\d+)|version|(data\.pkl))$")
A1111_SINCE_1_10 = re.compile(
    r"^([^/]+)/((data/\d+)|version|byteorder|(\.data/serialization_id)|(data\.pkl))$"
)
SAME = 1e-5
MULTIPLIER = 1.0
each_fixture = pytest.mark.parametrize("name", fixtures.NAMES)
thorough = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def portable(network: Hypernetwork, stem: str = "stem") -> bytes:
    out = io.BytesIO()
    write_portable(network, out, stem=stem)
    return out.getvalue()


def training(network: Hypernetwork, stem: str = "stem") -> bytes:
    out = io.BytesIO()
    write_training(network, out, stem=stem)
    return out.getvalue()


def comfyui_verdict(file: bytes, spec: Mapping[str, Any]) -> Verdict:
    """What becomes of a file in ComfyUI, found out by computing with it."""
    stored = torch.load(io.BytesIO(file), weights_only=True)
    theirs = comfyui.Network(stored)
    verdicts = {half_verdict(theirs, dim, half, spec, stored) for dim, half in halves(stored)}
    for verdict in (Verdict.WRONG, Verdict.RANDOM, Verdict.NO_EFFECT):
        if verdict in verdicts:
            return verdict
    return Verdict.WORKS


def halves(stored: Mapping[Any, Any]) -> list[tuple[int, str]]:
    return [(dim, half) for dim in stored if isinstance(dim, int) for half in "kv"]


def half_verdict(
    theirs: comfyui.Network, dim: int, half: str, spec: Mapping[str, Any], stored: Mapping[Any, Any]
) -> Verdict:
    torch.manual_seed(dim)
    x = torch.randn(2, 40, dim)
    state = a1111.in_todays_names(stored[dim]["kv".index(half)])
    expected = a1111.output(dim, spec, state, x, MULTIPLIER) - x
    found, again = (theirs.output(dim, half, x, MULTIPLIER) - x for _ in range(2))
    if not theirs.applied:
        return Verdict.NO_EFFECT
    if not torch.equal(found, again):
        return (
            Verdict.WRONG
            if wrong_without_dropout(theirs, dim, half, x, expected)
            else Verdict.RANDOM
        )
    return Verdict.WORKS if same(found, expected) else Verdict.WRONG


def wrong_without_dropout(
    theirs: comfyui.Network, dim: int, half: str, x: torch.Tensor, expected: torch.Tensor
) -> bool:
    """Whether the result would be wrong even if dropout were off."""
    theirs.modules[dim, half].eval()
    found = theirs.output(dim, half, x, MULTIPLIER) - x
    theirs.modules[dim, half].train()
    return not same(found, expected)


def same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Equal up to rounding: of x, since the change was taken from x + change."""
    return bool((found - expected).abs().max() <= SAME * max(1.0, float(expected.abs().max())))


def undropped(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {**spec, "dropout_structure": [0] * len(spec["layer_structure"])}


def cell(cells: Any, app: App) -> Verdict:
    verdict: Verdict = next(cell.verdict for cell in cells if cell.app is app)
    return verdict


@each_fixture
def test_the_portable_file_passes_both_of_a1111s_rules_for_names(name: str) -> None:
    network = read(fixtures.path(name), stem=fixtures.stem(name)).hypernetwork
    written = zipfile.ZipFile(io.BytesIO(portable(network)))

    assert written.testzip() is None
    for member in written.namelist():
        assert A1111_UNTIL_1_9.match(member)
        assert A1111_SINCE_1_10.match(member)


@each_fixture
def test_comfyui_does_with_the_original_what_the_matrix_says(name: str) -> None:
    reading = read(fixtures.path(name), stem=fixtures.stem(name))
    spec = reading.hypernetwork.spec
    cells = uploaded(spec, reading.container, stem=fixtures.stem(name))

    found = comfyui_verdict(fixtures.path(name).read_bytes(), spec.as_dict())
    assert cell(cells, App.COMFYUI) is found


@each_fixture
def test_comfyui_does_with_the_portable_file_what_the_matrix_says(name: str) -> None:
    network = read(fixtures.path(name), stem=fixtures.stem(name)).hypernetwork
    cells = served(network.spec, Flavor.PORTABLE, stem="stem")

    found = comfyui_verdict(portable(network), undropped(network.spec.as_dict()))
    assert cell(cells, App.COMFYUI) is found
    for app in (App.A1111_OLD, App.A1111):
        assert cell(cells, app) is Verdict.WORKS


def test_the_fixtures_show_every_sort_of_answer() -> None:
    """Otherwise the two tests above would prove less than they seem to."""
    verdicts = set()
    for name in fixtures.NAMES:
        reading = read(fixtures.path(name), stem=fixtures.stem(name))
        cells = uploaded(reading.hypernetwork.spec, reading.container, stem=fixtures.stem(name))
        verdicts.add(cell(cells, App.COMFYUI))

    assert {Verdict.WORKS, Verdict.NO_EFFECT, Verdict.WRONG} <= verdicts


@thorough
@given(network=networks())
def test_comfyui_does_with_any_portable_file_what_the_matrix_says(network: Hypernetwork) -> None:
    """What A1111 computes is taken from the network as it was before we touched it."""
    cells = served(network.spec, Flavor.PORTABLE, stem="stem")
    assert_matrix(network, portable(network), cell(cells, App.COMFYUI))


@thorough
@given(network=networks())
def test_comfyui_does_with_any_training_file_what_the_matrix_says(network: Hypernetwork) -> None:
    if not network.spec.use_dropout:
        return
    cells = served(network.spec, Flavor.TRAINING, stem="stem")
    assert_matrix(network, training(network), cell(cells, App.COMFYUI))


def assert_matrix(network: Hypernetwork, file: bytes, promised: Verdict) -> None:
    stored = torch.load(io.BytesIO(file), weights_only=True)
    theirs = comfyui.Network(stored)
    for dim, pair in network.modules.items():
        for half, state in zip("kv", pair, strict=True):
            x = torch.linspace(-2, 2, 4 * dim).reshape(1, 4, dim)
            original = {key: fixtures.as_torch(tensor) for key, tensor in state.items()}
            expected = a1111.output(dim, network.spec.as_dict(), original, x, MULTIPLIER) - x
            found = theirs.output(dim, half, x, MULTIPLIER) - x
            if promised is Verdict.WORKS:
                assert same(found, expected)
            elif promised is Verdict.NO_EFFECT:
                assert not theirs.applied
            elif promised is Verdict.RANDOM:
                dropouts = [m for m in theirs.modules[dim, half] if isinstance(m, torch.nn.Dropout)]
                assert dropouts
                assert not wrong_without_dropout(theirs, dim, half, x, expected)
    if promised is Verdict.WRONG:
        assert not same_modules(theirs, network)


def same_modules(theirs: comfyui.Network, network: Hypernetwork) -> bool:
    """Whether ComfyUI's stack has A1111's modules that do something at inference, in order."""
    skipped = (torch.nn.Dropout, torch.nn.Identity)
    ours = {
        (dim, half): [
            type(m) for m in a1111.layers(dim, network.spec.as_dict()) if not isinstance(m, skipped)
        ]
        for dim in network.modules
        for half in "kv"
    }
    built = {
        where: [type(m) for m in stack if not isinstance(m, skipped)]
        for where, stack in theirs.modules.items()
    }
    return ours == built
