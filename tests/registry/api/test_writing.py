"""api.md, section "Write endpoints": networks and versions, made and changed by programs."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from registry.api_keys import create_api_key
from registry.models import AuditEvent, Network, Scope, User, Version
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    VersionFactory,
)

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


def send(client: Client, method: str, address: str, body: Any = None, **headers: str) -> Any:
    if body is None:
        return client.generic(method.upper(), f"{V1}/{address}", content_type="", headers=headers)
    call = getattr(client, method)
    return call(f"{V1}/{address}", body, content_type="application/json", headers=headers)


def issues(answer: Any) -> dict[str, dict[str, Any]]:
    """What is wrong, by the field that it is about."""
    assert answer.status_code == 400, answer.content
    return {issue["path"][0]: issue for issue in answer.json()["error"]["issues"]}


class TestModels:
    def test_made_with_a_key(self, anonymous: Client, alice: User) -> None:
        key = create_api_key(user=alice, name="script", scopes=[Scope.UPLOAD], expires_at=None)[1]
        answer = send(
            anonymous,
            "post",
            "models",
            {
                "name": "Ink wash",
                "kind": "style",
                "description": "Wet **ink**.",
                "tags": ["Ink", "style: line art"],
                "contentLevel": "mature",
                "licence": "CC-BY-4.0",
                "allowNoCredit": True,
                "allowCommercialUse": ["Image"],
                "allowDerivatives": False,
                "allowDifferentLicense": True,
            },
            Authorization=f"Bearer {key}",
        )
        assert answer.status_code == 201, answer.content
        model = answer.json()
        assert answer["Location"] == f"http://testserver/api/v1/models/{model['id']}"
        assert model["address"] == "http://testserver/alice/ink-wash"
        assert model["description"] == "<p>Wet <strong>ink</strong>.</p>\n"
        assert sorted(model["tags"]) == ["ink", "line art"]
        assert (model["nsfw"], model["nsfwLevel"]) == (True, 4)
        assert model["allowCommercialUse"] == ["Image"]
        assert (model["allowNoCredit"], model["allowDerivatives"]) == (True, False)
        network = Network.objects.get(pk=model["id"])
        assert (network.creator, network.status) == (alice, Network.Status.DRAFT)
        assert (network.licence, network.allow_different_licence) == ("CC-BY-4.0", True)

    def test_a_draft_is_only_its_creators(
        self, alice_client: Client, bob_client: Client, anonymous: Client
    ) -> None:
        made = send(alice_client, "post", "models", {"name": "Ink", "kind": "style"}).json()
        assert send(alice_client, "get", f"models/{made['id']}").json() == made
        for other in (bob_client, anonymous):
            assert send(other, "get", f"models/{made['id']}").status_code == 404

    def test_at_an_address_of_ones_own_choice(self, alice_client: Client) -> None:
        body = {"name": "Ink", "kind": "style", "slug": "wet-ink"}
        assert send(alice_client, "post", "models", body).status_code == 201
        again = issues(send(alice_client, "post", "models", body))
        assert "already have a network" in again[""]["message"]
        unfit = issues(send(alice_client, "post", "models", body | {"slug": "Wet ink"}))
        assert "slug" in unfit

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"kind": "style"}, "name"),
            ({"name": "Ink"}, "kind"),
            ({"name": "Ink", "kind": "chord"}, "kind"),
            ({"name": "Ink", "kind": "style", "nmae": "Ink"}, "nmae"),
            ({"name": "x" * 61, "kind": "style"}, "name"),
            ({"name": "Ink\0", "kind": "style"}, "name"),
            ({"name": "Ink", "kind": "style", "tags": ["<b>"]}, "tags"),
            ({"name": "Ink", "kind": "style", "tags": "ink"}, "tags"),
            ({"name": "Ink", "kind": "style", "allowCommercialUse": ["Steal"]}, None),
            ([], ""),
        ],
    )
    def test_what_is_not_taken_is_named(
        self, alice_client: Client, body: Any, field: str | None
    ) -> None:
        found = issues(send(alice_client, "post", "models", body))
        if field is not None:
            assert set(found) == {field}
        assert not Network.objects.exists()

    def test_choices_are_told(self, alice_client: Client) -> None:
        body = {"name": "Ink", "kind": "chord"}
        kind = issues(send(alice_client, "post", "models", body))["kind"]
        assert kind["options"] == kind["values"] == ["style", "subject"]

    def test_only_json(self, alice_client: Client) -> None:
        answer = alice_client.post(f"{V1}/models", {"name": "Ink", "kind": "style"})
        assert answer.status_code == 415
        broken = alice_client.post(f"{V1}/models", "{", content_type="application/json")
        assert broken.status_code == 400

    def test_changed_in_the_fields_that_are_sent(self, alice_client: Client, alice: User) -> None:
        network = NetworkFactory(creator=alice, name="Ink", tags=["ink"])
        answer = send(alice_client, "patch", f"models/{network.pk}", {"name": "Wet ink"})
        assert answer.status_code == 200
        assert answer.json()["name"] == "Wet ink"
        assert answer.json()["tags"] == ["ink"]
        cleared = send(alice_client, "patch", f"models/{network.pk}", {"tags": []})
        assert cleared.json()["tags"] == []

    def test_an_address_does_not_change(self, alice_client: Client, alice: User) -> None:
        network = NetworkFactory(creator=alice)
        assert "slug" in issues(
            send(alice_client, "patch", f"models/{network.pk}", {"slug": "other"})
        )

    def test_others_may_change_nothing(self, bob_client: Client, alice: User) -> None:
        network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
        for body in ({"name": "Mine"}, {"tags": ["mine"]}, {}):
            answer = send(bob_client, "patch", f"models/{network.pk}", body)
            assert answer.status_code == 403
            assert answer.json()["code"] == "not-allowed"
        assert not AuditEvent.objects.exists()

    def test_moderators_set_tags_and_level_and_no_more(
        self, mod_client: Client, alice: User
    ) -> None:
        network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
        body = {"tags": ["ink"], "contentLevel": "explicit"}
        answer = send(mod_client, "patch", f"models/{network.pk}", body)
        assert (answer.json()["tags"], answer.json()["nsfwLevel"]) == (["ink"], 16)
        refused = send(mod_client, "patch", f"models/{network.pk}", {"name": "Rude"})
        assert refused.status_code == 403

    def test_what_moderators_raised_its_creator_may_not_lower(
        self, mod_client: Client, alice_client: Client, alice: User
    ) -> None:
        network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
        address = f"models/{network.pk}"
        body = {"contentLevel": "explicit", "reason": "Nudes."}
        assert send(mod_client, "patch", address, body).status_code == 200
        refused = send(alice_client, "patch", address, {"contentLevel": "general"})
        assert (refused.status_code, refused.json()["code"]) == (403, "content-level-held")
        assert "Nudes." in refused.json()["error"]

    def test_a_deleted_draft_is_gone(self, alice_client: Client, alice: User) -> None:
        network = NetworkFactory(creator=alice)
        assert send(alice_client, "delete", f"models/{network.pk}").status_code == 204
        assert send(alice_client, "delete", f"models/{network.pk}").status_code == 404

    def test_of_a_published_one_the_tombstone_stays(
        self, alice_client: Client, alice: User
    ) -> None:
        network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
        answer = send(alice_client, "delete", f"models/{network.pk}", {"reason": "A better one."})
        assert (answer.status_code, answer.json()["mode"]) == (200, "Archived")
        network.refresh_from_db()
        assert network.status_reason == "A better one."
        again = send(alice_client, "delete", f"models/{network.pk}")
        assert (again.status_code, again.json()["code"]) == (409, "wrong-status")


class TestVersions:
    def test_the_next_draft(self, alice_client: Client, anonymous: Client, alice: User) -> None:
        network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
        answer = send(
            alice_client,
            "post",
            f"models/{network.pk}/versions",
            {
                "name": "soft",
                "description": "Softer **edges**.",
                "trainedWords": ["inkwash"],
                "baseModel": "SD 1.5",
                "settings": {"strength": 0.8, "minStrength": 0.4, "maxStrength": 1.2},
            },
        )
        assert answer.status_code == 201, answer.content
        version = answer.json()
        assert answer["Location"] == f"http://testserver/api/v1/model-versions/{version['id']}"
        assert (version["name"], version["status"]) == ("soft", "Draft")
        assert version["description"] == "<p>Softer <strong>edges</strong>.</p>\n"
        assert version["trainedWords"] == ["inkwash"]
        assert version["settings"] == {
            "strength": 0.8,
            "minStrength": 0.4,
            "maxStrength": 1.2,
            "source": "creator",
        }
        statuses = [
            [each["status"] for each in send(client, "get", f"models/{network.pk}").json()[key]]
            for client in (alice_client, anonymous)
            for key in ("modelVersions",)
        ]
        assert statuses == [["Draft", "Published"], ["Published"]]

    def test_named_by_its_number_where_no_name_is_given(
        self, alice_client: Client, alice: User
    ) -> None:
        network = NetworkFactory(creator=alice)
        answer = send(alice_client, "post", f"models/{network.pk}/versions", {})
        assert (answer.status_code, answer.json()["name"]) == (201, "v1")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": "main"}, "name"),
            ({"name": "a/b"}, "name"),
            ({"description": "x" * 10_001}, "description"),
            ({"trainedWords": ["x" * 121]}, "trainedWords"),
            ({"baseModel": "SDXL"}, "baseModel"),
            ({"settings": {"strength": 5}}, "settings.strength"),
            ({"settings": {"strenght": 1}}, "settings.strenght"),
            ({"status": "published"}, "status"),
        ],
    )
    def test_what_is_not_taken_is_named(
        self, alice_client: Client, alice: User, body: Any, field: str
    ) -> None:
        network = NetworkFactory(creator=alice)
        assert set(issues(send(alice_client, "post", f"models/{network.pk}/versions", body))) == {
            field
        }
        assert not Version.objects.exists()

    def test_only_the_strength_of_what_is_published_changes(
        self, alice_client: Client, alice: User
    ) -> None:
        version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
        address = f"model-versions/{version.pk}"
        answer = send(alice_client, "patch", address, {"settings": {"strength": 0.7}})
        assert answer.json()["settings"]["strength"] == 0.7
        cleared = send(alice_client, "patch", address, {"settings": {"strength": None}})
        assert cleared.json()["settings"]["source"] == "not measured"
        refused = send(alice_client, "patch", address, {"name": "other"})
        assert (refused.status_code, refused.json()["code"]) == (409, "version-published")

    def test_a_draft_is_deleted_a_published_one_is_not(
        self, alice_client: Client, alice: User
    ) -> None:
        published = PublishedVersionFactory(network=NetworkFactory(creator=alice))
        draft = VersionFactory(network=published.network)
        assert send(alice_client, "delete", f"model-versions/{draft.pk}").status_code == 204
        refused = send(alice_client, "delete", f"model-versions/{published.pk}")
        assert (refused.status_code, refused.json()["code"]) == (409, "version-published")


class TestPublishing:
    def test_at_once(self, alice_client: Client, anonymous: Client, alice: User) -> None:
        version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
        answer = send(alice_client, "post", f"model-versions/{version.pk}/publish")
        assert (answer.status_code, answer.json()["status"]) == (200, "Published")
        [listed] = send(anonymous, "get", "models").json()["items"]
        assert listed["modelVersions"][0]["id"] == version.pk

    def test_at_a_time_to_come(self, alice_client: Client, anonymous: Client, alice: User) -> None:
        version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
        address = f"model-versions/{version.pk}/publish"
        at = (timezone.now() + timedelta(days=1)).isoformat()
        answer = send(alice_client, "post", address, {"publishAt": at})
        assert answer.json()["status"] == "Scheduled"
        version.refresh_from_db()
        assert version.publish_at == parse_datetime(at)
        assert send(anonymous, "get", f"model-versions/{version.pk}").status_code == 404
        past = send(alice_client, "post", address, {"publishAt": "2020-01-01T00:00:00Z"})
        assert (past.status_code, past.json()["code"]) == (409, "time-is-past")

    def test_not_without_a_checked_file(self, alice_client: Client, alice: User) -> None:
        version = VersionFactory(network=NetworkFactory(creator=alice))
        answer = send(alice_client, "post", f"model-versions/{version.pk}/publish")
        assert (answer.status_code, answer.json()["code"]) == (409, "no-file")

    def test_withdrawn_with_a_reason_and_put_back(
        self, alice_client: Client, anonymous: Client, alice: User
    ) -> None:
        version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
        address = f"model-versions/{version.pk}"
        assert set(issues(send(alice_client, "post", f"{address}/yank", {}))) == {"reason"}
        yanked = send(alice_client, "post", f"{address}/yank", {"reason": "Too strong."}).json()
        assert (yanked["status"], yanked["statusReason"]) == ("Yanked", "Too strong.")
        assert send(anonymous, "get", "models").json()["items"] == []
        assert send(anonymous, "get", address).json()["status"] == "Yanked"
        back = send(alice_client, "post", f"{address}/unyank").json()
        assert (back["status"], back["statusReason"]) == ("Published", "")

    @pytest.mark.parametrize("verb", ["publish", "yank", "unyank"])
    def test_only_by_its_creator(self, bob_client: Client, alice: User, verb: str) -> None:
        version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
        body = {"reason": "I do not like it."} if verb == "yank" else {}
        answer = send(bob_client, "post", f"model-versions/{version.pk}/{verb}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")


def test_a_page_needs_its_csrf_token(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    body = {"name": "Ink", "kind": "style"}
    assert send(browser, "post", "models", body).status_code == 403
    browser.cookies["csrftoken"] = "a" * 32
    assert send(browser, "post", "models", body, **{"X-CSRFToken": "a" * 32}).status_code == 201


def test_answers_to_writing_are_kept_by_nobody(alice_client: Client) -> None:
    answer = send(alice_client, "post", "models", {"name": "Ink", "kind": "style"})
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("method", "address"),
    [("put", "models"), ("delete", "models"), ("put", "models/1"), ("get", "models/1/versions")],
)
def test_a_wrong_method_is_told_before_a_missing_key(
    anonymous: Client, method: str, address: str
) -> None:
    answer = send(anonymous, method, address)
    assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed"})
