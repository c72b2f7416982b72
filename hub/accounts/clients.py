"""Programs that people connect by the device flow: a WebUI's extension, a script, a phone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from allauth.idp.oidc.models import Client, Token
from django.db import connections, transaction

from registry import audit
from registry.models import Scope, User

# Public on purpose: it is no secret, and every extension may use it.
OUR_CLIENT: Final = "hyperhub-clients"


@dataclass(frozen=True)
class Connection:
    """A client that one person connected, with all its tokens taken together."""

    client: Client
    scopes: list[Scope]
    since: datetime


def keep_our_client(*, using: str, **_: Any) -> None:
    """The client that extensions use, there from the first migration on (a `post_migrate`)."""
    if Client._meta.db_table not in connections[using].introspection.table_names():
        return  # only some apps were migrated
    Client.objects.using(using).get_or_create(
        id=OUR_CLIENT,
        defaults={
            "name": "HyperHub clients",
            "type": Client.Type.PUBLIC,
            "grant_types": f"{Client.GrantType.DEVICE_CODE}\n{Client.GrantType.REFRESH_TOKEN}",
            "response_types": "",
            "scopes": "\n".join(Scope.values),
            "default_scopes": Scope.READ,
        },
    )


def connections_of(user: User) -> list[Connection]:
    """What this person connected, the latest first."""
    tokens: dict[str, list[Token]] = {}
    for token in _tokens_of(user).select_related("client").order_by("created_at"):
        tokens.setdefault(token.client_id, []).append(token)
    found = [
        Connection(
            client=own[0].client,
            scopes=known_scopes(scope for token in own for scope in token.get_scopes()),
            since=own[0].created_at,
        )
        for own in tokens.values()
    ]
    return sorted(found, key=lambda each: each.since, reverse=True)


@transaction.atomic
def disconnect(*, client: Client, user: User) -> None:
    """End all that this client holds for this person, at once."""
    if _tokens_of(user).filter(client=client).delete()[0]:
        audit.record("client.disconnected", by=user, on=client, data={"name": client.name})


def known_scopes(names: Iterable[str]) -> list[Scope]:
    wanted = set(names)
    return [scope for scope in Scope if scope in wanted]


def _tokens_of(user: User) -> Any:
    kinds = (Token.Type.ACCESS_TOKEN, Token.Type.REFRESH_TOKEN)
    return Token.objects.valid().filter(user=user, type__in=kinds, client__isnull=False)
