import pytest
import structlog

from registry import audit
from registry.models import AuditEvent, User


def test_a_line_says_who_did_what_to_which_row_and_why(alice: User, mod: User) -> None:
    event = audit.record("user.blocked", by=mod, on=alice, reason="spam", data={"reports": 3})

    assert (event.actor, event.action, event.reason) == (mod, "user.blocked", "spam")
    assert event.target == f"registry.user:{alice.pk}"
    assert event.data == {"reports": 3}


def test_a_line_has_the_request_it_came_from(alice: User) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-17", ip="2001:db8::1"):
        audit.record("profile.changed", by=alice, on=alice)

    event = AuditEvent.objects.get()
    assert (event.request_id, event.address) == ("r-17", "2001:db8::1")


def test_the_hub_itself_acts_without_an_actor_or_a_request(db: None) -> None:
    event = audit.record("blobs.swept", by=None)

    assert (event.actor, event.target, event.request_id, event.address) == (None, "", "", None)


def test_a_line_is_never_changed(alice: User) -> None:
    event = audit.record("profile.changed", by=alice)
    event.action = "nothing.happened"

    with pytest.raises(ValueError, match="never changed"):
        event.save()
    assert AuditEvent.objects.get().action == "profile.changed"
