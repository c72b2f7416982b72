"""Queries written once, asked with other keys each time."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import Tag
from registry.statements import AnyOf, Statement
from tests.factories import TagFactory

pytestmark = pytest.mark.django_db
NAMES = Statement(lambda: Tag.objects.filter(AnyOf("pk")).order_by("name").values_list("name"))


def test_the_rows_of_the_keys() -> None:
    ink, _, oil = (TagFactory(name=name) for name in ("ink", "night", "oil"))
    assert NAMES.rows([oil.pk, ink.pk]) == [("ink",), ("oil",)]
    assert NAMES.rows({oil.pk}) == [("oil",)]


def test_without_keys_nothing_is_asked() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert NAMES.rows([]) == []
    assert len(queries) == 0


def test_written_once() -> None:
    written = []

    def names() -> object:
        written.append(1)
        return Tag.objects.filter(AnyOf("pk")).values_list("name")

    statement = Statement(names)  # type: ignore[arg-type]
    for key in (1, 2, 3):
        statement.rows([key])
    assert len(written) == 1
