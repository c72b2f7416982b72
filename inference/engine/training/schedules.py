"""A1111's syntax for values that change over a training: ``0.005:100, 1e-3:1000, 1e-5``."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from inference.engine.training.errors import BadSchedule

TO_THE_END = -1


@dataclass(frozen=True)
class Schedule:
    """Pairs of a value and the number of steps done until which it holds; None is for ever."""

    pairs: tuple[tuple[float, int | None], ...]

    @classmethod
    def parse(cls, text: str, *, option: str = "learning rate") -> "Schedule":
        """Raises ``BadSchedule``, also for a pair that would never be reached."""

        def bad(problem: str) -> BadSchedule:
            return BadSchedule(option=option, found=text, problem=problem)

        pairs: list[tuple[float, int | None]] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            if pairs and pairs[-1][1] is None:
                raise bad(f"“{part}” comes after a value that holds to the end.")
            value, until = _pair(part, bad)
            last = pairs[-1][1] if pairs else 0
            if until is not None and until <= (last or 0):
                raise bad(f"step {until} is not after step {last}.")
            pairs.append((value, until))
        if not pairs:
            raise bad("it is empty.")
        return cls(tuple(pairs))

    def at(self, done: int) -> float | None:
        """The value for the step after ``done`` steps; None where every pair has ended."""
        for value, until in self.pairs:
            if until is None or done < until:
                return value
        return None

    @property
    def end(self) -> int | None:
        """The step at which the last pair ends, and the training with it; None is never."""
        return self.pairs[-1][1]


def _pair(part: str, bad: Callable[[str], BadSchedule]) -> tuple[float, int | None]:
    number, colon, step = (piece.strip() for piece in part.partition(":"))
    try:
        value = float(number)
    except ValueError:
        raise bad(f"“{number}” is not a number.") from None
    if not (math.isfinite(value) and value > 0):
        raise bad(f"{number} is not above 0.")
    if not colon:
        return value, None
    try:
        until = int(step)
    except ValueError:
        raise bad(f"“{step}” is not a whole number of steps.") from None
    return value, None if until == TO_THE_END else until
