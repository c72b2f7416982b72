"""Which function does which kind of job, and in which queue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from registry.jobs.run import Run
from registry.models import Job

Work = Callable[[Run], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Handler:
    kind: str
    queue: Job.Queue
    work: Work
    max_attempts: int


class UnknownKind(LookupError):
    """No handler has this name: a slip in the caller, or its module is not imported."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"No handler does jobs of the kind {kind!r}.")


_handlers: dict[str, Handler] = {}


def handler(kind: str, *, queue: Job.Queue, max_attempts: int = 3) -> Callable[[Work], Work]:
    """Register a function for a kind of job.

    It returns what is kept as `Job.result` (JSON), raises `Failed(reason)` for what no further
    attempt would mend, and anything else to be tried again, `max_attempts` times in all.
    The modules that hold handlers are imported when their Django app is ready, so that every
    process knows every kind.
    """

    def register(work: Work) -> Work:
        if kind in _handlers:
            raise ValueError(f"Two handlers for jobs of the kind {kind!r}.")
        _handlers[kind] = Handler(kind, queue, work, max_attempts)
        return work

    return register


def handler_of(kind: str) -> Handler:
    try:
        return _handlers[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def known_kinds() -> list[str]:
    """What this process can do. Others' kinds are left to newer or older code."""
    return list(_handlers)
