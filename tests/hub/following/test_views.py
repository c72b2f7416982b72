"""Follow a creator, and read what they publish."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from inference.models import BaseModel
from registry.following import follow_creator
from registry.models import ContentLevel, Follow, Network, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory, UserFactory
from tests.grids import grid_of
from tests.hub.gallery.networks import published
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12
NOW = timezone.now()


def feed(client: Client, query: str = "") -> str:
    response = client.get(f"/following{query}")
    assert response.status_code == 200
    return response.content.decode()


def versions_of(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('<h2><a href="')[1:]]


@pytest.fixture
def followed(alice: User, bob: User) -> User:
    follow_creator(creator=alice, by=bob)
    return alice


class TestButton:
    def test_it_follows_and_stops(self, bob_client: Client, alice: User) -> None:
        page = bob_client.get("/alice").content.decode()
        assert reverse("follow", args=[alice.pk]) in page

        response = bob_client.post(reverse("follow", args=[alice.pk]))
        assert response.headers["Location"] == "/alice"
        page = bob_client.get("/alice").content.decode()
        assert reverse("unfollow", args=[alice.pk]) in page
        assert "follower</dt><dd>1" in page

        bob_client.post(reverse("unfollow", args=[alice.pk]))
        assert not Follow.objects.exists()

    def test_nobody_is_offered_oneself(self, alice_client: Client, alice: User) -> None:
        page = alice_client.get("/alice").content.decode()
        assert reverse("follow", args=[alice.pk]) not in page
        assert alice_client.post(reverse("follow", args=[alice.pk])).status_code == 409

    def test_a_stranger_signs_in_first(self, anonymous: Client, alice: User) -> None:
        assert f"{reverse('account_login')}?next=/alice" in anonymous.get("/alice").content.decode()
        response = anonymous.post(reverse("follow", args=[alice.pk]))
        assert response.headers["Location"].startswith(reverse("account_login"))

    def test_coming_back_from_signing_in_changes_nothing(
        self, bob_client: Client, alice: User
    ) -> None:
        response = bob_client.get(reverse("follow", args=[alice.pk]))
        assert response.headers["Location"] == "/alice"
        assert not Follow.objects.exists()

    def test_the_blocked_are_nowhere(self, bob_client: Client, alice: User) -> None:
        alice.blocked_at = NOW
        alice.save()
        assert bob_client.post(reverse("follow", args=[alice.pk])).status_code == 404


class TestFeed:
    def test_it_says_how_to_begin(self, bob_client: Client) -> None:
        assert "press “Follow”" in feed(bob_client)

    def test_and_that_nothing_came_yet(self, bob_client: Client, followed: User) -> None:
        assert "Nothing published yet" in feed(bob_client)

    def test_each_version_of_the_followed_newest_first(
        self, bob_client: Client, followed: User
    ) -> None:
        ink = NetworkFactory(creator=followed, name="Ink", slug="ink")
        for number, days in ((1, 3), (2, 1)):
            PublishedVersionFactory(
                network=ink,
                number=number,
                name=f"v{number}",
                published_at=NOW - timedelta(days=days),
                changelog="Softer **edges**.",
            )
        published(followed, "Wash", published_at=NOW - timedelta(days=2))
        published(UserFactory(), "Foreign")
        page = feed(bob_client)

        assert versions_of(page) == [
            "/alice/ink/versions/2",
            "/alice/wash/versions/1",
            "/alice/ink/versions/1",
        ]
        assert "Softer <strong>edges</strong>" in page
        assert (page.count("New network"), page.count("New version")) == (2, 1)

    def test_nothing_that_is_withdrawn_a_draft_or_above_ones_level(
        self, bob_client: Client, followed: User
    ) -> None:
        yanked = published(followed, "Yanked")
        Version.objects.filter(pk=yanked.pk).update(
            status=Version.Status.YANKED, yanked_at=NOW, status_reason="Broken."
        )
        NetworkFactory(creator=followed, name="Draft")
        published(followed, "Night", content_level=ContentLevel.EXPLICIT)
        gone = published(followed, "Gone").network
        Network.objects.filter(pk=gone.pk).update(status=Network.Status.TAKEN_DOWN, is_listed=False)
        assert versions_of(feed(bob_client)) == []

    def test_its_pages_follow_each_other(
        self, bob_client: Client, followed: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hub.following.feed.PAGE", 2)
        for days, name in enumerate(("One", "Two", "Three")):
            published(followed, name, published_at=NOW - timedelta(days=days))
        page = feed(bob_client)
        assert versions_of(page) == ["/alice/one/versions/1", "/alice/two/versions/1"]

        more = page.split('rel="next" href="')[1].split('"')[0]
        assert versions_of(feed(bob_client, more)) == ["/alice/three/versions/1"]
        part = bob_client.get(
            f"/following{more}", headers={"HX-Request": "true", "HX-Target": "wall-more"}
        ).content.decode()
        assert "<html" not in part
        assert versions_of(part) == ["/alice/three/versions/1"]

    def test_a_stranger_signs_in_first(self, anonymous: Client) -> None:
        assert anonymous.get("/following").status_code == 302

    def test_queries_do_not_grow(self, bob_client: Client, bob: User, followed: User) -> None:
        base_model: BaseModel = make_base_model()

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                feed(bob_client)
            return len(captured)

        grid_of(published(followed, "One"), base_model=base_model)
        few = queries()
        for number in range(3):
            creator = UserFactory()
            follow_creator(creator=creator, by=bob)
            grid_of(published(creator, f"More {number}"), base_model=base_model)

        assert queries() == few
        assert few <= MOST_QUERIES
