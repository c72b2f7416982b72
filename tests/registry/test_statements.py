"""Queries written once, asked with other keys each time."""

import pytest
from django.db import connection
from django.db.models import F, TextField, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext

from registry.models import Tag
from registry.statements import AnyOf, Is, Like, Statement, answers
from tests.factories import TagFactory

pytestmark = pytest.mark.django_db
NAMES = Statement(lambda: Tag.objects.filter(AnyOf("pk")).order_by("name").values_list("name"))
KEYS = Statement(lambda: Tag.objects.filter(AnyOf("name")).order_by("name").values_list("pk"))


def test_the_rows_of_the_keys() -> None:
    ink, _, oil = (TagFactory(name=name) for name in ("ink", "night", "oil"))
    assert NAMES.rows([oil.pk, ink.pk]) == [("ink",), ("oil",)]
    assert NAMES.rows({oil.pk}) == [("oil",)]


def test_the_rows_of_a_text_and_of_a_pattern() -> None:
    ink, inky = TagFactory(name="ink"), TagFactory(name="inky")
    same = Statement(lambda: Tag.objects.filter(Is("name")).values_list("pk"))
    like = Statement(lambda: Tag.objects.filter(Like("name")).order_by("pk").values_list("pk"))
    assert same.rows("ink") == [(ink.pk,)]
    assert like.rows("ink%") == [(ink.pk,), (inky.pk,)]


def test_what_is_the_same_each_time_may_hold_anything() -> None:
    TagFactory(name="ink")
    odd = "100 % of 'it' %s"
    joined = Concat(F("name"), Value(odd), output_field=TextField())
    said = Statement(lambda: Tag.objects.filter(AnyOf("name")).values_list(joined))
    assert said.rows(["ink"]) == [(f"ink{odd}",)]


def test_several_together() -> None:
    ink = TagFactory(name="ink")
    assert answers((NAMES, [ink.pk]), (KEYS, []), (KEYS, ["ink", "oil"])) == [
        [("ink",)],
        [],
        [(ink.pk,)],
    ]


def test_each_is_counted_as_a_query() -> None:
    ink = TagFactory(name="ink")
    with CaptureQueriesContext(connection) as queries:
        answers((NAMES, [ink.pk]), (KEYS, ["ink"]))
    assert len(queries) == 2


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
