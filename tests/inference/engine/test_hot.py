"""What is loaded is kept while there is room; the least recently used goes first."""

from dataclasses import dataclass

import pytest

from inference.engine.hot import Hot


@dataclass
class Thing:
    name: str
    bytes: int


@pytest.fixture
def loaded() -> list[str]:
    return []


@pytest.fixture
def hot(loaded: list[str]) -> Hot[str, Thing]:
    """Room for 10; a name's first digit is its size."""

    def load(name: str) -> Thing:
        if name.endswith("broken"):
            raise OSError(name)
        loaded.append(name)
        return Thing(name, int(name[0]))

    return Hot(load=load, expected=lambda name: int(name[0]), most_bytes=10)


def test_a_thing_is_loaded_once(hot: Hot[str, Thing], loaded: list[str]) -> None:
    assert hot.get("4a") is hot.get("4a")
    assert loaded == ["4a"]


def test_the_least_recently_used_makes_room(hot: Hot[str, Thing], loaded: list[str]) -> None:
    for name in ("4a", "4b", "4a", "5c"):
        hot.get(name)
    assert "4a" in hot and "5c" in hot and "4b" not in hot
    assert hot.bytes == 9


def test_one_that_is_larger_than_all_the_room_is_still_used(hot: Hot[str, Thing]) -> None:
    hot.get("4a")
    hot.most_bytes = 3
    assert hot.get("9b").name == "9b"
    assert "4a" not in hot and "9b" in hot


def test_room_is_made_before_and_not_after(hot: Hot[str, Thing]) -> None:
    hot.get("6a")
    seen = []
    load = hot.load
    hot.load = lambda name: seen.append(hot.bytes) or load(name)  # type: ignore[func-returns-value]
    hot.get("6b")
    assert seen == [0]


def test_what_does_not_load_is_not_kept(hot: Hot[str, Thing], loaded: list[str]) -> None:
    with pytest.raises(OSError, match="broken"):
        hot.get("1broken")
    assert "1broken" not in hot
    assert hot.get("2a").bytes == 2


def test_a_guess_that_was_too_low_is_made_good(hot: Hot[str, Thing]) -> None:
    hot.expected = lambda _: 0
    for name in ("6a", "6b"):
        hot.get(name)
    assert "6a" not in hot and hot.bytes == 6
