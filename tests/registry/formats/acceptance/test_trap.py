"""A trap: nothing may unpickle, import, run or open anything while a file is being read."""

import _pickle
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from registry.formats.errors import Refusal
from registry.formats.reader import read
from tests.registry.formats.acceptance import fixtures
from tests.registry.formats.hostile.catalogue import TECHNIQUES

ROOT = Path(__file__).resolve().parents[4]


class Sprung(BaseException):
    """The trap is sprung. Not an Exception, so that no `except Exception` can hide it."""


def spring(*_: Any, **__: Any) -> NoReturn:
    raise Sprung


@pytest.fixture
def trapped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
        monkeypatch.setattr(pickle, name, spring)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(_pickle, name, spring)
    monkeypatch.setattr(torch, "load", spring)
    monkeypatch.setattr(torch.jit, "load", spring)


@pytest.mark.usefixtures("trapped")
def test_the_trap_works() -> None:
    loaders: tuple[Callable[[Any], Any], ...] = (
        pickle.loads,
        pickle.load,
        pickle.Unpickler,
        torch.load,
    )
    for load in loaders:
        with pytest.raises(Sprung):
            load(b"N.")


@pytest.mark.usefixtures("trapped")
def test_no_fixture_is_unpickled() -> None:
    for name in fixtures.NAMES:
        assert read(fixtures.path(name), stem=fixtures.stem(name)).hypernetwork.dims


@pytest.mark.usefixtures("trapped")
def test_no_hostile_file_is_unpickled() -> None:
    for technique in TECHNIQUES:
        with pytest.raises(Refusal):
            read(technique.build(), stem="hostile")


LISTENER = """
    import sys

    from registry.formats.errors import Refusal
    from registry.formats.reader import read
    from tests.registry.formats.hostile.catalogue import TECHNIQUES

    files = [technique.build() for technique in TECHNIQUES]
    heard, listening = set(), False

    def listen(event, arguments):
        if listening:
            heard.add(event)

    sys.addaudithook(listen)
    for file in files:
        listening = True
        try:
            read(file, stem="hostile")
        except Refusal as refusal:
            refusal.message, refusal.data()
        finally:
            listening = False
    print(*sorted(heard))
"""
HARMLESS = {"object.__getattr__", "object.__setattr__", "sys._getframe", "mmap.__new__"}


def test_the_interpreter_itself_hears_nothing_happen() -> None:
    """CPython's audit events cover import, exec, open, sockets, processes and find_class."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LISTENER)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) <= HARMLESS
