"""Small words of the gallery's templates."""

import pytest

from hub.templatetags.gallery import DRAWINGS, compact, step


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1249, "1.2k"),
        (9_949, "9.9k"),
        (9_950, "10k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (5_600_000, "5.6M"),
    ],
)
def test_counts_are_shortened_and_never_to_a_thousand_thousands(number: int, shown: str) -> None:
    assert compact(number) == shown


def test_a_network_keeps_its_drawing() -> None:
    assert {step(key) for key in range(20)} == set(range(DRAWINGS))
