"""As much at once as memory allows: where it runs out, half as much."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def halving(
    items: Sequence[Item], work: Callable[[Sequence[Item]], Result], limit: int
) -> list[Result]:
    """`work` on all items in order, at most `limit` at once; a part that fails for want of memory
    is done again in halves. Raises what `work` does for a single item.
    """
    results: list[Result] = []
    start = 0
    while start < len(items):
        part = items[start : start + limit]
        try:
            results.append(work(part))
            start += len(part)
        except RuntimeError as error:
            if len(part) == 1 or not is_out_of_memory(error):
                raise
            limit = (len(part) + 1) // 2
        else:
            continue
        _give_back()  # only now has the error let go of what the part had allocated
    return results


def is_out_of_memory(error: RuntimeError) -> bool:
    """The CPU's allocator has no error type of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
