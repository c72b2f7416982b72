"""The admin: everything can be looked up, what changes goes through the domain's verbs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from registry.admin.base import RoughPaginator
from registry.models import (
    ApiKey,
    AuditEvent,
    Collection,
    CollectionEntry,
    Decision,
    Download,
    Finding,
    Follow,
    Job,
    Like,
    Network,
    Picture,
    Report,
    Tag,
    Upload,
    User,
    Version,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)
from tests.factories import PublishedVersionFactory, UploadFactory, UserFactory

pytestmark = pytest.mark.django_db
# Bookkeeping without a meaning of its own.
INTERNAL = {"DownloadBatch"}
MODELS = sorted(
    (m for m in apps.get_app_config("registry").get_models() if m.__name__ not in INTERNAL),
    key=lambda m: m.__name__,
)


def a_row_of_each(owner: User) -> None:
    version = PublishedVersionFactory(network__creator=owner, network__tags=["ink"])
    upload = UploadFactory(owner=owner, version=version)
    Finding.objects.create(upload=upload, rule="renamed", severity="info", message="Renamed.")
    Download.objects.create(file=version.files.all()[0], day=timezone.now(), count=3)
    Job.objects.create(kind="ingest.upload", queue="ingest", owner=owner, progress_total=4)
    webhook = Webhook.objects.create(
        owner=owner, url="https://example.org/", secret="whsec-hidden", events=["job.ended"]
    )
    delivery = WebhookDelivery.objects.create(webhook=webhook, event="job.ended", body={})
    WebhookAttempt.objects.create(delivery=delivery, number=1)
    Picture.objects.create(owner=owner, sha256="0" * 64, width=8, height=8, blurhash="x")
    ApiKey.objects.create(user=owner, name="cli", prefix="hnh_abcdefgh", digest="d" * 64, scopes=[])
    AuditEvent.objects.create(actor=owner, action="key.created")
    Like.objects.create(user=owner, network=version.network)
    collection = Collection.objects.create(owner=owner, name="Inks", slug="inks")
    CollectionEntry.objects.create(collection=collection, network=version.network, position=0)
    Follow.objects.create(follower=owner, creator=UserFactory())
    about = {"subject": "registry.network:1", "reason": "spam"}
    Decision.objects.create(**about, title="Ink wash", measure="dismiss", creator=owner)
    Report.objects.create(**about, reporter=owner)


@pytest.fixture
def act(boss_client: Client) -> Callable[..., None]:
    """Choose an action of a list for these rows."""

    def do(rows: list[Model], action: str, **fields: str) -> None:
        name = rows[0]._meta.model_name
        answer = boss_client.post(
            reverse(f"admin:registry_{name}_changelist"),
            {"action": action, "_selected_action": [row.pk for row in rows], **fields},
        )
        assert answer.status_code == 302

    return do


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_staff_look_everything_up(
    model: type[Model], alice: User, boss: User, boss_client: Client
) -> None:
    a_row_of_each(alice)
    assert model in admin.site._registry
    name = model._meta.model_name
    row = model._default_manager.all()[0]
    changelist = boss_client.get(reverse(f"admin:registry_{name}_changelist"))
    page = boss_client.get(reverse(f"admin:registry_{name}_change", args=[row.pk]))
    searched = boss_client.get(reverse(f"admin:registry_{name}_changelist"), {"q": "ink"})
    assert [changelist.status_code, page.status_code, searched.status_code] == [200] * 3
    for secret in (b"whsec-hidden", b"d" * 64):
        assert secret not in page.content


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_nobody_else_does(
    model: type[Model], alice_client: Client, mod_client: Client, anonymous: Client
) -> None:
    address = reverse(f"admin:registry_{model._meta.model_name}_changelist")
    for client in (alice_client, mod_client, anonymous):
        assert client.get(address).status_code in (302, 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_rows_are_neither_made_nor_deleted_here(
    model: type[Model], alice: User, boss_client: Client
) -> None:
    a_row_of_each(alice)
    name = model._meta.model_name
    row = model._default_manager.all()[0]
    made = boss_client.get(reverse(f"admin:registry_{name}_add"))
    deleted = boss_client.post(
        reverse(f"admin:registry_{name}_delete", args=[row.pk]), {"post": "yes"}
    )
    assert (made.status_code, deleted.status_code) == (403, 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    model: type[Model], alice: User, bob: User, boss_client: Client
) -> None:
    address = reverse(f"admin:registry_{model._meta.model_name}_changelist")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            boss_client.get(address)
        return len(captured)

    a_row_of_each(alice)
    few = queries()
    for _ in range(3):
        PublishedVersionFactory(network__creator=bob)
        UploadFactory(owner=bob, version=PublishedVersionFactory())
    assert queries() <= few + 1


def test_a_network_is_taken_down_for_a_reason_and_restored(
    act: Callable[..., None], boss: User
) -> None:
    network = PublishedVersionFactory().network
    act([network], "take_down")
    network.refresh_from_db()
    assert network.status == Network.Status.PUBLISHED

    act([network], "take_down", reason="Stolen.")
    network.refresh_from_db()
    assert (network.status, network.status_reason) == (Network.Status.TAKEN_DOWN, "Stolen.")
    assert AuditEvent.objects.get(action="network.taken_down").actor == boss

    act([network], "restore")
    network.refresh_from_db()
    assert network.status == Network.Status.PUBLISHED


def test_a_version_is_taken_down_and_restored(act: Callable[..., None]) -> None:
    version = PublishedVersionFactory()
    act([version], "take_down", reason="Stolen.")
    version.refresh_from_db()
    assert version.status == Version.Status.TAKEN_DOWN
    act([version], "restore")
    version.refresh_from_db()
    assert version.status == Version.Status.PUBLISHED


def test_what_objects_is_told(boss_client: Client) -> None:
    network = PublishedVersionFactory().network
    answer = boss_client.post(
        reverse("admin:registry_network_changelist"),
        {"action": "restore", "_selected_action": [network.pk]},
        follow=True,
    )
    assert "cannot be done" in answer.content.decode()


def test_the_content_level_is_set_by_the_verb(boss_client: Client, boss: User) -> None:
    network = PublishedVersionFactory().network
    boss_client.post(
        reverse("admin:registry_network_change", args=[network.pk]),
        {
            "content_level": "mature",
            "name": "Mine now",
            **{f"versions-{each}_FORMS": "0" for each in ("TOTAL", "INITIAL")},
        },
    )
    before, network = network, Network.objects.get(pk=network.pk)
    assert (network.content_level, network.name) == ("mature", before.name)
    assert AuditEvent.objects.get(action="network.changed").actor == boss


def test_a_tag_is_given_its_namespace_and_its_meaning(boss_client: Client) -> None:
    network = PublishedVersionFactory(network__tags=["lineart"]).network
    tag, meant = network.tags.get(), Tag.objects.create(name="line art")
    address = reverse("admin:registry_tag_change", args=[tag.pk])
    boss_client.post(address, {"namespace": "style", "alias_of": ""})
    tag.refresh_from_db()
    assert tag.namespace == Tag.Namespace.STYLE
    boss_client.post(address, {"namespace": "style", "alias_of": meant.pk})
    assert list(network.tags.all()) == [meant]
    back = boss_client.post(address, {"namespace": "style", "alias_of": ""})
    assert "no way back" in back.content.decode()


def test_quarantined_bytes_are_erased(act: Callable[..., None], own_files: Any) -> None:
    upload = UploadFactory(state="quarantined", offset=1000)
    act([upload], "discard", reason="Seen.")
    upload.refresh_from_db()
    assert upload.state == Upload.State.REFUSED
    assert AuditEvent.objects.get(action="upload.discarded").reason == "Seen."


def test_a_job_is_cancelled(act: Callable[..., None]) -> None:
    job = Job.objects.create(kind="ingest.upload", queue="ingest")
    act([job], "cancel", reason="Not now.")
    job.refresh_from_db()
    assert (job.state, job.reason) == (Job.State.CANCELLED, "Not now.")
    act([job], "cancel")


def test_large_tables_are_not_counted(alice: User) -> None:
    PublishedVersionFactory()
    everything = Network.objects.order_by("pk")
    assert RoughPaginator(everything, 50).count == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_class SET reltuples = 1000000 WHERE oid = 'registry_network'::regclass"
        )
    assert RoughPaginator(everything, 50).count == 1_000_000
    assert RoughPaginator(everything.filter(kind="style"), 50).count == 1
