"""The first page of the hub."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import CheckAccessibility


def test_the_first_page_is_accessible_in_both_themes(
    theme: str, page: Page, axe: CheckAccessibility
) -> None:
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    axe(page)
