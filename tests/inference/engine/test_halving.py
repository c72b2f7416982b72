"""Where memory runs out, half as much at once, until one alone does not fit."""

from collections.abc import Callable, Sequence

import pytest
import torch

from inference.engine.halving import halving


def fitting(
    most: int, tried: list[int], error: type[RuntimeError] = torch.OutOfMemoryError
) -> Callable[[Sequence[int]], list[int]]:
    def work(part: Sequence[int]) -> list[int]:
        tried.append(len(part))
        if len(part) > most:
            raise error("can't allocate memory: you tried to allocate 9 bytes")
        return list(part)

    return work


class TestHalving:
    @pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
    def test_goes_on_with_halves(self, error: type[RuntimeError]) -> None:
        tried: list[int] = []
        found = halving(range(7), fitting(2, tried, error), limit=7)
        assert [item for part in found for item in part] == [*range(7)]
        assert tried == [7, 4, 2, 2, 2, 1]

    def test_keeps_to_the_limit(self) -> None:
        assert halving(range(5), list, limit=2) == [[0, 1], [2, 3], [4]]

    def test_one_that_does_not_fit_is_an_error(self) -> None:
        with pytest.raises(torch.OutOfMemoryError):
            halving([1, 2], fitting(0, []), limit=2)

    def test_other_errors_are_not_about_memory(self) -> None:
        def work(part: object) -> None:
            raise RuntimeError("shapes disagree")

        with pytest.raises(RuntimeError, match="shapes"):
            halving([1, 2], work, limit=2)
