"""Atom feeds: what they hold, and that they are what RFC 4287 calls a feed."""

import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registry.models import ContentLevel, Network, User
from registry.networks import take_down_network
from registry.publishing import publish_version, yank_version
from registry.tagging import make_alias, resolve_tags
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
FEED = "/feed.atom"
# RFC 4287, 4.1: what a feed and an entry may hold, and how often.
ONCE = {"id", "title", "updated"}
AT_MOST_ONCE = {"subtitle", "rights", "generator", "icon", "logo", "published", "summary"}
MANY = {"author", "contributor", "category", "link"}


def published(**words: Any) -> Network:
    network: Network = PublishedVersionFactory(network=NetworkFactory(**words)).network
    return network


def valid(response: Any) -> Element:
    """The feed, held against the rules of RFC 4287."""
    assert response.status_code == 200
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(response.content)  # noqa: S314  # our own
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    _holds_what_it_should(feed, also={"entry"})
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links["self"] == response.wsgi_request.build_absolute_uri()
    for entry in entries:
        _holds_what_it_should(entry)
        assert entry.find(f"{ATOM}link[@rel='alternate']") is not None
    ids = [text(each, "id") for each in (feed, *entries)]
    assert len(set(ids)) == len(ids)
    assert feed.find(f"{ATOM}author") is not None
    return feed


def _holds_what_it_should(parent: Element, also: frozenset[str] | set[str] = frozenset()) -> None:
    names = [child.tag.removeprefix(ATOM) for child in parent]
    assert set(names) <= ONCE | AT_MOST_ONCE | MANY | also
    assert set(names) >= ONCE
    assert all(names.count(name) == 1 for name in (ONCE | AT_MOST_ONCE) & set(names))
    assert urlsplit(text(parent, "id")).scheme == "tag"
    for name in ("updated", "published"):
        for moment in parent.findall(f"{ATOM}{name}"):
            assert re.fullmatch(r"[\d-]{10}T[\d:]{8}(\.\d+)?(Z|[+-]\d\d:\d\d)", moment.text or "")
            assert datetime.fromisoformat(moment.text or "").tzinfo
    for person in parent.findall(f"{ATOM}author"):
        assert text(person, "name")
    for link in parent.findall(f"{ATOM}link"):
        assert urlsplit(link.get("href", "")).scheme == "http"
    for category in parent.findall(f"{ATOM}category"):
        assert category.get("term")
    for summary in parent.findall(f"{ATOM}summary"):
        assert summary.get("type") == "html"
        _Balanced().check(summary.text or "")


class _Balanced(HTMLParser):
    """Every element that is opened is closed."""

    def check(self, html: str) -> None:
        self.opened: list[str] = []
        self.feed(html)
        self.close()
        assert not self.opened

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("br", "hr", "img"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def text(parent: Element, name: str) -> str:
    found = parent.find(f"{ATOM}{name}")
    assert found is not None
    return found.text or ""


def titles(feed: Element) -> list[str]:
    return [text(entry, "title") for entry in feed.findall(f"{ATOM}entry")]


# --- What they hold -------------------------------------------------------------------------------


def test_new_networks_the_latest_first(anonymous: Client) -> None:
    now = timezone.now()
    for name, age in {"Old": 3, "New": 1, "Middle": 2}.items():
        network = NetworkFactory(name=name)
        PublishedVersionFactory(network=network, published_at=now - timedelta(days=age))

    assert titles(valid(anonymous.get(FEED))) == ["New", "Middle", "Old"]


def test_an_entry_says_what_it_is(alice: User, anonymous: Client) -> None:
    network = NetworkFactory(creator=alice, name="Ink & <wash>", tags=["ink", "line art"])
    version = PublishedVersionFactory(
        network=network, trigger_words=["inkwash"], recommended_strength=0.7
    )
    [entry] = valid(anonymous.get(FEED)).findall(f"{ATOM}entry")
    summary = text(entry, "summary")
    enclosure = entry.find(f"{ATOM}link[@rel='enclosure']")
    author = entry.find(f"{ATOM}author")

    assert text(entry, "title") == "Ink & <wash>"
    assert "<strong>rough</strong>" in summary
    assert "inkwash" in summary
    assert "0.7" in summary
    assert author is not None
    assert (text(author, "name"), text(author, "uri")) == ("alice", "http://testserver/alice")
    assert {each.get("term") for each in entry.findall(f"{ATOM}category")} == {"ink", "line art"}
    assert enclosure is not None
    assert enclosure.get("href") == f"http://testserver/api/download/models/{version.pk}"
    assert enclosure.get("length") == str(version.files.get(is_primary=True).size)
    link = entry.find(f"{ATOM}link[@rel='alternate']")
    assert link is not None
    assert link.get("href") == f"http://testserver/alice/{network.slug}"


def test_what_xml_cannot_hold_is_left_out(anonymous: Client) -> None:
    published(name="Ink\x0b\x1f wash\ufffe", description="Wet\x08 \x1b[1mink")

    assert titles(valid(anonymous.get(FEED))) == ["Ink wash"]


def test_a_new_version_moves_a_network_up_under_its_id(alice: User, anonymous: Client) -> None:
    first = published(creator=alice, name="First")
    published(creator=alice, name="Second")
    before = valid(anonymous.get(FEED))
    publish_version(version=CheckedVersionFactory(network=first), by=alice)
    after = valid(anonymous.get(FEED))

    assert titles(before) == ["Second", "First"]
    assert titles(after) == ["First", "Second"]
    ids = [sorted(text(e, "id") for e in feed.findall(f"{ATOM}entry")) for feed in (before, after)]
    assert ids[0] == ids[1]
    assert text(after, "updated") > text(before, "updated")


def test_of_a_creator(alice: User, bob: User, anonymous: Client) -> None:
    published(creator=alice, name="Hers")
    published(creator=bob, name="His")
    feed = valid(anonymous.get("/alice/feed.atom"))

    assert titles(feed) == ["Hers"]
    assert text(feed, "title") == "Hypernetworks by alice · HyperHub"


def test_of_a_tag(anonymous: Client) -> None:
    published(name="Inked", tags=["line art"])
    published(name="Other", tags=["photo"])

    assert titles(valid(anonymous.get("/tags/line%20art/feed.atom"))) == ["Inked"]


def test_a_creator_without_networks_has_an_empty_feed(alice: User, anonymous: Client) -> None:
    feed = valid(anonymous.get("/alice/feed.atom"))

    assert titles(feed) == []
    assert text(feed, "updated") == text(valid(anonymous.get("/alice/feed.atom")), "updated")


@pytest.mark.parametrize("address", ["/nobody/feed.atom", "/tags/nothing/feed.atom"])
def test_of_nobody_and_nothing(address: str, anonymous: Client) -> None:
    assert anonymous.get(address).status_code == 404


def test_other_spellings_lead_to_the_one_address(alice: User, mod: User, anonymous: Client) -> None:
    [tag] = resolve_tags(["line art"])
    [alias] = resolve_tags(["lineart"])
    make_alias(name=alias.name, of=tag, by=mod)

    assert anonymous.get("/ALICE/feed.atom")["Location"] == "/alice/feed.atom"
    for spelling in ("lineart", "Line_Art"):
        location = anonymous.get(f"/tags/{spelling}/feed.atom")["Location"]
        assert location == "/tags/line%20art/feed.atom"


# --- Whom they show it to -------------------------------------------------------------------------


def test_only_what_everyone_sees_without_asking(
    alice: User, mod: User, alice_client: Client
) -> None:
    """Whoever asks: a feed reader has no session, and its cache is shared."""
    User.objects.filter(pk=alice.pk).update(content_level=ContentLevel.EXPLICIT)
    published(creator=alice, name="Seen")
    for level in (ContentLevel.MATURE, ContentLevel.EXPLICIT):
        published(creator=alice, name=level, content_level=level)
    CheckedVersionFactory(network=NetworkFactory(creator=alice, name="Draft"))
    yanked = PublishedVersionFactory(network=NetworkFactory(creator=alice, name="Withdrawn"))
    yank_version(version=yanked, by=alice, reason="Too strong.")
    take_down_network(network=published(creator=alice, name="Gone"), by=mod, reason="Stolen.")

    assert titles(valid(alice_client.get(FEED))) == ["Seen"]
    assert titles(valid(alice_client.get("/alice/feed.atom"))) == ["Seen"]


def test_the_blocked_have_none(alice: User, anonymous: Client) -> None:
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    assert anonymous.get("/alice/feed.atom").status_code == 404


# --- Asked again and again ------------------------------------------------------------------------


def test_unchanged_feeds_are_not_sent_again(alice: User, anonymous: Client) -> None:
    network = published(creator=alice)
    response = anonymous.get(FEED)
    etag, modified = response["ETag"], response["Last-Modified"]

    assert response["Cache-Control"] == "public, max-age=300"
    assert anonymous.get(FEED, headers={"If-None-Match": etag}).status_code == 304
    assert anonymous.get(FEED, headers={"If-Modified-Since": modified}).status_code == 304

    Network.objects.filter(pk=network.pk).update(name="Renamed")
    assert anonymous.get(FEED, headers={"If-None-Match": etag}).status_code == 200


def test_no_more_than_thirty(django_assert_max_num_queries: Any, anonymous: Client) -> None:
    for _ in range(31):
        published()
    with django_assert_max_num_queries(6):
        feed = valid(anonymous.get(FEED))
    assert len(titles(feed)) == 30


def test_pages_tell_readers_where_it_is(anonymous: Client) -> None:
    page = anonymous.get(reverse("gallery")).content.decode()
    link = '<link rel="alternate" type="application/atom+xml" title="New hypernetworks"'

    assert f'{link} href="/feed.atom">' in page
