"""The strength curve as points of an SVG: style shift and prompt fidelity for each multiplier.

Coordinates are attributes, so the page needs no style of its own. Both lines share one plot: the
shift as a share of the largest one, the fidelity as the share of the prompt that is still shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference.strength import KEPT_WELL
from registry.models import Version

WIDTH: Final = 320
HEIGHT: Final = 128
LEFT, RIGHT, TOP, BOTTOM = 10, 310, 10, 104


@dataclass(frozen=True)
class Point:
    strength: str
    x: float
    shift_y: float
    kept_y: float
    # As measured, for the table.
    shift: str
    fidelity: str
    kept: str


@dataclass(frozen=True)
class Curve:
    points: tuple[Point, ...]
    # What is recommended: a line, and the range as a band from x to x.
    recommended_x: float | None
    band: tuple[float, float] | None
    # The share of the prompt that a recommended strength keeps at least.
    kept_well: str

    @property
    def shift_line(self) -> str:
        return " ".join(f"{point.x:g},{point.shift_y:g}" for point in self.points)

    @property
    def kept_line(self) -> str:
        return " ".join(f"{point.x:g},{point.kept_y:g}" for point in self.points)

    @property
    def band_width(self) -> float:
        return round(self.band[1] - self.band[0], 1) if self.band else 0.0


def curve_of(measured: Mapping[str, Any] | None, version: Version) -> Curve | None:
    """None where nothing is measured; the recommendation is the version's, whoever made it."""
    points: Sequence[Mapping[str, float]] = (measured or {}).get("curve", ())
    if len(points) < 2:
        return None
    least, most = points[0]["multiplier"], points[-1]["multiplier"]
    largest = max(point["shift"] for point in points) or 1.0

    def x(multiplier: float) -> float:
        at = (min(most, max(least, multiplier)) - least) / ((most - least) or 1.0)
        return round(LEFT + at * (RIGHT - LEFT), 1)

    def y(share: float) -> float:
        return round(BOTTOM - min(1.0, max(0.0, share)) * (BOTTOM - TOP), 1)

    band = None
    if version.min_strength is not None and version.max_strength is not None:
        band = (x(version.min_strength), x(version.max_strength))
    best = version.recommended_strength
    return Curve(
        tuple(
            Point(
                f"{point['multiplier']:g}",
                x(point["multiplier"]),
                y(point["shift"] / largest),
                y(point["kept"]),
                f"{point['shift']:.3f}",
                f"{point['fidelity']:.3f}",
                f"{max(0.0, point['kept']):.0%}",
            )
            for point in points
        ),
        None if best is None else x(best),
        band,
        f"{(measured or {}).get('rule', {}).get('keptWell', KEPT_WELL):.0%}",
    )
