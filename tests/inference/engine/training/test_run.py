"""A whole training: what it learns, what it writes, and that a break changes nothing."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.engine.base import LoadedBase
from inference.engine.training import (
    Progress,
    TrainingError,
    TrainingOptions,
    TrainingResult,
    read_dataset,
    train,
)
from registry.formats.container import Kind
from registry.formats.hypernetwork import Epoch
from registry.formats.reader import read
from tests.inference.engine.training.conftest import SIDE, draw_pictures, tiny_base

OPTIONS: dict[str, Any] = {
    "name": "net",
    "enable_sizes": (32, 768),
    "layer_structure": (1, 0.25, 1),
    "learn_rate": "2e-3",
    "batch_size": 2,
    "steps": 6,
    "training_width": SIDE,
    "training_height": SIDE,
    "save_hypernetwork_every": 0,
    "create_image_every": 0,
    "weight_initialization": "XavierNormal",
    "validation_times": 2,
    "log_every": 2,
}
WHOLE_CHANCE: dict[str, Any] = {
    "steps": 9,
    "learn_rate": "3e-3:4, 1e-3",
    "use_dropout": True,
    "dropout_structure": (0, 0.2, 0),
    "latent_sampling_method": "random",
    "shuffle_tags": True,
    "tag_drop_out": 0.3,
    "clip_grad_mode": "norm",
    "clip_grad_value": "0.5:3, 0.1",
    "gradient_step": 2,
    "save_hypernetwork_every": 3,
}


def run(
    base: LoadedBase,
    pictures: Path,
    folder: Path,
    on_step: Callable[[Progress], bool] | None = None,
    *,
    resume: bool = False,
    start_from: Path | None = None,
    **options: Any,
) -> TrainingResult:
    chosen = TrainingOptions(**{**OPTIONS, **options})
    dataset = read_dataset(
        pictures, needs_captions=True, validation_images=chosen.validation_images
    )
    return train(base, dataset, chosen, folder, on_step, resume=resume, start_from=start_from)


def noting(told: list[Progress]) -> Callable[[Progress], bool]:
    def note(progress: Progress) -> bool:
        told.append(progress)
        return True

    return note


def until(step: int) -> Callable[[Progress], bool]:
    return lambda progress: progress.step < step


# --- what it learns -------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_fixed_loss_falls(pictures: Path, tmp_path: Path, prediction: str) -> None:
    base = tiny_base(prediction)
    result = run(base, pictures, tmp_path / "out", steps=60, save_hypernetwork_every=20)
    figures = json.loads((tmp_path / "out" / "net.json").read_text())
    losses = [entry["loss"] for entry in figures["history"]]
    assert [entry["step"] for entry in figures["history"]] == [0, 20, 40, 60]
    assert losses[-1] < losses[1] < losses[0]
    assert result.validation_loss == losses[-1]
    assert figures["lowered_by"] == result.lowered_by
    assert result.lowered_by == 1 - losses[-1] / figures["base_validation_loss"] > 0.02
    assert figures["validated_on"] == "pictures kept back"


def test_an_identity_start_begins_at_the_loss_of_the_base_model(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    run(base, pictures, tmp_path / "out", steps=1, identity_start=True)
    first = json.loads((tmp_path / "out" / "net.json").read_text())["history"][0]
    assert first["loss"] == first["base"]


CHANGES: dict[str, dict[str, Any]] = {
    "enable_sizes": {"enable_sizes": (32,)},
    "layer_structure": {"layer_structure": (1, 0.5, 1)},
    "activation_func": {"activation_func": "relu"},
    "weight_initialization": {"weight_initialization": "KaimingUniform"},
    "add_layer_norm": {"add_layer_norm": True},
    "use_dropout": {"use_dropout": True, "dropout_structure": (0, 0.5, 0)},
    "learn_rate": {"learn_rate": "2e-3:3, 1e-3"},
    "clip_grad_mode": {"clip_grad_mode": "value", "clip_grad_value": "1e-5"},
    "clip_grad_value": {"clip_grad_mode": "value", "clip_grad_value": "1e-5:3, 1e-6"},
    "batch_size": {"batch_size": 1},
    "gradient_step": {"gradient_step": 2},
    "training_width": {"training_width": SIDE * 2},
    "training_height": {"training_height": SIDE * 2},
    "steps": {"steps": 5},
    "template_file": {"template_file": "filewords.txt"},
    "shuffle_tags": {"shuffle_tags": True},
    "tag_drop_out": {"tag_drop_out": 0.5},
    "latent_sampling_method": {"latent_sampling_method": "deterministic"},
    "latent_sampling_method random": {"latent_sampling_method": "random"},
    "use_weight": {"use_weight": True},
    "optimizer_name": {"optimizer_name": "NAdam"},
    "identity_start": {"identity_start": True},
    "seed": {"seed": 1},
    "precision": {"precision": "bf16"},
    "validation_images": {"validation_images": 0},
}


@pytest.fixture(scope="module")
def learned_as_usual(base: LoadedBase, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("usual")
    pictures = draw_pictures(folder / "pictures")
    return run(base, pictures, folder / "out").safetensors.read_bytes()


@pytest.mark.parametrize("option", CHANGES)
def test_each_option_changes_what_is_learned(
    base: LoadedBase, pictures: Path, tmp_path: Path, learned_as_usual: bytes, option: str
) -> None:
    result = run(base, pictures, tmp_path / "out", **CHANGES[option])
    assert result.safetensors.read_bytes() != learned_as_usual


def test_the_same_options_learn_the_same(
    base: LoadedBase, pictures: Path, tmp_path: Path, learned_as_usual: bytes
) -> None:
    torch.manual_seed(99)
    result = run(base, pictures, tmp_path / "out")
    assert result.safetensors.read_bytes() == learned_as_usual


# --- what it writes -------------------------------------------------------------------------------


def test_the_pt_is_a_file_of_a1111_and_the_optim_belongs_to_it(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    dropout: dict[str, Any] = {"use_dropout": True, "dropout_structure": (0, 0.2, 0)}
    result = run(base, pictures, tmp_path / "out", **dropout)

    reading = read(result.network, stem="net")
    spec = reading.hypernetwork.spec
    assert reading.container.kind is Kind.TORCH_ZIP
    assert reading.hypernetwork.epoch is Epoch.DROPOUT_STRUCTURE
    assert (spec.name, spec.step, spec.layer_structure) == ("net", 6, (1, 0.25, 1))
    assert (spec.activation_func, spec.activate_output) == ("linear", False)
    assert (spec.use_dropout, spec.dropout_structure) == (True, (0, 0.2, 0))
    assert (spec.sd_checkpoint, spec.sd_checkpoint_name) == ("ab" * 5, "tiny")
    ours = read(result.safetensors, stem="net").hypernetwork
    assert {n: bytes(t.data) for n, t in ours.tensors()} == {
        n: bytes(t.data) for n, t in reading.hypernetwork.tensors()
    }

    beside = result.network.with_name("net.pt.optim")
    optim = torch.load(beside, weights_only=True)
    assert set(optim) == {"optimizer_name", "hash", "optimizer_state_dict"}
    assert optim["optimizer_name"] == "AdamW"
    assert optim["hash"] == sha256(result.network.read_bytes()).hexdigest()[:10]


def test_the_optim_continues_an_optimizer_over_the_weights_in_a1111s_order(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    result = run(base, pictures, tmp_path / "out")
    state = torch.load(f"{result.network}.optim", weights_only=True)["optimizer_state_dict"]
    content = torch.load(result.network, weights_only=True)
    # A1111 goes through the widths as the file has them: all weights of K, then all of V.
    weights = [
        torch.nn.Parameter(tensor)
        for dim, halves in content.items()
        if isinstance(dim, int)
        for half in halves
        for tensor in half.values()
    ]
    optimizer = torch.optim.AdamW(weights, lr=1e-5)
    optimizer.load_state_dict(state)
    for weight in weights:
        assert optimizer.state[weight]["exp_avg"].shape == weight.shape
        assert optimizer.state[weight]["step"].item() == 6
    assert optimizer.param_groups[0]["weight_decay"] == 0.01
    sum(weight.square().sum() for weight in weights).backward()  # type: ignore[union-attr]
    optimizer.step()


def test_the_optim_is_packed_as_every_a1111_can_open_it(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    result = run(base, pictures, tmp_path / "out")
    rule = re.compile(r"^([^/]+)/((data/\d+)|version|(data\.pkl))$")
    for file in (result.network, Path(f"{result.network}.optim")):
        with zipfile.ZipFile(file) as packed:
            names = packed.namelist()
            assert all(rule.match(name) for name in names)
            assert all(info.compress_type == zipfile.ZIP_STORED for info in packed.infolist())
            assert packed.testzip() is None


def test_files_on_the_way_say_how_many_steps_they_have(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    run(base, pictures, tmp_path / "out", save_hypernetwork_every=2)
    for step in (2, 4, 6):
        file = tmp_path / "out" / f"net-{step}.pt"
        assert read(file, stem=file.stem).hypernetwork.spec.step == step
        assert Path(f"{file}.optim").is_file()
        assert file.with_suffix(".safetensors").is_file()


def test_pictures_on_the_way_are_of_one_seed_at_half_and_full_strength(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    run(base, pictures, tmp_path / "out", steps=4, create_image_every=4, preview_seed=7)
    names = {path.name for path in (tmp_path / "out" / "samples").iterdir()}
    assert names == {"net-000004-0.5.png", "net-000004-1.0.png"}


def test_pictures_on_the_way_change_nothing(pictures: Path, tmp_path: Path) -> None:
    chance: dict[str, Any] = {"use_dropout": True, "dropout_structure": (0, 0.2, 0)}
    base = tiny_base()  # that nothing has rendered with yet
    without = run(base, pictures, tmp_path / "a", **chance)
    along = run(base, pictures, tmp_path / "b", **chance, create_image_every=3)
    assert (
        sha256(without.network.read_bytes()).digest() == sha256(along.network.read_bytes()).digest()
    )


# --- how it ends ----------------------------------------------------------------------------------


def test_a_schedule_that_ends_ends_the_training(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    result = run(base, pictures, tmp_path / "out", learn_rate="1e-3:2, 1e-4:4")
    assert (result.ending, result.step) == ("schedule ended", 4)


def test_progress_is_told_at_each_step(base: LoadedBase, pictures: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    run(
        base,
        pictures,
        tmp_path / "out",
        noting(told),
        learn_rate="2e-3:3, 1e-3",
    )
    assert [p.step for p in told] == [1, 2, 3, 4, 5, 6]
    assert [p.rate for p in told] == [2e-3] * 3 + [1e-3] * 3
    assert [p.loss is not None for p in told] == [False, True] * 3


def test_a_loss_that_is_no_number_ends_it_with_advice(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="has diverged. Lower the learning rate"):
        run(base, pictures, tmp_path / "out", learn_rate="1e30", steps=20)


# --- going on -------------------------------------------------------------------------------------


def all_of(folder: Path) -> dict[str, bytes]:
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.suffix in (".pt", ".optim", ".safetensors")
    }


def test_a_cancelled_training_goes_on_as_if_it_had_not_been(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    run(base, pictures, tmp_path / "whole", **WHOLE_CHANCE)
    for stop in (4, 7):
        ended = run(
            base, pictures, tmp_path / "broken", until(stop),
            resume=stop == 7, **WHOLE_CHANCE,
        )  # fmt: skip
        assert (ended.ending, ended.step) == ("cancelled", stop)
        torch.manual_seed(stop)
    assert run(base, pictures, tmp_path / "broken", resume=True, **WHOLE_CHANCE).ending == "done"
    assert all_of(tmp_path / "broken") == all_of(tmp_path / "whole")
    whole, broken = (
        json.loads((tmp_path / n / "net.json").read_text()) for n in ("whole", "broken")
    )
    assert whole["losses"] == broken["losses"]
    assert whole["validation_loss"] == broken["validation_loss"]


def test_a_killed_training_goes_on_from_its_last_save(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(progress: Progress) -> bool:
        if progress.step == 5:
            raise Killed
        return True

    run(base, pictures, tmp_path / "whole", **WHOLE_CHANCE)
    with pytest.raises(Killed):
        run(base, pictures, tmp_path / "broken", kill, **WHOLE_CHANCE)
    steps: list[Progress] = []
    run(
        base, pictures, tmp_path / "broken", noting(steps),
        resume=True, **WHOLE_CHANCE,
    )  # fmt: skip
    assert [p.step for p in steps] == [4, 5, 6, 7, 8, 9]
    assert all_of(tmp_path / "broken") == all_of(tmp_path / "whole")


def test_a_finished_training_takes_more_steps(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    whole = run(base, pictures, tmp_path / "whole", steps=6)
    run(base, pictures, tmp_path / "longer", steps=4)
    longer = run(base, pictures, tmp_path / "longer", steps=6, resume=True)
    assert longer.network.read_bytes() == whole.network.read_bytes()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch_size": 3}, r"another batch size \(2, now 3\)"),
        ({"learn_rate": "1e-4"}, r"another learn rate \(2e-3, now 1e-4\)"),
    ],
)
def test_nobody_resumes_another_training(
    base: LoadedBase, pictures: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    run(base, pictures, tmp_path / "out", steps=2)
    with pytest.raises(TrainingError, match=said):
        run(base, pictures, tmp_path / "out", steps=4, resume=True, **changed)


def test_nobody_resumes_on_other_pictures(base: LoadedBase, pictures: Path, tmp_path: Path) -> None:
    run(base, pictures, tmp_path / "out", steps=2)
    (pictures / "0.txt").write_text("another caption")
    with pytest.raises(TrainingError, match="was started with another set of pictures"):
        run(base, pictures, tmp_path / "out", steps=4, resume=True)


def test_there_may_be_nothing_to_resume(base: LoadedBase, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="There is no interrupted training of “net”"):
        run(base, pictures, tmp_path / "out", resume=True)


def test_a_damaged_checkpoint_is_named(base: LoadedBase, pictures: Path, tmp_path: Path) -> None:
    run(base, pictures, tmp_path / "out", steps=2)
    file = tmp_path / "out" / "net.resume"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"net\.resume is damaged"):
        run(base, pictures, tmp_path / "out", steps=4, resume=True)


def test_a_training_does_not_overwrite_another(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    run(base, pictures, tmp_path / "out", steps=2)
    with pytest.raises(TrainingError, match="already holds a training of “net”"):
        run(base, pictures, tmp_path / "out", steps=2)


def test_a_finished_file_is_trained_further_with_its_optimizer(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    first = run(base, pictures, tmp_path / "first", steps=4)
    further = run(base, pictures, tmp_path / "with", start_from=first.network, steps=6)
    assert read(further.network, stem="net").hypernetwork.spec.step == 6
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(first.network, alone / "net.pt")
    fresh = run(base, pictures, tmp_path / "without", start_from=alone / "net.pt", steps=6)
    shutil.copy(tmp_path / "first" / "net.pt.optim", alone)
    same = run(base, pictures, tmp_path / "copied", start_from=alone / "net.pt", steps=6)
    assert further.network.read_bytes() == same.network.read_bytes()
    assert further.network.read_bytes() != fresh.network.read_bytes()


def test_an_optim_of_a1111_has_the_widths_in_the_order_of_their_ticks(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    """768 before 32: as A1111's own list has it."""
    first = run(base, pictures, tmp_path / "first", steps=4)
    ours = run(base, pictures, tmp_path / "ours", start_from=first.network, steps=6)

    optim = torch.load(f"{first.network}.optim", weights_only=True)
    slots = optim["optimizer_state_dict"]["state"]
    half = len(slots) // 2
    optim["optimizer_state_dict"]["state"] = {(i + half) % len(slots): slots[i] for i in slots}
    torch.save(optim, f"{first.network}.optim")
    theirs = run(base, pictures, tmp_path / "theirs", start_from=first.network, steps=6)
    assert theirs.network.read_bytes() == ours.network.read_bytes()


def test_an_optim_of_another_file_is_not_used(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    first = run(base, pictures, tmp_path / "first", steps=4)
    other = run(base, pictures, tmp_path / "other", steps=4, seed=5)
    without = tmp_path / "lone.pt"
    shutil.copy(first.network, without)
    fresh = run(base, pictures, tmp_path / "a", start_from=without, steps=5)
    shutil.copy(f"{other.network}.optim", f"{without}.optim")
    wrong = run(base, pictures, tmp_path / "b", start_from=without, steps=5)
    assert wrong.network.read_bytes() == fresh.network.read_bytes()


def test_a_network_for_other_widths_does_not_fit(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    real = Path(__file__).parents[3] / "fixtures" / "hypernetworks" / "sd2_softsign.pt"
    with pytest.raises(TrainingError, match="works on the widths .*1024.*, but this base model"):
        run(base, pictures, tmp_path / "out", start_from=real)


def test_a_width_that_the_base_model_lacks_is_refused(
    base: LoadedBase, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no attention of width 1280.*It has: 32, 64, 768"):
        run(base, pictures, tmp_path / "out", enable_sizes=(768, 1280))
