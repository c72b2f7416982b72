"""What the two rows of a guided picture have in common is computed once.

Until the first cross-attention the row with the prompt and the row without it are the same: the
same latents, the same time, the same multiplier. So the UNet starts with one row per picture, and
each becomes a pair where the texts come in. Exact: it is the same arithmetic, done once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers import UNet2DConditionModel
from torch import Tensor


@contextmanager
def rows_become_pairs(unet: UNet2DConditionModel) -> Iterator[None]:
    """Within the block the UNet takes (pictures, …) latents and (2 · pictures, …) contexts, and
    returns (2 · pictures, …): picture by picture the row of the first context, then the second's.
    All rows must have one time.
    """
    first = _first_transformer(unet)
    with ExitStack() as undo:
        # One row is enough for a time that all share: it is added to all of them.
        undo.callback(unet.time_embedding.register_forward_hook(_one_row).remove)
        for hook in (
            first.register_forward_pre_hook(_paired, with_kwargs=True),
            *(
                block.register_forward_pre_hook(_skips_paired, with_kwargs=True)
                for block in unet.up_blocks
            ),
        ):
            undo.callback(hook.remove)
        yield


def _first_transformer(unet: UNet2DConditionModel) -> Any:
    """Whatever comes before it knows nothing of texts."""
    for block in (*unet.down_blocks, unet.mid_block):
        if getattr(block, "attentions", None):
            return block.attentions[0]
    raise ValueError("a UNet without cross-attention on its way down takes no text")


def _one_row(module: Any, given: Any, embedded: Tensor) -> Tensor:
    return embedded[:1]


def _paired(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    hidden, *rest = given
    return (hidden.repeat_interleave(2, dim=0), *rest), named


def _skips_paired(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The way up meets what the way down has left, partly from before there were pairs."""
    rows = len(named["hidden_states"])
    skips = tuple(
        skip if len(skip) == rows else skip.repeat_interleave(2, dim=0)
        for skip in named["res_hidden_states_tuple"]
    )
    return given, named | {"res_hidden_states_tuple": skips}
