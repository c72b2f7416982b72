"""Collections and the feed in a real browser: with the eyes, the keyboard, and no script."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from inference.models import BaseModel
from registry.collecting import (
    add_to_collection,
    choose_cover,
    create_collection,
    update_collection,
    write_note,
)
from registry.following import follow_creator
from registry.models import Collection, User
from tests.browser.account_pages import sign_in
from tests.browser.conftest import CheckAccessibility, judge
from tests.grids import grid_of
from tests.hub.gallery.networks import published
from tests.inference.conftest import make_base_model

LONG = "A name that has exactly sixty characters, no more and no fewer"[:60]
INKS = "/alice/collections/inks"


@pytest.fixture
def base_model(transactional_db: None) -> BaseModel:
    return make_base_model()


@pytest.fixture
def inks(alice: User, base_model: BaseModel) -> Collection:
    """Five networks, one without a picture; beside it one of two, one of one, and an empty one."""
    inks = create_collection(by=alice, name="Inks", is_public=True, description="Only *wet* ones.")
    names = ("Ink wash", LONG, "水彩の習作", "دراسة بالألوان", "Sketch")
    for number, name in enumerate(names):
        version = published(
            alice,
            name,
            slug=f"n{number}",
            recommended_strength=0.5,
            published_at=timezone.now() - timedelta(days=number),
        )
        if name != "Sketch":
            grid_of(version, base_model=base_model, prompts=["a fox"], drawn=True)
        add_to_collection(collection=inks, network=version.network, by=alice)
    first, second = (each.network for each in inks.entries.select_related("network")[:2])
    write_note(
        collection=inks, network=first, note="Softest on paper that is already grey", by=alice
    )
    choose_cover(collection=inks, network=second, by=alice)
    for name, networks in (("夜の絵", [first, second]), ("لوحات", [first]), (LONG, [])):
        more = create_collection(by=alice, name=name)
        for network in networks:
            add_to_collection(collection=more, network=network, by=alice)
        update_collection(collection=more, by=alice, is_public=True)
    return inks


def test_what_is_seen(
    theme: str,
    page: Page,
    axe: CheckAccessibility,
    alice: User,
    bob: User,
    inks: Collection,
) -> None:
    follow_creator(creator=alice, by=bob)
    first = inks.entries.all()[0].network_id

    def pages() -> Iterator[str]:
        for address in ("/collections", INKS, "/alice/collections", "/alice"):
            page.goto(address)
            yield address
        sign_in(page, alice)
        for address in (
            *("/collections/mine", "/collections/new", "/following", INKS, f"{INKS}/arrange"),
            *(f"{INKS}/edit", f"{INKS}/delete", f"/networks/{first}/collect"),
        ):
            page.goto(address)
            yield address
        page.context.clear_cookies(name="sessionid")
        sign_in(page, bob)
        for address in ("/following", "/collections/mine", "/alice/n0"):
            page.goto(address)
            yield address

    judge(page, axe, pages())


def test_by_keyboard_one_moves_and_stays_at_the_button(
    page: Page, alice: User, inks: Collection
) -> None:
    sign_in(page, alice)
    page.goto(f"{INKS}/arrange")
    rows = page.locator(".arrange-what strong")
    expect(rows).to_have_count(5)
    page.get_by_label("Note on Sketch").fill("For beginners")
    page.get_by_role("button", name="Sketch one place earlier").focus()
    for place in (3, 2):
        page.keyboard.press("Enter")
        expect(rows.nth(place)).to_have_text("Sketch")
        expect(page.locator(":focus")).to_have_attribute("aria-label", "Sketch one place earlier")
    assert inks.entries.get(network__name="Sketch").note == "For beginners"


def test_without_javascript(
    browser: Browser, base_url: str, alice: User, bob: User, inks: Collection
) -> None:
    """Following, reading the feed, collecting, arranging, sharing."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, bob)
    page.goto("/alice")
    page.get_by_role("button", name="Follow").click()
    expect(page.get_by_role("button", name="Following")).to_be_visible()

    page.goto("/following")
    page.get_by_role("link", name="Ink wash").click()
    page.get_by_role("link", name="Collect", exact=True).click()
    page.get_by_label("In a new collection").fill("To try")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Collected", exact=True)).to_be_visible()

    for slug in ("n2", "n3"):
        page.goto(f"/alice/{slug}")
        page.get_by_role("link", name="Collect", exact=True).click()
        page.get_by_label("To try").check()
        page.get_by_role("button", name="Save").click()
    page.goto("/bob/collections/to-try")
    page.get_by_role("link", name="Arrange").click()
    page.get_by_role("button", name="水彩の習作 to the front").click()
    expect(page.locator(".arrange-what strong").first).to_have_text("水彩の習作")

    page.goto("/bob/collections/to-try/edit")
    page.get_by_label("Everyone sees it").check()
    page.get_by_role("button", name="Save").click()
    page.goto("/collections")
    expect(page.get_by_role("link", name="To try")).to_be_visible()
    context.close()
