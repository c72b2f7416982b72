"""The archive of one's data: all of it, no secrets, for its owner alone, for a week."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registry import storage
from registry.api_keys import create_api_key
from registry.exporting import (
    KEPT_FOR,
    PARTS,
    ask_for_export,
    export_of_signature,
    key_of,
    old_exports,
    signature_of,
)
from registry.models import AuditEvent, Collection, CollectionEntry, Follow, Job, Like, Scope, User
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.jobs import run_waiting_jobs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]


def made(user: User) -> Job:
    ask_for_export(by=user)
    [job] = run_waiting_jobs()
    return job


def contents(job: Job) -> dict[str, Any]:
    content = storage.get_bytes(key_of(job.pk))
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            name.removesuffix(".json"): json.loads(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".json")
        }


def test_all_that_is_known_and_no_secret(alice: User, bob: User) -> None:
    _key, secret = create_api_key(user=alice, name="WebUI", scopes=[Scope.READ], expires_at=None)
    mine = PublishedVersionFactory(network=NetworkFactory(creator=alice, tags=["ink"]))
    theirs = PublishedVersionFactory(network=NetworkFactory(creator=bob))
    Like.objects.create(user=alice, network=theirs.network)
    Follow.objects.create(follower=alice, creator=bob)
    collection = Collection.objects.create(owner=alice, slug="dusk", name="Dusk")
    CollectionEntry.objects.create(collection=collection, network=theirs.network, position=1)

    job = made(alice)

    assert job.state == Job.State.DONE
    found = contents(job)
    assert set(found) == set(PARTS)
    assert found["profile"]["email"] == alice.email
    assert [key["name"] for key in found["api_keys"]] == ["WebUI"]
    assert [(row["id"], row["tags"]) for row in found["networks"]] == [(mine.network_id, ["ink"])]
    assert [row["id"] for row in found["versions"]] == [mine.pk]
    assert {row["sha256"] for row in found["files"]} == {f.sha256 for f in mine.files.all()}
    assert found["likes"][0]["network_id"] == theirs.network_id
    assert found["follows"][0]["creator__username"] == "bob"
    assert found["collections"][0]["networks"][0]["network_id"] == theirs.network_id
    assert "key.created" in [event["action"] for event in found["events"]]
    text = json.dumps(found)
    assert secret not in text and alice.password not in text
    assert alice.api_keys.get().digest not in text


def test_asked_twice_it_is_made_once(alice: User) -> None:
    assert ask_for_export(by=alice) == ask_for_export(by=alice)
    assert len(run_waiting_jobs()) == 1


def test_the_link_is_its_owners(alice: User, bob: User) -> None:
    job = made(alice)
    assert export_of_signature(signature_of(job), by=alice) == job
    assert export_of_signature(signature_of(job), by=bob) is None
    assert export_of_signature(f"{job.pk}:forged", by=alice) is None


def test_after_a_week_it_is_gone(alice: User) -> None:
    job = made(alice)
    assert old_exports() == 0
    Job.objects.filter(pk=job.pk).update(ended_at=timezone.now() - KEPT_FOR - timedelta(hours=1))
    assert export_of_signature(signature_of(job), by=alice) is None
    assert old_exports() == 1
    assert storage.get_bytes(key_of(job.pk)) is None


def test_it_is_audited(alice: User) -> None:
    made(alice)
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert {"export.asked", "export.made"} <= set(actions)
