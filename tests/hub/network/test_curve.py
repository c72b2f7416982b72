"""Numbers become points: within the plot, in order, and only where something was measured."""

import pytest

from hub.network.curve import BOTTOM, LEFT, RIGHT, TOP, curve_of
from registry.models import Version
from tests.hub.network.conftest import MEASURED


def test_both_lines_run_from_edge_to_edge() -> None:
    curve = curve_of(MEASURED, Version(recommended_strength=0.75, min_strength=0.5, max_strength=1))

    assert curve is not None
    assert [point.strength for point in curve.points] == ["0", "0.25", "0.5", "0.75", "1", "1.25"]
    xs = [point.x for point in curve.points]
    assert (xs[0], xs[-1], sorted(xs)) == (LEFT, RIGHT, xs)
    assert curve.points[0].shift_y == BOTTOM
    assert curve.points[-1].shift_y == curve.points[0].kept_y == TOP
    assert curve.recommended_x == curve.points[3].x
    assert curve.band == (curve.points[2].x, curve.points[4].x)
    assert curve.points[3].kept == "88%"


def test_what_is_recommended_elsewhere_stays_on_the_plot() -> None:
    curve = curve_of(MEASURED, Version(recommended_strength=3, min_strength=-2, max_strength=4))

    assert curve is not None
    assert (curve.recommended_x, curve.band) == (RIGHT, (LEFT, RIGHT))


def test_a_network_that_does_nothing_is_a_flat_line() -> None:
    still = [{"multiplier": m, "shift": 0.0, "fidelity": 0.3, "kept": 1.2} for m in (0.0, 1.0)]
    curve = curve_of({"curve": still}, Version())

    assert curve is not None
    assert {point.shift_y for point in curve.points} == {BOTTOM}
    assert {point.kept_y for point in curve.points} == {TOP}
    assert (curve.recommended_x, curve.band) == (None, None)


@pytest.mark.parametrize("measured", [None, {}, {"curve": []}, {"curve": MEASURED["curve"][:1]}])
def test_nothing_measured_is_no_curve(measured: dict[str, object] | None) -> None:
    assert curve_of(measured, Version()) is None
