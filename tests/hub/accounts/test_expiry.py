from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token
from django.contrib.sessions.models import Session
from django.utils import timezone

from hub.accounts.clients import OUR_CLIENT
from hub.accounts.expiry import UNPROVEN_FOR, forget_expired
from registry.models import AuditEvent, User

LONG_AGO = timezone.now() - UNPROVEN_FOR - timedelta(hours=1)


def newcomer(name: str, *, joined: object, proven: bool) -> User:
    user = User.objects.create_user(name, f"{name}@example.org")
    User.objects.filter(pk=user.pk).update(date_joined=joined)
    EmailAddress.objects.create(user=user, email=user.email, verified=proven, primary=True)
    return user


def test_only_accounts_that_nobody_proved_for_a_week_are_forgotten(db: None) -> None:
    gone = newcomer("never-came", joined=LONG_AGO, proven=False)
    newcomer("came-lately", joined=timezone.now(), proven=False)
    newcomer("proven", joined=LONG_AGO, proven=True)
    was_in = newcomer("was-in", joined=LONG_AGO, proven=False)
    User.objects.filter(pk=was_in.pk).update(last_login=LONG_AGO)
    by_hand = User.objects.create_user("by-hand", "hand@example.org")
    User.objects.filter(pk=by_hand.pk).update(date_joined=LONG_AGO)

    forget_expired()
    forget_expired()

    left = set(User.objects.values_list("username", flat=True))
    assert left == {"came-lately", "proven", "was-in", "by-hand"}
    event = AuditEvent.objects.get(action="user.forgotten")
    assert (event.target, event.actor) == (f"registry.user:{gone.pk}", None)


def test_what_has_expired_is_dropped_and_the_rest_stays(alice: User) -> None:
    now = timezone.now()
    for number, ends in enumerate((now - timedelta(1), now + timedelta(1))):
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=ends)
        token = Token(type=Token.Type.ACCESS_TOKEN, client_id=OUR_CLIENT, user=alice)
        token.set_value(f"t{number}")
        token.expires_at = ends
        token.save()

    forget_expired()

    assert [session.pk for session in Session.objects.all()] == ["s1"]
    assert Token.objects.get().expires_at > now
