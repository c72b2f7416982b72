"""One row of a preview grid: a prompt and a seed at every multiplier, in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from inference.engine.hypernetwork import Hypernetwork
from inference.engine.sampling import Settings

if TYPE_CHECKING:
    from inference.engine.base import LoadedBase


def render_row(
    base: LoadedBase,
    networks: Sequence[Hypernetwork],
    *,
    prompt: str,
    seed: int,
    multipliers: Sequence[float | Sequence[float]],
    settings: Settings,
    on_step: Callable[[int, int], object] | None = None,
    batch_limit: int | None = None,
) -> list[Image.Image]:
    """A picture for each multiplier: of all networks, or a sequence with one for each network.

    `on_step(done, all)` is called after each step and may raise to cancel. At most `batch_limit`
    pictures share a batch; where memory does not suffice, half as many are tried.

    Raises: HypernetworkError, SamplingError, torch.OutOfMemoryError if one picture is too much.
    """
    raise NotImplementedError
