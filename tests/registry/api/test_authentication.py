"""Who a call comes from, seen at `GET me`, the one address that needs nothing but a caller."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.idp.oidc.models import Client, Token
from django.test import Client as Browser
from django.utils import timezone
from rest_framework.test import APIClient

from registry.api_keys import create_api_key, revoke_api_key
from registry.models import ApiKey, Scope, User
from tests.cast import PASSWORD

ME = "/api/v1/me"
ACCESS_TOKEN = "opaque-access-token-of-a-device"


@pytest.fixture
def secret(alice: User) -> str:
    return create_api_key(user=alice, name="k", scopes=[Scope.READ], expires_at=None)[1]


@pytest.fixture
def token(alice: User, db: None) -> Token:
    client = Client.objects.create(id="webui", name="WebUI", type=Client.Type.PUBLIC)
    token = Token(
        type=Token.Type.ACCESS_TOKEN,
        client=client,
        user=alice,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    token.set_value(ACCESS_TOKEN)
    token.set_scopes([Scope.READ])
    token.save()
    return token


def bearer(value: str) -> dict[str, Any]:
    return {"HTTP_AUTHORIZATION": f"Bearer {value}"}


def test_a_key_in_the_header(api: APIClient, secret: str) -> None:
    assert api.get(ME, **bearer(secret)).json()["username"] == "alice"


def test_the_word_bearer_in_any_case(api: APIClient, secret: str) -> None:
    assert api.get(ME, HTTP_AUTHORIZATION=f"bearer {secret}").status_code == 200


def test_a_key_in_the_address(api: APIClient, secret: str) -> None:
    assert api.get(ME, {"token": secret}).json()["username"] == "alice"


def test_the_header_goes_before_the_address(api: APIClient, alice: User, bob: User) -> None:
    of_alice = create_api_key(user=alice, name="k", scopes=["read"], expires_at=None)[1]
    of_bob = create_api_key(user=bob, name="k", scopes=["read"], expires_at=None)[1]

    answer = api.get(f"{ME}?token={of_alice}", **bearer(of_bob))
    assert answer.json()["username"] == "bob"


@pytest.mark.parametrize("credential", ["", "hnh_" + "0" * 43, "nonsense", "ünïcode"])
def test_without_a_good_credential_401(api: APIClient, secret: str, credential: str) -> None:
    answer = api.get(ME, **bearer(credential))

    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized"}
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_password_is_no_credential(api: APIClient, alice: User) -> None:
    api.credentials(HTTP_AUTHORIZATION=f"Basic alice:{PASSWORD}")

    assert api.get(ME).status_code == 401


def test_a_revoked_key_401(api: APIClient, secret: str, alice: User) -> None:
    revoke_api_key(key=ApiKey.objects.get(), by=alice)

    assert api.get(ME, **bearer(secret)).status_code == 401


def test_the_keys_of_a_closed_account_401(api: APIClient, secret: str) -> None:
    User.objects.update(is_active=False)

    assert api.get(ME, **bearer(secret)).status_code == 401


def test_public_pages_go_on_working_with_a_stale_key(api: APIClient, db: None) -> None:
    assert api.get("/api/v1/models", {"token": "hnh_" + "0" * 43}).status_code == 200


def test_using_a_key_is_noted(api: APIClient, secret: str) -> None:
    api.get(ME, **bearer(secret))

    assert ApiKey.objects.get().last_used_at is not None


def test_the_token_of_a_connected_client(api: APIClient, token: Token) -> None:
    assert api.get(ME, **bearer(ACCESS_TOKEN)).json()["username"] == "alice"
    assert api.get(ME, {"token": ACCESS_TOKEN}).json()["username"] == "alice"


def test_an_expired_token_401(api: APIClient, token: Token) -> None:
    Token.objects.update(expires_at=timezone.now())

    assert api.get(ME, **bearer(ACCESS_TOKEN)).status_code == 401


def test_a_refresh_token_is_no_access_token(api: APIClient, token: Token) -> None:
    Token.objects.update(type=Token.Type.REFRESH_TOKEN)

    assert api.get(ME, **bearer(ACCESS_TOKEN)).status_code == 401


def test_the_tokens_of_a_closed_account_401(api: APIClient, token: Token) -> None:
    User.objects.update(is_active=False)

    assert api.get(ME, **bearer(ACCESS_TOKEN)).status_code == 401


@pytest.mark.parametrize(
    ("resources", "status"),
    [
        ([], 200),
        (["http://testserver"], 200),
        (["http://testserver/api/"], 200),
        (["http://testserver/api/v1/models"], 401),
        (["http://testserver.evil"], 401),
        (["https://elsewhere.example"], 401),
    ],
)
def test_a_token_for_other_places_is_not_for_us(
    api: APIClient, token: Token, resources: list[str], status: int
) -> None:
    token.set_resources(resources)
    token.save()

    assert api.get(ME, **bearer(ACCESS_TOKEN)).status_code == status


def test_the_browser_that_is_signed_in_may_call_too(alice_client: Browser) -> None:
    answer = alice_client.get(ME)

    assert answer.json()["username"] == "alice"
    assert answer.json()["scopes"] == Scope.values
