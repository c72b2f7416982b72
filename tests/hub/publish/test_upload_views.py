"""`/publish`: files by the plain form and by tus, and what is said of them."""

import re
from typing import Any

import pytest
import torch
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import storage
from registry.models import AuditEvent, Network, Upload, User, Version
from registry.publishing import publish_version
from tests.factories import NetworkFactory, PublishedVersionFactory, UploadFactory, VersionFactory
from tests.hub.publish.conftest import PLAIN, address, save, send, text_of
from tests.jobs import run_waiting_jobs
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.registry.formats.saved import saved_safely
from tests.uploads import ingested, received

pytestmark = pytest.mark.django_db
PUBLISH = reverse("publish")
BEGIN = reverse("publish_begin")


def refused(client: Client, name: str, content: bytes) -> str:
    """What the draft's page says of this file after its check."""
    answer = send(client, (name, content))
    run_waiting_jobs()
    return text_of(client.get(answer.redirect_chain[-1][0]))


# --- The plain form -------------------------------------------------------------------------------


def test_one_file_is_a_draft_that_waits_for_its_check(alice: User, alice_client: Client) -> None:
    answer = send(alice_client, ("ink_wash.pt", PLAIN.read_bytes()))

    version = Version.objects.get()
    assert answer.redirect_chain == [(address(version), 302)]
    assert (version.network.name, version.network.slug) == ("ink wash", "ink-wash")
    assert (version.network.creator, version.name) == (alice, "v1")
    assert version.status == Version.Status.PROCESSING
    run_waiting_jobs()
    page = text_of(alice_client.get(address(version)))
    assert "Checked, and safe" in page
    assert "ink_wash" in page


def test_several_files_are_several_drafts(alice_client: Client) -> None:
    answer = send(alice_client, *((f"{n}.pt", PLAIN.read_bytes()) for n in ("one", "two", "two")))

    slugs = Network.objects.order_by("slug").values_list("slug", flat=True)
    assert list(slugs) == ["one", "two", "two-2"]
    assert answer.redirect_chain == [(PUBLISH, 302)]
    assert "3 files are here." in text_of(answer)
    assert {each.state for each in Upload.objects.all()} == {Upload.State.RECEIVED}


def test_nothing_is_left_beside_the_uploads(alice_client: Client) -> None:
    send(alice_client, ("one.pt", PLAIN.read_bytes()), ("empty.pt", b""))
    root = storage.incoming(UploadFactory.build().pk).parent
    assert not list(root.glob(f"{storage.TEMPORARY}*"))


def test_an_empty_file_is_a_sentence_and_no_draft(alice_client: Client) -> None:
    answer = send(alice_client, ("ink.pt", b""))

    assert "ink.pt: The file is empty." in text_of(answer)
    assert not Network.objects.exists()
    assert not Upload.objects.exists()


def test_no_file_at_all(alice_client: Client) -> None:
    assert "Choose a file first." in text_of(send(alice_client))


def test_a_file_larger_than_other_forms_may_be(
    alice_client: Client, settings: LazySettings
) -> None:
    settings.FORM_MAX_BYTES = 1000
    assert PLAIN.stat().st_size > settings.FORM_MAX_BYTES
    send(alice_client, ("ink.pt", PLAIN.read_bytes()))
    assert Upload.objects.get().offset == PLAIN.stat().st_size


def test_a_form_that_is_too_large_is_not_read(alice_client: Client, settings: LazySettings) -> None:
    settings.UPLOAD_MAX_BYTES = 0
    big = (1 << 20) + 1
    answer = alice_client.post(
        PUBLISH, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(big)
    )
    assert answer.status_code == 413


def test_strangers_and_blocked_people_bring_nothing(
    anonymous: Client, bob: User, bob_client: Client
) -> None:
    answer = anonymous.post(PUBLISH, b"never read", content_type="multipart/form-data; boundary=x")
    assert answer["Location"].startswith(reverse("account_login"))
    bob.blocked_at, bob.blocked_reason = bob.date_joined, "Spam."
    bob.save()
    answer = bob_client.post(PUBLISH, b"never read", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 403
    assert "Your account is blocked: Spam." in text_of(answer)


def test_a_form_without_its_token_is_refused(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(PUBLISH, {"file": PLAIN.open("rb")}).status_code == 403
    assert not Network.objects.exists()


# --- What is found, in plain words ----------------------------------------------------------------


def test_a_lora_is_told_from_a_hypernetwork(alice_client: Client) -> None:
    content = saved_safely({"lora_unet_mid.lora_up.weight": torch.ones(1)})
    page = refused(alice_client, "style.safetensors", content)

    assert "This file is not taken in." in page
    assert "LoRA" in page
    assert "Where it was found" in page


def test_a_malicious_pickle_says_what_it_would_have_run(alice_client: Client) -> None:
    content = next(t for t in TECHNIQUES if t.rule == "pickle-global" and b"posix" in t.build())
    page = refused(alice_client, "ink.pt", content.build())

    assert "This file tries to run a program, so it is not taken in." in page
    assert "posix" in page
    assert Upload.objects.get().state == Upload.State.QUARANTINED


def test_a_picture_is_no_hypernetwork(alice_client: Client) -> None:
    page = refused(alice_client, "ink.pt", b"\x89PNG\r\n\x1a\n" + bytes(100))

    assert "This file is not taken in." in page
    assert "Take another file" in page


def test_weights_that_someone_has_published(alice: User, alice_client: Client, bob: User) -> None:
    theirs = VersionFactory(network__creator=bob, network__name="Bob’s ink", base_model="SD 1.5")
    ingested(PLAIN, owner=bob, version=theirs)
    theirs.refresh_from_db()
    publish_version(version=theirs, by=bob)
    page = refused(alice_client, "ink.pt", PLAIN.read_bytes())
    assert "bob has published these very weights as “Bob’s ink”, version v1." in page
    assert "Checked, and safe" in page


def test_a_check_that_failed_on_our_side_can_be_asked_for_again(
    alice: User, alice_client: Client
) -> None:
    version = VersionFactory(network__creator=alice)
    upload = received(PLAIN, owner=alice, version=version)
    Upload.objects.update(state=Upload.State.FAILED, reason="The machine was away.")
    page = text_of(alice_client.get(address(version)))
    assert "The hub could not check this file. The machine was away." in page

    alice_client.post(reverse("publish_upload_check", args=[upload.pk]))
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.READY


# --- By tus ---------------------------------------------------------------------------------------


def begin(client: Client, **form: Any) -> Any:
    answer = client.post(
        BEGIN, {"name": "ink.pt", "size": PLAIN.stat().st_size} | form, HTTP_HX_REQUEST="true"
    )
    return answer


def patch(client: Client, target: str, content: bytes, offset: int = 0) -> Any:
    return client.patch(
        target,
        content,
        content_type="application/offset+octet-stream",
        HTTP_TUS_RESUMABLE="1.0.0",
        HTTP_UPLOAD_OFFSET=str(offset),
    )


def test_a_file_is_begun_and_its_bytes_come_by_tus(alice_client: Client) -> None:
    answer = begin(alice_client)
    assert answer.status_code == 201
    upload = Upload.objects.get()
    assert f'id="upload-{upload.pk}"' in answer.content.decode()
    content, target = PLAIN.read_bytes(), answer["X-Upload"]

    assert patch(alice_client, target, content[:1000]).status_code == 204
    row = alice_client.get(reverse("publish_upload", args=[upload.pk]), HTTP_HX_REQUEST="true")
    assert "of it is here" in text_of(row)
    assert patch(alice_client, target, content[1000:], 1000).status_code == 204
    upload.refresh_from_db()
    assert upload.state == Upload.State.RECEIVED


def test_the_row_names_the_steps_and_rests_while_nothing_moves(
    alice: User, alice_client: Client
) -> None:
    upload = received(PLAIN, owner=alice, version=VersionFactory(network__creator=alice))
    Upload.objects.update(state=Upload.State.CHECKING, step="read")
    row = reverse("publish_upload", args=[upload.pk])
    answer = alice_client.get(row, HTTP_HX_REQUEST="true")
    text = text_of(answer)
    assert "Reading and converting (done) Checking (now) Writing the files (to come)" in text
    again = re.search(r'hx-get="([^"]+)"', answer.content.decode())
    assert again
    assert alice_client.get(again.group(1), HTTP_HX_REQUEST="true").status_code == 204

    Upload.objects.update(state=Upload.State.READY)
    answer = alice_client.get(again.group(1), HTTP_HX_REQUEST="true")
    assert "Checked, and safe" in text_of(answer)
    assert "hx-get" not in answer.content.decode()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"size": 0}, "The file is empty."),
        ({"size": 1 << 40}, "A file may have at most"),
        ({"name": " ."}, "The file needs a name"),
    ],
)
def test_a_file_that_is_not_begun_leaves_no_draft(
    alice_client: Client, form: dict[str, Any], sentence: str
) -> None:
    answer = begin(alice_client, **form)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert not Network.objects.exists()


def test_too_many_files_in_a_minute(alice_client: Client, settings: LazySettings) -> None:
    settings.API_LIMITS = settings.API_LIMITS | {"upload": (1, 1)}
    assert begin(alice_client).status_code == 201
    answer = begin(alice_client)
    assert answer.status_code == 422
    assert "Try again in" in text_of(answer)


def test_a_size_that_is_no_number(alice_client: Client) -> None:
    assert begin(alice_client, size="٣").status_code == 400


def test_a_new_version_goes_on_where_the_last_one_was(alice: User, alice_client: Client) -> None:
    old = PublishedVersionFactory(
        network__creator=alice, trigger_words=["inkwash"], base_model="SD 1.4"
    )
    page = alice_client.get(reverse("new_version", args=[old.network_id]))
    assert "A new version of" in text_of(page)
    begin(alice_client, network=old.network_id)

    new = old.network.versions.get(number=2)
    assert (new.name, new.trigger_words, new.base_model) == ("v2", ["inkwash"], "SD 1.4")
    assert Network.objects.count() == 1


def test_nobody_begins_in_what_is_anothers(alice: User, bob_client: Client) -> None:
    old = PublishedVersionFactory(network__creator=alice)
    draft = VersionFactory(network__creator=alice)
    assert begin(bob_client, network=old.network_id).status_code == 404
    assert begin(bob_client, draft=draft.pk).status_code == 404
    assert bob_client.get(reverse("new_version", args=[old.network_id])).status_code == 404
    assert not Upload.objects.exists()


def test_another_file_takes_the_place_of_the_first(alice: User, alice_client: Client) -> None:
    version = VersionFactory(network__creator=alice)
    first = ingested(PLAIN, owner=alice, version=version)
    begin(alice_client, draft=version.pk)

    version.refresh_from_db()
    first.refresh_from_db()
    assert (version.weights_hash, version.files.count()) == ("", 0)
    assert first.version is None
    assert version.uploads.get().state == Upload.State.RECEIVING
    begin(alice_client, draft=version.pk)
    assert version.uploads.get().name == "ink.pt"


def test_the_same_by_the_plain_form(alice: User, alice_client: Client) -> None:
    version = VersionFactory(network__creator=alice)
    ingested(PLAIN, owner=alice, version=version)
    other = PLAIN.with_name("linear_default.pt")
    target = reverse("draft_file", args=[version.pk])
    send(alice_client, (other.name, other.read_bytes()), to=target)
    run_waiting_jobs()
    version.refresh_from_db()
    assert version.stem == "linear_default"


def test_an_upload_that_is_cancelled_leaves_the_draft(alice: User, alice_client: Client) -> None:
    upload = Upload.objects.get(pk=_begun(alice_client))
    alice_client.post(reverse("publish_upload_cancel", args=[upload.pk]))

    upload.refresh_from_db()
    assert upload.state == Upload.State.CANCELLED
    assert AuditEvent.objects.filter(action="upload.cancelled").exists()
    page = text_of(alice_client.get(address(Version.objects.get())))
    assert "There is none yet." in page


def _begun(client: Client) -> Any:
    return begin(client)["X-Upload"].rpartition("/")[2]


@pytest.mark.parametrize(
    "name", ["publish_upload", "publish_upload_cancel", "publish_upload_check"]
)
def test_uploads_of_others_are_not_there(
    alice_client: Client, bob_client: Client, name: str
) -> None:
    target = reverse(name, args=[_begun(alice_client)])
    ask = bob_client.get if name == "publish_upload" else bob_client.post
    assert ask(target).status_code == 404


# --- The page -------------------------------------------------------------------------------------


def test_the_page_asks_for_a_sign_in(anonymous: Client) -> None:
    assert anonymous.get(PUBLISH)["Location"].startswith(reverse("account_login"))


def test_the_list_costs_the_same_for_many_drafts(
    alice: User, alice_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def draft() -> None:
        version = VersionFactory(network=NetworkFactory(creator=alice))
        refused = {"state": Upload.State.REFUSED, "offset": 1000}
        upload = UploadFactory(owner=alice, version=version, **refused)
        upload.findings.create(rule="x", severity="malformed", message="Broken.")

    draft()
    with django_assert_max_num_queries(12) as few:
        alice_client.get(PUBLISH)
    for _ in range(6):
        draft()
    with django_assert_max_num_queries(len(few)):
        page = alice_client.get(PUBLISH)
    assert text_of(page).count("Broken.") == 7


def test_what_is_published_is_not_among_the_drafts(alice: User, alice_client: Client) -> None:
    version = VersionFactory(network__creator=alice, base_model="SD 1.5")
    ingested(PLAIN, owner=alice, version=version)
    version.refresh_from_db()
    assert PLAIN.name in text_of(alice_client.get(PUBLISH))
    save(alice_client, version, do="publish")
    assert PLAIN.name not in text_of(alice_client.get(PUBLISH))
