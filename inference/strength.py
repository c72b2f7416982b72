"""The strength that works, from the numbers of a grid. The rule, in words:

For every prompt and multiplier there are two numbers, by the base model's image encoder: the
style shift s (1 - cos of the picture and that of multiplier 0) and the likeness f (cos of picture
and prompt). Means over the prompts give S(m) and F(m). How much of the prompt is kept is

    K(m) = (F(m) - B) / (F(0) - B),

where B is how alike the pictures of multiplier 0 are to the *other* prompts: 1 is as faithful as
the base model alone, 0 shows the prompt no better than any other picture.

* recommended: the strongest multiplier up to which K never falls below 0.8;
* most: likewise with 0.65;
* least: the weakest multiplier whose shift is at least 0.4 of the recommended one's.

Nothing is recommended where the encoder cannot tell the prompts apart (F(0) - B below 0.02), where
nothing shifts, or where already the weakest multiplier loses the prompt: the reason is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

KEPT_WELL: Final = 0.8
KEPT_ENOUGH: Final = 0.65
VISIBLE_SHARE: Final = 0.4
LEAST_CONTRAST: Final = 0.02
LEAST_SHIFT: Final = 1e-3


@dataclass(frozen=True)
class Point:
    """Means over the prompts at one multiplier; `kept` is K(m)."""

    multiplier: float
    shift: float
    fidelity: float
    kept: float


@dataclass(frozen=True)
class Strength:
    """`recommended` is None where nothing can be recommended, and `reason` says why."""

    curve: tuple[Point, ...]
    unlike: float
    recommended: float | None = None
    least: float | None = None
    most: float | None = None
    reason: str = ""
    rule: Mapping[str, float] = field(
        default_factory=lambda: {
            "keptWell": KEPT_WELL,
            "keptEnough": KEPT_ENOUGH,
            "visibleShare": VISIBLE_SHARE,
        }
    )

    def as_json(self) -> dict[str, Any]:
        return {
            "curve": [vars(point) for point in self.curve],
            "unlike": self.unlike,
            "recommended": self.recommended,
            "least": self.least,
            "most": self.most,
            "reason": self.reason,
            "rule": dict(self.rule),
        }


def measure_strength(
    shifts: Mapping[float, Sequence[float]],
    fidelities: Mapping[float, Sequence[float]],
    *,
    unlike: float,
) -> Strength:
    """By the rule above. Both map each multiplier, 0 among them, to its numbers, one per prompt.

    `unlike` is B. Only positive multipliers are judged.
    """
    faithful = fmean(fidelities[0.0])
    contrast = faithful - unlike
    curve = tuple(
        Point(
            multiplier=m,
            shift=round(fmean(shifts[m]), 5),
            fidelity=round(fmean(fidelities[m]), 5),
            kept=round((fmean(fidelities[m]) - unlike) / contrast, 4) if contrast > 0 else 0.0,
        )
        for m in sorted(shifts)
    )
    unlike = round(unlike, 5)
    positive = [point for point in curve if point.multiplier > 0]
    if contrast < LEAST_CONTRAST:
        return Strength(curve, unlike, reason="the encoder cannot tell the prompts apart")
    if not positive or max(point.shift for point in positive) < LEAST_SHIFT:
        return Strength(curve, unlike, reason="the pictures do not change")
    good = _up_to(positive, KEPT_WELL)
    if not good:
        return Strength(curve, unlike, reason="the weakest strength loses the prompt already")
    best = good[-1]
    visible = [p for p in good if p.shift >= VISIBLE_SHARE * best.shift]
    return Strength(
        curve,
        unlike,
        recommended=best.multiplier,
        least=visible[0].multiplier,
        most=_up_to(positive, KEPT_ENOUGH)[-1].multiplier,
    )


def _up_to(points: Sequence[Point], kept: float) -> list[Point]:
    """From the weakest on, as long as so much of the prompt is kept."""
    for end, point in enumerate(points):
        if point.kept < kept:
            return list(points[:end])
    return list(points)
