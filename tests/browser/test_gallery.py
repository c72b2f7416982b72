"""The first page of the hub, before anything hangs in it."""

import re

from playwright.sync_api import Browser, Page, expect

from registry.models import User
from tests.browser.account_pages import sign_in
from tests.browser.conftest import CheckAccessibility


def test_it_is_accessible_in_both_themes(theme: str, page: Page, axe: CheckAccessibility) -> None:
    for address in ("/", "/?q=ink"):
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        axe(page)


def test_the_slider_lights_the_drawing_of_its_strength(page: Page) -> None:
    page.goto("/")
    lit = page.locator(".drawing-wall .shown")
    expect(lit).to_have_text("0.6")
    page.get_by_role("slider", name="Strength").focus()
    page.keyboard.press("End")
    expect(lit).to_have_text("1")
    page.keyboard.press("ArrowLeft")
    expect(lit).to_have_text("0.8")


def test_a_search_without_javascript(browser: Browser, base_url: str) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_role("searchbox").fill("ink wash")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?q=ink\+wash$"))
    expect(page.get_by_role("searchbox")).to_have_value("ink wash")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing to find yet")
    context.close()


def test_someone_signed_in_reaches_the_account_and_leaves_by_keyboard(
    page: Page, alice: User, axe: CheckAccessibility
) -> None:
    sign_in(page, alice)
    page.goto("/")
    page.locator("summary[aria-label='Your account']").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Profile")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
