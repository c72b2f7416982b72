"""The device flow, as a program sees it (RFC 8628) and as its owner does."""

from pathlib import Path
from typing import Any

import pytest
from allauth.idp.oidc.models import Client as Program
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode
from pytest_django import Settings
from rest_framework.test import APIClient

from hub.accounts.clients import OUR_CLIENT, connections_of
from hub.embedded.secrets import keep_oidc_key
from registry.models import AuditEvent, Scope, User
from tests.hub.accounts.conftest import SignIn

DEVICE = reverse("account_device")
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class ADevice:
    """A WebUI extension: it has no browser of its own, only the API."""

    def __init__(self) -> None:
        self.http = APIClient()

    def ask(self, *scopes: str) -> dict[str, Any]:
        form = {"client_id": OUR_CLIENT} | ({"scope": " ".join(scopes)} if scopes else {})
        self.asked = self._post("idp:oidc:device_code", form)
        return self.asked

    def poll(self) -> dict[str, Any]:
        """Without waiting: the pause between two questions is allauth's to keep."""
        key = f"allauth.idp.oidc.device_code[{self.asked['device_code']}]"
        if state := cache.get(key):
            cache.set(key, state | {"last_poll_at": 0})
        form = {"grant_type": GRANT, "client_id": OUR_CLIENT}
        return self._post("idp:oidc:token", form | {"device_code": self.asked["device_code"]})

    def renew(self, refresh_token: str) -> dict[str, Any]:
        form = {"grant_type": "refresh_token", "client_id": OUR_CLIENT}
        return self._post("idp:oidc:token", form | {"refresh_token": refresh_token})

    def call(self, token: str) -> Any:
        return self.http.get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {token}")

    def _post(self, name: str, form: dict[str, str]) -> dict[str, Any]:
        answer = self.http.post(
            reverse(name), urlencode(form), content_type="application/x-www-form-urlencoded"
        )
        return dict(answer.json())


@pytest.fixture
def device(db: None) -> ADevice:
    return ADevice()


def let_in(owner: Client, device: ADevice, action: str = "confirm") -> str:
    answer = owner.post(f"{DEVICE}?code={device.asked['user_code']}", {"action": action})
    return answer.content.decode()


def test_code_approval_token_call(device: ADevice, sign_in: SignIn, alice: User) -> None:
    asked = device.ask("read", "upload")
    assert asked["verification_uri"] == f"http://testserver{DEVICE}"
    assert device.poll() == {"error": "authorization_pending"}

    assert "It is connected" in let_in(sign_in(alice), device)
    token = device.poll()
    assert token["token_type"] == "Bearer"
    assert set(token["scope"].split()) == {"read", "upload"}
    assert device.call(token["access_token"]).json()["username"] == "alice"
    assert device.call(token["access_token"]).json()["scopes"] == ["read", "upload"]


def test_a_program_that_asks_for_nothing_gets_to_read(
    device: ADevice, sign_in: SignIn, alice: User
) -> None:
    device.ask()
    let_in(sign_in(alice), device)

    assert device.poll()["scope"] == "read"


def test_the_owner_sees_what_is_asked_before_anything_happens(
    device: ADevice, sign_in: SignIn, alice: User
) -> None:
    device.ask("train")
    page = sign_in(alice).get(f"{DEVICE}?code={device.asked['user_code']}").content.decode()

    assert "HyperHub clients" in page
    assert str(Scope.TRAIN.label) in page
    assert str(Scope.UPLOAD.label) not in page
    assert not Token.objects.exists()


def test_refusing_gives_nothing(device: ADevice, sign_in: SignIn, alice: User) -> None:
    device.ask("read")
    let_in(sign_in(alice), device, "deny")

    assert device.poll()["error"] == "access_denied"
    assert not Token.objects.exists()


def test_a_scope_that_does_not_exist_is_refused(device: ADevice) -> None:
    assert device.ask("everything")["error"] == "invalid_scope"


def test_a_code_is_for_one_use(device: ADevice, sign_in: SignIn, alice: User, bob: User) -> None:
    device.ask("read")
    let_in(sign_in(alice), device)

    assert "This code is wrong, or too old." in let_in(sign_in(bob), device)
    assert "access_token" in device.poll()
    assert device.poll()["error"] == "invalid_grant"


def test_a_device_code_takes_only_people_who_are_signed_in(
    device: ADevice, anonymous: Client
) -> None:
    device.ask("read")
    answer = anonymous.get(f"{DEVICE}?code={device.asked['user_code']}")

    assert answer["Location"].startswith(reverse("account_login"))


def test_letting_in_needs_a_fresh_proof(
    device: ADevice, sign_in: SignIn, alice: User, settings: Settings
) -> None:
    client = sign_in(alice)
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    device.ask("read")
    answer = client.post(f"{DEVICE}?code={device.asked['user_code']}", {"action": "confirm"})

    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert device.poll()["error"] == "authorization_pending"


def test_another_site_cannot_press_the_button(device: ADevice, alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    device.ask("read")
    answer = browser.post(f"{DEVICE}?code={device.asked['user_code']}", {"action": "confirm"})

    assert answer.status_code == 403


def test_guessing_codes_is_slowed_down(sign_in: SignIn, alice: User, settings: Settings) -> None:
    settings.IDP_OIDC_RATE_LIMITS = {"device_user_code": "2/m/ip"}
    client = sign_in(alice)
    pages = [client.get(f"{DEVICE}?code=WRNG-CDE{n}").content.decode() for n in range(3)]

    assert "This code is wrong" in pages[1]
    assert "Too many attempts" in pages[2]


def test_a_token_is_renewed_and_the_old_one_ends(
    device: ADevice, sign_in: SignIn, alice: User
) -> None:
    device.ask("read")
    let_in(sign_in(alice), device)
    first = device.poll()
    second = device.renew(first["refresh_token"])

    assert device.call(second["access_token"]).status_code == 200
    assert "error" in device.renew(first["refresh_token"])


def test_disconnecting_ends_everything_at_once(
    device: ADevice, sign_in: SignIn, alice: User
) -> None:
    client = sign_in(alice)
    device.ask("read")
    let_in(client, device)
    token = device.poll()
    assert "HyperHub clients" in client.get(reverse("account_clients")).content.decode()

    url = reverse("account_client_disconnect", args=[OUR_CLIENT])
    assert "loses its access at once" in client.get(url).content.decode()
    client.post(url)

    assert device.call(token["access_token"]).status_code == 401
    assert "error" in device.renew(token["refresh_token"])
    assert connections_of(alice) == []


def test_disconnecting_touches_nobody_else(
    device: ADevice, sign_in: SignIn, alice: User, bob: User
) -> None:
    device.ask("read")
    let_in(sign_in(alice), device)
    token = device.poll()
    sign_in(bob).post(reverse("account_client_disconnect", args=[OUR_CLIENT]))

    assert device.call(token["access_token"]).status_code == 200


def test_a_connection_is_one_line_with_all_that_the_program_may(
    device: ADevice, sign_in: SignIn, alice: User
) -> None:
    for scope in ("upload", "read"):
        device.ask(scope)
        let_in(sign_in(alice), device)
        device.poll()

    (connection,) = connections_of(alice)
    assert connection.scopes == [Scope.READ, Scope.UPLOAD]


def test_letting_in_and_disconnecting_leave_lines(
    device: ADevice, sign_in: SignIn, alice: User
) -> None:
    client = sign_in(alice)
    device.ask("read", "train")
    let_in(client, device)
    device.poll()
    client.post(reverse("account_client_disconnect", args=[OUR_CLIENT]))

    connected = AuditEvent.objects.get(action="client.connected")
    assert connected.actor == alice
    assert connected.data == {"name": "HyperHub clients", "scopes": ["read", "train"]}
    assert AuditEvent.objects.filter(action="client.disconnected", actor=alice).count() == 1


def test_our_client_is_there_and_an_administrators_changes_stay(db: None) -> None:
    Program.objects.filter(pk=OUR_CLIENT).update(name="Our programs")
    call_command("migrate", verbosity=0)

    assert Program.objects.get(pk=OUR_CLIENT).name == "Our programs"


def test_programs_find_their_addresses(anonymous: Client) -> None:
    found = anonymous.get("/.well-known/openid-configuration").json()

    assert found["device_authorization_endpoint"].endswith("/identity/o/api/device/code")
    assert found["token_endpoint"].endswith("/identity/o/api/token")


def test_the_key_of_the_data_folder_signs(
    anonymous: Client, settings: Settings, tmp_path: Path
) -> None:
    keep_oidc_key(tmp_path / "oidc_key.pem")
    settings.IDP_OIDC_PRIVATE_KEY = (tmp_path / "oidc_key.pem").read_text()
    (key,) = anonymous.get("/.well-known/jwks.json").json()["keys"]

    assert key["kty"] == "RSA"
    assert "d" not in key  # the private part
