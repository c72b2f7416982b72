"""One training from its first step to its last: the loop, what it writes, and how it goes on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from inference.engine.base import LoadedBase
from inference.engine.grid import lay_out
from inference.engine.training import checkpoints
from inference.engine.training.datasets import Dataset
from inference.engine.training.errors import AlreadyThere, Diverged
from inference.engine.training.options import TrainingOptions, as_json
from inference.engine.training.samples import write_samples
from inference.engine.training.setup import Prepared, prepare
from inference.engine.training.steps import Stepper

Ending = Literal["done", "cancelled", "schedule ended"]
# What a resumed training may have chosen anew.
_MAY_CHANGE: Final = frozenset({
    "steps", "save_hypernetwork_every", "create_image_every", "log_every", "keep_steps",
    "preview_prompt", "preview_seed",
})  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """``loss`` is the mean since the last one that was read, None where none was read here."""

    step: int
    steps: int
    loss: float | None
    rate: float
    validation_loss: float | None
    samples_per_second: float


OnStep = Callable[[Progress], bool]
"""Called after each step; the training goes on while it returns True."""


@dataclass(frozen=True)
class TrainingResult:
    """``lowered_by`` is the share by which the fixed loss fell below the base model's own."""

    ending: Ending
    step: int
    network: Path
    safetensors: Path
    base_validation_loss: float
    validation_loss: float
    lowered_by: float
    samples_per_second: float


def train(
    base: LoadedBase,
    dataset: Dataset,
    options: TrainingOptions,
    folder: Path,
    on_step: OnStep | None = None,
    *,
    resume: bool = False,
    start_from: Path | None = None,
) -> TrainingResult:
    """Train a hypernetwork on a frozen base model and write it into ``folder``.

    ``resume`` goes on with the interrupted training in ``folder``, bit by bit as if it had not
    been interrupted (on a CPU). ``start_from`` goes on with a finished `.pt`, and with its
    `.optim` where one belongs to it.

    Raises: ``TrainingError``s, and ``registry.formats`` refusals of ``start_from``.
    """
    if not resume and checkpoints.resume_file(folder, options.name).exists():
        raise AlreadyThere(folder=folder, name=options.name)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        lay_out(base)  # as rendering does: pictures on the way must not change how sums round
        prepared = prepare(base, dataset, options, start_from=start_from)
        with Run(prepared, folder, on_step) as run:
            if resume:
                run.take_up()
            return run.to_the_end()


class Run:
    def __init__(self, prepared: Prepared, folder: Path, on_step: OnStep | None) -> None:
        self._prepared, self._folder, self._on_step = prepared, folder, on_step
        self._options = prepared.options
        self._stepper = Stepper(prepared)
        self._history: list[dict[str, Any]] = []
        self._losses: list[tuple[int, float]] = []
        self._seconds, self._trained = 0.0, 0

    def __enter__(self) -> "Run":
        self._stepper.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stepper.__exit__(*exception)

    # --- the loop -----------------------------------------------------------------------------

    def to_the_end(self) -> TrainingResult:
        if not self._history:
            self._measure(base=True)
        ending = self._loop()
        if self._history[-1]["step"] != self._stepper.step:
            self._measure()
        return self._finish(ending)

    def _loop(self) -> Ending:
        while self._stepper.step < self._options.steps:
            rate = self._prepared.rates.at(self._stepper.step)
            if rate is None:
                return "schedule ended"
            started = time.monotonic()
            self._stepper.take(rate)
            loss = self._loss_if_due()
            self._seconds += time.monotonic() - started
            self._trained += self._options.batch_size * self._options.gradient_step
            measured = self._save_if_due()
            if not self._goes_on(loss, rate, measured):
                self._save_resume()
                return "cancelled"
        return "done"

    def _loss_if_due(self) -> float | None:
        """Reading a loss waits for the device, so it is not done at every step."""
        if self._stepper.step % self._options.log_every:
            return None
        loss = self._stepper.mean_loss()
        if not loss < float("inf"):
            raise Diverged(step=self._stepper.step)
        self._losses.append((self._stepper.step, loss))
        return loss

    def _save_if_due(self) -> float | None:
        step, measured = self._stepper.step, None
        if _is_due(step, self._options.save_hypernetwork_every):
            measured = self._measure()
            if self._options.keep_steps:
                self._write(f"{self._options.name}-{step}")
            self._save_resume()
        if _is_due(step, self._options.create_image_every):
            self._draw_samples()
        return measured

    def _goes_on(self, loss: float | None, rate: float, measured: float | None) -> bool:
        if self._on_step is None:
            return True
        return self._on_step(
            Progress(
                step=self._stepper.step,
                steps=self._options.steps,
                loss=loss,
                rate=rate,
                validation_loss=measured,
                samples_per_second=self._speed(),
            )
        )

    # --- what is measured ---------------------------------------------------------------------

    def _measure(self, *, base: bool = False) -> float:
        """The fixed loss now; with ``base`` also without the network."""
        entry: dict[str, Any] = {"step": self._stepper.step}
        if base:
            entry["base"] = self._stepper.validation_loss(with_network=False)
        entry["loss"] = self._stepper.validation_loss()
        if not entry["loss"] < float("inf"):
            raise Diverged(step=self._stepper.step)
        self._history.append(entry)
        return float(entry["loss"])

    def _speed(self) -> float:
        return self._trained / self._seconds if self._seconds else 0.0

    # --- what is written ----------------------------------------------------------------------

    def _finish(self, ending: Ending) -> TrainingResult:
        pt, safetensors = self._write(self._options.name)
        if self._options.create_image_every:
            self._draw_samples()
        self._save_resume()
        base_loss, loss = self._history[0]["base"], self._history[-1]["loss"]
        result = TrainingResult(
            ending=ending,
            step=self._stepper.step,
            network=pt,
            safetensors=safetensors,
            base_validation_loss=base_loss,
            validation_loss=loss,
            lowered_by=1 - loss / base_loss,
            samples_per_second=self._speed(),
        )
        checkpoints.write_figures(self._folder, self._options.name, self._figures(result))
        return result

    def _write(self, stem: str) -> tuple[Path, Path]:
        file = self._prepared.network.to_file(step=self._stepper.step)
        pt, ours = self._folder / f"{stem}.pt", self._folder / f"{stem}.safetensors"
        checkpoints.write_a1111(
            file, pt, optimizer=self._stepper.optimizer, optimizer_name=self._options.optimizer_name
        )
        checkpoints.write_ours(file, ours)
        return pt, ours

    def _draw_samples(self) -> None:
        write_samples(self._prepared, self._folder, step=self._stepper.step)

    def _figures(self, result: TrainingResult) -> Mapping[str, Any]:
        return {
            "name": self._options.name,
            "ending": result.ending,
            "step": result.step,
            "base_validation_loss": result.base_validation_loss,
            "validation_loss": result.validation_loss,
            "lowered_by": result.lowered_by,
            "validated_on": self._prepared.validated_on,
            "pictures": len(self._prepared.latents),
            "samples_per_second": round(result.samples_per_second, 3),
            "base": self._prepared.identity["base_model"],
            "options": as_json(self._options),
            "history": self._history,
            "losses": self._losses,
        }

    # --- going on -----------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        chosen = {k: v for k, v in as_json(self._options).items() if k not in _MAY_CHANGE}
        return {**self._prepared.identity, **chosen}

    def _save_resume(self) -> None:
        checkpoints.write_resume(
            self._folder,
            self._options.name,
            {
                "identity": self._identity(),
                "history": self._history,
                "losses": self._losses,
                "seconds": self._seconds,
                "trained": self._trained,
                **self._stepper.state(),
            },
        )

    def take_up(self) -> None:
        state = checkpoints.read_resume(self._folder, self._options.name, self._identity())
        self._history, self._losses = list(state["history"]), list(state["losses"])
        self._seconds, self._trained = state["seconds"], state["trained"]
        self._stepper.take_up(state)


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
