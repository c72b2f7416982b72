"""Who may do what: every action for every one of the cast."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from registry.errors import AccountBlocked, Forbidden, ModeratorsOnly, NotAllowed
from registry.models import User
from registry.permissions import Action, may, require

pytestmark = pytest.mark.django_db
# What each may do to a thing of Alice's.
EVERYONE = {"like", "follow", "show-picture", "report"}
CREATORS = {"collect", "create", "edit", "upload", "publish", "yank", "delete", "render"}
SHARED = {"set-content-level", "set-tags", "hide-picture"}
MODERATORS = {
    *("moderate", "block", "take-down", "restore", "manage-tags"),
    *("discard-quarantined", "see-quarantine"),
}


def allowed(by: object, creator: User) -> set[str]:
    return {action.value for action in Action if may(action, by=by, creator=creator)}


def test_the_whole_matrix(alice: User, bob: User, mod: User, boss: User) -> None:
    assert set(Action) == EVERYONE | CREATORS | SHARED | MODERATORS
    assert allowed(AnonymousUser(), alice) == set()
    assert allowed(bob, alice) == EVERYONE
    assert allowed(alice, alice) == EVERYONE | CREATORS | SHARED
    assert allowed(mod, alice) == allowed(boss, alice) == EVERYONE | SHARED | MODERATORS
    assert allowed(mod, mod) == EVERYONE | CREATORS | SHARED | MODERATORS


def test_the_blocked_and_the_deactivated_change_nothing(alice: User, mod: User) -> None:
    alice.blocked_at, alice.blocked_reason = timezone.now(), "Spam."
    mod.is_active = False
    assert allowed(alice, alice) == allowed(mod, alice) == set()
    with pytest.raises(AccountBlocked, match="Spam"):
        require(Action.EDIT, by=alice, creator=alice)


def test_the_hub_itself_may_do_everything(alice: User) -> None:
    for action in Action:
        require(action, by=None, creator=alice)


def test_a_refusal_says_who_could(alice: User, bob: User) -> None:
    with pytest.raises(NotAllowed):
        require(Action.PUBLISH, by=bob, creator=alice)
    with pytest.raises(ModeratorsOnly):
        require(Action.TAKE_DOWN, by=alice, creator=alice)
    assert issubclass(NotAllowed, Forbidden)
