"""The account area in a real browser: the whole way in, passkeys, and every page judged by axe."""

import re
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect
from rest_framework.test import APIClient

from registry.models import User
from tests.browser import account_pages
from tests.browser.account_pages import add_passkey, device_code, fake_authenticator, sign_in
from tests.browser.conftest import CheckAccessibility, Console, judge
from tests.cast import PASSWORD
from tests.hub.accounts.conftest import link_in
from tests.hub.accounts.test_clients import GRANT
from tests.hub.accounts.test_second_factor import totp

ME = "/api/v1/me"


def call(secret: str) -> Any:
    return APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {secret}")


def test_from_signing_up_to_a_connected_program(
    page: Page, mailoutbox: list[EmailMessage], transactional_db: None
) -> None:
    _sign_up(page, mailoutbox)
    secret = _set_up_an_app(page)
    _sign_in_with_the_app(page, secret)
    _make_a_key_and_call(page)
    _let_a_program_in_and_out_again(page)


def _sign_up(page: Page, mailoutbox: list[EmailMessage]) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").first.click()
    page.get_by_label("E-mail address").fill("new@example.org")
    page.get_by_label("Public name").fill("newcomer")
    page.get_by_label("Password").fill("violet otter 9")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")

    page.goto(link_in(mailoutbox[0]))
    page.get_by_role("button", name="Yes, it is mine").click()
    expect(page.get_by_label("Your account")).to_be_visible()


def _set_up_an_app(page: Page) -> str:
    """Its secret. A link in a mail opened the account, so the password is asked for first."""
    page.get_by_label("Your account").click()
    page.get_by_role("link", name="Two-factor").click()
    page.get_by_role("link", name="Set up an app").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it you?")
    page.get_by_label("Password").fill("violet otter 9")
    page.get_by_role("button", name="Go on").click()

    secret = page.locator(".code code").inner_text()
    page.get_by_label("Code").fill(totp(secret, steps=-1))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    expect(page.locator("[data-recovery-codes] code")).to_have_text(re.compile(r"(\d{8}\s*){10}"))
    return secret


def _sign_in_with_the_app(page: Page, secret: str) -> None:
    page.get_by_label("Your account").first.click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("Name or e-mail address").fill("new@example.org")
    page.get_by_label("Password", exact=True).fill("violet otter 9")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").fill(totp(secret))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Your account")).to_be_visible()


def _make_a_key_and_call(page: Page) -> None:
    page.goto(reverse("account_keys"))
    page.get_by_label("Name").fill("WebUI")
    page.get_by_label("upload and edit your networks").check()
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("[data-new-key] code").inner_text()
    assert call(key).json()["scopes"] == ["read", "upload"]

    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text(key)).to_have_count(0)
    page.get_by_role("link", name="Revoke WebUI").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("no longer works")).to_be_visible()
    assert call(key).status_code == 401


def _let_a_program_in_and_out_again(page: Page) -> None:
    asked = device_code("read", "train")
    page.goto(reverse("account_clients"))
    page.get_by_role("link", name="Enter a code").click()
    page.get_by_label("Code").fill(asked["user_code"].lower())
    page.get_by_role("button", name="Go on").click()
    expect(
        page.get_by_role("listitem").filter(has_text="render previews and train")
    ).to_be_visible()
    page.get_by_role("button", name="Let it in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It is connected")

    token = APIClient().post(
        reverse("idp:oidc:token"),
        f"grant_type={GRANT}&client_id=hyperhub-clients&device_code={asked['device_code']}",
        content_type="application/x-www-form-urlencoded",
    )
    access = token.json()["access_token"]
    assert call(access).json()["username"] == "newcomer"

    page.get_by_role("link", name="See your connected apps").click()
    page.get_by_role("link", name="Disconnect HyperHub clients").click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("heading", name="No app is connected")).to_be_visible()
    assert call(access).status_code == 401


def test_a_passkey_alone_opens_the_account(
    page: Page, context: BrowserContext, alice: User, transactional_db: None
) -> None:
    sign_in(page, alice)
    fake_authenticator(context, page)
    add_passkey(page, "Laptop", alone=True)

    context.clear_cookies()
    page.goto(reverse("account_login"))
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_label("Your account")).to_be_visible()


def test_a_security_key_is_the_second_step(
    page: Page, context: BrowserContext, alice: User, transactional_db: None
) -> None:
    sign_in(page, alice)
    fake_authenticator(context, page)
    add_passkey(page, "Ring", alone=False)

    context.clear_cookies()
    page.goto(reverse("account_login"))
    page.get_by_label("Name or e-mail address").fill(alice.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The second proof")
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_label("Your account")).to_be_visible()


def test_a_passkey_that_is_not_there_is_said_on_the_page(
    page: Page, transactional_db: None
) -> None:
    page.add_init_script("navigator.credentials.get = async () => { throw new DOMException() }")
    page.goto(reverse("account_login"))
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("The passkey was not used.")).to_be_visible()


def test_signing_in_and_a_key_need_no_script(
    browser: Browser, base_url: str, alice: User, transactional_db: None
) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, alice)
    page.goto(reverse("account_keys"))
    page.get_by_label("Name").fill("script")
    page.get_by_role("button", name="Make the key").click()

    key = page.locator("[data-new-key] code").inner_text()
    assert call(key).json()["username"] == "alice"
    context.close()


def test_the_present_page_of_the_account_is_in_sight_on_a_phone(
    page: Page, alice: User, transactional_db: None
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, alice)
    page.goto(reverse("account_clients"))

    expect(page.locator(".side-nav [aria-current]")).to_be_in_viewport(ratio=1)


def test_the_admin_works_under_the_content_policy(
    page: Page, boss: User, alice: User, transactional_db: None
) -> None:
    """Whatever its pages ask for that is refused would be an error on the console."""
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    sign_in(page, boss)
    page.goto(reverse("admin:registry_user_changelist"))
    page.get_by_role("link", name="alice").click()
    page.get_by_label("Role").select_option("moderator")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("row").filter(has_text="alice")).to_contain_text("moderator")


@pytest.mark.slow
def test_every_page_for_strangers_is_accessible(
    theme: str, page: Page, axe: CheckAccessibility, console: Console, transactional_db: None
) -> None:
    console.allow("401")  # the page of a sign-in elsewhere that failed
    judge(page, axe, account_pages.without_an_account(page))


@pytest.mark.slow
def test_every_page_of_a_new_account_is_accessible(
    theme: str, page: Page, axe: CheckAccessibility, alice: User, transactional_db: None
) -> None:
    sign_in(page, alice)
    judge(page, axe, account_pages.of_a_new_account(page))


@pytest.mark.slow
def test_every_page_of_a_full_account_is_accessible(
    theme: str,
    page: Page,
    context: BrowserContext,
    axe: CheckAccessibility,
    console: Console,
    alice: User,
    transactional_db: None,
) -> None:
    console.allow("400")  # the page of a wrong device code
    sign_in(page, alice)
    judge(page, axe, account_pages.of_a_full_account(page, context, alice))
