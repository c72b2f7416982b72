"""Django's admin: whom it lets in, and what it lets them do."""

import pytest
from django.test import Client
from django.urls import reverse

from registry import audit
from registry.api_keys import create_api_key
from registry.models import AuditEvent, User


def test_its_door_is_the_hubs_own(anonymous: Client) -> None:
    answer = anonymous.get("/admin/", follow=True)

    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


@pytest.mark.parametrize("who", ["alice_client", "mod_client"])
def test_it_is_closed_to_all_but_administrators(who: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(who)

    assert client.get("/admin/", follow=True).status_code == 403


def test_a_blocked_administrator_is_out(boss_client: Client, boss: User) -> None:
    User.objects.filter(pk=boss.pk).update(blocked_at=boss.date_joined)

    assert boss_client.get("/admin/", follow=True).status_code == 403


@pytest.fixture
def ruler(boss: User, boss_client: Client) -> Client:
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    return boss_client


def test_a_role_is_given_and_noted(ruler: Client, alice: User, boss: User) -> None:
    url = reverse("admin:registry_user_change", args=[alice.pk])
    ruler.post(url, {"display_name": "", "bio": "", "role": "moderator", "is_active": "on"})

    alice.refresh_from_db()
    assert alice.role == "moderator"
    event = AuditEvent.objects.get(action="user.changed")
    assert (event.actor, event.data) == (boss, {"fields": ["role"]})


def test_names_and_addresses_stay(ruler: Client, alice: User) -> None:
    url = reverse("admin:registry_user_change", args=[alice.pk])
    form = {"display_name": "", "bio": "", "role": "member", "is_active": "on"}
    ruler.post(url, form | {"username": "mallory", "email": "m@example.org"})

    alice.refresh_from_db()
    assert (alice.username, alice.email) == ("alice", "alice@example.org")


def test_keys_and_the_audit_trail_are_for_looking(ruler: Client, alice: User) -> None:
    key, _ = create_api_key(user=alice, name="k", scopes=["read"], expires_at=None)
    event = audit.record("something.done", by=alice)
    for model, row in {"apikey": key, "auditevent": event}.items():
        assert ruler.get(reverse(f"admin:registry_{model}_changelist")).status_code == 200
        page = ruler.get(reverse(f"admin:registry_{model}_change", args=[row.pk]))
        assert page.status_code == 200
        assert key.digest not in page.content.decode()
        assert ruler.get(reverse(f"admin:registry_{model}_add")).status_code == 403
        change = ruler.post(reverse(f"admin:registry_{model}_change", args=[row.pk]), {"name": "x"})
        assert change.status_code == 403
        delete = ruler.post(reverse(f"admin:registry_{model}_delete", args=[row.pk]), {"post": "y"})
        assert delete.status_code == 403
