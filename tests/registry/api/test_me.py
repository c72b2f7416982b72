from rest_framework.test import APIClient

from registry.api_keys import create_api_key
from registry.models import Scope, User


def test_me_says_whose_key_it_is_in_civitais_words_and_ours(api: APIClient, alice: User) -> None:
    alice.display_name, alice.avatar = "Alice A.", f"avatars/{'0' * 64}.webp"
    alice.save()
    secret = create_api_key(
        user=alice, name="k", scopes=[Scope.READ, Scope.UPLOAD], expires_at=None
    )[1]

    answer = api.get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert answer.json() == {
        "id": alice.pk,
        "username": "alice",
        "image": f"http://testserver/media/avatars/{'0' * 64}.webp",
        "tier": "free",
        "status": "active",
        "isMember": False,
        "subscriptions": [],
        "displayName": "Alice A.",
        "role": "member",
        "scopes": ["read", "upload"],
    }
    assert answer["Cache-Control"] == "private, no-store"


def test_me_needs_the_scope_to_read(api: APIClient, alice: User) -> None:
    secret = create_api_key(user=alice, name="k", scopes=[Scope.UPLOAD], expires_at=None)[1]

    answer = api.get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert (answer.status_code, answer.json()) == (403, {"error": "insufficient_scope"})


def test_me_says_when_an_account_is_blocked(api: APIClient, alice: User) -> None:
    secret = create_api_key(user=alice, name="k", scopes=[Scope.READ], expires_at=None)[1]
    User.objects.update(blocked_at=alice.date_joined)

    answer = api.get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert answer.json()["status"] == "muted"


def test_me_takes_no_other_method(api: APIClient, alice: User) -> None:
    secret = create_api_key(user=alice, name="k", scopes=[Scope.READ], expires_at=None)[1]

    answer = api.post("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed"})
