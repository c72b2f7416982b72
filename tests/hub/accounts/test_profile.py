from django.test import Client
from django.urls import reverse

from registry.models import AuditEvent, User

PROFILE = reverse("account_profile")


def save(client: Client, **changes: str) -> int:
    form = {"display_name": "Alice A.", "bio": "I *paint*.", "content_level": "mature"} | changes
    return client.post(PROFILE, form).status_code


def test_what_people_say_of_themselves_is_kept(alice_client: Client, alice: User) -> None:
    assert save(alice_client) == 302

    alice.refresh_from_db()
    assert (alice.display_name, alice.bio) == ("Alice A.", "I *paint*.")
    assert alice.content_level == "mature"


def test_the_audit_line_names_what_changed_but_not_the_words(
    alice_client: Client, alice: User
) -> None:
    save(alice_client, bio="")
    save(alice_client, bio="")  # nothing new: no second line

    event = AuditEvent.objects.get(action="profile.changed")
    assert (event.actor, event.target) == (alice, f"registry.user:{alice.pk}")
    assert event.data == {"fields": ["display_name", "content_level"]}


def test_the_public_name_and_the_role_are_not_for_the_form(
    alice_client: Client, alice: User
) -> None:
    save(alice_client, username="mallory", role="admin", email="m@example.org")

    alice.refresh_from_db()
    assert (alice.username, alice.role, alice.email) == ("alice", "member", "alice@example.org")


def test_too_long_a_name_is_refused_and_nothing_is_kept(alice_client: Client, alice: User) -> None:
    assert save(alice_client, display_name="x" * 61) == 400

    alice.refresh_from_db()
    assert alice.display_name == ""


def test_the_profile_is_for_people_who_are_signed_in(anonymous: Client) -> None:
    assert anonymous.get(PROFILE)["Location"].startswith(reverse("account_login"))
