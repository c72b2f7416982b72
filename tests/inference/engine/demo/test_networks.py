"""The demo networks: eight, small, real files, trained by the trainer on sets that are drawn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.engine.demo import networks
from inference.engine.demo.captions import vocabulary
from inference.engine.demo.networks import (
    DEMO_NETWORKS,
    MAX_BYTES,
    DemoNetwork,
    draw_set,
    is_finished,
    train_demo_network,
)
from inference.engine.training import TrainingOptions, read_dataset
from inference.engine.training.network import TrainableNetwork
from registry.formats.reader import read
from registry.formats.writer import write_portable
from tests.inference.engine.training.conftest import tiny_base

NEON = next(network for network in DEMO_NETWORKS if network.name == "demo-neon")
ROBOT = next(network for network in DEMO_NETWORKS if network.name == "demo-tin-robot")


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    options = DemoNetwork.options

    def fewer(network: DemoNetwork) -> TrainingOptions:
        return replace(
            options(network), steps=4, batch_size=1, log_every=2, validation_times=1,
            save_hypernetwork_every=2, training_width=64, training_height=64,
        )  # fmt: skip

    monkeypatch.setattr(DemoNetwork, "options", fewer)
    monkeypatch.setattr(networks, "PICTURES", 5)


def test_there_are_six_styles_and_two_subjects() -> None:
    assert [network.kind for network in DEMO_NETWORKS] == ["style"] * 6 + ["subject"] * 2
    assert len({network.name for network in DEMO_NETWORKS}) == 8


def test_a_set_is_pictures_and_captions_in_the_words_that_the_base_model_knows(
    few_steps: None, tmp_path: Path
) -> None:
    folder = draw_set(ROBOT, tmp_path / "set")
    dataset = read_dataset(folder, needs_captions=True, validation_images=0)
    known = set(vocabulary())
    assert len(dataset.training) == 5
    for example in dataset.training:
        words = example.caption.replace(",", " ,").replace("-", " - ").split()
        assert set(words) <= known
        assert "square" in words


def test_a_set_is_drawn_once_and_always_alike(few_steps: None, tmp_path: Path) -> None:
    one, other = (draw_set(NEON, tmp_path / name) for name in ("one", "other"))
    assert {f.name: f.read_bytes() for f in one.iterdir()} == {
        f.name: f.read_bytes() for f in other.iterdir()
    }
    (one / "000.txt").write_text("kept")
    assert (draw_set(NEON, one) / "000.txt").read_text() == "kept"


@pytest.mark.parametrize("network", DEMO_NETWORKS, ids=lambda network: network.name)
def test_a_network_is_small_enough_for_the_repository(network: DemoNetwork, tmp_path: Path) -> None:
    options = network.options()
    made = TrainableNetwork.new(
        options.spec(), options.enable_sizes or (), seed=0, identity_start=False
    )
    with (tmp_path / "net.pt").open("wb") as out:
        write_portable(made.to_file(step=1), out, stem="net")
    assert (tmp_path / "net.pt").stat().st_size <= MAX_BYTES


def test_a_break_changes_nothing_and_the_file_is_one_of_a1111(
    few_steps: None, tmp_path: Path
) -> None:
    base = tiny_base("v_prediction", deep=320)
    whole = train_demo_network(base, NEON, work=tmp_path / "a", into=tmp_path / "whole")
    assert (whole.ending, whole.step) == ("done", 4)

    broken = tmp_path / "broken"
    ended = train_demo_network(
        base, NEON, work=tmp_path / "b", into=broken, on_step=lambda p: p.step < 3
    )
    assert ended.ending == "cancelled"
    assert not is_finished(NEON, broken)
    train_demo_network(base, NEON, work=tmp_path / "b", into=broken)
    assert is_finished(NEON, broken)
    one, other = (folder / "demo-neon.pt" for folder in (tmp_path / "whole", broken))
    assert one.read_bytes() == other.read_bytes()

    reading = read(one, stem="demo-neon")
    assert reading.findings == ()
    assert reading.hypernetwork.dims == (320, 768)
    assert reading.hypernetwork.spec.layer_structure == (1, 0.125, 1)
    figures = json.loads(one.with_suffix(".json").read_text())
    assert figures["lowered_by"] == whole.lowered_by
    assert [step for step, _ in figures["losses"]] == [2, 4]
