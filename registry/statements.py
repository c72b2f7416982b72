"""Queries that are always the same, written as SQL once: Django needs longer to write one than
Postgres to answer it.

    NAMES = Statement(lambda: File.objects.filter(AnyOf("version_id")).values_list("name"))
    NAMES.rows([7, 8])

Values come as the driver gives them: JSON as its text.
"""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, QuerySet


class _Keys:
    """Stands for the keys, among the parameters of a statement."""


class AnyOf(Func):
    """`column = ANY(keys)`, the keys given later; for `filter()`."""

    output_field = BooleanField()

    def __init__(self, column: str) -> None:
        super().__init__(F(column))

    def as_sql(self, compiler: Any, *_: Any, **words: Any) -> Any:
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"{sql} = ANY(%s)", (*parameters, _Keys)


class Statement:
    def __init__(self, rows: Callable[[], QuerySet[Any, Any]]) -> None:
        self._queryset = rows

    @cached_property
    def _written(self) -> tuple[str, tuple[Any, ...]]:
        # What the caller of a query set would add: its meaning never depends on the keys.
        return self._queryset().query.sql_with_params()

    def rows(self, keys: Collection[Any]) -> list[tuple[Any, ...]]:
        if not keys:
            return []
        sql, parameters = self._written
        listed = list(keys)
        with connection.cursor() as cursor:
            cursor.execute(sql, [listed if each is _Keys else each for each in parameters])
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
