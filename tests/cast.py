"""The fixed cast: who appears in the tests. Each is a fixture of the same name."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from registry.models import User

PASSWORD = "correct horse battery"


def _person(name: str, role: str = User.Role.MEMBER) -> User:
    from allauth.account.models import EmailAddress

    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, role=role)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def alice(db: None) -> User:
    """The owner: whatever a test publishes is hers."""
    return _person("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Another creator, who must not touch what is Alice's."""
    return _person("bob")


@pytest.fixture
def mod(db: None) -> User:
    return _person("mod-mary", User.Role.MODERATOR)


@pytest.fixture
def boss(db: None) -> User:
    """The administrator."""
    return _person("boss", User.Role.ADMIN)


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def anonymous(db: None) -> Client:
    """A visitor's browser."""
    return Client()


@pytest.fixture
def alice_client(alice: User) -> Client:
    """Alice's browser, signed in; likewise the next ones."""
    return _signed_in(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return _signed_in(bob)


@pytest.fixture
def mod_client(mod: User) -> Client:
    return _signed_in(mod)


@pytest.fixture
def boss_client(boss: User) -> Client:
    return _signed_in(boss)


@pytest.fixture
def api(db: None) -> APIClient:
    """A program without a key."""
    return APIClient()
