"""Real servers: the ones that this run of the tests started."""

import pytest
from django.db import connection

from registry.models import User


@pytest.mark.django_db
def test_the_database_keeps_accents_and_han_in_trigrams() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT show_trgm('é水')")
        assert len(cursor.fetchone()[0]) > 1


def test_alice_is_alone_in_an_empty_database(alice: User) -> None:
    assert list(User.objects.all()) == [alice]
