"""Pages of the catalogue: by cursor at any depth, by number for the first thousand rows.

A cursor names the last row seen: its sort value and its id. The id makes each order total, so that
a million rows of one value page as well as any. Nothing is ever counted.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db.models import DateTimeField, F, Model, QuerySet, UUIDField
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.dateparse import parse_datetime

MAX_BY_NUMBER: Final = 1000
LARGEST_KEY: Final = 2**63 - 1
Row = TypeVar("Row", bound=Model)


class BadCursor(Exception):
    """A cursor that none of our pages gave out."""


class TooManyPages(Exception):
    """A page by number beyond the first thousand rows."""


@dataclass(frozen=True)
class Order:
    """A total order: a column, then the id, both ascending or both descending."""

    field: str
    descending: bool = True

    def apply(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        sign = "-" if self.descending else ""
        return rows.order_by(f"{sign}{self.field}", f"{sign}pk")

    def after(self, rows: QuerySet[Row], cursor: str) -> QuerySet[Row]:
        """The rows that follow the one that the cursor names: one comparison of (value, id)."""
        beyond = TupleLessThan if self.descending else TupleGreaterThan
        value, key = _decode(cursor)
        column = rows.model._meta.get_field(self.field)
        # A cursor of another order holds a value of another type.
        if isinstance(value, datetime) != isinstance(column, DateTimeField):
            raise BadCursor
        if isinstance(key, UUID) != isinstance(rows.model._meta.pk, UUIDField):
            raise BadCursor
        return rows.filter(beyond(Tuple(F(self.field), F("pk")), (value, key)))

    def reversed(self) -> "Order":
        """The same rows from the other end."""
        return Order(self.field, descending=not self.descending)

    def cursor(self, row: Model) -> str:
        return _encode(getattr(row, self.field), row.pk)


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    next_cursor: str | None


def keyset_page(
    rows: QuerySet[Row],
    *,
    order: Order,
    limit: int,
    cursor: str | None = None,
    number: int | None = None,
) -> Page[Row]:
    """One page of `rows`; reads one row more than asked to know whether there is a next.

    Raises BadCursor and TooManyPages.
    """
    if number is not None and number * limit > MAX_BY_NUMBER:
        raise TooManyPages
    ordered = order.apply(rows)
    if cursor:
        ordered = order.after(ordered, cursor)
    if limit == 0:
        return Page([], None)
    start = (number - 1) * limit if number else 0
    found = list(ordered[start : start + limit + 1])
    shown = found[:limit]
    return Page(shown, order.cursor(shown[-1]) if len(found) > limit else None)


@dataclass(frozen=True)
class Window(Generic[Row]):
    """A page with a way back; None where there is nothing on that side."""

    rows: Sequence[Row]
    previous_cursor: str | None
    next_cursor: str | None


def keyset_window(
    rows: QuerySet[Row],
    *,
    order: Order,
    limit: int,
    after: str | None = None,
    before: str | None = None,
) -> Window[Row]:
    """The page `after` a row, or the one that ends `before` it; the first without either.

    A page always has a way back to where it was opened from, without looking whether rows are
    left there. Raises BadCursor.
    """
    if before:
        page = keyset_page(rows, order=order.reversed(), limit=limit, cursor=before)
        shown = list(page.rows)[::-1]
        following = order.cursor(shown[-1]) if shown else None
        return Window(shown, page.next_cursor and order.cursor(shown[0]), following)
    page = keyset_page(rows, order=order, limit=limit, cursor=after)
    preceding = order.cursor(page.rows[0]) if after and page.rows else None
    return Window(page.rows, preceding, page.next_cursor)


def _encode(value: Any, key: int | UUID) -> str:
    if isinstance(value, datetime):
        value = value.isoformat()
    raw = json.dumps([value, key], separators=(",", ":"), default=str).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(cursor: str) -> tuple[int | datetime, int | UUID]:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        value, key = json.loads(raw)
        if isinstance(value, str):
            value = parse_datetime(value)
        if isinstance(key, str):
            key = UUID(key)
        if not isinstance(value, int | datetime) or type(key) not in (int, UUID):
            raise BadCursor
        numbers = [each for each in (value, key) if isinstance(each, int)]
        if any(abs(number) > LARGEST_KEY for number in numbers):
            raise BadCursor
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise BadCursor from None
    return value, key
