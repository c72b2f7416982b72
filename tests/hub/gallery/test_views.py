"""The gallery while nothing hangs in it."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


def test_it_says_that_it_is_empty_and_costs_no_query(
    anonymous: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        page = anonymous.get("/").content.decode()

    assert "Nothing hangs here yet" in page
    assert "Create an account" in page


def test_a_search_finds_nothing_and_repeats_only_text(anonymous: Client) -> None:
    page = anonymous.get("/", {"q": "<b>ink</b>"}).content.decode()

    assert "Nothing to find yet" in page
    assert "&lt;b&gt;ink&lt;/b&gt;" in page
    assert "<b>ink" not in page


def test_someone_signed_in_is_not_asked_to_sign_up(alice_client: Client) -> None:
    page = alice_client.get("/").content.decode()

    assert "Create an account" not in page
    assert "Sign out" in page
