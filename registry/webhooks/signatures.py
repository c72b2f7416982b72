"""How a call proves that it is the hub's: HMAC-SHA256, as the Standard Webhooks specification says.

    webhook-id:         the same for every attempt at one event
    webhook-timestamp:  seconds since 1970, of this attempt
    webhook-signature:  "v1," + base64(HMAC-SHA256(key, "{id}.{timestamp}.{body}"))

The secret is "whsec_" and the base64 of the key. A receiver computes the same over the bytes of the
body as they came, compares in constant time, and refuses timestamps that are minutes old.
"""

import base64
import hmac
import secrets
from typing import Final

BEGINNING: Final = "whsec_"
KEY_BYTES: Final = 32


def new_secret() -> str:
    return BEGINNING + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def signature(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(BEGINNING))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
