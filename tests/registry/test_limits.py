"""Windows of a minute, counted for all processes together."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
import redis
from django.conf import LazySettings

from registry import limits
from registry.limits import Window, address, counter, take


@pytest.fixture(autouse=True)
def few(settings: LazySettings) -> Iterator[None]:
    settings.API_LIMITS = {"read": (2, 3), "search": (1, 0)}
    counter.cache_clear()
    yield
    counter.cache_clear()


def ask(who: str = "address:192.0.2.1", *, kind: str = "read", known: bool = False) -> Window:
    window = take(kind, who=who, known=known)
    assert window is not None
    return window


def test_a_window_is_used_up_and_says_when_it_ends() -> None:
    windows = [ask() for _ in range(4)]
    assert [window.remaining for window in windows] == [1, 0, 0, 0]
    assert [window.exceeded for window in windows] == [False, False, True, True]
    for window in windows:
        assert window.limit == 2
        assert 1 <= window.reset <= limits.WINDOW_SECONDS


def test_it_begins_anew_when_it_has_ended() -> None:
    for _ in range(3):
        ask()
    [key] = counter().valkey.keys(f"{limits.PREFIX}:*")
    assert 0 < counter().valkey.ttl(key) <= limits.WINDOW_SECONDS
    counter().valkey.expire(key, 0)
    assert not ask().exceeded


def test_asking_on_does_not_make_it_longer() -> None:
    ask()
    [key] = counter().valkey.keys(f"{limits.PREFIX}:*")
    counter().valkey.expire(key, 7)
    assert ask().reset <= 7


def test_each_kind_and_each_who_has_a_window_of_its_own() -> None:
    for _ in range(3):
        ask()
    assert ask().exceeded
    assert not ask("address:192.0.2.2").exceeded
    assert not ask(kind="search").exceeded


def test_people_with_a_key_may_ask_more() -> None:
    assert ask("user:1", known=True).limit == 3


def test_whose_address_nobody_knows_is_not_counted() -> None:
    assert take("read", who=address(""), known=False) is None


def test_none_is_no_limit() -> None:
    assert take("search", who="user:1", known=True) is None
    assert not counter().valkey.keys(f"{limits.PREFIX}:*")


def test_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    sent = 0
    connection: Any = redis.connection.AbstractConnection
    send = connection.send_packed_command

    def counted(self: Any, *words: Any, **more: Any) -> Any:
        nonlocal sent
        sent += 1
        return send(self, *words, **more)

    monkeypatch.setattr(connection, "send_packed_command", counted)
    ask()
    assert sent == 1


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "address:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("", ""),
    ],
)
def test_an_address_is_a_households(text: str, who: str) -> None:
    assert address(text) == who


def test_without_valkey_nobody_is_held_back_and_it_is_left_alone_for_a_while(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    counter.cache_clear()
    assert take("read", who="user:1", known=True) is None
    assert counter().away_until > monotonic()
    monkeypatch.setattr(counter(), "valkey", None)  # using it would raise
    assert take("read", who="user:1", known=True) is None


def test_it_is_asked_again_later() -> None:
    counter().away_until = monotonic() + limits.LEFT_ALONE_SECONDS
    assert take("read", who="user:1", known=True) is None
    counter().away_until = monotonic() - 1
    assert ask("user:1", known=True).remaining == 2
