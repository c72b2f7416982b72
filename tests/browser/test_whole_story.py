"""The whole story, on the whole hub as `./run` starts it: a newcomer publishes, a stranger takes.

Nothing is played: real processes, a real base model (small, of random weights), and the clients
that people have.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from huggingface_hub import HfApi
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Console
from tests.hub.embedded.stack import Stack, until
from tests.inference.bases import SIDE, tiny_base
from tests.uploads import FIXTURES

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]
FILE = FIXTURES / "swish_dropout.pt"
LINK_IN_MAIL = re.compile(r"https?://\S+/account/confirm-email/\S+")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Stack]:
    base = {
        "name": "Small SD",
        "family": "sd1",
        "path": str(tiny_base(tmp_path / "base")),
        "stands_for": ["SD 1.5"],
        **{"width": SIDE, "height": SIDE, "steps": 4},
    }
    stack = Stack(settings={"BASE_MODELS": json.dumps([base])})
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """A machine that does other things too must not fail the test."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


def test_from_a_creators_file_to_a_strangers_download(
    hub: Stack, page: Page, browser: Browser, console: Console, tmp_path: Path
) -> None:
    page.set_default_timeout(60_000)
    _sign_up(page, hub)
    _publish(page, hub)
    _watch_the_grid(page)

    context = browser.new_context(base_url=hub.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    stranger = context.new_page()
    stranger.on("console", console.hear)
    _find(stranger)
    _choose_the_strength(stranger)
    taken = _download(stranger, tmp_path)
    context.close()

    digest = hashlib.sha256(taken.read_bytes()).hexdigest()
    [file] = hub.rows("SELECT flavour FROM registry_file WHERE sha256 = %s", digest)
    assert file["flavour"] == "portable"
    _programs_find_it_too(hub, taken.name, digest, tmp_path)


def _sign_up(page: Page, hub: Stack) -> None:
    page.goto(f"{hub.url}/account/signup/")
    page.get_by_label("E-mail address").fill("new@example.org")
    page.get_by_label("Public name").fill("newcomer")
    page.get_by_label("Password").fill("violet otter 9")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    until(lambda: _links(hub), "the mail")
    page.goto(_links(hub)[-1])
    page.get_by_role("button", name="Yes, it is mine").click()
    expect(page.get_by_label("Your account")).to_be_visible()


def _links(hub: Stack) -> list[str]:
    """A hub without a mail server writes its mails into the log."""
    logs = [file.read_text(errors="replace") for file in hub.data.logs.glob("*.log")]
    return LINK_IN_MAIL.findall("\n".join([hub.said(), *logs]))


def _publish(page: Page, hub: Stack) -> None:
    page.goto(f"{hub.url}/publish")
    page.get_by_label("Drop hypernetworks here").set_input_files(FILE)
    row = page.locator(".upload").filter(has_text=FILE.name)
    expect(row).to_contain_text("Checked, and safe")
    row.get_by_role("link", name=f"Details of {FILE.name}").click()
    page.get_by_label("Name", exact=True).fill("Ink wash")
    page.get_by_label("Description").fill("Wet **ink** on rough paper.")
    expect(page.locator("#save-state[data-saved]")).to_be_visible()
    page.get_by_role("button", name="Publish now").click()
    page.wait_for_url("**/newcomer/ink-wash")


def _watch_the_grid(page: Page) -> None:
    """The page fills by itself, up to the last cell."""
    expect(page.locator("#grid [data-cell] img")).to_have_count(24, timeout=400_000)
    expect(page.locator("#grid-progress")).to_have_count(0)


def _find(page: Page) -> None:
    page.goto("/")
    page.get_by_role("combobox", name="Search").fill("rough paper")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=*")
    page.get_by_role("link", name="Ink wash", exact=True).click()
    page.wait_for_url("**/newcomer/ink-wash*")


def _choose_the_strength(page: Page) -> None:
    shown = page.locator(".stage-picture.shown")
    slider = page.get_by_role("slider", name="Strength")
    slider.press("Home")
    without = shown.get_attribute("src")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.5")
    expect(shown).to_have_attribute("alt", re.compile("at strength 0.5$"))
    assert shown.get_attribute("src") != without
    page.locator("[data-tag]").get_by_role("button", name=re.compile("Copy")).click()
    expect(page.locator("#toasts")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"<hypernet:[^:>]+:0\.5>", copied)


def _download(page: Page, tmp_path: Path) -> Path:
    with page.expect_download() as download:
        page.locator("[data-download]").click()
    taken = tmp_path / download.value.suggested_filename
    download.value.save_as(taken)
    return taken


def _programs_find_it_too(hub: Stack, name: str, digest: str, tmp_path: Path) -> None:
    with urlopen(f"{hub.url}/api/v1/model-versions/by-hash/{digest}") as answer:  # noqa: S310
        found = json.load(answer)
    assert digest.upper() in {file["hashes"]["SHA256"].upper() for file in found["files"]}

    api = HfApi(endpoint=hub.url, token=False)
    assert name in api.list_repo_files("newcomer/ink-wash")
    fetched = api.hf_hub_download("newcomer/ink-wash", name, cache_dir=tmp_path / "huggingface")
    assert hashlib.sha256(Path(fetched).read_bytes()).hexdigest() == digest
