"""What is over: sessions, tokens of programs, and accounts whose address was never proven."""

from datetime import timedelta
from typing import Final

from allauth.idp.oidc.models import Token
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from registry import audit
from registry.models import User

# Twice as long as the link in the mail works, and then some: the name is free again.
UNPROVEN_FOR: Final = timedelta(days=7)


def forget_expired() -> None:
    """Safe at any time, any number of times."""
    import_string(f"{settings.SESSION_ENGINE}.SessionStore").clear_expired()
    Token.objects.expired().delete()
    forget_unproven()


@transaction.atomic
def forget_unproven() -> None:
    """Accounts that nobody has ever entered; those made by hand have no address to prove."""
    stale = (
        User.objects.filter(
            emailaddress__isnull=False,
            last_login=None,
            date_joined__lt=timezone.now() - UNPROVEN_FOR,
        )
        .exclude(emailaddress__verified=True)
        .distinct()
    )
    for user in stale:
        audit.record("user.forgotten", by=None, on=user)
        user.delete()
