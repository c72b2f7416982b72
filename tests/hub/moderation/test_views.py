"""The queue and its cases: who sees them, what is on them, what a decision does to whom."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from hub.moderation.urls import REPORTABLE, urlpatterns
from registry.endings import quarantine_key
from registry.models import AuditEvent, Decision, Network, Picture, Report, Upload, User, Version
from registry.moderating import report
from registry.shown_pictures import remove_picture
from registry.subjects import Subject, Thing
from tests.factories import NetworkFactory, PublishedVersionFactory, UploadFactory, UserFactory
from tests.hub.moderation.conftest import HELD_BYTES, RUNS, SHA256, hold
from tests.hub.publish.conftest import text_of
from tests.pictures import picture_of, png

pytestmark = pytest.mark.django_db
QUEUE = "/moderation"
MOST_QUERIES = 12


def case(thing: Any) -> str:
    subject = Subject.of(thing)
    return reverse("moderation_case", args=[str(subject.kind), str(subject.key)])


def decided(client: Client, thing: Any, measure: str, **words: str) -> Any:
    """By the form, as it is on the page now."""
    page = client.get(case(thing))
    said = {"measure": measure, "reason": "Because.", "seen": str(page.context["seen"]), **words}
    return client.post(case(thing), said, follow=True)


# --- Who ------------------------------------------------------------------------------------------


def test_every_route_for_everyone(
    anonymous: Client,
    alice_client: Client,
    bob_client: Client,
    mod_client: Client,
    boss_client: Client,
    version: Version,
    picture: Picture,
    held: Upload,
    alice: User,
) -> None:
    """Reports are for members, all the rest for moderators; nobody else learns that it is there."""
    things = {"network": version.network, "version": version, "picture": picture, "creator": alice}
    reports = [reverse(f"report_{kind}", args=[things[kind].pk]) for kind in REPORTABLE]
    cases = [case(thing) for thing in (*things.values(), held)]
    lists = [QUEUE, f"{QUEUE}/quarantine", f"{QUEUE}/decisions"]
    assert len(urlpatterns) == len(reports) + len(lists) + 1

    for address in reports:
        for client in (alice_client, bob_client, mod_client, boss_client):
            assert client.get(address).status_code == 200
        for answer in (anonymous.get(address), anonymous.post(address, {"reason": "spam"})):
            assert answer.headers["Location"].startswith(reverse("account_login"))
    for address in (*lists, *cases):
        for client in (anonymous, alice_client, bob_client):
            assert client.get(address).status_code == 404, address
            said = {"measure": "take_down_network", "reason": "Mine now.", "seen": "0.0"}
            assert client.post(address, said).status_code == 404, address
        for client in (mod_client, boss_client):
            assert client.get(address).status_code == 200, address
    assert not Decision.objects.exists()
    assert not Report.objects.exists()


def test_the_menu_has_it_for_moderators(mod_client: Client, alice_client: Client) -> None:
    link = f'href="{QUEUE}"'
    assert link in mod_client.get("/").content.decode()
    assert link not in alice_client.get("/").content.decode()


def test_cases_that_are_none(mod_client: Client, alice: User) -> None:
    plain = UploadFactory(owner=alice)
    for kind, key in {
        "network": "999999",
        "job": "1",
        "version": "x",
        "upload": str(uuid4()),
        "picture": "0",
    }.items():
        assert mod_client.get(f"{QUEUE}/cases/{kind}/{key}").status_code == 404, kind
    assert mod_client.get(case(plain)).status_code == 404


# --- Lists ----------------------------------------------------------------------------------------


def test_an_empty_queue_says_so(mod_client: Client) -> None:
    for page, words in {
        "": "Nothing waits",
        "/quarantine": "Nothing in quarantine",
        "/decisions": "Nothing was decided",
    }.items():
        assert words in text_of(mod_client.get(QUEUE + page))


def test_reports_are_one_case_for_each_thing_the_urgent_first(
    version: Version, picture: Picture, alice: User, bob: User, mod: User, mod_client: Client
) -> None:
    report(about=version.network, reason="minors", by=bob)
    report(about=alice, reason="spam", by=bob)
    report(about=version, reason="spam", by=bob)
    for reason in ("stolen", "level", "stolen"):
        report(about=version, reason=reason, by=UserFactory())
    page = mod_client.get(QUEUE)
    rows = page.context["page"].rows
    assert [row.title for row in rows] == ["Ink wash", "Ink wash · v1", "alice"]
    assert [row.count for row in rows] == [1, 4, 1]
    assert [row.is_urgent for row in rows] == [True, False, False]
    assert rows[1].reasons == ["Stolen, or against a copyright", "The wrong content level", "Spam"]
    assert "Reports 3 Quarantine 0" in text_of(page)


def test_what_is_gone_stays_in_the_queue_until_it_is_dismissed(
    picture: Picture, bob: User, mod_client: Client, boss: User
) -> None:
    report(about=picture, reason="other", text="Ugly.", by=boss)
    address = case(picture)
    remove_picture(picture=picture, by=bob)
    assert "Something that is gone" in text_of(mod_client.get(QUEUE))
    page = mod_client.get(address)
    said = {"measure": "dismiss", "reason": "Gone.", "seen": str(page.context["seen"])}
    assert mod_client.post(address, said).status_code == 302
    assert not Report.objects.open().exists()


def test_pages_follow_each_other(bob: User, mod_client: Client) -> None:
    Report.objects.bulk_create(
        Report(subject=f"registry.network:{n}", reason="spam", reporter=bob) for n in range(26)
    )
    first, second = mod_client.get(QUEUE), mod_client.get(QUEUE, {"page": "2"})
    assert [len(page.context["page"].rows) for page in (first, second)] == [25, 1]
    assert "?page=2" in first.content.decode()
    assert "?page=1" in second.content.decode()
    assert mod_client.get(QUEUE, {"page": "x"}).context["page"].number == 1


def test_what_was_found_is_shown_and_the_bytes_to_nobody(
    held: Upload, mod_client: Client, mod: User
) -> None:
    for page in (mod_client.get(f"{QUEUE}/quarantine"), mod_client.get(case(held))):
        text = text_of(page)
        assert RUNS in text
        assert SHA256 in text
        assert "c0ffee00" in text
        content = page.content.decode()
        assert quarantine_key(held.pk) not in content
        assert HELD_BYTES.decode() not in content
    for guess in (
        f"/media/{quarantine_key(held.pk)}",
        f"/files/{quarantine_key(held.pk)}",
        f"{case(held)}/file",
        f"/api/v1/uploads/{held.pk}/file",
        f"/api/download/models/{held.pk}",
    ):
        assert mod_client.get(guess).status_code in (403, 404), guess


@pytest.mark.parametrize("tab", ["", "/quarantine", "/decisions"])
def test_lists_cost_the_same_however_long(
    tab: str,
    version: Version,
    picture: Picture,
    bob: User,
    mod: User,
    mod_client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def fill() -> None:
        network = PublishedVersionFactory().network
        shown = picture_of(network.versions.get(), png(seed=network.pk))
        Picture.objects.filter(pk=shown.pk).update(is_preview=False)
        for thing in (network, network.versions.get(), shown, network.creator):
            report(about=thing, reason="spam", by=bob)
            Decision.objects.create(
                subject=Subject.of(thing).name,
                title="x",
                measure="dismiss",
                reason="y",
                creator=network.creator,
                by=mod,
            )
        hold(network.creator)

    fill()
    with django_assert_max_num_queries(MOST_QUERIES) as few:
        mod_client.get(QUEUE + tab)
    for _ in range(3):
        fill()
    with django_assert_max_num_queries(len(few)):
        mod_client.get(QUEUE + tab)


# --- A case ---------------------------------------------------------------------------------------


def test_a_case_has_all_that_is_needed(
    version: Version,
    picture: Picture,
    held: Upload,
    alice: User,
    bob: User,
    mod_client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for thing in (version.network, version, alice):
        report(about=thing, reason="stolen", text="Mine, <b>of 2023</b>.", by=bob)
    report(about=picture, reason="spam", by=alice)
    decided(mod_client, version, "dismiss")
    things: tuple[Thing, ...] = (version.network, version, picture, alice, held)
    for each in things:
        with django_assert_max_num_queries(MOST_QUERIES):
            page = mod_client.get(case(each))
        assert page.status_code == 200
    text = text_of(mod_client.get(case(version.network)))
    for words in ("Mine, <b>of 2023</b>.", "Ink wash", "report.made", "bob", "rough", "Because."):
        assert words in text
    assert "Leave it as it is" in text
    assert "Restore it" not in text


def test_pictures_are_covered_above_the_moderators_level_and_where_it_is_in_doubt(
    version: Version, picture: Picture, mod_client: Client, bob: User
) -> None:
    address = f"/pictures/{picture.sha256}/"
    assert address in mod_client.get(case(version.network)).content.decode()
    Picture.objects.update(content_level="explicit")
    covered = mod_client.get(case(version.network)).content.decode()
    assert address not in covered
    assert "Uncover them" in covered
    assert address in mod_client.get(case(version.network), {"show": "1"}).content.decode()
    Picture.objects.update(content_level="general")
    report(about=version.network, reason="minors", by=bob)
    assert address not in mod_client.get(case(version.network)).content.decode()


def test_a_decision_is_done_and_told(
    version: Version, bob: User, mod: User, mod_client: Client, alice_client: Client
) -> None:
    report(about=version.network, reason="level", by=bob)
    answer = decided(mod_client, version.network, "set_level", level="mature")
    assert answer.redirect_chain == [(QUEUE, 302)]
    assert "Nothing waits" in text_of(answer)
    network = Network.objects.get()
    assert (network.content_level, network.level_reason) == ("mature", "Because.")
    told = "The moderators set the content level of “Ink wash” to “mature”. Because."
    assert told in text_of(alice_client.get("/alice/ink"))
    assert told in text_of(alice_client.get(reverse("my_networks")))
    assert told not in text_of(mod_client.get("/alice/ink"))
    assert AuditEvent.objects.filter(action="case.decided", actor=mod).count() == 1
    listed = text_of(mod_client.get(f"{QUEUE}/decisions"))
    assert "set its content level: mature Because. mod-mary" in listed


def test_what_was_taken_down_says_why(
    version: Version, mod_client: Client, anonymous: Client, alice_client: Client
) -> None:
    decided(mod_client, version.network, "take_down_network", reason="Traced from a film.")
    tombstone = anonymous.get("/alice/ink")
    assert tombstone.status_code == 410
    assert "Traced from a film." in text_of(tombstone)
    assert "took “Ink wash” down. Traced from a film." in text_of(
        alice_client.get(reverse("my_networks"))
    )


def test_a_blocked_creator_reads_why_and_is_listed_nowhere(
    version: Version, mod_client: Client, anonymous: Client, alice_client: Client
) -> None:
    decided(mod_client, version.network, "block_creator", reason="Spam, again.")
    assert anonymous.get("/alice/ink").status_code == 404
    assert "Ink wash" not in text_of(anonymous.get("/"))
    assert "Spam, again." in text_of(alice_client.get(reverse("my_networks")))


def test_quarantine_is_ended(held: Upload, mod_client: Client) -> None:
    answer = decided(mod_client, held, "end_quarantine")
    assert answer.redirect_chain == [(f"{QUEUE}/quarantine", 302)]
    held.refresh_from_db()
    assert held.state == Upload.State.REFUSED
    page = mod_client.get(case(held))
    assert "There is nothing to decide." not in text_of(page)  # the account can be blocked
    assert "End the quarantine" not in text_of(page)
    assert RUNS in text_of(page)


def test_the_second_moderator_gets_a_sentence(
    version: Version, mod_client: Client, boss_client: Client, bob: User
) -> None:
    report(about=version.network, reason="spam", by=bob)
    seen = str(boss_client.get(case(version.network)).context["seen"])
    decided(mod_client, version.network, "take_down_network")
    said = {"measure": "take_down_network", "reason": "Spam.", "seen": seen}
    late = boss_client.post(case(version.network), said)
    assert late.status_code == 400
    text = text_of(late)
    assert "mod-mary has decided this meanwhile: take the network down." in text
    assert "Spam." in late.content.decode()
    assert Decision.objects.count() == 1
    assert AuditEvent.objects.filter(action="network.taken_down").count() == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"reason": " "}, "This field is required."),
        ({"measure": ""}, "This field is required."),
        ({"measure": "set_level", "level": ""}, "Say which level it is."),
        ({"measure": "restore"}, "It cannot be done any more: restore it."),
        ({"measure": "burn"}, "It cannot be done any more: burn."),
        ({"seen": "nonsense", "measure": "dismiss"}, "It cannot be done any more"),
    ],
    ids=["no reason", "no measure", "no level", "not now", "unknown", "garbled"],
)
def test_what_is_no_decision_changes_nothing(
    version: Version, mod_client: Client, words: dict[str, str], sentence: str
) -> None:
    said = {"measure": "take_down_network", "reason": "Because of this.", "seen": "0.0"} | words
    answer = mod_client.post(case(version.network), said)
    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert not Decision.objects.exists()
    assert Network.objects.get().is_listed


def test_a_case_of_one_s_own_is_another_s_to_decide(mod: User, mod_client: Client) -> None:
    network = PublishedVersionFactory(network=NetworkFactory(creator=mod)).network
    page = mod_client.get(case(network))
    assert "Another moderator has to decide it." in text_of(page)
    said = {"measure": "set_level", "level": "general", "reason": "Mine.", "seen": "0.0"}
    assert mod_client.post(case(network), said).status_code == 400
    assert not Decision.objects.exists()


def test_ended_quarantine_leaves_no_bytes(
    held: Upload, mod_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    assert default_storage.exists(quarantine_key(held.pk))
    with django_capture_on_commit_callbacks(execute=True):
        decided(mod_client, held, "end_quarantine")
    assert not default_storage.exists(quarantine_key(held.pk))
