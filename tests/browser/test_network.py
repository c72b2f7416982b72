"""A network's page in a real browser: every strength by mouse, touch and keyboard, and without any
script."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from inference.models import BaseModel, Cell, PreviewGrid
from inference.strength import measure_strength
from registry.models import Network, Picture, User, Version
from registry.networks import take_down_network
from tests.browser.account_pages import sign_in
from tests.browser.conftest import CheckAccessibility, Console, judge
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.grids import grid_of, paint
from tests.hub.network.conftest import MEASURED, rendered
from tests.inference.conftest import make_base_model
from tests.pictures import picture_of, png

INK = "/alice/ink"


@pytest.fixture
def base_model(transactional_db: None) -> BaseModel:
    return make_base_model()


@pytest.fixture
def network(transactional_db: None, alice: User) -> Network:
    made: Network = NetworkFactory(creator=alice, slug="ink", name="Ink wash", tags=["ink"])
    return made


@pytest.fixture
def version(network: Network, base_model: BaseModel) -> Version:
    made = PublishedVersionFactory(network=network, stem="InkWash", trigger_words=["inkwash"])
    return rendered(made, base_model, drawn=True)


def sha256_of(row: int, multiplier: float) -> str:
    return Cell.objects.get(row=row, multiplier=multiplier).sha256


def on_stage(page: Page) -> Locator:
    return page.locator(".stage-picture.shown")


def expect_strength(page: Page, strength: str, *, row: int = 0) -> None:
    """The picture, the figure, the address of the next visit, and the tag agree."""
    sha256 = sha256_of(row, float(strength))
    expect(on_stage(page)).to_have_attribute("src", re.compile(sha256))
    expect(page.get_by_role("slider", name="Strength")).to_have_attribute(
        "aria-valuetext", strength
    )
    expect(page.locator("[data-tag] code")).to_have_text(f"<hypernet:InkWash:{strength}>")
    expect(page.locator(".curve-point.shown text")).to_have_text(strength)
    expect(page.locator("[data-tick][aria-current]")).to_contain_text(strength)


def test_the_slider_by_keyboard(page: Page, version: Version) -> None:
    page.goto(INK)
    expect_strength(page, "0.75")
    slider = page.get_by_role("slider", name="Strength")
    slider.focus()
    slider.press("ArrowLeft")
    expect_strength(page, "0.5")
    slider.press("End")
    expect_strength(page, "1.25")
    slider.press("Home")
    expect_strength(page, "0")
    expect(on_stage(page)).to_have_attribute("alt", re.compile("without the network"))
    expect(page).to_have_url(re.compile(r"\?prompt=1&strength=0$"))

    page.reload()
    expect_strength(page, "0")


def test_by_mouse_ticks_chips_and_across_the_picture(page: Page, version: Version) -> None:
    page.goto(INK)
    box = page.get_by_role("slider", name="Strength").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    expect_strength(page, "1.25")

    page.locator("[data-tick]", has_text="0.25").first.click()
    expect_strength(page, "0.25")
    page.get_by_role("link", name="a red fox in the snow").first.click()
    expect_strength(page, "0.25", row=1)
    expect(on_stage(page)).to_have_attribute("alt", "“a red fox in the snow” at strength 0.25")

    stage = page.locator("[data-stage]").bounding_box()
    assert stage is not None
    middle = stage["y"] + stage["height"] / 2
    page.mouse.move(stage["x"] + 20, middle)
    page.mouse.down()
    page.mouse.move(stage["x"] + 20 + stage["width"] * 0.34, middle, steps=6)
    page.mouse.up()
    expect_strength(page, "0.75", row=1)


def test_by_touch(browser: Browser, base_url: str, version: Version) -> None:
    context = browser.new_context(base_url=base_url, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(INK)
    page.locator("[data-tick]", has_text="0.5").first.tap()
    expect_strength(page, "0.5")
    box = page.get_by_role("slider", name="Strength").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 3, box["y"] + box["height"] / 2)
    expect_strength(page, "0")
    context.close()


def test_split_against_the_picture_without_the_network(page: Page, version: Version) -> None:
    page.goto(INK)
    toggle = page.get_by_role("button", name="Split with 0")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-without]")).to_have_attribute("src", re.compile(sha256_of(0, 0)))
    line = page.locator(".stage-line")
    handle = page.get_by_role("slider", name="How much is shown without the network")
    expect(handle).to_be_focused()

    def at() -> float:
        stage, drawn = page.locator("[data-stage]").bounding_box(), line.bounding_box()
        assert stage is not None and drawn is not None
        return (drawn["x"] + drawn["width"] / 2 - stage["x"]) / stage["width"]

    assert at() == pytest.approx(0.5, abs=0.02)
    for _ in range(10):
        handle.press("ArrowRight")
    assert at() == pytest.approx(0.6, abs=0.02)
    stage = page.locator("[data-stage]").bounding_box()
    assert stage is not None
    middle = stage["y"] + stage["height"] / 2
    page.mouse.move(stage["x"] + stage["width"] * 0.6, middle)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.2, middle, steps=5)
    page.mouse.up()
    assert at() == pytest.approx(0.2, abs=0.04)
    expect_strength(page, "0.75")
    toggle.click()
    expect(handle).to_be_hidden()


def test_the_whole_grid_and_the_parameters_of_a_cell(
    page: Page, context: BrowserContext, version: Version
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(INK)
    expect(page.locator("#grid")).to_be_hidden()
    page.get_by_role("link", name="All 12 pictures").click()
    page.get_by_role("link", name="“a red fox in the snow” at strength 1.25").click()
    expect_strength(page, "1.25", row=1)

    page.locator("summary", has_text="Parameters").click()
    page.get_by_role("button", name="Copy parameters").click()
    expect(page.locator("#toasts")).to_have_text("Copied")
    picture = Cell.objects.get(row=1, multiplier=1.25).picture
    assert picture is not None
    assert page.evaluate("navigator.clipboard.readText()") == picture.meta["parameters"]
    page.locator("[data-tag]").get_by_role("button").click()
    assert page.evaluate("navigator.clipboard.readText()") == "<hypernet:InkWash:1.25>"


def test_the_page_fills_while_pictures_are_rendered(
    page: Page, network: Network, base_model: BaseModel
) -> None:
    waiting = PublishedVersionFactory(network=network, stem="InkWash")
    grid = grid_of(waiting, base_model=base_model, done=False)
    page.goto(INK)
    expect(page.get_by_text("Waiting for a render worker")).to_be_visible()
    expect(page.get_by_text("Not rendered yet", exact=True)).to_be_visible()

    PreviewGrid.objects.update(status=PreviewGrid.Status.RENDERING)
    first = list(grid.cells.filter(row=0))
    for cell in first:
        paint(cell, drawn=True)
        cell.save()
    expect(page.get_by_text("6 of 12")).to_be_visible()
    expect(on_stage(page)).to_have_attribute("src", re.compile(sha256_of(0, 1.0)))

    for cell in grid.cells.filter(row=1):
        paint(cell, drawn=True)
        cell.save()
    curve = {point["multiplier"]: point for point in MEASURED["curve"]}
    measured = measure_strength(
        {m: [point["shift"]] for m, point in curve.items()},
        {m: [0.1 + 0.2 * point["kept"]] for m, point in curve.items()},
        unlike=0.1,
    ).as_json()
    Version.objects.filter(pk=waiting.pk).update(recommended_strength=measured["recommended"])
    PreviewGrid.objects.update(
        status=PreviewGrid.Status.DONE, finished_at=timezone.now(), measured=measured
    )
    expect(page.locator(".curve-point")).to_have_count(6)
    expect(page.locator("#grid-live [role=progressbar], #grid-live progress")).to_have_count(0)


def test_without_a_script(browser: Browser, base_url: str, version: Version) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.goto(INK)
    expect(page.locator("#grid img")).to_have_count(12)
    expect(page.locator("#grid")).to_be_visible()
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_role("link", name="0.25", exact=True).click()
    expect(on_stage(page)).to_have_attribute("src", re.compile(sha256_of(0, 0.25)))
    expect(page.locator("[data-tag] code")).to_have_text("<hypernet:InkWash:0.25>")
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^Download")).click()
    assert started.value.suggested_filename == "InkWash.pt"
    context.close()


def test_a_picture_is_shown_by_its_maker(
    page: Page, version: Version, bob: User, tmp_path: Path
) -> None:
    made = tmp_path / "made.png"
    made.write_bytes(png(300, 200, parameters="a fox <hypernet:InkWash:0.6>\nSteps: 20, Seed: 1"))
    sign_in(page, bob)
    page.goto(INK)
    page.get_by_role("link", name="Show yours").click()
    page.get_by_label("A picture", exact=True).set_input_files(made)
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_text("Your picture is shown here.")).to_be_visible()
    page.goto(INK)
    expect(page.get_by_role("img", name=re.compile("A picture by bob"))).to_be_visible()


@pytest.mark.slow
def test_every_state_is_accessible(
    theme: str,
    page: Page,
    axe: CheckAccessibility,
    console: Console,
    version: Version,
    network: Network,
    base_model: BaseModel,
    mod: User,
) -> None:
    console.allow("410")

    def states() -> Iterator[str]:
        said = picture_of(
            version, png(parameters="x"), meta={"prompt": "a fox", "parameters": "a fox"}
        )
        Picture.objects.filter(pk=said.pk).update(is_preview=False)
        page.goto(INK)
        yield "whole"
        page.evaluate(
            "document.querySelectorAll('details.fold, .viewer details').forEach(d => d.open = 1)"
        )
        page.get_by_role("button", name="Split with 0").click()
        page.get_by_role("link", name="All 12 pictures").click()
        yield "all of it open"
        page.goto(f"{INK}/pictures")
        yield "people's pictures"
        Network.objects.update(content_level="mature")
        page.goto(INK)
        yield "behind the gate"
        Network.objects.update(content_level="general")
        PreviewGrid.objects.update(status="rendering", finished_at=None)
        page.goto(INK)
        yield "being rendered"
        PreviewGrid.objects.all().delete()
        page.goto(INK)
        yield "no pictures"
        take_down_network(network=network, reason="A living person.", by=mod)
        page.goto(INK)
        yield "tombstone"

    judge(page, axe, states())
