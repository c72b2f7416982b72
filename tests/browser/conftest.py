"""A real Chromium on the live site. A page that logs an error to its console fails its test."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from pytest_django.live_server_helper import LiveServer

# Playwright's own loop runs in the test's thread; Django takes that for async code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
HERE = Path(__file__).parent
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Colours are judged when they have arrived; a spinner never does.
SETTLE = """Promise.all(document.getAnimations()
  .filter((a) => a.effect.getComputedTiming().endTime !== Infinity)
  .map((a) => a.finished))"""
CheckAccessibility = Callable[..., None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's chromium where there is one, else Playwright's own."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    return {
        **browser_type_launch_args,
        **({"executable_path": program} if program else {}),
        # Chromium's sandbox does not start as root, nor in most containers.
        "args": ["--no-sandbox", "--disable-dev-shm-usage"],
    }


@pytest.fixture(scope="session")
def base_url(live_server: LiveServer) -> str:
    """`page.goto("/")` is the site of this run."""
    return str(live_server.url)


@dataclass
class Console:
    """What the browser complained about: script errors, refused styles, failed loads."""

    complaints: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, part: str) -> None:
        """Expect complaints that contain `part`, such as "404" on a page of that status."""
        self.allowed.append(part)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location['url']})")

    @property
    def unexpected(self) -> list[str]:
        return [c for c in self.complaints if not any(part in c for part in self.allowed)]


@pytest.fixture
def console(context: BrowserContext) -> Iterator[Console]:
    heard = Console()
    context.on("console", heard.hear)
    context.on("weberror", lambda error: heard.complaints.append(str(error.error)))
    yield heard
    assert not heard.unexpected, "\n".join(heard.unexpected)


@pytest.fixture
def page(console: Console, page: Page) -> Page:
    page.set_default_timeout(10_000)
    return page


@pytest.fixture(params=["dark", "light"])
def theme(request: pytest.FixtureRequest, context: BrowserContext, base_url: str) -> str:
    """The test runs once in each theme; ask for it before the first `page.goto`."""
    name = str(request.param)
    context.add_cookies([{"name": "theme", "value": name, "url": base_url}])
    return name


@pytest.fixture
def axe() -> CheckAccessibility:
    """`axe(page)` fails with every violation of WCAG 2.2 AA and of axe's best practices."""

    def check(page: Page, context: str | None = None) -> None:
        page.evaluate(SETTLE)
        found = Axe().run(
            page,
            context=context,
            options={
                "runOnly": AXE_RULES,
                "resultTypes": ["violations"],
            },
        )
        violations = found.response["violations"]
        assert not violations, "\n".join(
            f"{v['id']}: {v['help']}\n  {node['html']}\n  {node['failureSummary']}"
            for v in violations
            for node in v["nodes"]
        )

    return check


def judge(page: Page, axe: CheckAccessibility, steps: Iterable[str]) -> None:
    """axe on each page, and none may scroll sideways on a phone; all complaints at once."""
    complaints = []
    for name in steps:
        try:
            axe(page)
        except AssertionError as found:
            complaints.append(f"{name}: {found}")
        page.set_viewport_size({"width": 390, "height": 844})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            complaints.append(f"{name}: scrolls sideways at 390 px")
        page.set_viewport_size({"width": 1280, "height": 720})
    assert not complaints, "\n".join(complaints)
