"""The help in a browser: accessible in both themes, within a phone's width, readable alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from hub.help.topics import TOPICS
from tests.browser.conftest import CheckAccessibility, judge

PAGES = ["/help", *(f"/help/{topic.slug}" for topic in TOPICS)]


def test_every_page_is_accessible(theme: str, page: Page, axe: CheckAccessibility) -> None:
    page.goto("/help")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)

    judge(page, axe, opened(page))


def opened(page: Page) -> Iterator[str]:
    for address in PAGES:
        page.goto(address)
        yield address


@pytest.mark.parametrize("width", [1024, 1600])
def test_lines_are_of_a_length_to_read(width: int, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/help/strength")
    letters = page.locator(".prose > section > p").first.evaluate(
        """(p) => {
          const ruler = document.createElement("span");
          ruler.textContent = "0".repeat(10);
          p.append(ruler);
          const letter = ruler.getBoundingClientRect().width / 10;
          ruler.remove();
          return p.getBoundingClientRect().width / letter;
        }"""
    )
    assert letters <= 66
