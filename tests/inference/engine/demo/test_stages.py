import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from inference.engine.demo.stages import Stage, generator, train

STAGE = Stage("sums", steps=120, learning_rate=0.05, averaging=0.9, save_every=30)


class Interruption(Exception):
    pass


def trained(folder: Path, *, stop_at: int | None = None) -> list[Tensor]:
    torch.manual_seed(1)
    model = nn.Linear(4, 1)

    def loss_at(step: int) -> Tensor:
        if step == stop_at:
            raise Interruption
        numbers = torch.randn(16, 4, generator=generator(0, "sums", step))
        loss: Tensor = (model(numbers) - numbers.sum(dim=1, keepdim=True)).square().mean()
        return loss

    folder.mkdir(exist_ok=True)
    train(STAGE, model, loss_at, work=folder, log=folder / "log.jsonl")
    return [weight.detach().clone() for weight in model.parameters()]


def test_a_stage_learns_and_logs(tmp_path: Path) -> None:
    weight, bias = trained(tmp_path)
    assert torch.allclose(weight, torch.ones(1, 4), atol=0.05)
    assert torch.allclose(bias, torch.zeros(1), atol=0.05)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [50, 100]
    assert lines[1]["loss"] < lines[0]["loss"] / 10


def test_a_stage_that_was_interrupted_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(Interruption):
        trained(tmp_path / "broken", stop_at=75)
    again = trained(tmp_path / "broken")
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))


def test_chance_belongs_to_seed_stage_and_step() -> None:
    first = torch.randn(3, generator=generator(0, "sums", 5))
    assert torch.equal(first, torch.randn(3, generator=generator(0, "sums", 5)))
    for other in (generator(1, "sums", 5), generator(0, "else", 5), generator(0, "sums", 6)):
        assert not torch.equal(first, torch.randn(3, generator=other))
