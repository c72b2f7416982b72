"""Publishing in a real browser: dropped, watched, described, published; and all that goes wrong."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.urls import reverse
from playwright.sync_api import Browser, Page, Request, Route, expect

from registry.models import Network, Upload, User, Version
from registry.networks import update_network
from tests.browser.account_pages import sign_in
from tests.browser.conftest import CheckAccessibility, Console
from tests.cast import PASSWORD
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    UploadFactory,
    VersionFactory,
)
from tests.jobs import run_waiting_jobs
from tests.uploads import FIXTURES, large_file

PUBLISH = reverse("publish")
PLAIN = FIXTURES / "swish_dropout.pt"
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(
      new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
  }
}"""


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """A machine that does other things too must not fail the tests."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, settings: LazySettings) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "files")
    settings.INCOMING_ROOT = str(tmp_path / "files" / "incoming")


def saved(page: Page) -> None:
    expect(page.locator("#save-state[data-saved]")).to_be_visible()


def test_from_a_dropped_file_to_a_published_network(
    page: Page, alice: User, transactional_db: None
) -> None:
    sign_in(page, alice)
    page.goto(PUBLISH)
    content = base64.b64encode(PLAIN.read_bytes()).decode()
    page.evaluate(DROP, ["ink_wash.pt", content])
    row = page.locator(".upload").filter(has_text="ink_wash.pt")
    expect(row.get_by_role("list", name="Steps of the check")).to_contain_text("Hashing")
    run_waiting_jobs()
    expect(row).to_contain_text("Checked, and safe")

    row.get_by_role("link", name="Details of ink_wash.pt").click()
    expect(page.get_by_label("Base model")).to_have_value("SD 1.5")
    page.get_by_label("Name", exact=True).fill("Ink wash")
    page.get_by_label("Description").fill("Wet **ink**.")
    saved(page)
    page.get_by_text("How it will look").first.click()
    expect(page.locator("#description-preview strong")).to_have_text("ink")
    page.get_by_role("button", name="Publish now").click()
    page.wait_for_url("**/alice/ink-wash", timeout=30_000)

    version = Version.objects.get()
    assert version.status == Version.Status.PUBLISHED
    assert (version.network.slug, version.base_model) == ("ink-wash", "SD 1.5")
    assert version.network.description == "Wet **ink**."


def test_a_connection_that_breaks_mid_upload_goes_on_where_it_was(
    page: Page, alice: User, console: Console, tmp_path: Path, transactional_db: None
) -> None:
    console.allow("net::ERR_")
    file = large_file(tmp_path / "large.pt")
    offsets: list[int] = []

    def third_part_breaks(route: Route, request: Request) -> None:
        if request.method != "PATCH":
            return route.continue_()
        offsets.append(int(request.headers["upload-offset"]))
        return route.abort("connectionreset") if len(offsets) == 2 else route.continue_()

    sign_in(page, alice)
    page.goto(PUBLISH)
    page.route("**/api/v1/uploads/*", third_part_breaks)
    page.get_by_label("Drop hypernetworks here").set_input_files(file)
    expect(page.locator("[data-said]")).to_contain_text("The connection is lost")
    expect(page.get_by_role("list", name="Steps of the check")).to_be_visible()

    assert offsets[:3] == [0, 8 << 20, 8 << 20]
    upload = Upload.objects.get()
    assert (upload.offset, upload.state) == (file.stat().st_size, Upload.State.RECEIVED)


def test_after_a_reload_the_same_file_goes_on(
    page: Page, alice: User, console: Console, tmp_path: Path, transactional_db: None
) -> None:
    file = large_file(tmp_path / "large.pt")
    offsets: list[int] = []
    first = True

    def only_one_part(route: Route, request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))
            if first and len(offsets) > 1:
                return  # it hangs
        route.continue_()

    sign_in(page, alice)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(PUBLISH)
    page.route("**/api/v1/uploads/*", only_one_part)
    page.get_by_label("Drop hypernetworks here").set_input_files(file)
    row = page.locator(".upload")
    expect(row.locator("progress")).not_to_have_attribute("value", "0")
    reached = "() => document.querySelector('.upload progress').value >= 40"
    page.wait_for_function(reached, timeout=30_000)
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("Paused.")

    page.reload()
    first = False
    expect(row).to_contain_text("choose the same file again")
    page.get_by_label("Drop hypernetworks here").set_input_files(file)
    expect(page.get_by_role("list", name="Steps of the check")).to_be_visible()
    assert offsets[-2:] == [8 << 20, 16 << 20] or offsets[-1] == 8 << 20
    assert Upload.objects.count() == Network.objects.count() == 1


def test_a_file_that_is_not_taken_is_a_sentence(
    page: Page, alice: User, console: Console, tmp_path: Path, transactional_db: None
) -> None:
    console.allow("422")
    (tmp_path / "empty.pt").touch()
    (tmp_path / "picture.pt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    sign_in(page, alice)
    page.goto(PUBLISH)
    files: Any = [tmp_path / "empty.pt", tmp_path / "picture.pt"]
    page.get_by_label("Drop hypernetworks here").set_input_files(files)
    expect(page.locator(".upload").filter(has_text="empty.pt")).to_contain_text("The file is empty")
    row = page.locator(".upload").filter(has_text="picture.pt")
    expect(row.get_by_role("list", name="Steps of the check")).to_be_visible()
    run_waiting_jobs()
    expect(row).to_contain_text("This file is not taken in.")
    assert Network.objects.count() == 1


def test_one_of_several_is_cancelled_and_the_other_goes_on(
    page: Page, alice: User, console: Console, tmp_path: Path, transactional_db: None
) -> None:
    console.allow("net::ERR_")
    held: list[Route] = []
    holds = True

    def hold(route: Route, request: Request) -> None:
        if holds and request.method == "PATCH":
            held.append(route)
        else:
            route.continue_()

    sign_in(page, alice)
    page.goto(PUBLISH)
    page.route("**/api/v1/uploads/*", hold)
    files: Any = [FIXTURES / "linear_default.pt", PLAIN]
    page.get_by_label("Drop hypernetworks here").set_input_files(files)
    page.wait_for_function("() => document.querySelectorAll('.upload progress').length === 2")
    page.get_by_role("button", name="Cancel linear_default.pt").click()
    expect(page.locator(".upload")).to_have_count(1)
    holds = False
    other = str(Upload.objects.get(name=PLAIN.name).pk)
    next(route for route in held if other in route.request.url).continue_()
    expect(page.get_by_role("list", name="Steps of the check")).to_be_visible()
    states = dict(Upload.objects.values_list("name", "state"))
    assert states == {"linear_default.pt": "cancelled", PLAIN.name: "received"}


def test_two_tabs_and_a_session_that_ends_lose_nothing(
    page: Page, alice: User, console: Console, transactional_db: None
) -> None:
    console.allow("409")
    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice, slug="ink"))
    address = reverse("draft", args=[draft.pk])
    sign_in(page, alice)
    page.goto(address)
    other = page.context.new_page()
    other.goto(address)
    page.get_by_label("Description").fill("From the first tab.")
    saved(page)
    other.get_by_role("textbox", name="Description").fill("From the second tab.")
    expect(other.locator("#save-state")).to_contain_text("Another tab saved something else")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.locator(".theirs")).to_contain_text("From the first tab.")
    expect(other.get_by_role("textbox", name="Description")).to_have_value("From the second tab.")
    other.close(run_before_unload=False)

    page.context.clear_cookies(name="sessionid")
    page.get_by_label("What changed").fill("An hour’s work.")
    expect(page.locator("#save-state[data-signed-out]")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_label("Name or e-mail address").fill(alice.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{address}")
    expect(page.get_by_label("What changed")).to_have_value("An hour’s work.")
    expect(page.locator("#save-state")).not_to_be_empty()
    draft.refresh_from_db()
    assert draft.changelog == "An hour’s work."


def test_a_saved_text_is_not_put_back_over_a_newer_one(
    page: Page, alice: User, transactional_db: None
) -> None:
    network = PublishedVersionFactory(network__creator=alice).network
    address = reverse("edit_network", args=[network.pk])
    sign_in(page, alice)
    page.goto(address)
    page.get_by_role("textbox", name="Description").fill("Typed here.")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(lambda url: address not in url)
    update_network(network=network, by=alice, description="Changed elsewhere since.")
    page.goto(address)
    expect(page.get_by_role("textbox", name="Description")).to_have_value(
        "Changed elsewhere since."
    )
    page.get_by_role("textbox", name="Description").fill("Typed, and the tab crashes.")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(PUBLISH)
    page.goto(address)
    expect(page.get_by_role("textbox", name="Description")).to_have_value(
        "Typed, and the tab crashes."
    )
    assert Network.objects.get().description == "Changed elsewhere since."


def test_tags_are_completed_by_keyboard(page: Page, alice: User, transactional_db: None) -> None:
    PublishedVersionFactory(network__tags=["watercolour", "wash"])
    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice, tags=["ink"]))
    sign_in(page, alice)
    page.goto(reverse("draft", args=[draft.pk]))
    field = page.get_by_label("Tags", exact=False).first
    field.focus()
    page.keyboard.press("End")
    page.keyboard.type(", water")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("ink, watercolour, ")
    saved(page)
    assert sorted(tag.name for tag in draft.network.tags.all()) == ["ink", "watercolour"]


def test_without_javascript(browser: Browser, base_url: str, alice: User) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, alice)
    page.goto(PUBLISH)
    page.get_by_label("Drop hypernetworks here").set_input_files(PLAIN)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("list", name="Steps of the check")).to_be_visible()
    run_waiting_jobs()
    page.reload()
    page.get_by_label("Name", exact=True).fill("Plain ink")
    page.get_by_role("textbox", name="Tags").fill("ink, plain")
    page.get_by_role("button", name="Publish now").click()
    expect(page.get_by_text("Published.", exact=True).first).to_be_visible()
    assert Network.objects.get().slug == "plain-ink"
    context.close()


def test_the_pages_are_accessible_in_both_themes(
    theme: str, page: Page, alice: User, axe: CheckAccessibility, transactional_db: None
) -> None:
    refused = VersionFactory(network=NetworkFactory(creator=alice, name="墨絵", slug="sumi-e"))
    upload = UploadFactory(owner=alice, version=refused, state="refused", offset=1000)
    upload.findings.create(
        rule="zip-gap", severity="malformed", message="There is a gap.", data={"offset": 12}
    )
    UploadFactory(owner=alice, version=VersionFactory(network__creator=alice))
    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice, name="حبر", slug="hibr"))
    out = PublishedVersionFactory(network__creator=alice, network__name="A" * 60)
    sign_in(page, alice)
    for address in (
        PUBLISH,
        reverse("my_networks"),
        reverse("draft", args=[refused.pk]),
        reverse("draft", args=[draft.pk]),
        reverse("delete_draft", args=[draft.pk]),
        reverse("new_version", args=[out.network_id]),
        reverse("edit_network", args=[out.network_id]),
        reverse("yank_version", args=[out.pk]),
        reverse("delete_network", args=[out.network_id]),
    ):
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        page.evaluate("document.querySelectorAll('main details').forEach((d) => { d.open = true })")
        axe(page)
