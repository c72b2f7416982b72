"""Who may do what: every route of the API, by everyone who might try.

The routes are read from the URLconf: one without a row here fails the tests.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from inference.models import PreviewGrid
from inference.previews import ask_for_grid, cancel_grid
from registry.api_keys import create_api_key, revoke_api_key
from registry.downloads import address_of_bytes
from registry.models import Picture, Scope, Upload, User, Version, WebhookDelivery
from registry.publishing import yank_version
from registry.uploads import create_upload
from registry.webhooks import create_webhook, ping
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.inference.conftest import make_base_model
from tests.pictures import picture_of

pytestmark = pytest.mark.django_db

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CALLERS: Final = (
    "anonymous",
    "other member",
    "moderator",
    "key of the wrong scope",
    "revoked key",
    # Last, since what the owner may do may change files, which no transaction brings back.
    "owner",
)
TUS: Final = {"Tus-Resumable": "1.0.0"}

# --- What comes back to each of the callers ---------------------------------------------------

Statuses = tuple[int, int, int, int, int, int]


def everyone(status: int = 200) -> Statuses:
    """Public; a key must be one that may read, and a revoked one is none."""
    return (status, status, status, 403, status, status)


def signed_in(status: int = 200) -> Statuses:
    return (401, status, status, 403, 401, status)


def owner_of_public(status: int = 200, *, moderator: int = 403) -> Statuses:
    """Others can see it, and are told that it is not theirs."""
    return (401, 403, moderator, 403, 401, status)


def owner_of_draft(status: int = 200) -> Statuses:
    """Others cannot know that it exists; moderators see it, and it is not theirs."""
    return (401, 404, 403, 403, 401, status)


def owner_alone(status: int = 200) -> Statuses:
    return (401, 404, 404, 403, 401, status)


# --- The things that they try it on -----------------------------------------------------------


@dataclass
class Scene:
    """Alice's version, and what addresses say of it."""

    version: Version
    upload: Upload | None = None
    grid: PreviewGrid | None = None
    picture: Picture | None = None
    delivery: WebhookDelivery | None = None

    def addressed(self, route: str) -> str:
        primary = self.version.files.get(is_primary=True)
        values = {
            "<int:network_id>": self.version.network_id,
            "<int:version_id>": self.version.pk,
            "<str:digest>": primary.sha256,
            "<uuid:upload_id>": self.upload.pk if self.upload else "",
            "<int:webhook_id>": self.delivery.webhook_id if self.delivery else "",
            "<int:delivery_id>": self.delivery.pk if self.delivery else "",
            "<str:signature>/<str:name>": address_of_bytes(primary).removeprefix("/files/"),
            "<str:creator>": "alice",
            "<str:slug>": self.version.network.slug,
            "<str:revision>": "main",
            "<path:name>": primary.name,
            "<path:folder>": "folder",
            "<int:grid_id>": self.grid.pk if self.grid else "",
            "<uuid:job_id>": self.grid.job_id if self.grid else "",
            "<str:sha256>": self.picture.sha256 if self.picture else "",
            "<str:width>": 450,
            "<int:picture_id>": self.picture.pk if self.picture else "",
        }
        for placeholder, value in values.items():
            route = route.replace(placeholder, str(value))
        return f"/{route}"


def published(alice: User) -> Scene:
    return Scene(PublishedVersionFactory(network=NetworkFactory(creator=alice)))


def draft(alice: User) -> Scene:
    return Scene(CheckedVersionFactory(network=NetworkFactory(creator=alice)))


def yanked(alice: User) -> Scene:
    scene = published(alice)
    yank_version(version=scene.version, reason="Too strong.", by=alice)
    return scene


def uploading(alice: User) -> Scene:
    upload = create_upload(by=alice, name="ink.pt", size=8)
    return Scene(draft(alice).version, upload)


def listening(alice: User) -> Scene:
    url = "https://hooks.example/"
    webhook = create_webhook(by=alice, url=url, events=["version.published"])
    return Scene(published(alice).version, delivery=ping(webhook=webhook, by=alice))


def renderable(alice: User) -> Scene:
    make_base_model()
    return published(alice)


def rendering(alice: User) -> Scene:
    scene = renderable(alice)
    scene.grid = ask_for_grid(version=scene.version, by=alice)
    return scene


def rendering_draft(alice: User) -> Scene:
    make_base_model()
    version = draft(alice).version
    return Scene(version, grid=ask_for_grid(version=version, by=alice))


def ended(alice: User) -> Scene:
    scene = rendering(alice)
    assert scene.grid
    cancel_grid(grid=scene.grid, by=alice)
    return scene


def pictured(alice: User) -> Scene:
    version = published(alice).version
    return Scene(version, picture=picture_of(version))


def pictured_draft(alice: User) -> Scene:
    version = draft(alice).version
    return Scene(version, picture=picture_of(version))


@dataclass
class Row:
    method: str
    route: str
    expected: Statuses
    on: Callable[[User], Scene] = published
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.route} ({self.on.__name__})"


V1: Final = "api/v1/"
HOOK: Final = f"{V1}webhooks/<int:webhook_id>"
DELIVERY: Final = f"{HOOK}/deliveries/<int:delivery_id>"
LIKE: Final = f"{V1}models/<int:network_id>/like"
DOWNLOAD: Final = "api/download/models/<int:version_id>"
REPOSITORY: Final = "api/models/<str:creator>/<str:slug>"
RESOLVE: Final = "<str:creator>/<str:slug>/resolve/<str:revision>/<path:name>"
VERSION: Final = f"{V1}model-versions/<int:version_id>"
UPLOAD: Final = f"{V1}uploads/<uuid:upload_id>"
GRID: Final = f"{V1}grids/<int:grid_id>"
JOB: Final = f"{V1}jobs/<uuid:job_id>"
PICTURE: Final = "pictures/<str:sha256>/width=<str:width>/<int:picture_id>.webp"
# What only a person's own key reads, with no more than `read`.
PRIVATE_READS: Final = {
    ("GET", route)
    for route in (
        f"{V1}me",
        LIKE,
        f"{V1}webhooks",
        HOOK,
        f"{HOOK}/deliveries",
        DELIVERY,
        f"{V1}jobs",
        JOB,
        f"{JOB}/events",
    )
}
NEW_WEBHOOK: Final = {"url": "https://hooks.example/", "events": ["version.published"]}
NEW_MODEL: Final = {"name": "Mine", "kind": "style"}
NEW_UPLOAD: Final = TUS | {"Upload-Length": "8", "Upload-Metadata": "filename aW5rLnB0"}  # ink.pt
PART: Final = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}

ROWS: Final = [
    Row("GET", f"{V1}models", everyone()),
    Row("POST", f"{V1}models", signed_in(201), body=NEW_MODEL),
    Row("GET", f"{V1}models/<int:network_id>", everyone()),
    Row("GET", f"{V1}models/<int:network_id>", (404, 404, 200, 403, 404, 200), draft),
    Row(
        "PATCH",
        f"{V1}models/<int:network_id>",
        owner_of_public(),
        body={"name": "Mine"},
    ),
    Row(
        "PATCH",
        f"{V1}models/<int:network_id>",
        owner_of_public(moderator=200),
        body={"contentLevel": "mature"},
    ),
    Row("DELETE", f"{V1}models/<int:network_id>", owner_of_public()),
    Row("DELETE", f"{V1}models/<int:network_id>", owner_of_draft(204), draft),
    Row("GET", LIKE, signed_in()),
    Row("PUT", LIKE, signed_in()),
    Row("PUT", LIKE, (401, 404, 409, 403, 401, 409), draft),
    Row("DELETE", LIKE, signed_in()),
    Row("POST", f"{V1}models/<int:network_id>/versions", owner_of_public(201), body={}),
    Row("POST", f"{V1}model-versions/by-hash", everyone(), body=["0" * 64]),
    Row("POST", f"{V1}model-versions/by-hash/ids", everyone(), body=["0" * 64]),
    Row("GET", f"{V1}model-versions/by-hash/<str:digest>", everyone()),
    Row("GET", f"{V1}model-versions/mini/<int:version_id>", everyone()),
    Row("GET", VERSION, everyone()),
    Row("GET", VERSION, (404, 404, 200, 403, 404, 200), draft),
    Row("PATCH", VERSION, owner_of_public(), body={"settings": {"strength": 0.5}}),
    Row("PATCH", VERSION, owner_of_draft(), draft, body={"name": "mine"}),
    Row("DELETE", VERSION, owner_of_draft(204), draft),
    Row("POST", f"{VERSION}/publish", owner_of_draft(), draft, body={}),
    Row("POST", f"{VERSION}/yank", owner_of_public(), body={"reason": "Too strong."}),
    Row("POST", f"{VERSION}/unyank", owner_of_public(), yanked, body={}),
    Row("GET", f"{V1}images", everyone()),
    Row("GET", f"{V1}creators", everyone()),
    Row("GET", f"{V1}tags", everyone()),
    Row("GET", f"{V1}enums", everyone()),
    Row("GET", f"{V1}me", signed_in()),
    Row("GET", f"{V1}schema", everyone()),
    Row("GET", f"{V1}facets", everyone()),
    Row("GET", f"{V1}uploads", signed_in()),
    Row("POST", f"{V1}uploads", signed_in(201), headers=NEW_UPLOAD),
    Row("GET", UPLOAD, owner_alone(), uploading),
    Row("HEAD", UPLOAD, owner_alone(), uploading, headers=TUS),
    Row("PATCH", UPLOAD, owner_alone(204), uploading, body=b"abcd", headers=PART),
    Row("DELETE", UPLOAD, owner_alone(204), uploading, headers=TUS),
    Row("POST", f"{UPLOAD}/attach", owner_alone(409), uploading, body={"versionId": 0}),
    Row("GET", f"{V1}webhooks", signed_in()),
    Row("POST", f"{V1}webhooks", signed_in(201), body=NEW_WEBHOOK),
    Row("GET", HOOK, owner_alone(), listening),
    Row("PATCH", HOOK, owner_alone(), listening, body={"enabled": False}),
    Row("DELETE", HOOK, owner_alone(204), listening),
    Row("POST", f"{HOOK}/secret", owner_alone(), listening, body={}),
    Row("POST", f"{HOOK}/ping", owner_alone(202), listening, body={}),
    Row("GET", f"{HOOK}/deliveries", owner_alone(), listening),
    Row("GET", DELIVERY, owner_alone(), listening),
    Row("POST", f"{DELIVERY}/redeliver", owner_alone(202), listening, body={}),
    Row("GET", f"{V1}base-models", everyone()),
    Row("GET", f"{VERSION}/grids", everyone()),
    Row("GET", f"{VERSION}/grids", (404, 404, 200, 403, 404, 200), draft),
    Row("POST", f"{VERSION}/grids", owner_of_public(202), renderable, body={}),
    Row("GET", f"{VERSION}/prompts", everyone()),
    Row("PUT", f"{VERSION}/prompts", owner_of_public(), body={"prompts": ["a fox"]}),
    Row("PUT", f"{VERSION}/prompts", owner_of_draft(), draft, body={"prompts": ["a fox"]}),
    Row("GET", GRID, everyone(), rendering),
    Row("GET", GRID, (404, 404, 200, 403, 404, 200), rendering_draft),
    Row("GET", f"{GRID}/cells", everyone(), rendering),
    Row("POST", f"{GRID}/cancel", owner_of_public(202), rendering, body={}),
    Row("GET", f"{V1}jobs", signed_in()),
    Row("GET", JOB, (401, 404, 200, 403, 401, 200), rendering),
    Row("POST", f"{JOB}/cancel", (401, 404, 202, 403, 401, 202), rendering, body={}),
    Row("GET", f"{JOB}/events", (401, 404, 200, 403, 401, 200), ended),
    # Pages show pictures: a browser's session tells who is there, and no key is read.
    Row("GET", PICTURE, (200,) * 6, pictured),
    Row("GET", PICTURE, (404, 404, 200, 404, 404, 200), pictured_draft),
    Row("GET", DOWNLOAD, everyone(307)),
    Row("GET", DOWNLOAD, (404, 404, 307, 403, 404, 307), draft),
    Row("GET", f"{DOWNLOAD}/bundle", everyone()),
    Row("GET", f"{DOWNLOAD}/preview", everyone(404)),  # it has none
    Row("GET", f"{DOWNLOAD}/sidecar", everyone()),
    # The address is what lets one in.
    Row("GET", "files/<str:signature>/<str:name>", (200,) * 6),
    Row("GET", "api/models", everyone()),
    Row("GET", "api/models/<str:slug>", everyone(404)),
    Row("GET", REPOSITORY, everyone()),
    Row("GET", f"{REPOSITORY}/revision/<str:revision>", everyone()),
    Row("GET", f"{REPOSITORY}/tree/<str:revision>", everyone()),
    Row("GET", f"{REPOSITORY}/tree/<str:revision>/<path:folder>", everyone(404)),
    Row("HEAD", RESOLVE, everyone()),
    Row("GET", RESOLVE, everyone(307)),
]


# --- The tests --------------------------------------------------------------------------------


def routes(found: Any = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and route of everything that `registry.api` answers."""
    for entry in found or get_resolver().url_patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "cls", entry.callback)
            if view.__module__.startswith(("registry.api", "inference.api")):
                for method in METHODS:
                    if hasattr(view, method.lower()) or (
                        view is entry.callback and method == "GET"
                    ):
                        yield method, route


def test_every_route_has_a_row() -> None:
    assert {(row.method, row.route) for row in ROWS} == set(routes())


@pytest.fixture
def people(
    anonymous: Client, bob_client: Client, mod_client: Client, alice_client: Client
) -> dict[str, Client]:
    return {
        "anonymous": anonymous,
        "other member": bob_client,
        "moderator": mod_client,
        "owner": alice_client,
    }


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_may(row: Row, people: dict[str, Client], alice: User) -> None:
    scene = row.on(alice)
    callers = people | keys_of(alice, all_but=needed(row))
    statuses = {}
    for caller in CALLERS:
        with transaction.atomic():
            statuses[caller] = status(callers[caller], row, scene)
            transaction.set_rollback(True)
    assert statuses == dict(zip(CALLERS, row.expected, strict=True))


def keys_of(alice: User, *, all_but: Scope) -> dict[str, Client]:
    """Programs with a key of hers that lacks one scope, and with one that she has revoked."""
    scopes = set(Scope) - {all_but}
    wrong = create_api_key(user=alice, name="narrow", scopes=scopes, expires_at=None)[1]
    key, revoked = create_api_key(user=alice, name="old", scopes=list(Scope), expires_at=None)
    revoke_api_key(key=key, by=alice)
    return {
        "key of the wrong scope": Client(headers={"Authorization": f"Bearer {wrong}"}),
        "revoked key": Client(headers={"Authorization": f"Bearer {revoked}"}),
    }


def needed(row: Row) -> Scope:
    """What a key needs for this: what can be done without a person is reading."""
    public = row.expected[0] != 401
    return Scope.READ if public or (row.method, row.route) in PRIVATE_READS else Scope.UPLOAD


def status(client: Any, row: Row, scene: Scene) -> int:
    body = row.body
    if isinstance(body, dict) and "versionId" in body:
        body = {"versionId": scene.version.pk}
    headers = dict(row.headers)
    content_type = headers.pop("Content-Type", "application/json")
    address = scene.addressed(row.route)
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if row.body else b""
    response = client.generic(row.method, address, data, content_type=content_type, headers=headers)
    if response.streaming:
        list(response)  # read to its end, so that its file is closed
    return int(response.status_code)
