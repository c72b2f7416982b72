"""Optimizer steps: draw, predict, compare, step. Everything that a step needs and nothing else."""

import contextlib
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from inference.engine.training.attention import Contexts, in_training
from inference.engine.training.draws import Draw
from inference.engine.training.errors import OutOfMemory
from inference.engine.training.optimizers import load_state, new_optimizer, set_rate
from inference.engine.training.setup import Prepared


class Stepper:
    """A context: inside it the UNet is frozen and bent, afterwards it is as it was."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared, self._options = prepared, prepared.options
        self._network, self._base = prepared.network, prepared.base
        self._weights = list(self._network.parameters())
        self.step = prepared.first_step
        self.optimizer = new_optimizer(
            self._options.optimizer_name, self._weights, prepared.rates.at(self.step) or 0.0
        )
        if prepared.optimizer_state is not None:
            load_state(self.optimizer, prepared.optimizer_state)
        self._contexts = Contexts(self._network.heads, drops=self._network.spec.use_dropout)
        self._plain = Contexts({}, drops=False)
        self._losses = torch.zeros((), device=self._base.device)
        self._losses_taken = 0
        self._parts = 1  # into how many a batch is cut, for want of memory
        self._undo = ExitStack()

    def __enter__(self) -> "Stepper":
        self._undo.enter_context(in_training(self._base.unet, self._contexts))
        self._undo.callback(self._base.unet.disable_gradient_checkpointing)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def take(self, rate: float) -> None:
        """One optimizer step on ``gradient_step`` batches of ``batch_size``."""
        draws = [self._prepared.draws.batch() for _ in range(self._options.gradient_step)]
        set_rate(self.optimizer, rate)
        self._network.train()
        self._losses += self.gradients(draws)
        self._losses_taken += 1
        self._clip()
        self.optimizer.step()
        self.step += 1

    def mean_loss(self) -> float:
        """Of the steps since it was last asked for. Waits for the device."""
        mean = self._losses.item() / max(1, self._losses_taken)
        self._losses.zero_()
        self._losses_taken = 0
        return mean

    def validation_loss(self, *, with_network: bool = True) -> float:
        """Dropout off; chance untouched."""
        self._network.eval()
        contexts = self._contexts if with_network else self._plain
        with in_training(self._base.unet, contexts):
            return self._prepared.fixed.loss(
                lambda noised, t, text: self._predict(noised, t, text, contexts)
            )

    # --- one step -----------------------------------------------------------------------------

    def gradients(self, draws: list[Draw]) -> Tensor:
        """The mean loss of the draws, its gradients left in the weights.

        Where memory does not suffice, first the UNet computes parts twice instead of keeping them,
        then batches are cut in halves. Neither changes the gradients beyond rounding.
        """
        while True:
            chance = torch.get_rng_state()
            self.optimizer.zero_grad(set_to_none=True)
            try:
                return self._accumulated(draws)
            except torch.OutOfMemoryError as error:
                self._need_less(error)
                torch.set_rng_state(chance)

    def _accumulated(self, draws: list[Draw]) -> Tensor:
        total = torch.zeros((), device=self._base.device)
        size = self._options.batch_size
        part = -(-size // self._parts)
        for draw in draws:
            for start in range(0, size, part):
                some = draw.part(start, start + part)
                share = len(some.texts) / (size * len(draws))
                loss = self._loss(some) * share
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        return total

    def _loss(self, draw: Draw) -> Tensor:
        prepared, device = self._prepared, self._base.device
        chosen = draw.pictures.to(device)
        t, noise = draw.times.to(device), draw.noise.to(device)
        latents = prepared.latents.drawn(chosen, draw.posterior.to(device))
        text = prepared.states(draw.texts)
        noised = prepared.diffusion.noised(latents, noise, t)
        target = prepared.diffusion.target(latents, noise, t)
        predicted = self._predict(noised, t, text, self._contexts).to(target.dtype)
        squares = (predicted - target).square()
        if self._options.use_weight:
            squares = squares * prepared.latents.weights[chosen]
        return squares.mean()

    def _predict(self, noised: Tensor, t: Tensor, text: Tensor, contexts: Contexts) -> Tensor:
        with self._autocast():
            contexts.share(text)
            predicted: Tensor = self._base.unet(noised, t, text, return_dict=False)[0]
        return predicted

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if not self._prepared.uses_bf16:
            return contextlib.nullcontext()
        return torch.autocast(self._base.device.type, torch.bfloat16)

    def _clip(self) -> None:
        limit = self._prepared.clips.at(self.step)
        if limit is None or self._options.clip_grad_mode == "disabled":
            return
        if self._options.clip_grad_mode == "value":
            nn.utils.clip_grad_value_(self._weights, limit)
        else:
            nn.utils.clip_grad_norm_(self._weights, limit)

    def _need_less(self, error: torch.OutOfMemoryError) -> None:
        unet = self._base.unet
        if not unet.is_gradient_checkpointing:
            unet.enable_gradient_checkpointing()
        elif self._parts < self._options.batch_size:
            self._parts *= 2
        else:
            raise OutOfMemory(
                device=self._base.device,
                width=self._options.training_width,
                height=self._options.training_height,
            ) from error
        if self._base.device.type == "cuda":
            torch.cuda.empty_cache()

    # --- going on -----------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        chance: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self._base.device.type == "cuda":
            chance["cuda"] = torch.cuda.get_rng_state(self._base.device)
        return {
            "step": self.step,
            "network": self._network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "draws": self._prepared.draws.state(),
            "chance": chance,
            "loss_sum": self._losses.cpu(),
            "loss_count": self._losses_taken,
        }

    def take_up(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self._network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._prepared.draws.take_up(state["draws"])
        torch.set_rng_state(state["chance"]["cpu"])
        if self._base.device.type == "cuda" and "cuda" in state["chance"]:
            torch.cuda.set_rng_state(state["chance"]["cuda"], self._base.device)
        self._losses.copy_(state["loss_sum"])
        self._losses_taken = state["loss_count"]
