"""One at a time for certain bytes, across processes and machines."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as AnyDatabaseError
from django.db import connection


@contextmanager
def locked(sha256: str, *, space: int) -> Iterator[None]:
    """An advisory lock on a digest in hex; `space` keeps users of such locks apart.

    Not tied to a transaction: bytes are moved after the commit. A lost connection loses the lock,
    and then the statements after it fail.
    """
    keys = [space, int.from_bytes(bytes.fromhex(sha256[:8]), "big", signed=True)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", keys)
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)
        except AnyDatabaseError:
            connection.close()


def take_turn(name: str, *, space: int) -> None:
    """Whoever names the same waits until the transaction that this is in has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [space, name])
