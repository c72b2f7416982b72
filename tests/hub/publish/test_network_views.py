"""One's networks after they are out: listed, edited, withdrawn, deleted; and what others may."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry.models import AuditEvent, Network, Upload, User, Version
from registry.networks import delete_network
from tests.factories import (
    NetworkFactory,
    PublishedVersionFactory,
    UploadFactory,
    VersionFactory,
)
from tests.hub.publish.conftest import form_on, text_of

pytestmark = pytest.mark.django_db
MINE = reverse("my_networks")


@pytest.fixture
def version(alice: User) -> Version:
    published: Version = PublishedVersionFactory(
        network=NetworkFactory(creator=alice, name="Ink wash", slug="ink-wash")
    )
    return published


# --- Listed ---------------------------------------------------------------------------------------


def names(client: Client, state: str) -> set[str]:
    page = client.get(MINE, {"state": state})
    return {version.network.name for version, _address in page.context["versions"]}


def test_mine_by_their_state(alice: User, alice_client: Client, bob: User) -> None:
    def draft(name: str, **words: object) -> Version:
        version: Version = VersionFactory(network__creator=alice, network__name=name, **words)
        return version

    draft("Plain")
    draft("Checking", status=Version.Status.PROCESSING)
    refused = draft("Refused")
    UploadFactory(owner=alice, version=refused, state=Upload.State.REFUSED, offset=1000)
    arriving = draft("Arriving")
    UploadFactory(owner=alice, version=arriving, state=Upload.State.REFUSED, offset=1000)
    UploadFactory(owner=alice, version=arriving)
    PublishedVersionFactory(network__creator=alice, network__name="Out")
    PublishedVersionFactory(network__creator=bob, network__name="Bob’s")
    withdrawn = PublishedVersionFactory(network__creator=alice, network__name="Withdrawn")
    Version.objects.filter(pk=withdrawn.pk).update(status=Version.Status.YANKED)

    assert names(alice_client, "drafts") == {"Plain", "Checking", "Refused", "Arriving"}
    assert names(alice_client, "checking") == {"Checking", "Arriving"}
    assert names(alice_client, "refused") == {"Refused"}
    assert names(alice_client, "published") == {"Out"}
    assert names(alice_client, "withdrawn") == {"Withdrawn"}
    assert names(alice_client, "scheduled") == set()
    assert "Bob’s" not in names(alice_client, "")
    page = text_of(alice_client.get(MINE))
    assert "Drafts 4" in page
    assert "file refused" in page


def test_nothing_yet_says_what_to_do(alice_client: Client) -> None:
    assert "Publish the first one" in text_of(alice_client.get(MINE))


def test_tombstones_are_listed_no_more(alice: User, alice_client: Client, version: Version) -> None:
    delete_network(network=version.network, by=alice)
    assert names(alice_client, "") == set()


def test_pages_by_cursor(alice: User, alice_client: Client) -> None:
    for _ in range(31):
        VersionFactory(network__creator=alice)
    first = alice_client.get(MINE)
    assert len(first.context["versions"]) == 30
    second = alice_client.get(MINE, {"cursor": first.context["page"].next_cursor})
    assert len(second.context["versions"]) == 1
    assert alice_client.get(MINE, {"cursor": "nonsense"}).status_code == 404


def test_the_list_costs_the_same_however_long(
    alice: User, alice_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    VersionFactory(network__creator=alice)
    with django_assert_max_num_queries(12) as few:
        alice_client.get(MINE)
    for _ in range(9):
        PublishedVersionFactory(network__creator=alice)
    with django_assert_max_num_queries(len(few)):
        alice_client.get(MINE)


# --- Edited ---------------------------------------------------------------------------------------


def test_what_a_network_says_is_changed_at_once(alice_client: Client, version: Version) -> None:
    target = reverse("edit_network", args=[version.network_id])
    form = form_on(alice_client.get(target))
    assert "slug" not in form
    answer = alice_client.post(target, form | {"name": "Wash", "tags": "wash"})

    assert answer.status_code == 302
    network = Network.objects.get()
    assert (network.name, network.slug, network.tag_words) == ("Wash", "ink-wash", "wash")
    assert AuditEvent.objects.get(action="network.changed").data == {"fields": ["name", "tags"]}


def test_two_tabs_on_a_published_network_lose_nothing_either(
    alice_client: Client, version: Version
) -> None:
    target = reverse("edit_network", args=[version.network_id])
    one, two = (form_on(alice_client.get(target)) for _ in range(2))
    alice_client.post(target, one | {"description": "One’s."})
    answer = alice_client.post(target, two | {"description": "Two’s."})
    assert answer.status_code == 409
    assert "One’s." in text_of(answer)
    assert form_on(answer)["description"] == "Two’s."


def test_a_draft_is_edited_on_its_own_page(alice: User, alice_client: Client) -> None:
    draft = VersionFactory(network__creator=alice)
    answer = alice_client.get(reverse("edit_network", args=[draft.network_id]))
    assert answer["Location"] == reverse("draft", args=[draft.pk])


# --- Withdrawn ------------------------------------------------------------------------------------


def test_withdrawn_with_a_reason_and_put_back(alice_client: Client, version: Version) -> None:
    target = reverse("yank_version", args=[version.pk])
    assert alice_client.post(target, {"reason": " "}).status_code == 400
    alice_client.post(target, {"reason": "Trained on the wrong pictures."})
    version.refresh_from_db()
    assert version.status == Version.Status.YANKED
    assert version.status_reason == "Trained on the wrong pictures."
    assert AuditEvent.objects.filter(action="version.yanked").exists()

    again = alice_client.post(target, {"reason": "Twice."})
    assert "This cannot be done to something that is “withdrawn”." in text_of(again)
    alice_client.post(reverse("unyank_version", args=[version.pk]))
    version.refresh_from_db()
    assert version.status == Version.Status.PUBLISHED


# --- Deleted --------------------------------------------------------------------------------------


def test_a_published_network_leaves_its_tombstone(alice_client: Client, version: Version) -> None:
    target = reverse("delete_network", args=[version.network_id])
    assert "At its address stays what it was" in text_of(alice_client.get(target))
    alice_client.post(target, {"reason": "Superseded."})
    network = Network.objects.get()
    assert (network.status, network.status_reason) == (Network.Status.ARCHIVED, "Superseded.")
    assert not version.files.filter(blob__isnull=False).exists()


def test_a_draft_is_gone_for_good(alice: User, alice_client: Client) -> None:
    network = NetworkFactory(creator=alice)
    alice_client.post(reverse("delete_network", args=[network.pk]))
    assert not Network.objects.exists()


# --- Others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["edit_network", "delete_network", "yank_version"])
def test_what_is_anothers_is_not_there(
    anonymous: Client, bob_client: Client, mod_client: Client, version: Version, name: str
) -> None:
    target = reverse(name, args=[version.pk if "version" in name else version.network_id])
    for client in (bob_client, mod_client):
        assert client.get(target).status_code == 404
        assert client.post(target, {"reason": "Mine."}).status_code == 404
    assert anonymous.get(target)["Location"].startswith(reverse("account_login"))
    assert bob_client.post(reverse("unyank_version", args=[version.pk])).status_code == 404


def test_a_blocked_creator_changes_nothing(
    alice: User, alice_client: Client, version: Version
) -> None:
    alice.blocked_at, alice.blocked_reason = alice.date_joined, "Spam."
    alice.save()
    network = version.network_id
    assert alice_client.get(reverse("delete_network", args=[network])).status_code == 403
    answer = alice_client.post(reverse("edit_network", args=[network]), {"name": "X"})
    assert "Your account is blocked: Spam." in text_of(answer)
    answer = alice_client.post(reverse("yank_version", args=[version.pk]), {"reason": "X"})
    assert "Your account is blocked: Spam." in text_of(answer)


def test_the_actions_on_its_page_are_its_creators(alice: User, bob: User, version: Version) -> None:
    def actions(user: User) -> str:
        context = {"user": user, "network": version.network, "version": version}
        return render_to_string("publish/owner_actions.html", context).strip()

    assert actions(bob) == ""
    shown = actions(alice)
    for name, number in {
        "edit_network": version.network_id,
        "new_version": version.network_id,
        "delete_network": version.network_id,
        "yank_version": version.pk,
    }.items():
        assert reverse(name, args=[number]) in shown
    version.network.status = Network.Status.ARCHIVED
    assert actions(alice) == ""
