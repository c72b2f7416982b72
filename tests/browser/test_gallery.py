"""Walls in a real browser: with the eyes, the mouse, the finger, the keyboard, and no script."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from inference.models import BaseModel
from registry.models import ContentLevel, Network, User, Version
from tests.browser.account_pages import sign_in
from tests.browser.conftest import CheckAccessibility
from tests.grids import grid_of
from tests.hub.gallery.networks import published
from tests.inference.conftest import make_base_model
from tests.pictures import png


@pytest.fixture
def base_model(db: None) -> BaseModel:
    return make_base_model()


@pytest.fixture
def wall(alice: User, base_model: BaseModel) -> list[Version]:
    """Seven networks, the first most liked; the fifth without a picture, the sixth explicit."""
    names = ("Ink", "Gouache", "水彩の習作", "دراسة بالألوان", "Sketch", "Night", "Paper")
    versions = []
    for number, name in enumerate(names):
        level = ContentLevel.EXPLICIT if name == "Night" else ContentLevel.GENERAL
        version = published(
            alice,
            name,
            slug=f"n{number}",
            stem=f"net-{number}",
            tags=["ink", f"tag {number}"],
            kind="subject" if number == 2 else "style",
            content_level=level,
            recommended_strength=0.5,
        )
        Network.objects.filter(pk=version.network_id).update(like_count=100 - number)
        if name != "Sketch":
            grid_of(version, base_model=base_model, prompts=["a fox"], level=level, drawn=True)
        versions.append(version)
    return versions


def card(page: Page, name: str) -> Locator:
    return page.locator("[data-card]").filter(has_text=name)


class TestAccessibility:
    @pytest.mark.parametrize(
        "address",
        ["/", "/?nsfw=true&tag=ink", "/?q=zebra", "/?q=kind:x", "/tags/ink", "/alice", "/find"],
    )
    def test_walls(
        self, theme: str, page: Page, axe: CheckAccessibility, wall: list[Version], address: str
    ) -> None:
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        axe(page)

    def test_an_empty_hub(self, theme: str, page: Page, axe: CheckAccessibility) -> None:
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing hangs here yet")
        axe(page)

    def test_the_slider_of_an_empty_hub_lights_the_drawing_of_its_strength(
        self, page: Page
    ) -> None:
        page.goto("/")
        lit = page.locator(".drawing-wall .shown")
        expect(lit).to_have_text("0.6")
        page.get_by_role("slider", name="Strength").focus()
        page.keyboard.press("End")
        expect(lit).to_have_text("1")

    def test_side_by_side(
        self, theme: str, page: Page, axe: CheckAccessibility, wall: list[Version]
    ) -> None:
        page.goto(f"/compare?v={wall[0].pk},{wall[1].pk},{wall[4].pk},{wall[5].pk}")
        axe(page)

    def test_what_opens(
        self, theme: str, page: Page, axe: CheckAccessibility, wall: list[Version], alice: User
    ) -> None:
        sign_in(page, alice)
        page.goto("/")
        for menu in ("Tags", "More"):
            page.locator("summary").filter(has_text=menu).click()
            axe(page)
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        axe(page)
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("in")
        expect(page.get_by_role("option").first).to_be_visible()
        axe(page)


class TestStrengths:
    def test_the_pointer_goes_through_them(self, page: Page, wall: list[Version]) -> None:
        page.goto("/")
        picture = card(page, "Ink").locator(".card-picture")
        figure = card(page, "Ink").locator("[data-figure]")
        box = picture.bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        for share, strength in ((0.02, "0"), (0.5, "0.75"), (0.98, "1.25")):
            page.mouse.move(box["x"] + box["width"] * share, middle)
            expect(figure).to_have_text(strength)
        expect(card(page, "Ink").locator(".shot-other.shown")).to_have_count(1)

        page.mouse.move(1, 1)
        expect(card(page, "Ink").locator(".shot-other.shown")).to_have_count(0)

    def test_a_finger_swipes_through_them_and_opens_nothing(
        self, browser: Browser, base_url: str, wall: list[Version]
    ) -> None:
        context = browser.new_context(
            base_url=base_url, has_touch=True, viewport={"width": 390, "height": 800}
        )
        page = context.new_page()
        page.goto("/")
        box = card(page, "Ink").locator(".card-picture").bounding_box()
        assert box
        finger = context.new_cdp_session(page)

        def touch(kind: str, share: float) -> None:
            at = {"x": box["x"] + box["width"] * share, "y": box["y"] + 50}
            points = [] if kind == "touchEnd" else [at]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 0.1)
        for share in (0.3, 0.6, 0.98):
            touch("touchMove", share)
        expect(card(page, "Ink").locator("[data-figure]")).to_have_text("1.25")
        touch("touchEnd", 0.98)
        expect(card(page, "Ink")).not_to_have_class(re.compile("shot-playing"))
        expect(page).to_have_url(re.compile("/$"))
        context.close()

    def test_focus_plays_them_once_and_ends_at_the_recommended(
        self, page: Page, wall: list[Version]
    ) -> None:
        page.goto("/")
        figure = card(page, "Ink").locator("[data-figure]")
        figure.evaluate(
            """(figure) => {
              window.seen = [];
              const note = () => seen.push(figure.textContent);
              new MutationObserver(note).observe(figure, { childList: true });
            }"""
        )
        page.keyboard.press("ArrowRight")
        expect(card(page, "Ink")).to_have_class(re.compile("shot-playing"))
        expect(card(page, "Ink")).not_to_have_class(re.compile("shot-playing"), timeout=20_000)
        assert page.evaluate("seen") == ["0", "0.25", "0.5", "0.75", "1", "1.25", "0.5"]

    def test_who_wants_no_motion_goes_by_keys(
        self, browser: Browser, base_url: str, wall: list[Version]
    ) -> None:
        context = browser.new_context(base_url=base_url, reduced_motion="reduce")
        page = context.new_page()
        page.goto("/")
        page.keyboard.press("ArrowRight")
        figure = card(page, "Ink").locator("[data-figure]")
        expect(figure).to_have_text("")
        page.keyboard.press("]")
        expect(figure).to_have_text("0.75")
        page.keyboard.press("[")
        page.keyboard.press("[")
        expect(figure).to_have_text("0.25")
        context.close()

    def test_what_is_above_ones_level_is_fetched_when_asked_for(
        self, page: Page, wall: list[Version]
    ) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/?nsfw=true&q=night")
        expect(card(page, "Night").get_by_text("Explicit")).to_be_visible()
        assert not [url for url in asked if "/pictures/" in url]

        card(page, "Night").get_by_role("button", name="Show").click()
        expect(card(page, "Night").get_by_alt_text("a fox, at strength 0.5")).to_be_visible()


class TestKeyboard:
    def test_arrows_go_from_card_to_card_and_enter_opens(
        self, page: Page, wall: list[Version]
    ) -> None:
        page.set_viewport_size({"width": 1024, "height": 900})
        page.goto("/")
        focused = page.locator(":focus")
        for key, name in (
            ("ArrowRight", "Ink"),
            ("ArrowRight", "Gouache"),
            ("ArrowDown", "Paper"),
            ("ArrowUp", "Gouache"),
            ("ArrowLeft", "Ink"),
        ):
            page.keyboard.press(key)
            expect(focused).to_have_text(name)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/alice/n0$"))

    def test_f_likes_c_copies_d_downloads_x_compares(
        self, page: Page, wall: list[Version], alice: User
    ) -> None:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        sign_in(page, alice)
        page.goto("/")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("c")
        expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert re.fullmatch(r"<hypernet:net-0:[\d.]+>", copied)

        with page.expect_download() as download:
            page.keyboard.press("d")
        assert download.value.suggested_filename == "net-0.pt"

        page.keyboard.press("f")
        heart = card(page, "Ink").locator("[data-like]")
        expect(heart).to_have_attribute("aria-pressed", "true")
        assert alice.likes.get().network == wall[0].network

        page.locator("[data-card] .card-name a").nth(1).focus()
        page.keyboard.press("x")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        page.get_by_role("link", name="Compare 2").click()
        expect(page).to_have_url(re.compile(rf"/compare\?v={wall[1].pk},{wall[2].pk}$"))

    def test_the_search_offers_and_opens(self, page: Page, wall: list[Version]) -> None:
        page.goto("/find")
        page.keyboard.press("/")
        page.keyboard.type("goua")
        expect(page.get_by_role("option", name="Gouache")).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/alice/n1$"))


class TestFilters:
    def test_a_change_swaps_the_wall_and_writes_the_address(
        self, page: Page, wall: list[Version]
    ) -> None:
        page.goto("/")
        page.locator("summary").filter(has_text="Kind").click()
        page.get_by_label(re.compile("Subject")).check()
        expect(page.locator("[data-card]")).to_have_count(1)
        expect(page).to_have_url(re.compile(r"/\?kind=subject$"))
        # The menu stays open for more.
        page.get_by_label(re.compile("Style")).check()
        expect(page.locator("[data-card]")).to_have_count(6)

        page.go_back()
        expect(page.locator("[data-card]")).to_have_count(1)
        page.get_by_role("link", name="Without: Subject").click()
        expect(page.locator("[data-card]")).to_have_count(6)
        expect(page).to_have_url(re.compile("/$"))

    def test_an_endless_wall_grows_when_one_comes_near_its_end(
        self, page: Page, wall: list[Version], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hub.gallery.wall.PAGE", 2)
        page.set_viewport_size({"width": 390, "height": 500})
        page.goto("/")
        page.mouse.wheel(0, 5000)
        expect(page.locator("[data-card]")).to_have_count(6)
        expect(page.locator("[data-more]")).to_have_count(0)
        expect(page).to_have_url(re.compile("/$"))


class TestCompare:
    def test_one_slider_moves_all(self, page: Page, wall: list[Version]) -> None:
        page.goto(f"/compare?v={wall[0].pk},{wall[1].pk}")
        pictures = page.locator(".compare-shot.shown")
        expect(pictures).to_have_count(2)
        page.get_by_role("slider").focus()
        page.keyboard.press("Home")
        for number in (0, 1):
            expect(pictures.nth(number)).to_have_attribute("alt", "a fox, at strength 0")
        page.keyboard.press("ArrowRight")
        expect(pictures.first).to_have_attribute("alt", "a fox, at strength 0.25")
        expect(page).to_have_url(re.compile("strength=0.25$"))


class TestFind:
    def test_a_chosen_picture_is_read_at_once(self, page: Page, wall: list[Version]) -> None:
        said = "a fox <hypernet:net-0:0.5>\nSteps: 20, Seed: 1"
        page.goto("/find")
        page.get_by_label("A PNG").first.set_input_files(
            {"name": "1.png", "mimeType": "image/png", "buffer": png(parameters=said)}
        )
        expect(page.get_by_role("link", name="Ink", exact=True)).to_be_visible()


def test_without_javascript(browser: Browser, base_url: str, wall: list[Version]) -> None:
    """Reading, searching, filtering, comparing, finding."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill("gouache")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?q=gouache$"))
    expect(page.locator("[data-card]")).to_have_count(1)

    page.goto("/")
    page.locator("summary").filter(has_text="Kind").click()
    page.get_by_label(re.compile("Subject")).check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("kind=subject"))
    expect(page.locator("[data-card]")).to_have_count(1)

    page.goto(f"/compare?v={wall[0].pk},{wall[1].pk}")
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_role("link", name="0.25", exact=True).click()
    expect(page.locator(".compare-shot.shown").first).to_have_attribute(
        "alt", "a fox, at strength 0.25"
    )

    page.goto("/find")
    page.get_by_text("Or paste the parameters").click()
    page.get_by_label("Parameters").fill("<hypernet:net-0:1>\nSteps: 20, Seed: 1")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="Ink", exact=True)).to_be_visible()
    context.close()


def test_someone_signed_in_reaches_the_account_and_leaves_by_keyboard(
    page: Page, alice: User, axe: CheckAccessibility
) -> None:
    sign_in(page, alice)
    page.goto("/")
    page.locator("summary[aria-label='Your account']").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Profile")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
