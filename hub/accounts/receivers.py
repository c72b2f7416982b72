"""Audit lines for what allauth does: signing up and in, passwords, addresses, second factors."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.socialaccount import signals as social
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.dispatch import Signal, receiver

from registry import audit
from registry.models import User

PLAIN: dict[str, Signal] = {
    "user.signed_up": account.user_signed_up,
    "user.logged_in": account.user_logged_in,
    "password.changed": account.password_changed,
    "password.set": account.password_set,
    "password.reset": account.password_reset,
}
AUTHENTICATORS: dict[str, Signal] = {
    "two_factor.added": mfa.authenticator_added,
    "two_factor.removed": mfa.authenticator_removed,
    "two_factor.renewed": mfa.authenticator_reset,
}


def connect() -> None:
    """Called once, when the app is ready."""
    for action, signal in PLAIN.items():
        signal.connect(_plain(action), weak=False, dispatch_uid=action)
    for action, signal in AUTHENTICATORS.items():
        signal.connect(_authenticator(action), weak=False, dispatch_uid=action)


def _plain(action: str) -> Any:
    def on(sender: Any, *, user: User, **_: Any) -> None:
        audit.record(action, by=user, on=user)

    return on


def _authenticator(action: str) -> Any:
    def on(sender: Any, *, user: User, authenticator: Any, **_: Any) -> None:
        audit.record(action, by=user, on=user, data={"kind": authenticator.type})

    return on


@receiver(user_logged_out)
def on_log_out(sender: Any, *, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record("user.logged_out", by=user, on=user)


@receiver(user_login_failed)
def on_failed_log_in(sender: Any, *, credentials: dict[str, Any], **_: Any) -> None:
    """The account that was tried, if any; never what was typed, which may be a password."""
    name = credentials.get("username") or ""
    address = credentials.get("email") or ""
    tried = User.objects.filter(username__iexact=name).first()
    tried = tried or User.objects.filter(email__iexact=address).first()
    audit.record("login.failed", by=None, on=tried)


@receiver(mfa.authentication_failed)
def on_failed_second_factor(sender: Any, *, user: User, authenticator: Any, **_: Any) -> None:
    kind = authenticator.type if authenticator else ""
    audit.record("login.failed", by=None, on=user, data={"step": kind or "two_factor"})


@receiver(account.email_confirmed)
def on_confirmed_address(sender: Any, *, email_address: Any, **_: Any) -> None:
    audit.record("email.confirmed", by=email_address.user, on=email_address.user)


@receiver(account.email_changed)
def on_changed_address(
    sender: Any, *, user: User, from_email_address: Any, to_email_address: Any, **_: Any
) -> None:
    """Also sent for a first address; that one is `email.confirmed` and nothing more."""
    if from_email_address and from_email_address.email != to_email_address.email:
        audit.record("email.changed", by=user, on=user)


@receiver(social.social_account_added)
def on_social_account(sender: Any, *, sociallogin: Any, **_: Any) -> None:
    account_added = sociallogin.account
    audit.record(
        "social_account.added",
        by=account_added.user,
        on=account_added.user,
        data={"provider": account_added.provider},
    )


@receiver(social.social_account_removed)
def on_social_account_removed(sender: Any, *, socialaccount: Any, **_: Any) -> None:
    audit.record(
        "social_account.removed",
        by=socialaccount.user,
        on=socialaccount.user,
        data={"provider": socialaccount.provider},
    )
