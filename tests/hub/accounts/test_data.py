"""The pages of one's data: the archive, and the end of an account."""

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from registry.exporting import signature_of
from registry.models import Job, Network, User
from tests.cast import PASSWORD
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.jobs import run_waiting_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def lately(alice: User) -> Client:
    """Alice's browser; she has just typed her password."""
    client = Client()
    client.post("/account/login/", {"login": "alice", "password": PASSWORD})
    return client


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


class TestArchive:
    def test_from_asking_to_the_file(self, lately: Client) -> None:
        assert "not copied" in page(lately, "/account/data/")
        assert lately.post("/account/data/").status_code == 302
        assert "is being made" in page(lately, "/account/data/")
        [job] = run_waiting_jobs()
        assert f"/account/data/{job.pk}" in page(lately, "/account/data/")
        answer = lately.get(f"/account/data/{signature_of(job)}.zip")
        assert answer.status_code == 200
        assert b"".join(answer)[:2] == b"PK"
        assert "attachment" in answer["Content-Disposition"]

    def test_it_is_for_nobody_else(
        self, lately: Client, bob_client: Client, anonymous: Client
    ) -> None:
        lately.post("/account/data/")
        [job] = run_waiting_jobs()
        address = f"/account/data/{signature_of(job)}.zip"
        assert bob_client.get(address).status_code == 404
        assert anonymous.get(address).status_code == 302

    def test_asking_needs_the_password_lately(self, alice_client: Client) -> None:
        assert "reauthenticate" in alice_client.post("/account/data/")["Location"]
        assert not Job.objects.exists()


class TestClosing:
    def test_with_the_name_typed(self, lately: Client, alice: User) -> None:
        answer = lately.post("/account/close/", {"name": "alice"}, follow=True)
        assert "Your account is closed" in answer.content.decode()
        assert not answer.wsgi_request.user.is_authenticated
        assert not User.objects.filter(pk=alice.pk).exists()

    def test_not_with_another_name(self, lately: Client, alice: User) -> None:
        answer = lately.post("/account/close/", {"name": "Alice"})
        assert answer.status_code == 400
        assert "This is not your public name" in answer.content.decode()
        assert User.objects.filter(pk=alice.pk).exists()

    def test_networks_stay_if_one_says_so(self, lately: Client, alice: User) -> None:
        network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
        assert "1 published network" in page(lately, "/account/close/")
        lately.post("/account/close/", {"name": "alice", "networks": "keep"})
        network.refresh_from_db()
        assert network.status == Network.Status.PUBLISHED

    def test_it_needs_the_password_lately(self, alice_client: Client, alice: User) -> None:
        answer = alice_client.post("/account/close/", {"name": "alice"})
        assert "reauthenticate" in answer["Location"]
        assert User.objects.filter(pk=alice.pk).exists()

    def test_the_last_administrator_is_told_why_not(self, boss: User) -> None:
        client = Client()
        client.post("/account/login/", {"login": "boss", "password": PASSWORD})
        assert "the only administrator" in page(client, "/account/close/")
        refused = client.post("/account/close/", {"name": "boss"})
        assert refused.status_code == 400
        assert User.objects.filter(pk=boss.pk, is_active=True).exists()

    def test_a_form_from_elsewhere_is_refused(self, alice: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.post("/account/close/", {"name": "alice"}).status_code == 403
