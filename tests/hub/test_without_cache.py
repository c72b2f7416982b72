"""The cache is away: pages open, people stay signed in and go out, and nothing breaks."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from registry.models import User
from tests.cast import PASSWORD


@pytest.fixture
def _no_cache(settings: Settings) -> None:
    nowhere = {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/valkey.sock"}
    settings.CACHES = {"default": nowhere}
    settings.REDIS_URL = nowhere["LOCATION"]


@pytest.mark.usefixtures("_no_cache")
def test_pages_open(anonymous: Client, alice_client: Client) -> None:
    assert anonymous.get("/").status_code == 200
    assert alice_client.get("/").status_code == 200
    assert alice_client.get(reverse("account_profile")).status_code == 200


@pytest.mark.usefixtures("_no_cache")
def test_in_and_out(anonymous: Client, alice: User) -> None:
    form = {"login": "alice", "password": PASSWORD}
    assert anonymous.post(reverse("account_login"), form).status_code == 302
    assert anonymous.get(reverse("account_profile")).status_code == 200
    anonymous.post(reverse("account_logout"))
    assert anonymous.get(reverse("account_profile")).status_code == 302


@pytest.mark.usefixtures("_no_cache")
def test_where_attempts_are_counted_nobody_comes_in_meanwhile(
    anonymous: Client, alice: User, settings: Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {}  # allauth's own
    form = {"login": "alice", "password": PASSWORD}
    refused = anonymous.post(reverse("account_login"), form)

    assert refused.status_code == 503
    assert "Try again in a few seconds." in refused.content.decode()


@pytest.mark.usefixtures("_no_cache")
def test_the_api_answers(anonymous: Client) -> None:
    assert anonymous.get("/api/v1/models").status_code == 200
