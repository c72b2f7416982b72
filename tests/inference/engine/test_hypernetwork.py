"""Hypernetworks as modules: exactly A1111's answers, or a refusal in one sentence."""

from pathlib import Path

import pytest
import torch

from inference.engine.hypernetwork import (
    Hypernetwork,
    NotANumber,
    UnknownActivation,
    UnreadableHypernetwork,
    hypernetwork_of,
    load_hypernetwork,
)
from registry.formats.errors import Refusal
from registry.formats.hypernetwork import Epoch, HypernetworkSpec
from registry.formats.hypernetwork import Hypernetwork as NetworkFile
from registry.formats.settings import ACTIVATIONS, IMPOSSIBLE_ACTIVATIONS
from registry.formats.tensor import DType, Tensor
from tests.inference.engine.plain import apart, plain_f, random_network
from tests.registry.formats.acceptance import fixtures

TOLERANCE = 1e-5
AFFINE = [
    name
    for name in fixtures.NAMES
    if fixtures.settings(name)["activation_func"] in (None, "linear")
    and not fixtures.settings(name)["is_layer_norm"]
]


def file_of(spec: HypernetworkSpec, dim: int, value: float) -> NetworkFile:
    """A network whose weights are all one number."""

    def filled(shape: tuple[int, ...]) -> Tensor:
        numbers = torch.full(shape, value).numpy()
        return Tensor(DType.FP32, shape, memoryview(numbers.tobytes()))

    half = {
        f"linear.{layer.index}.{name}": filled(shape)
        for layer in spec.layout(dim)
        for name, shape in layer.parameters.items()
    }
    return NetworkFile(spec, {dim: (half, half)}, Epoch.DROPOUT_STRUCTURE)


class TestAsA1111:
    @pytest.mark.parametrize("name", fixtures.NAMES)
    def test_golden_answers(self, name: str) -> None:
        """A1111's own outputs x + m·f(x), from its own files."""
        network = load_hypernetwork(fixtures.path(name))
        seen = set()
        for golden in fixtures.golden(name):
            head = network.heads[golden.dim]["kv".index(golden.half)]
            x = torch.from_numpy(golden.x)
            found = x + head(x) * golden.multiplier
            assert apart(found, torch.from_numpy(golden.y)) <= TOLERANCE
            seen.add((golden.dim, golden.half))
        assert seen == {(dim, half) for dim in network.heads for half in "kv"}

    @pytest.mark.parametrize("name", AFFINE)
    def test_golden_answers_of_folded_networks(self, name: str) -> None:
        network = load_hypernetwork(fixtures.path(name))
        for golden in fixtures.golden(name):
            affine = network.folded[golden.dim]["kv".index(golden.half)]
            x = torch.from_numpy(golden.x)
            found = x + affine.like(x)(x) * golden.multiplier
            assert apart(found, torch.from_numpy(golden.y)) <= TOLERANCE

    @pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
    def test_every_activation(self, activation: str) -> None:
        network = random_network([32], activation_func=activation, activate_output=False)
        x = torch.randn(2, 5, 32)
        head = network.heads[32][0]
        assert apart(head(x), plain_f(network.spec, head.state_dict(), x)) <= TOLERANCE

    def test_swish_is_hardswish(self) -> None:
        network = random_network([32], activation_func="swish")
        assert any(isinstance(module, torch.nn.Hardswish) for module in network.modules())

    def test_weights_are_float32_whatever_the_file_holds(self) -> None:
        path = fixtures.path("half_precision.pt")
        assert load_hypernetwork(path).dtype == torch.float32
        assert load_hypernetwork(path, dtype=torch.bfloat16).dtype == torch.bfloat16

    def test_dropout_is_off_even_in_training_mode(self) -> None:
        network = random_network([32], layer_structure=(1, 2, 1), use_dropout=True,
                                 dropout_structure=(0, 0.9, 0))  # fmt: skip
        head, x = network.train().heads[32][1], torch.randn(1, 3, 32)
        assert torch.equal(head(x), head(x))
        assert apart(head(x), plain_f(network.spec, head.state_dict(), x)) <= TOLERANCE

    def test_its_name_is_the_files_stem(self) -> None:
        assert load_hypernetwork(fixtures.path("renamed_file.pt")).name == "renamed_file"

    def test_loading_draws_no_chance(self) -> None:
        torch.manual_seed(5)
        state = torch.get_rng_state()
        load_hypernetwork(fixtures.path("linear_default.pt"))
        assert torch.equal(torch.get_rng_state(), state)


class TestFolding:
    @pytest.mark.parametrize("structure", [(1, 1), (1, 2, 1), (1, 2, 4, 2, 1), (1, 0.5, 1)])
    def test_one_product_is_the_whole_chain(self, structure: tuple[float, ...]) -> None:
        network = random_network([64], layer_structure=structure)
        x = torch.randn(2, 7, 64)
        for head, affine in zip(network.heads[64], network.folded[64], strict=True):
            assert affine.weight.dtype == torch.float64
            assert apart(affine.like(x)(x), head(x)) <= TOLERANCE

    def test_which_networks_fold(self) -> None:
        assert random_network([32], activation_func="linear").affine
        assert random_network([32], use_dropout=True).affine
        assert not random_network([32], activation_func="relu").affine
        assert not random_network([32], is_layer_norm=True).affine


class TestRefusals:
    @pytest.mark.parametrize("activation", [*sorted(IMPOSSIBLE_ACTIVATIONS), "magic"])
    def test_an_activation_that_cannot_be(self, activation: str) -> None:
        with pytest.raises(UnknownActivation, match=activation) as caught:
            Hypernetwork(HypernetworkSpec("odd", activation_func=activation), [32])
        assert caught.value.activation == activation

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "note.pt"
        path.write_text("not a network")
        with pytest.raises(UnreadableHypernetwork, match="“note”") as caught:
            load_hypernetwork(path)
        assert isinstance(caught.value.__cause__, Refusal)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_no_numbers(self, value: float) -> None:
        file = file_of(HypernetworkSpec("broken"), 32, value)
        with pytest.raises(NotANumber, match="“broken”.*weights"):
            hypernetwork_of(file)

    def test_weights_too_large_for_the_fast_mode(self) -> None:
        file = file_of(HypernetworkSpec("large"), 32, 1e6)
        assert hypernetwork_of(file).dtype == torch.float32
        with pytest.raises(NotANumber):
            hypernetwork_of(file, dtype=torch.float16)
