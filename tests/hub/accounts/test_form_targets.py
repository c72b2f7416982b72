from typing import Any

from allauth.idp.oidc.models import Client as Program
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from registry.models import User
from tests.hub.accounts.conftest import SignIn


def policy(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: values for name, _, values in parts}


def consent(client: Client, **changes: str) -> Any:
    Program.objects.get_or_create(
        id="page",
        name="A web page",
        type=Program.Type.PUBLIC,
        scopes="read",
        grant_types=Program.GrantType.AUTHORIZATION_CODE,
        redirect_uris="https://app.example/back",
    )
    query = {
        "client_id": "page",
        "response_type": "code",
        "scope": "read",
        "redirect_uri": "https://app.example/back",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    } | changes
    return client.get(f"{reverse('idp:oidc:authorization')}?{urlencode(query)}")


def test_forms_of_the_hub_end_at_the_hub(anonymous: Client) -> None:
    assert policy(anonymous.get(reverse("account_login")))["form-action"] == "'self'"


def test_the_form_that_leads_to_another_site_may_end_there(anonymous: Client) -> None:
    answer = anonymous.get(reverse("dummy_login"))

    assert policy(answer)["form-action"] == "'self' https:"


def test_consent_may_end_at_the_page_that_asked_and_nowhere_else(
    sign_in: SignIn, alice: User
) -> None:
    answer = consent(sign_in(alice))

    assert answer.status_code == 200
    assert policy(answer)["form-action"] == "'self' https://app.example"


def test_a_page_that_is_not_the_clients_changes_nothing(sign_in: SignIn, alice: User) -> None:
    answer = consent(sign_in(alice), redirect_uri="https://evil.example/")

    assert "evil.example" not in answer["Content-Security-Policy"]
