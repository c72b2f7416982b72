"""Samplers against what can be known: A1111's times and sigmas, and a distribution solved exactly.

If pictures are N(0, s²), the ideal x_0 is x s²/(s² + σ²), and the path without noise ends at
x s/√(s² + σ²).
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from inference.engine.samplers import Diffusion, sample
from inference.engine.sampling import SAMPLERS

SPREAD = 0.7
CONFIG: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}


def diffusion_of(prediction: str) -> Diffusion:
    return Diffusion.of(CONFIG | {"prediction_type": prediction})


def ideal(diffusion: Diffusion, seen: list[float] | None = None) -> Callable[..., Tensor]:
    """A UNet that knows N(0, s²), and tells the times it was asked for."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        if seen is not None:
            seen.append(float(t))
        sigma = diffusion.sigma_at(t)
        alpha = 1 / (1 + sigma**2)
        x_0 = x / alpha.sqrt() * SPREAD**2 / (SPREAD**2 + sigma**2)
        e = (x - alpha.sqrt() * x_0) / (1 - alpha).sqrt()
        if diffusion.prediction == "epsilon":
            return e
        return alpha.sqrt() * e - (1 - alpha).sqrt() * x_0

    return predict


def run(name: str, steps: int, prediction: str = "epsilon", **options: Any) -> Tensor:
    diffusion = diffusion_of(prediction)
    chance = torch.Generator().manual_seed(0)
    return sample(
        name,
        options.get("schedule", SAMPLERS[name]),
        diffusion,
        ideal(diffusion, options.get("seen")),
        lambda: torch.randn(1, 4, 64, 64, generator=chance),
        steps=steps,
        rows=options.get("rows", 1),
        tick=options.get("tick", lambda: None),
    )


class TestSolutions:
    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
    @pytest.mark.parametrize(
        ("name", "steps", "tolerance"),
        [("DPM++ 2M", 20, 0.02), ("Euler", 200, 0.02), ("DDIM", 200, 0.02)],
    )
    def test_the_path_ends_where_it_must(
        self, name: str, steps: int, tolerance: float, prediction: str
    ) -> None:
        diffusion = diffusion_of(prediction)
        noise = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
        top = diffusion.sigmas[-1]
        # DDIM starts from N(0, 1) at its own first time; the rest of the way is the same.
        start = noise * (1 if name == "DDIM" else top)
        if name == "DDIM":
            first = diffusion.alphas[996]  # 1000 // 200 · 199 + 1
            start, top = start / first.sqrt(), ((1 - first) / first).sqrt()
        end = start * SPREAD / (SPREAD**2 + top**2).sqrt()
        found = run(name, steps, prediction)
        assert (found - end).abs().max() <= tolerance * end.abs().max()

    def test_ancestral_noise_keeps_the_distribution(self) -> None:
        assert run("Euler a", 100).std() == pytest.approx(SPREAD, rel=0.05)

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_what_the_unet_predicts_makes_no_difference(self, name: str) -> None:
        torch.testing.assert_close(
            run(name, 10), run(name, 10, "v_prediction"), rtol=1e-3, atol=1e-3
        )

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_all_rows_have_the_same_noise(self, name: str) -> None:
        """Of ancestral samplers, too: a row does not depend on how many others there are."""
        rows = run(name, 6, rows=3)
        for row in rows:
            assert torch.equal(row, run(name, 6)[0])

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_each_step_is_told(self, name: str) -> None:
        ticks: list[int] = []
        run(name, 5, tick=lambda: ticks.append(1))
        assert len(ticks) == 5

    def test_one_step_is_enough_to_end(self) -> None:
        for name in SAMPLERS:
            assert run(name, 1).isfinite().all()


class TestTimes:
    def test_ddim_takes_a1111s(self) -> None:
        seen: list[float] = []
        run("DDIM", 20, seen=seen)
        assert seen == [*range(951, 0, -50)]

    def test_even_times_run_from_the_last_to_the_first(self) -> None:
        seen: list[float] = []
        run("Euler", 4, seen=seen)
        assert seen == pytest.approx([999, 666, 333, 0], abs=0.02)

    def test_karras_sigmas(self) -> None:
        """The ends are the model's; SD's are 14.6146 and 0.0292."""
        sigmas = diffusion_of("epsilon").karras(20)
        assert sigmas[0] == pytest.approx(14.6146, abs=1e-3)
        assert sigmas[-2] == pytest.approx(0.0292, abs=1e-4)
        assert sigmas[-1] == 0
        roots = sigmas[:-1] ** (1 / 7)
        torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(19), rtol=1e-3, atol=1e-5)

    def test_a_sigmas_time_is_its_own(self) -> None:
        diffusion = diffusion_of("epsilon")
        t = torch.tensor([0.0, 0.4, 17.0, 500.5, 999.0])
        torch.testing.assert_close(
            diffusion.time_of(diffusion.sigma_at(t)), t, rtol=1e-3, atol=0.01
        )

    def test_alphas_are_diffusers_own(self) -> None:
        for schedule in ("scaled_linear", "linear"):
            config = CONFIG | {"beta_schedule": schedule}
            theirs = DDIMScheduler(**config).alphas_cumprod
            torch.testing.assert_close(Diffusion.of(config).alphas, theirs, rtol=1e-4, atol=1e-6)
        betas = [0.1, 0.2]
        assert Diffusion.of({"trained_betas": betas}).alphas.tolist() == pytest.approx([0.9, 0.72])

    def test_ddim_is_diffusers_own(self) -> None:
        theirs = DDIMScheduler(**CONFIG, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
        theirs.set_timesteps(10)
        diffusion = diffusion_of("epsilon")
        x = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
        for t in theirs.timesteps:
            x = theirs.step(ideal(diffusion)(x, t.float()), t, x).prev_sample
        torch.testing.assert_close(run("DDIM", 10), x, rtol=1e-4, atol=1e-5)
