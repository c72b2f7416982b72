"""Reporting from a page: by whom, about what, and what is wrong with a report."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from registry.audit import name_of
from registry.models import Network, Picture, Report, User, Version
from registry.moderating import block_creator
from tests.cast import PASSWORD
from tests.factories import NetworkFactory, VersionFactory
from tests.hub.publish.conftest import text_of
from tests.pictures import picture_of

pytestmark = pytest.mark.django_db


def address(kind: str, thing: Any) -> str:
    return reverse(f"report_{kind}", args=[thing.pk])


def test_every_thing_has_its_link_and_its_form(
    version: Version, picture: Picture, alice: User, mod_client: Client
) -> None:
    things = {
        "network": (version.network, "/alice/ink"),
        "version": (version, "/alice/ink"),
        "picture": (picture, "/alice/ink/pictures"),
        "creator": (alice, "/alice"),
    }
    for kind, (thing, page) in things.items():
        form = address(kind, thing)
        assert f'href="{form}"' in mod_client.get(page).content.decode(), kind
        assert "What is wrong with" in text_of(mod_client.get(form))
        answer = mod_client.post(form, {"reason": "spam", "text": ""}, follow=True)
        assert answer.redirect_chain[0][0].startswith(page), kind
        assert "Thank you. The moderators look at it." in text_of(answer)
        assert Report.objects.get(subject=name_of(thing)).reason == "spam"


def test_no_links_to_report_what_is_one_s_own(
    version: Version, picture: Picture, alice: User, alice_client: Client, bob_client: Client
) -> None:
    page = alice_client.get("/alice/ink").content.decode()
    assert address("network", version.network) not in page
    assert address("version", version) not in page
    assert address("creator", alice) not in alice_client.get("/alice").content.decode()
    pictures = bob_client.get("/alice/ink/pictures").content.decode()
    assert address("picture", picture) not in pictures
    form = address("network", version.network)
    assert "This is yours." in text_of(alice_client.get(form))
    assert alice_client.post(form, {"reason": "spam"}).status_code == 400
    assert not Report.objects.exists()


def test_whoever_is_signed_out_loses_no_word(
    version: Version, bob: User, anonymous: Client
) -> None:
    form = address("network", version.network)
    answer = anonymous.post(form, {"reason": "stolen", "text": "Mine, of 2023."})
    login = answer.headers["Location"]
    assert login == f"{reverse('account_login')}?next={form}"
    signed_in = {"login": bob.username, "password": PASSWORD, "next": form}
    assert "Mine, of 2023." in text_of(anonymous.post(login, signed_in, follow=True))
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"reason": "", "text": "Look."}, "This field is required."),
        ({"reason": "stolen", "text": " "}, "where the original is"),
        ({"reason": "other", "text": ""}, "where the original is"),
        ({"reason": "spam", "text": "x" * 2001}, "at most 2000 characters"),
    ],
    ids=["no reason", "stolen from where", "other, but what", "too long"],
)
def test_what_is_no_report_comes_back_with_a_sentence(
    version: Version, bob_client: Client, said: dict[str, str], sentence: str
) -> None:
    answer = bob_client.post(address("version", version), said)
    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert not Report.objects.exists()


def test_twice_is_once(version: Version, bob_client: Client) -> None:
    form = address("network", version.network)
    bob_client.post(form, {"reason": "spam"})
    again = bob_client.post(form, {"reason": "stolen", "text": "Mine."})
    assert again.status_code == 400
    assert "You have reported this already" in text_of(again)
    assert Report.objects.count() == 1


def test_what_one_does_not_see_is_not_there(
    version: Version, alice: User, mod: User, bob_client: Client
) -> None:
    hidden = {
        "network": NetworkFactory(creator=alice),
        "version": VersionFactory(network=version.network),
        "picture": picture_of(version),  # the hub's own: it goes with its version
    }
    for kind, thing in hidden.items():
        assert bob_client.get(address(kind, thing)).status_code == 404, kind
    block_creator(creator=alice, reason="Spam.", by=mod)
    for kind, there in {"network": version.network, "creator": alice}.items():
        assert bob_client.post(address(kind, there), {"reason": "spam"}).status_code == 404, kind
    assert not Report.objects.exists()


def test_a_name_in_another_script_is_what_it_is(alice: User, bob_client: Client) -> None:
    network = NetworkFactory(creator=alice, name="水墨 <b>حبر</b>", status=Network.Status.PUBLISHED)
    page = bob_client.get(address("network", network))
    assert "<bdi>水墨 &lt;b&gt;حبر&lt;/b&gt;</bdi>" in page.content.decode()
