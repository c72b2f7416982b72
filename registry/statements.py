"""Queries that are always the same, written as SQL once and prepared once by each connection:
Django needs longer to write one, and Postgres to plan it, than to answer it.

    NAMES = Statement(lambda: File.objects.filter(AnyOf("version_id")).values_list("name"))
    NAMES.rows([7, 8])

What is the same each time stands in the SQL itself, where Postgres plans with it. Values come as
the driver reads Postgres' binary form: JSON has to be asked for as text.
"""

import re
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cached_property
from typing import Any, Final

from django.db import connection
from django.db.models import BooleanField, F, Func, QuerySet
from psycopg import Cursor
from psycopg.pq import Format
from psycopg.sql import Literal

_PLACE: Final = re.compile("%[%s]")


Given = Sequence[Any] | Set[Any]
Row = tuple[Any, ...]


class _Place:
    """Stands for what is given later, among the parameters of a statement."""


class AnyOf(Func):
    """`column = ANY(list)`, the list given later; for `filter()`."""

    condition = "= ANY(%s)"
    output_field = BooleanField()

    def __init__(self, column: str) -> None:
        super().__init__(F(column))

    def as_sql(self, compiler: Any, *_: Any, **words: Any) -> Any:
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"{sql} {self.condition}", (*parameters, _Place)


class Is(AnyOf):
    """`column = text`, the text given later. Of a list of one Postgres expects ten, and plans anew
    each time in the hope of less."""

    condition = "= %s"


class Like(AnyOf):
    """`column LIKE pattern`, the pattern given later: planned each time, for its index."""

    condition = "LIKE %s"


class Statement:
    def __init__(self, rows: Callable[[], QuerySet[Any, Any]]) -> None:
        self._queryset = rows

    @cached_property
    def _written(self) -> tuple[str, int]:
        """The SQL, and how often in it stands what is given."""
        # What the caller of a query set would add: its meaning never depends on what is given.
        sql, parameters = self._queryset().query.sql_with_params()
        values = iter(parameters)
        return _PLACE.sub(lambda place: _literal(place[0], values), sql), parameters.count(_Place)

    def rows(self, given: Given) -> list[Row]:
        """Of these keys, or of this text; none without."""
        [found] = answers((self, given))
        return found

    def _asked(self, given: Given) -> Any:
        """The cursor to fetch from."""
        sql, places = self._written
        value = given if isinstance(given, str) else list(given)
        cursor = _preparing_cursor()
        cursor.execute(sql, [value] * places)
        return cursor


def answers(*questions: tuple[Statement, Given]) -> list[list[Row]]:
    """The rows of several statements, none of which needs another's: sent together, so that it
    costs one wait for Postgres."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        asked = [statement._asked(given) if given else None for statement, given in questions]
        return [cursor.fetchall() if cursor else [] for cursor in asked]


def _literal(place: str, values: Iterator[Any]) -> str:
    """What stands in a place of the SQL, with its own `%` doubled; what is given keeps its place"""
    if place == "%%":
        return place
    value = next(values)
    if value is _Place:
        return place
    return Literal(value).as_string(connection.connection).replace("%", "%%")


def _preparing_cursor() -> Any:
    """Django's cursors write the parameters into the SQL, so that it is another one each time.

    Asked for by the name that Django has for itself: so wrappers and query counts see it too.
    """
    cursor = Cursor(connection.connection)
    cursor.format = Format.BINARY
    return connection._prepare_cursor(cursor)  # type: ignore[attr-defined]
