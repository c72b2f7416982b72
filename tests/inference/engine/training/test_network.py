"""A new network starts as A1111 starts it, and what is written is what was trained."""

import io
from typing import Any

import pytest
import torch
from torch import nn

from inference.engine.training import TrainingOptions
from inference.engine.training.network import TrainableNetwork
from registry.formats.reader import read
from registry.formats.writer import write_safetensors


def a_network(*, identity_start: bool = False, seed: int = 0, **options: Any) -> TrainableNetwork:
    spec = TrainingOptions(name="net", **options).spec()
    return TrainableNetwork.new(spec, (64, 32), seed=seed, identity_start=identity_start)


def test_both_halves_of_each_width_in_ascending_order() -> None:
    network = a_network()
    assert list(network.heads) == [32, 64]
    shapes = [tuple(p.shape) for p in network.parameters()]
    assert shapes == [
        s for d in (32, 64) for _ in "kv" for s in ((2 * d, d), (2 * d,), (d, 2 * d), (d,))
    ]


def test_dropout_norm_and_activation_stand_where_a1111_has_them() -> None:
    network = a_network(
        layer_structure=(1, 2, 2, 1),
        activation_func="swish",
        add_layer_norm=True,
        use_dropout=True,
        dropout_structure=(0, 0.1, 0.2, 0),
    )
    modules = [type(m).__name__ for m in network.heads[32][0].linear]
    inner = ["Linear", "Hardswish", "LayerNorm", "Dropout"]
    assert modules == [*inner, *inner, "Linear", "LayerNorm"]
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert rates == [0.1, 0.2] * 4


@pytest.mark.parametrize(
    ("how", "deviation"),
    [
        ("Normal", 0.01),
        ("XavierNormal", (2 / (32 + 64)) ** 0.5),
        ("XavierUniform", (2 / (32 + 64)) ** 0.5),
        ("KaimingNormal", (2 / 32) ** 0.5),
        ("KaimingUniform", (2 / 32) ** 0.5),
    ],
)
def test_weights_start_with_the_spread_that_was_chosen(how: str, deviation: float) -> None:
    first = a_network(weight_initialization=how).heads[32][0].linear[0]
    assert isinstance(first, nn.Linear)
    assert first.weight.std().item() == pytest.approx(deviation, rel=0.1)
    assert not first.bias.any()


def test_an_identity_start_bends_nothing() -> None:
    network = a_network(identity_start=True, activation_func="relu")
    x = torch.randn(3, 5, 32)
    for half in network.heads[32]:
        assert torch.equal(half(x), torch.zeros_like(x))
    assert any(p.any() for p in network.parameters())


def test_a_seed_is_a_network_and_leaves_all_other_chance_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = a_network(seed=1), a_network(seed=1), a_network(seed=2)
    assert torch.equal(before, torch.get_rng_state())
    assert all(map(torch.equal, one.parameters(), same.parameters()))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_a_network_read_back_is_the_same_network() -> None:
    network = a_network(
        activation_func="mish", use_dropout=True, dropout_structure=(0, 0.4, 0), add_layer_norm=True
    )
    out = io.BytesIO()
    write_safetensors(network.to_file(step=7), out, stem="net")
    file = read(out.getvalue(), stem="net").hypernetwork
    back = TrainableNetwork.of_file(file)
    assert file.spec.step == 7
    assert back.spec.dropout_structure == (0, 0.4, 0)
    assert all(map(torch.equal, network.parameters(), back.parameters()))
