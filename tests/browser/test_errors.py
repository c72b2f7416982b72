"""What went wrong, as people see it."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django import Settings

from tests.browser.conftest import CheckAccessibility, Console

PAGES = {
    "/explode/suspicious": "The hub could not read that",
    "/explode/denied": "This is not open to you",
    "/nowhere": "Nothing hangs here",
    "/only-post": "That is not how this page works",
    "/explode/gone": "This was taken down",
    "/explode/too-big": "That is too big",
    "/bare/429": "Too fast",
    "/explode/bug": "Something broke on our side",
    "/explode/trouble": "The hub is busy",
}


@pytest.fixture(autouse=True)
def _views_that_break(settings: Settings, live_server: object, console: Console) -> None:
    settings.ROOT_URLCONF = "tests.hub.test_errors"
    console.allow("the server responded with a status of")


def test_every_page_is_accessible_in_both_themes(
    theme: str, page: Page, axe: CheckAccessibility
) -> None:
    for address, title in PAGES.items():
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        axe(page)


def test_every_page_leads_back_to_the_gallery(page: Page) -> None:
    for address in PAGES:
        page.goto(address)
        page.get_by_role("link", name="To the gallery").click()
        expect(page).to_have_title("Gallery · HyperHub")


def test_a_page_that_is_not_there_can_be_searched_for(page: Page) -> None:
    page.goto("/nowhere")
    page.keyboard.press("/")
    page.keyboard.type("ink")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/?q=ink")


def test_a_form_that_lost_its_cookie_says_so(page: Page, context: BrowserContext) -> None:
    page.goto("/account/login/")
    page.get_by_label("Name or e-mail address").fill("alice")
    page.get_by_label("Password").fill("correct horse battery")
    context.clear_cookies()
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This form was open for too long")
