"""One stage of training from scratch: AdamW, a learning rate that falls, checkpoints, a log."""

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

WARM_UP = 100
LOG_EVERY = 50


@dataclass(frozen=True)
class Stage:
    """``averaging`` is the decay of the moving average of the weights that is kept; 0 is none.

    The learning rate falls by a cosine after the share ``steady`` of the steps.
    """

    name: str
    steps: int
    learning_rate: float
    averaging: float = 0.0
    steady: float = 0.0
    save_every: int = 200

    def rate_at(self, step: int) -> float:
        if step < WARM_UP:
            return self.learning_rate * (step + 1) / WARM_UP
        falls_from = max(WARM_UP, round(self.steady * self.steps))
        if step < falls_from:
            return self.learning_rate
        done = (step - falls_from) / max(1, self.steps - falls_from)
        return self.learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)


def generator(seed: int, stage: str, step: int) -> torch.Generator:
    """All chance of a step comes from here, so that a training that goes on repeats itself."""
    mixed = hash((seed, *stage.encode(), step)) & (2**63 - 1)  # of whole numbers: always the same
    return torch.Generator().manual_seed(mixed)


def train(
    stage: Stage, model: nn.Module, loss_at: Callable[[int], Tensor], *, work: Path, log: Path
) -> None:
    """Trains ``model`` in place; goes on where the checkpoint in ``work`` ends.

    ``loss_at(step)`` is the loss of a step's own batch. Lines of JSON are added to ``log``.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        weights, lr=stage.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    averages = [weight.detach().clone() for weight in weights]
    checkpoint = work / f"{stage.name}.pt"
    first = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        averages, first = kept["averages"], kept["step"]

    started, total = time.monotonic(), 0.0
    for step in range(first, stage.steps):
        for group in optimizer.param_groups:
            group["lr"] = stage.rate_at(step)
        loss = loss_at(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        decay = min(stage.averaging, (step + 1) / (step + 10))
        torch._foreach_lerp_(averages, [w.detach() for w in weights], 1 - decay)

        total += loss.item()
        if (step + 1) % LOG_EVERY == 0:
            line = {
                "stage": stage.name,
                "step": step + 1,
                "loss": round(total / LOG_EVERY, 5),
                "seconds": round(time.monotonic() - started, 1),
            }
            total = 0.0
            logger.info("%s", line)
            with log.open("a") as lines:
                lines.write(json.dumps(line) + "\n")
        if (step + 1) % stage.save_every == 0 or step + 1 == stage.steps:
            _save(checkpoint, model, optimizer, averages, step + 1)

    with torch.no_grad():
        for weight, average in zip(weights, averages, strict=True):
            weight.copy_(average)


def _save(
    checkpoint: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    averages: list[Tensor],
    step: int,
) -> None:
    unfinished = checkpoint.with_suffix(".part")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "averages": averages,
            "step": step,
        },
        unfinished,
    )
    unfinished.replace(checkpoint)
