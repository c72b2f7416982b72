"""The components in a real browser: accessible, usable by keyboard, and without JavaScript."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pytest_django import Settings

from tests.browser.conftest import CheckAccessibility

GUIDE = "/styleguide"


@pytest.fixture(autouse=True)
def _debug(settings: Settings, live_server: object) -> None:
    settings.DEBUG = True


@pytest.fixture
def plain_page(browser: Browser, base_url: str) -> Iterator[Page]:
    """A page in a browser whose JavaScript is off."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    yield context.new_page()
    context.close()


def focused(page: Page) -> str:
    """The name of what has the focus."""
    return str(
        page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
    )


class TestAccessibility:
    def test_every_component_in_both_themes(
        self, theme: str, page: Page, axe: CheckAccessibility
    ) -> None:
        page.goto(GUIDE)
        axe(page)

    def test_what_opens_over_the_page(
        self, theme: str, page: Page, axe: CheckAccessibility
    ) -> None:
        page.goto(GUIDE)
        page.locator("summary", has_text="Menu").click()
        axe(page)
        page.get_by_role("link", name="Delete…").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        axe(page)

    def test_right_to_left(self, page: Page, axe: CheckAccessibility) -> None:
        page.goto(GUIDE)
        page.evaluate("document.documentElement.dir = 'rtl'")
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    @pytest.mark.parametrize("width", [320, 390, 1024, 1600])
    def test_no_page_scrolls_sideways(self, page: Page, width: int) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        for path in (GUIDE, "/", "/account/login/"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path

    def test_motion_stops_for_those_who_ask(self, context: BrowserContext, page: Page) -> None:
        page.emulate_media(reduced_motion="reduce")
        page.goto(GUIDE)
        running = "document.getAnimations().filter((a) => a.playState === 'running').length"
        page.wait_for_function(f"{running} === 0")


class TestKeyboard:
    def test_the_first_stop_skips_to_the_content(self, page: Page) -> None:
        page.goto(GUIDE)
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content"
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()

    def test_the_focus_is_seen_on_every_stop(self, page: Page) -> None:
        page.goto(GUIDE)
        unseen = []
        for _ in range(60):
            page.keyboard.press("Tab")
            seen = page.evaluate(
                """() => {
                  const it = document.activeElement, style = getComputedStyle(it);
                  const outer = it.closest(".card") ? getComputedStyle(it.closest(".card")) : style;
                  return style.outlineStyle !== "none" || outer.outlineStyle !== "none"
                    || it.matches(".skip");
                }"""
            )
            if not seen:
                unseen.append(focused(page))
        assert not unseen

    def test_slash_goes_to_the_search_but_not_from_a_field(self, page: Page) -> None:
        page.goto(GUIDE)
        search = page.get_by_role("combobox", name="Search")
        page.keyboard.press("/")
        expect(search).to_be_focused()
        page.keyboard.press("Escape")
        expect(search).not_to_be_focused()

        name = page.locator("#empty_name")
        name.focus()
        page.keyboard.press("/")
        expect(name).to_be_focused()
        expect(name).to_have_value("/")

    def test_a_menu_opens_and_escape_gives_the_focus_back(self, page: Page) -> None:
        page.goto(GUIDE)
        summary = page.locator("summary", has_text="Menu")
        summary.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focused(page).strip() == "Share"
        page.keyboard.press("Escape")
        expect(page.locator("details.menu-start")).not_to_have_attribute("open", "")
        expect(summary).to_be_focused()

    def test_tabs_by_arrows(self, page: Page) -> None:
        page.goto(GUIDE)
        files = page.get_by_role("tab", name="Files")
        expect(page.get_by_role("tabpanel")).to_have_text("Files Two files.", use_inner_text=True)
        files.focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tabpanel")).to_contain_text("Three versions.")
        page.keyboard.press("End")
        expect(page.get_by_role("tab", name="Scan")).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(files).to_be_focused()

    def test_the_strength_moves_by_arrows(self, page: Page) -> None:
        page.goto(GUIDE)
        page.locator("#strength_marks").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("output[for=strength_marks]")).to_have_text("0.8")


class TestFeedback:
    def test_a_dialog_is_modal_and_gives_the_focus_back(self, page: Page) -> None:
        page.goto(GUIDE)
        opener = page.get_by_role("link", name="Delete…")
        opener.click()
        dialog = page.get_by_role("dialog", name="Delete “Ink wash”?")
        expect(dialog).to_be_visible()
        assert page.evaluate("document.querySelector('dialog').matches(':modal')")
        dialog.get_by_role("link", name="Keep it").click()
        expect(dialog).to_be_hidden()
        expect(opener).to_be_focused()

    def test_copying_says_so(self, context: BrowserContext, page: Page) -> None:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(GUIDE)
        page.get_by_role("button", name="Copy: prompt tag").click()
        expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == "<hypernet:ink-wash:0.6>"

    def test_a_notice_can_be_dismissed(self, page: Page) -> None:
        page.goto(GUIDE)
        notice = page.locator(".notice-good")
        notice.get_by_role("button", name="Dismiss").click()
        expect(notice).to_have_count(0)

    def test_a_sent_form_is_busy_and_not_sent_twice(self, page: Page) -> None:
        sent: list[str] = []

        def swallow(route: Route) -> None:
            """The answer that leaves the page where it is."""
            sent.append(route.request.url)
            route.fulfill(status=204)

        page.route("**/styleguide?**", swallow)
        page.goto(GUIDE)
        form = page.get_by_role("form", name="Empty form")
        form.evaluate("form => { form.noValidate = true }")
        save = form.get_by_role("button", name="Save")
        save.click()
        expect(save).to_have_attribute("aria-busy", "true")
        save.click()
        assert len(sent) == 1

    def test_the_theme_changes_at_once_and_stays(self, page: Page) -> None:
        page.goto(GUIDE)
        page.get_by_role("button", name="Switch to the light theme").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
        expect(page.get_by_role("button", name="Switch to the dark theme")).to_be_focused()
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", "light")


class TestWithoutJavaScript:
    def test_the_theme_changes_and_leads_back(self, plain_page: Page) -> None:
        plain_page.goto(GUIDE)
        plain_page.get_by_role("button", name="Switch to the light theme").click()
        expect(plain_page.locator("html")).to_have_attribute("data-theme", "light")
        assert plain_page.url.endswith(GUIDE)

    def test_a_dialog_opens_by_its_link_and_closes(self, plain_page: Page) -> None:
        plain_page.goto(GUIDE)
        dialog = plain_page.locator("dialog#sure")
        expect(dialog).to_be_hidden()
        plain_page.get_by_role("link", name="Delete…").click()
        expect(dialog).to_be_visible()
        dialog.get_by_text("Keep it").click()
        expect(dialog).to_be_hidden()

    def test_menus_open_and_every_panel_is_there(self, plain_page: Page) -> None:
        plain_page.goto(GUIDE)
        plain_page.locator("summary", has_text="Menu").click()
        expect(plain_page.get_by_role("link", name="Share")).to_be_visible()
        for words in ("Two files.", "Three versions.", "Nothing found."):
            expect(plain_page.get_by_text(words)).to_be_visible()

    def test_nothing_is_shown_that_needs_a_script(self, plain_page: Page) -> None:
        plain_page.goto(GUIDE)
        expect(plain_page.get_by_role("button", name="Dismiss")).to_have_count(0)
        expect(plain_page.get_by_role("button", name="Copy: prompt tag")).to_have_count(0)
