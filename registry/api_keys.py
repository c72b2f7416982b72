"""Keys for programs: made, used and revoked.

A key is `hnh_` and 32 random bytes in 43 letters and digits, which a double click selects whole.
"""

import hashlib
import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry import audit
from registry.errors import TooMuch
from registry.models import ApiKey, Scope, User

BEGINNING: Final = "hnh_"
LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
LENGTH: Final = len(BEGINNING) + 43  # 62**43 is the first power of 62 above 2**256
SHOWN: Final = 12
NOTED_EVERY: Final = timedelta(minutes=1)
MOST_KEYS: Final = 50


class TooManyKeys(TooMuch, code="too-many-keys"):
    most: int
    sentence = _("You have {most} keys in use. Revoke one that you don't need.")


@transaction.atomic
def create_api_key(
    *, user: User, name: str, scopes: Collection[Scope | str], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can read again; `ValidationError` or `TooManyKeys`."""
    User.objects.select_for_update().get(pk=user.pk)
    if user.api_keys.usable().count() >= MOST_KEYS:
        raise TooManyKeys(most=MOST_KEYS)
    secret = new_secret()
    key = ApiKey(
        user=user,
        name=name,
        prefix=secret[:SHOWN],
        digest=digest_of(secret),
        scopes=[scope for scope in Scope if scope in set(scopes)],
        expires_at=expires_at,
    )
    key.full_clean()
    key.save()
    audit.record("key.created", by=user, on=key, data={"name": name, "scopes": key.scopes})
    return key, secret


@transaction.atomic
def revoke_api_key(*, key: ApiKey, by: User) -> None:
    """End a key at once; revoking it again changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        key.refresh_from_db(fields=["revoked_at"])
        audit.record("key.revoked", by=by, on=key, data={"name": key.name})


def find_api_key(secret: str) -> ApiKey | None:
    """The usable key with this secret: known, not expired, not revoked, its owner active."""
    if not looks_like_key(secret):
        return None
    return ApiKey.objects.usable().select_related("user").filter(digest=digest_of(secret)).first()


def note_use(*, key: ApiKey) -> None:
    """Remember that the key was used just now; written at most once a minute."""
    now = timezone.now()
    if key.last_used_at and key.last_used_at > now - NOTED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - NOTED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    key.last_used_at = now


def new_secret() -> str:
    number = secrets.randbits(256)
    characters = []
    for _position in range(LENGTH - len(BEGINNING)):
        number, rest = divmod(number, len(LETTERS))
        characters.append(LETTERS[rest])
    return BEGINNING + "".join(characters)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def looks_like_key(text: str) -> bool:
    return len(text) == LENGTH and text.startswith(BEGINNING) and text.isascii()
