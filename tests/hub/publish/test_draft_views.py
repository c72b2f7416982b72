"""A draft's page: filled, saved by itself and by the button, in two tabs, signed out, published."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from inference.models import PreviewGrid
from registry.models import AuditEvent, Network, Tag, User, Version
from registry.networks import update_network
from registry.tagging import make_alias
from registry.versions import record_measured_strength, update_version
from tests.cast import PASSWORD
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    TagFactory,
    UploadFactory,
    VersionFactory,
)
from tests.hub.publish.conftest import address, form_on, save, seen_in, text_of
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(alice: User) -> Version:
    """Checked, and for a base model of its family."""
    version: Version = CheckedVersionFactory(
        network=NetworkFactory(creator=alice, name="Ink wash", slug="ink-wash", tags=["ink"])
    )
    return version


def by_itself(client: Client, version: Version, form: dict[str, Any]) -> Any:
    """The form as it saves itself."""
    return client.post(address(version), form, HTTP_HX_REQUEST="true")


# --- What is shown --------------------------------------------------------------------------------


def test_it_is_filled_from_the_file(alice_client: Client, draft: Version) -> None:
    Version.objects.update(base_model="")
    form = form_on(alice_client.get(address(draft)))
    assert form["base_model"] == "SD 1.5"
    assert (form["name"], form["tags"], form["version_name"]) == ("Ink wash", "ink", "v1")


def test_only_base_models_that_the_layers_fit_are_offered(
    alice_client: Client, draft: Version
) -> None:
    field = alice_client.get(address(draft)).context["form"].fields["base_model"]
    assert [value for value, _label in field.choices] == ["", "SD 1.4", "SD 1.5", "Other"]


def test_drafts_of_others_are_not_there(
    anonymous: Client, bob_client: Client, mod_client: Client, draft: Version
) -> None:
    for client in (bob_client, mod_client):
        assert client.get(address(draft)).status_code == 404
        assert client.post(address(draft), {"name": "Mine now"}).status_code == 404
    assert anonymous.get(address(draft))["Location"].startswith(reverse("account_login"))
    for name in ("draft_state", "delete_draft"):
        assert bob_client.get(reverse(name, args=[draft.pk])).status_code == 404
    assert bob_client.post(reverse("draft_previews", args=[draft.pk])).status_code == 404


def test_what_is_published_is_no_draft_any_more(alice: User, alice_client: Client) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    assert alice_client.get(address(version)).status_code == 302
    assert alice_client.get(reverse("delete_draft", args=[version.pk])).status_code == 404


def test_its_queries_are_few(
    alice: User,
    alice_client: Client,
    draft: Version,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    upload = UploadFactory(owner=alice, version=draft, state="ready", offset=1000)
    for number in range(8):
        upload.findings.create(rule=f"r{number}", severity="info", message="Said.")
        draft.network.tags.add(TagFactory())
    PreviewGrid.objects.create(
        version=draft, base_model=make_base_model(), base_hash="a" * 64, settings={},
        multipliers=[0.0, 1.0],
    )  # fmt: skip
    with django_assert_max_num_queries(12):
        assert alice_client.get(address(draft)).status_code == 200


# --- Saved ----------------------------------------------------------------------------------------


def test_everything_can_be_said(alice_client: Client, draft: Version) -> None:
    answer = save(
        alice_client,
        draft,
        name="水墨 wash",
        kind="subject",
        tags="Ink, style: brush work ,ink",
        description="Wet **ink**.\r\nTwo lines.",
        version_name="1.0",
        changelog="The first.",
        trigger_words="inkwash, by ink\nwash",
        base_model="SD 1.4",
        recommended_strength="0.6",
        min_strength="0.4",
        max_strength="0.9",
        prompt_1="a boat",
        prompt_2="a fox",
        licence="CC0-1.0",
        allow_no_credit="on",
        allow_derivatives=None,
        allow_commercial_use=["Rent", "Image"],
        content_level="mature",
    )
    assert answer.status_code == 302

    draft.refresh_from_db()
    network = draft.network
    network.refresh_from_db()
    assert (network.name, network.kind, network.licence) == ("水墨 wash", "subject", "CC0-1.0")
    assert sorted(t.name for t in network.tags.all()) == ["brush work", "ink"]
    assert Tag.objects.get(name="brush work").namespace == Tag.Namespace.STYLE
    assert network.description == "Wet **ink**.\nTwo lines."
    assert "<strong>ink</strong>" in network.description_html
    assert (network.allow_no_credit, network.allow_derivatives) == (True, False)
    assert network.allow_commercial_use == ["Image", "Rent"]
    assert network.content_level == "mature"
    assert (draft.name, draft.changelog, draft.base_model) == ("1.0", "The first.", "SD 1.4")
    assert draft.trigger_words == ["inkwash", "by ink", "wash"]
    strength = (draft.recommended_strength, draft.min_strength, draft.max_strength)
    assert strength == (0.6, 0.4, 0.9)
    assert draft.strength_source == Version.StrengthSource.CREATOR
    assert [prompt.text for prompt in draft.own_prompts.all()] == ["a boat", "a fox"]


def test_saving_what_is_there_changes_and_records_nothing(
    alice_client: Client, draft: Version
) -> None:
    before = AuditEvent.objects.count()
    for _ in range(2):
        assert save(alice_client, draft).status_code == 302
    assert AuditEvent.objects.count() == before


def test_the_address_follows_the_name_until_one_is_chosen(
    alice_client: Client, draft: Version
) -> None:
    def slug() -> str:
        return Network.objects.get().slug

    save(alice_client, draft, name="Wet paper")
    assert slug() == "wet-paper"
    save(alice_client, draft, slug="my-ink")
    save(alice_client, draft, name="Dry paper")
    assert slug() == "my-ink"
    assert AuditEvent.objects.filter(action="network.moved").count() == 2


def test_an_address_that_is_taken_is_a_sentence_and_a_suggestion(
    alice: User, alice_client: Client, draft: Version
) -> None:
    NetworkFactory(creator=alice, slug="taken")
    answer = save(alice_client, draft, slug="taken", description="Kept all the same.")

    assert answer.status_code == 400
    assert "You already have a network at this address. “taken-2” is free." in text_of(answer)
    network = Network.objects.get(pk=draft.network_id)
    assert (network.slug, network.description) == ("ink-wash", "Kept all the same.")


@pytest.mark.parametrize("slug", ["Not A Slug", "feed"])
def test_what_is_no_address(alice_client: Client, draft: Version, slug: str) -> None:
    answer = save(alice_client, draft, slug=slug)
    assert answer.context["form"].errors["slug"]
    assert Network.objects.get().slug == "ink-wash"


def test_the_name_of_another_version_is_a_sentence_and_a_suggestion(
    alice: User, alice_client: Client
) -> None:
    old = PublishedVersionFactory(network__creator=alice, name="v1")
    draft = VersionFactory(network=old.network)
    answer = save(alice_client, draft, version_name="v1")
    assert "This network already has a version of that name. “v2” is free." in text_of(answer)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "This field is required."),
        ("tags", "a/b", "“a/b”: A tag has 1 to 50 letters"),
        ("tags", ",".join(f"t{n}" for n in range(21)), "At most 20 tags."),
        ("trigger_words", ",".join(f"w{n}" for n in range(31)), "At most 30 trigger words"),
        ("recommended_strength", "9", "less than or equal to 4"),
        ("min_strength", "0.4", "Say the strength itself, not only its range."),
        ("prompt_1", "a <hypernet:x:1>", "A prompt without < and >"),
        ("version_name", "main", "This name has a meaning of its own"),
    ],
)
def test_what_is_wrong_stays_typed_and_the_rest_is_saved(
    alice_client: Client, draft: Version, field: str, value: str, sentence: str
) -> None:
    answer = save(alice_client, draft, description="The rest.", **{field: value})

    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert answer.context["form"][field].value() == value
    assert Network.objects.get().description == "The rest."


def test_a_range_holds_its_strength(alice_client: Client, draft: Version) -> None:
    answer = save(alice_client, draft, recommended_strength="0.6", min_strength="0.8")
    assert "The recommended strength lies within its range." in text_of(answer)


def test_a_level_below_the_moderators(alice_client: Client, draft: Version, mod: User) -> None:
    update_network(network=draft.network, by=mod, content_level="explicit", reason="Nudity.")
    answer = save(alice_client, draft, content_level="general", name="Renamed")
    assert "The moderators set the content level to “explicit”" in text_of(answer)
    assert Network.objects.get().name == "Renamed"


def test_a_measured_strength_stays_the_hubs_until_its_creator_says_another(
    alice_client: Client, draft: Version
) -> None:
    record_measured_strength(version=draft, recommended=0.7, least=0.5, most=1.0)
    page = alice_client.get(address(draft))
    assert "Measured from the previews: 0.7" in text_of(page)
    assert "recommended_strength" not in form_on(page)
    save(alice_client, draft, name="Other")
    draft.refresh_from_db()
    assert (draft.recommended_strength, draft.strength_source) == (0.7, "measured")


def test_a_strength_that_is_said_no_more_is_the_measured_one_again(
    alice_client: Client, draft: Version
) -> None:
    PreviewGrid.objects.create(
        version=draft,
        base_model=make_base_model(),
        base_hash="a" * 64,
        settings={},
        multipliers=[0.0, 1.0],
        status=PreviewGrid.Status.DONE,
        finished_at=timezone.now(),
        measured={"recommended": 0.7, "least": 0.5, "most": 1.0},
    )
    save(alice_client, draft, recommended_strength="0.3")
    save(alice_client, draft, recommended_strength="")
    draft.refresh_from_db()
    assert (draft.recommended_strength, draft.strength_source) == (0.7, "measured")


def test_a_draft_of_a_network_that_is_out_says_nothing_of_the_network(
    alice: User, alice_client: Client
) -> None:
    old = PublishedVersionFactory(network__creator=alice)
    draft = VersionFactory(network=old.network)
    page = alice_client.get(address(draft))
    assert "name" not in page.context["form"].fields
    save(alice_client, draft, changelog="Sharper.", name="Ignored")
    draft.refresh_from_db()
    assert draft.changelog == "Sharper."
    assert Network.objects.get().name == old.network.name


# --- Saved by itself ------------------------------------------------------------------------------


def test_it_saves_itself_and_goes_on_from_there(alice_client: Client, draft: Version) -> None:
    form = form_on(alice_client.get(address(draft)))
    for text in ("Wet", "Wet ink", "Wet ink."):
        answer = by_itself(alice_client, draft, form | {"description": text})
        assert "Saved at" in text_of(answer)
        form["seen"] = _seen_text(answer)
    assert Network.objects.get().description == "Wet ink."


def _seen_text(answer: Any) -> str:
    return json.dumps(seen_in(answer))


def test_by_itself_it_tells_what_could_not_be_saved(alice_client: Client, draft: Version) -> None:
    form = form_on(alice_client.get(address(draft))) | {"tags": "a/b", "description": "Fine."}
    answer = by_itself(alice_client, draft, form)
    assert answer.status_code == 200
    assert "Saved, but for this: Tags : “a/b”" in text_of(answer)
    assert Network.objects.get().description == "Fine."


def test_an_alias_that_was_typed_is_saved_once(
    alice_client: Client, draft: Version, mod: User
) -> None:
    make_alias(name="sumi", of=Tag.objects.get(name="ink"), by=mod)
    form = form_on(alice_client.get(address(draft))) | {"tags": "sumi"}
    before = AuditEvent.objects.count()
    by_itself(alice_client, draft, form)
    assert AuditEvent.objects.count() == before
    assert [tag.name for tag in draft.network.tags.all()] == ["ink"]


# --- Two tabs -------------------------------------------------------------------------------------


def test_two_tabs_that_change_different_things_both_keep_theirs(
    alice_client: Client, draft: Version
) -> None:
    one, two = (form_on(alice_client.get(address(draft))) for _ in range(2))
    alice_client.post(address(draft), one | {"description": "From one."})
    answer = by_itself(alice_client, draft, two | {"tags": "ink, wash"})

    assert "Another tab changed, and this one does not show yet: Description" in text_of(answer)
    network = Network.objects.get()
    assert network.description == "From one."
    assert sorted(tag.name for tag in network.tags.all()) == ["ink", "wash"]
    # The field that it does not show is not written over by what it does show.
    two |= {"tags": "ink, wash", "seen": _seen_text(answer)}
    by_itself(alice_client, draft, two | {"name": "Renamed"})
    assert Network.objects.get().description == "From one."


def test_two_tabs_that_change_the_same_lose_neither(alice_client: Client, draft: Version) -> None:
    one, two = (form_on(alice_client.get(address(draft))) for _ in range(2))
    alice_client.post(address(draft), one | {"description": "One’s text."})

    told = by_itself(alice_client, draft, two | {"description": "Two’s text.", "name": "Two"})
    assert "Another tab saved something else meanwhile: Description" in text_of(told)
    network = Network.objects.get()
    assert (network.description, network.name) == ("One’s text.", "Two")

    answer = alice_client.post(address(draft), two | {"description": "Two’s text.", "name": "Two"})
    assert answer.status_code == 409
    assert "Description, as the other tab saved it One’s text." in text_of(answer)
    again = form_on(answer)
    assert again["description"] == "Two’s text."
    assert alice_client.post(address(draft), again).status_code == 302
    assert Network.objects.get().description == "Two’s text."


def test_what_only_the_other_changed_is_shown_as_it_is(
    alice_client: Client, draft: Version
) -> None:
    one, two = (form_on(alice_client.get(address(draft))) for _ in range(2))
    changed = {"name": "One", "allow_no_credit": "on", "tags": "wash", "recommended_strength": "1"}
    alice_client.post(address(draft), one | changed | {"description": "One’s."})
    answer = alice_client.post(address(draft), two | {"description": "Two’s."})
    shown = form_on(answer)
    assert {name: shown[name] for name in changed} == changed | {"recommended_strength": "1.0"}
    assert "Another tab changed these, and they are shown as they are now" in text_of(answer)


def test_a_conflict_is_not_published(alice_client: Client, draft: Version) -> None:
    form = form_on(alice_client.get(address(draft)))
    update_version(version=draft, by=draft.network.creator, changelog="Theirs.")
    answer = alice_client.post(address(draft), form | {"changelog": "Mine.", "do": "publish"})
    assert answer.status_code == 409
    draft.refresh_from_db()
    assert draft.status == Version.Status.DRAFT


# --- Signed out meanwhile -------------------------------------------------------------------------


def test_what_was_sent_without_a_session_is_there_after_signing_in(
    alice: User, alice_client: Client, draft: Version
) -> None:
    form = form_on(alice_client.get(address(draft)))
    alice_client.logout()
    answer = alice_client.post(address(draft), form | {"description": "An hour’s work."})
    assert answer["Location"] == f"{reverse('account_login')}?next={address(draft)}"

    signed_in = alice_client.post(
        answer["Location"], {"login": "alice", "password": PASSWORD}, follow=True
    )
    assert signed_in.redirect_chain[-1][0] == address(draft)
    assert "This is what you had written when you were signed out." in text_of(signed_in)
    assert Network.objects.get().description != "An hour’s work."
    again = form_on(signed_in)
    assert again["description"] == "An hour’s work."
    assert alice_client.post(address(draft), again).status_code == 302
    assert Network.objects.get().description == "An hour’s work."
    assert form_on(alice_client.get(address(draft)))["description"] == "An hour’s work."


def test_what_another_tab_saved_meanwhile_is_not_written_over(
    alice: User, alice_client: Client, draft: Version
) -> None:
    form = form_on(alice_client.get(address(draft)))
    alice_client.logout()
    login = alice_client.post(address(draft), form | {"description": "Mine."})["Location"]
    update_network(network=draft.network, by=alice, description="Theirs.")
    page = alice_client.post(login, {"login": "alice", "password": PASSWORD}, follow=True)

    answer = alice_client.post(address(draft), form_on(page))
    assert answer.status_code == 409
    assert "Description, as the other tab saved it Theirs." in text_of(answer)
    assert Network.objects.get().description == "Theirs."


def test_by_itself_it_says_that_nothing_is_saved(
    alice_client: Client, anonymous: Client, draft: Version
) -> None:
    form = form_on(alice_client.get(address(draft)))
    answer = by_itself(anonymous, draft, form)
    assert answer.status_code == 200
    assert "You are signed out, so nothing is saved just now." in text_of(answer)
    assert "data-signed-out" in answer.content.decode()


def test_the_longest_texts_are_kept_in_any_script(alice_client: Client, draft: Version) -> None:
    form = form_on(alice_client.get(address(draft)))
    alice_client.logout()
    longest = {"description": "墨" * 20_000, "changelog": "水" * 10_000}
    login = alice_client.post(address(draft), form | longest)["Location"]
    page = alice_client.post(login, {"login": "alice", "password": PASSWORD}, follow=True)
    shown = form_on(page)
    assert {name: shown[name] for name in longest} == longest


def test_strangers_fill_no_session_with_books(anonymous: Client, draft: Version) -> None:
    anonymous.post(address(draft), {"description": "x" * 70_000})
    assert "publish_unsaved" not in anonymous.session


# --- Published ------------------------------------------------------------------------------------


def test_published_now(alice_client: Client, draft: Version) -> None:
    answer = save(alice_client, draft, do="publish", name="At last")

    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.status == Version.Status.PUBLISHED
    assert Network.objects.get().name == "At last"


def test_not_before_its_file_is_checked(alice: User, alice_client: Client) -> None:
    version = VersionFactory(network__creator=alice)
    answer = save(alice_client, version, do="publish", name="Too early")

    assert answer.status_code == 409
    assert "This version has no checked file yet." in text_of(answer)
    assert Network.objects.get().name == "Too early"
    # Saved all the same: the page goes on from there.
    assert alice_client.post(address(version), form_on(answer)).status_code == 302


def test_not_while_its_file_is_being_checked(alice_client: Client, draft: Version) -> None:
    Version.objects.update(status=Version.Status.PROCESSING)
    answer = save(alice_client, draft, do="publish", description="Kept.")
    assert answer.status_code == 409
    assert "Its file is still being checked. Everything is saved" in text_of(answer)
    assert Network.objects.get().description == "Kept."


def test_not_without_a_base_model(alice_client: Client, draft: Version) -> None:
    answer = save(alice_client, draft, do="publish", base_model="")
    assert "Say which base model this network was made for." in text_of(answer)


def test_published_at_a_time_of_the_browsers_zone(alice_client: Client, draft: Version) -> None:
    at = timezone.now().replace(second=0, microsecond=0) + timedelta(days=2)
    local = (at + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")
    save(alice_client, draft, do="schedule", at=local, utc_offset="540")

    draft.refresh_from_db()
    assert (draft.status, draft.publish_at) == (Version.Status.SCHEDULED, at)
    page = text_of(alice_client.get(address(draft)))
    assert f"{at:%Y-%m-%d %H:%M} UTC" in page
    save(alice_client, draft, do="unschedule")
    draft.refresh_from_db()
    assert draft.status == Version.Status.DRAFT


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ("", "Say the day and the time"),
        ("tomorrow", "Say the day and the time"),
        ("9999-12-31T23:59", "Say the day and the time"),
        (f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M}", "That time is past."),
    ],
)
def test_a_time_that_is_none(alice_client: Client, draft: Version, at: str, sentence: str) -> None:
    answer = save(alice_client, draft, do="schedule", at=at, utc_offset="-720")
    assert answer.status_code == 409
    assert sentence in text_of(answer)


# --- Previews -------------------------------------------------------------------------------------


def test_previews_begin_while_one_writes_once_the_base_model_is_said(
    alice_client: Client, draft: Version
) -> None:
    make_base_model(stands_for=["SD 1.5"])
    Version.objects.update(base_model="")
    form = form_on(alice_client.get(address(draft)))
    by_itself(alice_client, draft, form)
    grid = PreviewGrid.objects.get()
    assert grid.version == draft
    by_itself(alice_client, draft, form | {"prompt_1": "a boat"})
    assert PreviewGrid.objects.count() == 1

    state = alice_client.get(reverse("draft_state", args=[draft.pk]))
    assert "They are rendered while you write" in text_of(state)
    assert f"0 of {grid.cells.count()}" in text_of(state)


def test_the_state_rests_while_nothing_moves(alice_client: Client, draft: Version) -> None:
    target = reverse("draft_state", args=[draft.pk])
    first = alice_client.get(target)
    seen = first.context["state"].seen
    assert alice_client.get(target, {"seen": seen}).status_code == 204
    Version.objects.update(status=Version.Status.PROCESSING)
    assert alice_client.get(target, {"seen": seen}).status_code == 200


def test_without_a_base_model_here_it_says_so(alice_client: Client, draft: Version) -> None:
    answer = alice_client.post(reverse("draft_previews", args=[draft.pk]), follow=True)
    assert "This hub has no base model that this network was made for" in text_of(answer)


# --- Thrown away ----------------------------------------------------------------------------------


def test_a_draft_is_thrown_away_after_a_question(alice_client: Client, draft: Version) -> None:
    target = reverse("delete_draft", args=[draft.pk])
    assert "Delete this draft?" in text_of(alice_client.get(target))
    assert Version.objects.exists()
    alice_client.post(target)
    assert not Network.objects.exists()


def test_of_a_network_that_is_out_only_the_draft_goes(alice: User, alice_client: Client) -> None:
    old = PublishedVersionFactory(network__creator=alice)
    draft = VersionFactory(network=old.network)
    alice_client.post(reverse("delete_draft", args=[draft.pk]))
    assert list(Version.objects.all()) == [old]


# --- Help while one types -------------------------------------------------------------------------


def test_markdown_is_shown_as_it_will_be_and_harmless(alice_client: Client) -> None:
    form = {"of": "changelog", "changelog": "**Sharp** <script>alert(1)</script>"}
    html = alice_client.post(reverse("publish_markdown"), form).content.decode()
    assert "<strong>Sharp</strong>" in html
    assert "<script>" not in html


def test_tags_are_suggested_for_the_last_one_typed(
    alice_client: Client, draft: Version, mod: User
) -> None:
    make_alias(name="sumi", of=Tag.objects.get(name="ink"), by=mod)
    target = reverse("publish_tags")
    for typed in ("wash, in", "sumi"):
        assert 'data-tag="ink"' in alice_client.get(target, {"tags": typed}).content.decode()
    assert alice_client.get(target, {"tags": "ink, "}).content.strip() == b""
