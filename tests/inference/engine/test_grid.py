"""A row of pictures in one batch: each as if it were rendered alone, whatever memory allows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from inference.engine.base import LoadedBase
from inference.engine.grid import render_row
from inference.engine.hypernetwork import Hypernetwork, NotANumber, WrongMultipliers
from inference.engine.pictures import decoded
from inference.engine.sampling import SAMPLERS, NotEnoughMemory, SamplingError, Settings
from tests.inference.engine.plain import random_network

MULTIPLIERS = [0.0, 0.5, 1.0]
STEPS = 3


@pytest.fixture(scope="module")
def network() -> Hypernetwork:
    return random_network()


def render(base: LoadedBase, networks: Sequence[Hypernetwork], **options: Any) -> list[Image.Image]:
    used: dict[str, Any] = {
        "prompt": "a red house",
        "seed": 3,
        "multipliers": MULTIPLIERS,
        "settings": Settings(width=64, height=64, steps=STEPS),
    }
    return render_row(base, networks, **used | options)


def levels_apart(one: Sequence[Image.Image], other: Sequence[Image.Image]) -> int:
    """The largest difference of any pixel, of 255."""
    pairs = zip(one, other, strict=True)
    return max(
        int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max()) for a, b in pairs
    )


@pytest.fixture
def narrow(small_base: LoadedBase, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A device on which one picture fits, and no more; the batches it was given."""
    tried: list[int] = []
    forward = small_base.unet.forward

    def narrowed(x: torch.Tensor, *given: Any, **named: Any) -> Any:
        tried.append(len(x))
        if len(x) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return forward(x, *given, **named)

    monkeypatch.setattr(small_base.unet, "forward", narrowed)
    yield tried


class TestRow:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_a_batch_is_its_pictures_one_by_one(
        self, small_base: LoadedBase, network: Hypernetwork, sampler: str
    ) -> None:
        settings = Settings(width=64, height=64, steps=STEPS, sampler=sampler)
        together = render(small_base, [network], settings=settings)
        for multiplier, picture in zip(MULTIPLIERS, together, strict=True):
            alone = render(small_base, [network], settings=settings, multipliers=[multiplier])
            assert levels_apart([picture], alone) <= 2

    @pytest.mark.parametrize("settings", [{"activation_func": "relu"}, {"is_layer_norm": True},
                                          {"activation_func": "softmax"}], ids=str)  # fmt: skip
    def test_of_networks_that_do_not_fold(
        self, small_base: LoadedBase, settings: dict[str, Any]
    ) -> None:
        network = random_network(**settings)
        together = render(small_base, [network])
        assert levels_apart(together, render(small_base, [network], batch_limit=1)) <= 2

    def test_pictures_have_the_asked_size(self, small_base: LoadedBase) -> None:
        wide = Settings(width=96, height=64, steps=1)
        assert render(small_base, [], settings=wide, multipliers=[0])[0].size == (96, 64)

    def test_the_strength_shows(self, small_base: LoadedBase, network: Hypernetwork) -> None:
        none, half, full = render(small_base, [network])
        assert levels_apart([none], [half]) > 0
        assert levels_apart([half], [full]) > 0

    def test_multiplier_0_is_the_base_models_picture(
        self, small_base: LoadedBase, network: Hypernetwork
    ) -> None:
        base = render(small_base, [], multipliers=[0])
        assert levels_apart(render(small_base, [network])[:1], base) <= 1
        assert levels_apart(render(small_base, [network], multipliers=[0]), base) == 0

    def test_seed_and_prompt_decide(self, small_base: LoadedBase) -> None:
        one = render(small_base, [], multipliers=[0])
        assert levels_apart(one, render(small_base, [], multipliers=[0])) == 0
        assert levels_apart(one, render(small_base, [], multipliers=[0], seed=4)) > 2

    def test_several_networks_each_with_its_own_strength(
        self, small_base: LoadedBase, network: Hypernetwork
    ) -> None:
        other = random_network([768], seed=1)
        both = render(small_base, [network, other], multipliers=[(1, 0), (0, 1), (1, 1), 1])
        alone = [render(small_base, [one], multipliers=[1])[0] for one in (network, other)]
        assert levels_apart(both[:2], alone) <= 2
        assert levels_apart(both[2:3], both[3:]) <= 2
        with pytest.raises(WrongMultipliers):
            render(small_base, [network, other], multipliers=[(1,)])


class TestProgress:
    def test_steps_are_counted(self, small_base: LoadedBase, network: Hypernetwork) -> None:
        told: list[tuple[int, int]] = []
        render(small_base, [network], on_step=lambda *step: told.append(step), batch_limit=2)
        assert told == [(2, 9), (4, 9), (6, 9), (7, 9), (8, 9), (9, 9)]

    def test_a_caller_may_stop(self, small_base: LoadedBase, network: Hypernetwork) -> None:
        def stop(done: int, of: int) -> None:
            raise KeyboardInterrupt

        before = dict(small_base.unet.attn_processors)
        with pytest.raises(KeyboardInterrupt):
            render(small_base, [network], on_step=stop)
        assert small_base.unet.attn_processors == before


class TestMemory:
    def test_half_as_many_are_tried(
        self, small_base: LoadedBase, network: Hypernetwork, narrow: list[int]
    ) -> None:
        told: list[tuple[int, int]] = []
        pictures = render(
            small_base, [network], multipliers=[0, 0.5, 1, 1.5], on_step=lambda *s: told.append(s)
        )
        assert tried_first(narrow) == [4, 2, 1]
        assert told[-1] == (4 * STEPS, 4 * STEPS)
        expected = render(small_base, [network], multipliers=[0, 0.5, 1, 1.5], batch_limit=1)
        assert levels_apart(pictures, expected) <= 2

    def test_decoding_too(
        self, small_base: LoadedBase, network: Hypernetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = render(small_base, [network])
        tried: list[int] = []

        def narrowed(base: LoadedBase, latents: Sequence[torch.Tensor]) -> list[Image.Image]:
            tried.append(len(latents))
            if len(latents) > 1:
                raise torch.OutOfMemoryError("out of memory")
            return decoded(base, latents)

        monkeypatch.setattr("inference.engine.grid.decoded", narrowed)
        assert levels_apart(render(small_base, [network]), expected) <= 1
        assert tried == [3, 2, 1, 1, 1]

    def test_one_picture_that_does_not_fit_is_an_error(
        self, small_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*given: Any, **named: Any) -> Any:
            raise torch.OutOfMemoryError("out of memory")

        monkeypatch.setattr(small_base.unet, "forward", full)
        with pytest.raises(NotEnoughMemory, match="one picture of"):
            render(small_base, [])


def tried_first(batches: list[int]) -> list[int]:
    return list(dict.fromkeys(batches))


class TestNumbersThatAreNone:
    @pytest.fixture
    def broken(self, small_base: LoadedBase, monkeypatch: pytest.MonkeyPatch) -> None:
        forward = small_base.unet.forward

        def overflowing(x: torch.Tensor, *given: Any, **named: Any) -> Any:
            return (forward(x, *given, **named)[0] * float("inf"),)

        monkeypatch.setattr(small_base.unet, "forward", overflowing)

    @pytest.mark.usefixtures("broken")
    def test_are_no_picture(self, small_base: LoadedBase, network: Hypernetwork) -> None:
        with pytest.raises(NotANumber, match="“net0”"):
            render(small_base, [network], multipliers=[1.0])

    @pytest.mark.usefixtures("broken")
    def test_of_the_base_model_are_not_the_networks_fault(
        self, small_base: LoadedBase, network: Hypernetwork
    ) -> None:
        with pytest.raises(SamplingError, match="without any hypernetwork"):
            render(small_base, [network], multipliers=[0.0])
