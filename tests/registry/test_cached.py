"""Values made by one at a time and kept for all."""

from threading import Event, Lock, Timer
from time import time
from unittest.mock import patch

import pytest
import redis
from django.core.cache import cache

from registry import cached as module
from registry.cached import cached
from tests.threads import at_once


class Maker:
    """Makes 1, 2, 3 …; `gate` holds it back."""

    def __init__(self) -> None:
        self.made = 0
        self.gate = Event()
        self.gate.set()
        self.lock = Lock()

    def __call__(self) -> int:
        with self.lock:
            self.made += 1
            number = self.made
        assert self.gate.wait(20)
        return number


@pytest.fixture
def maker() -> Maker:
    return Maker()


def test_made_once_while_it_is_fresh(maker: Maker) -> None:
    assert [cached("n", maker, seconds=60) for _ in range(3)] == [1, 1, 1]


def test_made_anew_when_it_is_old(maker: Maker) -> None:
    assert cached("n", maker, seconds=60) == 1
    with patch.object(module, "time", return_value=time() + 61):
        assert cached("n", maker, seconds=60) == 2


def test_while_one_makes_it_anew_the_others_get_the_old_one(maker: Maker) -> None:
    cached("n", maker, seconds=60)
    cache.set("n:making", True, 10)
    with patch.object(module, "time", return_value=time() + 61):
        assert cached("n", maker, seconds=60) == 1
    assert maker.made == 1


def test_where_there_is_no_old_one_all_wait_for_the_one_that_makes_it(maker: Maker) -> None:
    maker.gate.clear()
    Timer(0.3, maker.gate.set).start()
    asking = [lambda: cached("n", maker, seconds=60)] * 8
    assert at_once(*asking) == [1] * 8
    assert maker.made == 1


def test_a_failure_is_nobody_elses(maker: Maker) -> None:
    def fail() -> int:
        raise ValueError

    with pytest.raises(ValueError):
        cached("n", fail, seconds=60)
    assert cached("n", maker, seconds=60) == 1


def test_without_valkey_everyone_makes_their_own(maker: Maker) -> None:
    with patch("registry.cached.cache.get", side_effect=redis.ConnectionError):
        assert [cached("n", maker, seconds=60) for _ in range(2)] == [1, 2]
