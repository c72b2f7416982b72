"""The page of the API, with and without JavaScript."""

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import CheckAccessibility


def test_it_is_accessible_in_both_themes(theme: str, page: Page, axe: CheckAccessibility) -> None:
    page.goto("/api/docs")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    for anchor in ("listModels", "createUpload", "shape-Compatibility"):
        page.locator(f"details:has(#{anchor}) > summary").click()
    axe(page)


def test_a_link_to_a_shape_opens_it(browser: Browser, base_url: str) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/api/docs#readModel")
    expect(page.get_by_text("Its creator sees drafts")).to_be_visible()
    page.locator("#readModel").get_by_role("link", name="Model", exact=True).click()
    expect(page.locator("#shape-Model")).to_be_visible()
    context.close()


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/api/docs#listModels")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
