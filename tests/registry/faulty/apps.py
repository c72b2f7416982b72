import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

from django.apps import AppConfig

Moment = tuple[str, str]  # a step's name and before, during or after


class FaultyConfig(AppConfig):
    name = "tests.registry.faulty"

    def ready(self) -> None:
        from registry import ingest, steps

        ingest.STEPS = tuple(map(_step, ingest.STEPS))  # type: ignore[misc]
        ingest.finish = _around("end", ingest.finish)  # type: ignore[attr-defined]
        follow = _around("read", steps.Ingest._progress, "during")
        steps.Ingest._progress = follow  # type: ignore[method-assign]


def _step(step: Any) -> Any:
    return replace(step, work=_around(step.name, step.work))


def _around(name: str, work: Callable[..., Any], before: str = "before") -> Callable[..., Any]:
    @wraps(work)
    def faulty(*args: Any) -> Any:
        _reach((name, before))
        result = work(*args)
        if before == "before":
            _reach((name, "after"))
        return result

    return faulty


def _reach(moment: Moment) -> None:
    for fault in os.environ.get("FAULTS", "").split():
        action, *where = fault.split(":")
        if tuple(where) == moment and _first_time(fault):
            _ACTIONS[action](fault)


def _folder() -> Path:
    return Path(os.environ["FAULT_FOLDER"])


def _first_time(fault: str) -> bool:
    try:
        (_folder() / fault).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _kill(fault: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _pause(fault: str) -> None:
    while not (_folder() / f"{fault}:go").exists():
        time.sleep(0.05)


_ACTIONS = {"kill": _kill, "pause": _pause}
