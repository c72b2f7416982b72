"""./bench pages: every page of the hub in headless Chromium, with many networks in the gallery.

The hub is started as `./run` starts it. Printed for each page, at the width of a phone and of a
desk, the middle of several visits with an empty cache: KiB of HTML, CSS and JavaScript as they
travel, the Largest Contentful Paint and the Cumulative Layout Shift; and how many queries the page
makes, counted by asking the same page of the same database in this process. Then how long a change
of a filter and a step of the slider take, from the hand to the next frame with the new picture.
"""

import argparse
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from tests.hub.embedded.stack import Stack

GOALS: Final = {"KiB": 120.0, "LCP ms": 1000.0, "CLS": 0.02, "queries": 12.0}
HAND_MS: Final = 100
SIZES: Final = {"phone": (390, 844), "desk": (1600, 1000)}
TEXT: Final = frozenset({"Document", "Stylesheet", "Script"})
PICTURED = 24  # networks with pictures of their own; the others show these again
OBSERVE: Final = """() => {
  window.seen = { lcp: 0, cls: 0 };
  new PerformanceObserver((list) => { for (const e of list.getEntries()) seen.lcp = e.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => {
    for (const e of list.getEntries()) if (!e.hadRecentInput) seen.cls += e.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""
FILTERED: Final = """() => new Promise((done) => {
  const began = performance.now();
  document.addEventListener("htmx:afterSettle",
    () => requestAnimationFrame(() => done(performance.now() - began)), { once: true });
  document.querySelector('#sieve input[name="types"], #sieve input[type="checkbox"]').click();
})"""
SLID: Final = """() => new Promise((done) => {
  const slider = document.querySelector("[data-strengths]"), began = performance.now();
  slider.value = slider.value === "2" ? 3 : 2;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  const shown = document.querySelector(".stage-picture.shown");
  shown.decode().then(() => requestAnimationFrame(() => done(performance.now() - began)));
})"""


@dataclass(frozen=True)
class Visit:
    kib: float
    lcp: float
    cls: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench pages", description=__doc__)
    parser.add_argument("--networks", type=int, default=5000)
    parser.add_argument("--visits", type=int, default=5, help="of each page at each width")
    arguments = parser.parse_args()
    with filled_hub(arguments.networks) as hub:
        measure(hub, arguments.visits)


def measure(hub: Stack, visits: int) -> None:
    from tests.benchmarks.pages_rows import a_network, paths, queries_of

    # Before Playwright's own loop runs in this thread: Django takes it for async code.
    queries = {path: queries_of(path) for path in paths()}
    network = a_network()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        report_pages(browser, hub, queries, visits)
        report_hand(browser, "a filter", f"{hub.url}/", FILTERED, visits)
        report_hand(browser, "the slider", f"{hub.url}{network}", SLID, visits)
        browser.close()


@contextmanager
def filled_hub(networks: int) -> Iterator[Stack]:
    """A hub that runs, with so many networks."""
    stack = Stack()
    try:
        stack.start()
        os.environ |= {
            "HYPERHUB_DATA": str(stack.data.root),
            "DJANGO_SETTINGS_MODULE": "hub.settings",
            "SITE_URL": stack.url,
            "LOG_LEVEL": "WARNING",
        }
        import django

        django.setup()
        from tests.benchmarks.pages_rows import fill

        fill(networks, pictured=PICTURED)
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(stack.data.root.parent, ignore_errors=True)


def report_pages(browser: Browser, hub: Stack, queries: Mapping[str, int], visits: int) -> None:
    heads = "".join(f"{f'{name}, {head}':>16}" for name in SIZES for head in ("KiB", "LCP", "CLS"))
    print(f"{'':44}{heads}{'queries':>9}")
    for path, asked in queries.items():
        values, worst = "", {"queries": float(asked)}
        for size in SIZES.values():
            seen = [visit(browser, f"{hub.url}{path}", size) for _ in range(visits)]
            kib, lcp = median(v.kib for v in seen), median(v.lcp for v in seen)
            cls = max(v.cls for v in seen)
            values += f"{kib:>16.1f}{lcp:>16.0f}{cls:>16.3f}"
            for head, value in (("KiB", kib), ("LCP ms", lcp), ("CLS", cls)):
                worst[head] = max(worst.get(head, 0.0), value)
        missed = [head for head, goal in GOALS.items() if worst[head] > goal]
        verdict = f"missed: {', '.join(missed)}" if missed else "met"
        print(f"{path:44}{values}{worst['queries']:>9.0f}  {verdict}", flush=True)


def visit(browser: Browser, url: str, size: tuple[int, int]) -> Visit:
    """One visit with an empty cache, as somebody new."""
    with fresh_page(browser, size) as page:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        kinds: dict[str, str] = {}
        bytes_of: dict[str, float] = {}
        devtools.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["type"]}))
        devtools.on(
            "Network.loadingFinished",
            lambda e: bytes_of.update({e["requestId"]: e["encodedDataLength"]}),
        )
        page.add_init_script(f"({OBSERVE})()")
        page.goto(url, wait_until="networkidle")
        seen: dict[str, float] = page.evaluate("window.seen")
        text = sum(size for key, size in bytes_of.items() if kinds.get(key) in TEXT)
        return Visit(text / 1024, seen["lcp"], seen["cls"])


def report_hand(browser: Browser, what: str, url: str, script: str, visits: int) -> None:
    took = median(hand(browser, url, script) for _ in range(visits))
    verdict = "met" if took <= HAND_MS else "missed"
    print(f"{what:44}{took:>8.0f} ms from the hand to the frame  {verdict} (wanted: {HAND_MS})")


def hand(browser: Browser, url: str, script: str) -> float:
    with fresh_page(browser, SIZES["desk"]) as page:
        page.goto(url, wait_until="networkidle")
        return float(page.evaluate(script))


@contextmanager
def fresh_page(browser: Browser, size: tuple[int, int]) -> Iterator[Page]:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height})
    yield context.new_page()
    context.close()


if __name__ == "__main__":
    main()
