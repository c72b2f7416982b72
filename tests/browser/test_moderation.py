"""From a report to a decision that its creator reads, in a real browser and by keyboard."""

from collections.abc import Iterator

from playwright.sync_api import Page, expect

from registry.models import Decision, Network, Picture, Report, Upload, User, Version
from tests.browser.account_pages import sign_in
from tests.browser.conftest import CheckAccessibility, Console, judge
from tests.hub.moderation.conftest import RUNS, held, network, picture, version

# Fixtures, found by their names.
__all__ = ["held", "network", "picture", "version"]


def as_another(page: Page, user: User) -> None:
    page.context.clear_cookies(name="sessionid")
    sign_in(page, user)


def reporting(page: Page, bob: User) -> Iterator[str]:
    sign_in(page, bob)
    page.goto("/alice/ink")
    page.get_by_role("link", name="Report", exact=True).press("Enter")
    yield "report"
    page.get_by_label("Stolen, or against a copyright").press("Space")
    page.get_by_role("button", name="Report it").press("Enter")
    expect(page.get_by_text("where the original is")).to_be_visible()
    yield "report-refused"
    page.get_by_label("What should the moderators know").fill("Traced from a film of 1998.")
    page.get_by_role("button", name="Report it").press("Enter")
    expect(page.get_by_text("Thank you. The moderators look at it.")).to_be_visible()
    page.goto("/alice/ink/pictures")
    yield "pictures"
    page.goto("/alice")
    yield "creator"


def deciding(page: Page, mod: User) -> Iterator[str]:
    as_another(page, mod)
    page.get_by_label("Your account").press("Enter")
    page.get_by_role("link", name="Moderation").press("Enter")
    page.wait_for_url("**/moderation")
    yield "queue"
    page.get_by_role("link", name="Quarantine").press("Enter")
    expect(page.get_by_text(RUNS)).to_be_visible()
    yield "quarantine"
    page.get_by_role("link", name="free-gems.pt").press("Enter")
    expect(page.get_by_text("moderators neither")).to_be_visible()
    yield "case-held"
    page.goto("/moderation")
    page.get_by_role("link", name="Ink wash").press("Enter")
    expect(page.get_by_text("Traced from a film of 1998.")).to_be_visible()
    yield "case"
    page.get_by_label("Take the network down").press("Space")
    page.get_by_label("Why", exact=True).fill("It is traced from a film.")
    page.get_by_role("button", name="Decide").press("Enter", no_wait_after=True)
    page.wait_for_url("**/moderation")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    yield "queue-empty"
    page.goto("/moderation/decisions")
    expect(page.get_by_text("It is traced from a film.")).to_be_visible()
    yield "decisions"


def reading(page: Page, alice: User) -> Iterator[str]:
    as_another(page, alice)
    page.goto("/publish/drafts")
    expect(page.get_by_text("It is traced from a film.").first).to_be_visible()
    yield "told"


def whole_story(page: Page, alice: User, bob: User, mod: User) -> Iterator[str]:
    yield from reporting(page, bob)
    yield from deciding(page, mod)
    yield from reading(page, alice)


def test_from_a_report_to_what_its_creator_reads(
    page: Page,
    theme: str,
    transactional_db: None,
    alice: User,
    bob: User,
    mod: User,
    version: Version,  # noqa: F811
    picture: Picture,  # noqa: F811
    held: Upload,  # noqa: F811
    axe: CheckAccessibility,
    console: Console,
) -> None:
    console.allow("400")  # of the report without words
    judge(page, axe, whole_story(page, alice, bob, mod))
    assert not Report.objects.open().exists()
    assert Decision.objects.get().measure == "take_down_network"
    assert Network.objects.get().status == Network.Status.TAKEN_DOWN
