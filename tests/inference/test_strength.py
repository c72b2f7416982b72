"""The rule of the recommended strength, by examples: numbers in, a recommendation or a reason."""

import pytest

from inference.strength import Strength, measure_strength

MULTIPLIERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)


def measured(
    kept: list[float], shift: list[float] | None = None, *, contrast: float = 0.2
) -> Strength:
    """Two prompts whose likeness is 0.1 above or below; B is 0.1."""
    shift = shift or [0.1 * position for position in range(len(kept))]
    columns = list(zip(MULTIPLIERS, kept, shift, strict=False))
    return measure_strength(
        {m: [s, s] for m, _, s in columns},
        {m: [0.1 + contrast * k - 0.1, 0.1 + contrast * k + 0.1] for m, k, _ in columns},
        unlike=0.1,
    )


def test_the_strongest_before_fidelity_falls_off() -> None:
    strength = measured([1, 0.98, 0.95, 0.9, 0.7, 0.4])
    assert (strength.least, strength.recommended, strength.most) == (0.5, 0.75, 1.0)
    assert strength.reason == ""


def test_a_network_that_never_falls_off_is_used_as_strong_as_was_tried() -> None:
    strength = measured([1, 1.02, 1.01, 1.0, 0.99, 0.95])
    assert (strength.recommended, strength.most) == (1.25, 1.25)


def test_a_recovery_after_the_fall_does_not_count() -> None:
    assert measured([1, 0.9, 0.5, 0.95, 0.9, 0.9]).recommended == 0.25


def test_the_range_begins_where_the_style_can_be_seen() -> None:
    strength = measured([1, 1, 1, 1, 1, 1], [0, 0.01, 0.05, 0.2, 0.3, 0.4])
    assert strength.least == 0.75


def test_the_numbers_are_kept() -> None:
    strength = measured([1, 0.98, 0.95, 0.9, 0.7, 0.4])
    point = strength.curve[3]
    assert (point.multiplier, point.kept) == (0.75, 0.9)
    assert (point.shift, point.fidelity) == (0.3, 0.28)
    said = strength.as_json()
    assert said["recommended"] == 0.75
    assert said["rule"] == {"keptWell": 0.8, "keptEnough": 0.65, "visibleShare": 0.4}
    assert [each["multiplier"] for each in said["curve"]] == list(MULTIPLIERS)


@pytest.mark.parametrize(
    ("strength", "reason"),
    [
        (measured([1, 0.5, 0.4, 0.3, 0.2, 0.1]), "loses the prompt"),
        (measured([1, 1, 1, 1, 1, 1], contrast=0.01), "cannot tell"),
        (measured([1, 1, 1, 1, 1, 1], [0.0] * 6), "do not change"),
        (measured([1]), "do not change"),
    ],
)
def test_nothing_is_invented(strength: Strength, reason: str) -> None:
    assert strength.recommended is strength.least is strength.most is None
    assert reason in strength.reason
    assert strength.curve


def test_the_encoders_scale_does_not_matter() -> None:
    kept = [1, 0.98, 0.95, 0.9, 0.7, 0.4]
    weak, strong = measured(kept, contrast=0.05), measured(kept, contrast=0.5)
    assert weak.recommended == strong.recommended
