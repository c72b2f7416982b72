"""What is loaded once and kept: the least recently used goes when memory is short."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch


class Sized(Protocol):
    @property
    def bytes(self) -> int:
        """Of its weights, in memory."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


@dataclass
class Hot(Generic[K, V]):
    """At most `most_bytes` of loaded things, and always the one asked for last.

    `load` may raise: then nothing changes but what was let go. `expected` guesses the bytes that a
    key will need, so that room is made before it is loaded and not after.
    """

    load: Callable[[K], V]
    expected: Callable[[K], int]
    most_bytes: int
    _kept: OrderedDict[K, V] = field(default_factory=OrderedDict)

    def get(self, key: K) -> V:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._make_room(self.expected(key))
        value = self._kept[key] = self.load(key)
        # The guess may have been too low: the newcomer stays, older ones go.
        self._make_room(0, but=1)
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    @property
    def bytes(self) -> int:
        return sum(value.bytes for value in self._kept.values())

    def clear(self) -> None:
        self._kept.clear()
        _give_back()

    def _make_room(self, needed: int, *, but: int = 0) -> None:
        gone = False
        while len(self._kept) > but and self.bytes + needed > self.most_bytes:
            self._kept.popitem(last=False)
            gone = True
        if gone:
            _give_back()


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
