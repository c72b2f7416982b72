"""`rate:until, …` as A1111 reads it, and a sentence for what it does not say."""

import pytest

from inference.engine.training.errors import BadSchedule
from inference.engine.training.schedules import Schedule


@pytest.mark.parametrize(
    ("text", "done", "value"),
    [
        ("0.00001", 0, 1e-5),
        ("0.00001", 99_999, 1e-5),
        ("0.005:100, 1e-3:1000, 1e-5", 0, 0.005),
        ("0.005:100, 1e-3:1000, 1e-5", 99, 0.005),
        ("0.005:100, 1e-3:1000, 1e-5", 100, 1e-3),
        ("0.005:100, 1e-3:1000, 1e-5", 999, 1e-3),
        ("0.005:100, 1e-3:1000, 1e-5", 1000, 1e-5),
        ("0.005:100,1e-3:-1", 5000, 1e-3),
        (" 2e-3 : 10 ,, 1e-4 , ", 10, 1e-4),
        ("0.005:100, 1e-3:1000", 1000, None),
    ],
)
def test_a_value_holds_until_its_step(text: str, done: int, value: float | None) -> None:
    assert Schedule.parse(text).at(done) == value


def test_a_schedule_whose_pairs_all_end_ends_the_training() -> None:
    assert Schedule.parse("0.005:100, 1e-3:1000").end == 1000
    assert Schedule.parse("0.005:100, 1e-3").end is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        (" , ", "it is empty"),
        ("fast", "“fast” is not a number"),
        ("1e-3:soon", "“soon” is not a whole number of steps"),
        ("1e-3:1.5", "“1.5” is not a whole number of steps"),
        ("0", "0 is not above 0"),
        ("-1e-5", "-1e-5 is not above 0"),
        ("nan", "nan is not above 0"),
        ("1e-3:100, 1e-4:100", "step 100 is not after step 100"),
        ("1e-3:100, 1e-4:50", "step 50 is not after step 100"),
        ("1e-3:0", "step 0 is not after step 0"),
        ("1e-3, 1e-4:100", "“1e-4:100” comes after a value that holds to the end"),
        ("1e-3:-1, 1e-4", "“1e-4” comes after a value that holds to the end"),
        ("1e-3:100:200", "“100:200” is not a whole number of steps"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, problem: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        Schedule.parse(text, option="learning rate")
    assert problem in str(refused.value)
    assert "0.005:100, 1e-3:1000, 1e-5" in str(refused.value)
