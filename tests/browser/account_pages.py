"""Every page of accounts, opened one after the other in the state in which it has most to show."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Client, Token
from allauth.mfa.totp.internal.auth import TOTP
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from playwright.sync_api import BrowserContext, CDPSession, Page
from rest_framework.test import APIClient

from hub.accounts.clients import OUR_CLIENT
from registry.api_keys import create_api_key
from registry.models import Scope, User
from registry.webhooks import SUBSCRIBABLE, create_webhook, ping, update_webhook
from tests.cast import PASSWORD

Steps = Iterator[str]
SECRET = "JBSWY3DPEHPK3PXP"
WEB = "webui-extension"


def sign_in(page: Page, user: User) -> None:
    page.goto(reverse("account_login"))
    page.get_by_label("Name or e-mail address").fill(user.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/")


def fake_authenticator(context: BrowserContext, page: Page) -> CDPSession:
    """A fingerprint reader that Chromium plays, and which always knows the finger."""
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return devtools


def visit(page: Page, address: str) -> None:
    """Open a page; where it asks "Is it you?", show the key first."""
    page.goto(address)
    if "reauthenticate" in page.url and "reauthenticate" not in address:
        if "webauthn" not in page.url:
            page.get_by_role("link", name="Use a security key").click()
        page.get_by_role("button", name="Use a security key").click()
        page.wait_for_url(f"**{address}")


def add_passkey(page: Page, name: str, *, alone: bool) -> None:
    """Through the page, with whatever authenticator the browser has."""
    visit(page, reverse("mfa_add_webauthn"))
    page.get_by_label("Name").fill(name)
    page.get_by_label("Sign in with it alone").set_checked(alone)
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url(lambda address: "add" not in address)


def device_code(*scopes: str) -> dict[str, Any]:
    """What a program gets when it asks to be let in: a code for it, and one for its owner."""
    answer = APIClient().post(
        reverse("idp:oidc:device_code"),
        urlencode({"client_id": OUR_CLIENT, "scope": " ".join(scopes)}),
        content_type="application/x-www-form-urlencoded",
    )
    return dict(answer.json())


def without_an_account(page: Page) -> Steps:
    """Pages for strangers. Yields the name of each when it is there to be seen."""
    for name, address in {
        "login": reverse("account_login"),
        "signup": reverse("account_signup"),
        "verification-sent": reverse("account_email_verification_sent"),
        "confirm-bad": reverse("account_confirm_email", args=["nonsense"]),
        "inactive": reverse("account_inactive"),
        "reset": reverse("account_reset_password"),
        "reset-done": reverse("account_reset_password_done"),
        "reset-bad": reverse("account_reset_password_from_key", args=["1", "set-password"]),
        "reset-from-key-done": reverse("account_reset_password_from_key_done"),
        "social-login": reverse("dummy_login"),
        "social-cancelled": reverse("socialaccount_login_cancelled"),
        "social-error": reverse("socialaccount_login_error"),
    }.items():
        page.goto(address)
        yield name
    page.goto(reverse("account_login"))
    page.get_by_label("Name or e-mail address").fill("nobody")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").filter(visible=True).wait_for()
    yield "login-refused"
    page.goto(reverse("account_signup"))
    page.get_by_label("E-mail address").fill("new@example.org")
    page.get_by_label("Public name").fill("admin")
    page.get_by_label("Password").fill("12345678")
    page.get_by_role("button", name="Create the account").click()
    page.locator(".field-error").first.wait_for()
    yield "signup-refused"
    page.goto(reverse("dummy_login"))
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Account ID").fill("7")
    yield "social-dummy"
    page.get_by_role("button", name="Login").click()
    page.get_by_text("One thing more").wait_for()
    yield "social-signup"


def of_a_new_account(page: Page) -> Steps:
    """Pages of someone who has just signed in for the first time."""
    for name, address in {
        "profile-new": reverse("account_profile"),
        "email": reverse("account_email"),
        "password": reverse("account_change_password"),
        "2fa-off": reverse("mfa_index"),
        "totp-activate": reverse("mfa_activate_totp"),
        "webauthn-none": reverse("mfa_list_webauthn"),
        "webauthn-add": reverse("mfa_add_webauthn"),
        "sessions": reverse("usersessions_list"),
        "keys-none": reverse("account_keys"),
        "webhooks-none": reverse("account_webhooks"),
        "clients-none": reverse("account_clients"),
        "data": reverse("account_data"),
        "close": reverse("account_close"),
        "connections": reverse("socialaccount_connections"),
        "logout": reverse("account_logout"),
        "device": reverse("account_device"),
        "reauthenticate": reverse("account_reauthenticate"),
    }.items():
        page.goto(address)
        yield name


def of_a_full_account(page: Page, context: BrowserContext, user: User) -> Steps:
    """Pages of someone who uses all that there is."""
    fake_authenticator(context, page)
    add_passkey(page, "Laptop", alone=True)
    furnish(user)
    key = user.api_keys.get(name="Backup script").pk
    webhook = user.webhooks.get(disabled_at=None)
    call = webhook.deliveries.get()
    page.goto(reverse("mfa_list_webauthn"))
    edit = page.get_by_role("link", name="Rename Laptop").get_attribute("href") or ""
    for name, address in {
        "profile": reverse("account_profile"),
        "email-pending": reverse("account_email"),
        "2fa-on": reverse("mfa_index"),
        "totp-deactivate": reverse("mfa_deactivate_totp"),
        "codes": reverse("mfa_view_recovery_codes"),
        "codes-generate": reverse("mfa_generate_recovery_codes"),
        "webauthn-list": reverse("mfa_list_webauthn"),
        "webauthn-edit": edit,
        "webauthn-remove": edit.replace("edit", "remove"),
        "keys": reverse("account_keys"),
        "key-revoke": reverse("account_key_revoke", args=[key]),
        "webhooks": reverse("account_webhooks"),
        "webhook": reverse("account_webhook", args=[webhook.pk]),
        "webhook-delivery": reverse("account_webhook_delivery", args=[webhook.pk, call.pk]),
        "clients": reverse("account_clients"),
        "client-disconnect": reverse("account_client_disconnect", args=[OUR_CLIENT]),
        "reauthenticate-code": reverse("mfa_reauthenticate"),
        "reauthenticate-key": reverse("mfa_reauthenticate_webauthn"),
        "oidc-consent": _consent_address(),
        "oidc-error": reverse("idp:oidc:authorization") + "?client_id=nobody",
        "oidc-logout": reverse("idp:oidc:logout"),
    }.items():
        visit(page, address)
        yield name
    yield from _making_a_key(page)
    yield from _making_a_webhook(page)
    yield from _connecting(page)
    page.context.clear_cookies(name="sessionid")
    page.goto(reverse("account_login"))
    page.get_by_label("Name or e-mail address").fill(user.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").wait_for()
    yield "2fa-authenticate"


def _making_a_key(page: Page) -> Steps:
    visit(page, reverse("account_keys"))
    page.get_by_label("Name").fill("WebUI")
    page.get_by_role("button", name="Make the key").click()
    page.locator("[data-new-key]").wait_for()
    yield "key-created"


def _making_a_webhook(page: Page) -> Steps:
    visit(page, reverse("account_webhooks"))
    page.get_by_label("Address", exact=True).fill("https://hooks.example/third")
    page.get_by_role("button", name="Make the webhook").click()
    page.locator("[data-new-secret]").wait_for()
    page.get_by_text("How to know that a call is ours").click()
    yield "webhook-created"


def _connecting(page: Page) -> Steps:
    page.goto(reverse("account_device") + "?code=WRONGCODE")
    yield "device-wrong"
    for button, name in {"Refuse": "device-denied", "Let it in": "device-confirmed"}.items():
        code = device_code(*Scope.values)["user_code"]
        page.goto(reverse("account_device") + f"?code={code}")
        yield f"device-confirm-{name}"
        page.get_by_role("button", name=button).click()
        page.get_by_text("You can close this page").wait_for()
        yield name


def furnish(user: User) -> None:
    """All that can be had without pressing buttons."""
    TOTP.activate(user, SECRET)
    EmailAddress.objects.create(user=user, email="alice@elsewhere.example", verified=False)
    for name, days in {"Backup script": None, "The workstation in the studio upstairs": 30}.items():
        ends = timezone.now() + timedelta(days=days) if days else None
        create_api_key(user=user, name=name, scopes=list(Scope), expires_at=ends)
    webhook, off = (
        create_webhook(by=user, url=f"https://hooks.example/{name}", events=SUBSCRIBABLE)
        for name in ("a-rather-long-address-of-a-program/that-mirrors-everything", "old")
    )
    update_webhook(webhook=off, by=user, enabled=False)
    call = ping(webhook=webhook, by=user)
    call.attempts.create(number=1, milliseconds=10_012, error="There was no answer in time.")
    call.attempts.create(number=2, milliseconds=81, status_code=200, answer="thanks")
    token = Token(type=Token.Type.REFRESH_TOKEN, client_id=OUR_CLIENT, user=user)
    token.set_value("refresh")
    token.set_scopes([Scope.READ, Scope.UPLOAD])
    token.save()


def _consent_address() -> str:
    client, _ = Client.objects.get_or_create(
        id=WEB,
        name="A web page",
        type=Client.Type.PUBLIC,
        scopes="read\nupload",
        redirect_uris="https://app.example/back",
        grant_types=Client.GrantType.AUTHORIZATION_CODE,
        response_types=Client.ResponseType.CODE,
    )
    query = "response_type=code&scope=read+upload&state=x"
    back = "redirect_uri=https://app.example/back"
    proof = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    address = reverse("idp:oidc:authorization")
    return f"{address}?client_id={client.pk}&{query}&{back}&{proof}"
