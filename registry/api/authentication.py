"""Who calls the API: `Authorization: Bearer KEY`, else `?token=KEY`.

KEY is one of our API keys, or the access token that the device flow gave to a client. A credential
that is not (or no longer) good leaves the caller anonymous: public pages go on working for a client
with a stale key, and `registry.api.permissions` answers 401 where a key is needed.
"""

from dataclasses import dataclass

from allauth.idp.oidc.models import Token
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from registry import api_keys
from registry.models import ApiKey, User


@dataclass(frozen=True)
class Access:
    """What a credential allows; `request.auth` of every call that came with one."""

    scopes: frozenset[str]
    # One of the two: the key, or the name of the client that a person connected.
    key: ApiKey | None = None
    client: str = ""


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Access] | None:
        credential = bearer_of(request) or request.query_params.get("token", "")
        if not credential:
            return None
        if api_keys.looks_like_key(credential):
            return self._by_key(credential)
        return self._by_access_token(credential, request)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="HyperHub"'

    def _by_key(self, secret: str) -> tuple[User, Access] | None:
        key = api_keys.find_api_key(secret)
        if key is None:
            return None
        api_keys.note_use(key=key)
        return key.user, Access(frozenset(key.scopes), key=key)

    def _by_access_token(self, value: str, request: Request) -> tuple[User, Access] | None:
        token = (
            Token.objects.select_related("user", "client")
            .filter(user__is_active=True, client__isnull=False)
            .lookup(Token.Type.ACCESS_TOKEN, value)
        )
        if token is None or not _is_meant_for_us(token, request):
            return None
        return token.user, Access(frozenset(token.get_scopes()), client=token.client.name)


def bearer_of(request: Request) -> str:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


def _is_meant_for_us(token: Token, request: Request) -> bool:
    """A token may be bound to resources (RFC 8707); one for other places is not for the API."""
    address = request.build_absolute_uri(request.path)
    resources = token.get_resources()
    return not resources or any(
        address == each or address.startswith(each.rstrip("/") + "/") for each in resources
    )
