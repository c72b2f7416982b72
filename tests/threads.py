"""Doing several things at once, each with a database connection of its own."""

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(*work: Callable[[], T]) -> list[T | Exception]:
    """Start them together; what each returned or raised. For tests with `transaction=True`."""
    results: dict[int, T | Exception] = {}
    ready = threading.Barrier(len(work))

    def run(number: int, one: Callable[[], T]) -> None:
        try:
            ready.wait(10)
            results[number] = one()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [results[number] for number in range(len(work))]
