"""The gradients of a step are those of the plain way, whatever is shared, cut or computed twice."""

from pathlib import Path
from typing import Any

import pytest
import torch

from inference.engine.base import LoadedBase
from inference.engine.training import TrainingOptions, read_dataset
from inference.engine.training.errors import TrainingError
from inference.engine.training.setup import Prepared, prepare
from inference.engine.training.steps import Stepper
from tests.inference.engine.training.conftest import SIDE, tiny_base
from tests.inference.engine.training.reference import plain_gradients

OPTIONS: dict[str, Any] = {
    "name": "net",
    "enable_sizes": (32, 768),
    "batch_size": 2,
    "training_width": SIDE,
    "training_height": SIDE,
    "latent_sampling_method": "random",
    "template_file": "filewords.txt",
    "weight_initialization": "XavierNormal",
}
STRUCTURES: dict[str, dict[str, Any]] = {
    "linear": {},
    "deep, relu": {"layer_structure": (1, 0.5, 0.25, 1), "activation_func": "relu"},
    "swish, layer norm": {"activation_func": "swish", "add_layer_norm": True},
}


def prepared(base: LoadedBase, pictures: Path, **options: Any) -> Prepared:
    return prepare(
        base,
        read_dataset(pictures, needs_captions=True),
        TrainingOptions(**{**OPTIONS, **options}),
        start_from=None,
    )


def in_double(ready: Prepared) -> Prepared:
    """So that two ways differ by what they compute, and not by how they round."""
    ready.base.unet.double()
    ready.network.double()
    ready.latents.mean, ready.latents.deviation = (
        ready.latents.mean.double(),
        ready.latents.deviation.double(),
    )
    ready.diffusion._signal = ready.diffusion._signal.double()
    ready.diffusion._noise = ready.diffusion._noise.double()
    states = ready.states
    ready.states = lambda texts: states(texts).double()  # type: ignore[assignment]
    return ready


def gradients(ready: Prepared, draws: list[Any]) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    with Stepper(ready) as stepper:
        ready.network.train()
        stepper.gradients(draws)
    return {n: p.grad.clone() for n, p in ready.network.named_parameters() if p.grad is not None}


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference, as a share of the largest gradient of the same parameter.

    Biases of f_k that only move all keys alike are left out: the softmax does not see them, and
    their gradients are rounding.
    """
    assert one.keys() == other.keys()
    largest = {name: grad.abs().max().item() for name, grad in other.items()}
    seen = [name for name in one if largest[name] > 1e-6 * max(largest.values())]
    assert all("bias" in name for name in set(one) - set(seen))
    return max((one[name] - other[name]).abs().max().item() / largest[name] for name in seen)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_gradients_are_those_of_the_plain_way(
    pictures: Path, structure: str, prediction: str
) -> None:
    base = tiny_base(prediction)
    ready = in_double(prepared(base, pictures, **STRUCTURES[structure]))
    draw = ready.draws.batch()
    draw = type(draw)(
        draw.pictures, draw.texts, draw.times, draw.noise.double(), draw.posterior.double()
    )
    signal, noise = (x[draw.times][:, None, None, None] for x in alphas(base))
    latents = (
        ready.latents.mean[draw.pictures] + ready.latents.deviation[draw.pictures] * draw.posterior
    )
    noised = signal * latents + noise * draw.noise
    wanted = draw.noise if prediction == "epsilon" else signal * draw.noise - noise * latents
    text = ready.states(draw.texts)

    plain = plain_gradients(
        base.unet,
        ready.network,
        ready.network.heads,
        lambda unet: (unet(noised, draw.times, text).sample - wanted).square().mean(),
    )
    assert differ(gradients(ready, [draw]), plain) < 1e-10


def alphas(base: LoadedBase) -> tuple[torch.Tensor, torch.Tensor]:
    """Stable Diffusion's schedule, as its paper's code has it: linear in the root of beta."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    products = torch.cumprod(1 - betas, dim=0)
    return products.sqrt().double(), (1 - products).sqrt().double()


def test_accumulated_batches_are_one_large_batch(pictures: Path) -> None:
    ready = in_double(prepared(tiny_base(), pictures))
    whole = ready.draws.batch()
    whole = type(whole)(
        whole.pictures, whole.texts, whole.times, whole.noise.double(), whole.posterior.double()
    )
    at_once = gradients(ready, [whole])
    ready.options = TrainingOptions(**{**OPTIONS, "batch_size": 1, "gradient_step": 2})
    in_two = gradients(ready, [whole.part(0, 1), whole.part(1, 2)])
    assert differ(in_two, at_once) < 1e-10


def test_where_memory_is_short_parts_are_computed_twice_then_batches_are_cut(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_base()
    ready = prepared(base, pictures)
    draw = ready.draws.batch()
    enough = gradients(ready, [draw])
    seen: list[tuple[bool, int]] = []
    forward = base.unet.forward

    def short(noised: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        seen.append((base.unet.is_gradient_checkpointing, len(noised)))
        if not base.unet.is_gradient_checkpointing or len(noised) > 1:
            raise torch.OutOfMemoryError
        return forward(noised, *args, **kwargs)

    monkeypatch.setattr(base.unet, "forward", short)
    assert differ(gradients(ready, [draw]), enough) < 1e-4
    assert seen == [(False, 2), (True, 2), (True, 1), (True, 1)]
    assert not base.unet.is_gradient_checkpointing


def test_where_one_picture_is_too_much_the_training_says_so(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_base()
    ready = prepared(base, pictures)

    def none(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(base.unet, "forward", none)
    with pytest.raises(TrainingError, match="too small to train on even one picture of 64 × 64"):
        gradients(ready, [ready.draws.batch()])


def test_the_base_model_is_left_as_it_was(base: LoadedBase, pictures: Path) -> None:
    processors = dict(base.unet.attn_processors)
    weights = {name: weight.clone() for name, weight in base.unet.named_parameters()}
    with Stepper(prepared(base, pictures)) as stepper:
        stepper.take(1e-2)
    assert base.unet.attn_processors == processors
    for name, weight in base.unet.named_parameters():
        assert torch.equal(weight, weights[name])
        assert not weight.requires_grad
        assert weight.grad is None


@pytest.mark.parametrize(("mode", "limit"), [("value", 1e-5), ("norm", 1e-4)])
def test_clipping_holds_the_gradients_of_a_step(
    base: LoadedBase, pictures: Path, mode: str, limit: float
) -> None:
    ready = prepared(base, pictures, clip_grad_mode=mode, clip_grad_value=str(limit))
    with Stepper(ready) as stepper:
        stepper.take(1e-3)
    grads = [p.grad for p in ready.network.parameters() if p.grad is not None]
    if mode == "value":
        assert max(g.abs().max().item() for g in grads) == pytest.approx(limit)
    else:
        assert torch.cat([g.flatten() for g in grads]).norm().item() == pytest.approx(
            limit, rel=1e-3
        )
