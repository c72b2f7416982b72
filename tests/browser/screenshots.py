"""Pictures of pages of a running hub, for a designer's eye: three widths, both themes.

    python -m tests.browser.screenshots http://127.0.0.1:8000 / /styleguide
    python -m tests.browser.screenshots http://127.0.0.1:8000 /account/ --as alice:password

They are written into ./screenshots, which git ignores.
"""

import argparse
import re
import shutil
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

WIDTHS = (390, 1024, 1600)
HEIGHT = 900
FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
SEE_EVERYTHING = """async () => {
  document.querySelectorAll("img[loading=lazy]").forEach((img) => { img.loading = "eager" });
  await Promise.all([...document.images].map((img) => img.decode().catch(() => 0)));
  await document.fonts.ready;
}"""


def take(site: str, paths: list[str], person: str, widths: list[int]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--font-render-hinting=none"],
        )
        for theme in ("dark", "light"):
            context = browser.new_context(base_url=site)
            context.add_cookies([{"name": "theme", "value": theme, "url": site}])
            if person:
                sign_in(context, *person.split(":", 1))
            for width in widths:
                page = context.new_page()
                page.set_viewport_size({"width": width, "height": HEIGHT})
                for path in paths:
                    page.goto(path)
                    page.evaluate(SEE_EVERYTHING)
                    page.wait_for_timeout(400)
                    page.screenshot(
                        path=FOLDER / f"{name_of(path)}-{width}-{theme}.png", full_page=True
                    )
                page.close()
        browser.close()


def sign_in(context: BrowserContext, name: str, password: str) -> None:
    page = context.new_page()
    page.goto("/account/login/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", password)
    with page.expect_navigation():
        page.press("[name=password]", "Enter")
    page.close()


def name_of(path: str) -> str:
    return re.sub(r"[^\w.-]+", "_", path.strip("/")) or "gallery"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("site")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--as", dest="person", default="", metavar="NAME:PASSWORD")
    parser.add_argument("--width", type=int, action="append", help="instead of 390, 1024, 1600")
    given = parser.parse_args()
    take(given.site, given.paths, given.person, given.width or list(WIDTHS))
