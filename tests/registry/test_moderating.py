"""Moderation: who may report what, what a decision does, and that it is done once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from registry.audit import name_of
from registry.endings import quarantine_key
from registry.errors import AccountBlocked, ModeratorsOnly
from registry.models import (
    AuditEvent,
    Decision,
    Network,
    Picture,
    Report,
    Upload,
    User,
    Version,
)
from registry.moderating import (
    MOST_REPORTS,
    AlreadyDecided,
    AlreadyReported,
    NotToBeBlocked,
    NotToBeDone,
    OwnCase,
    OwnThing,
    Seen,
    TooManyReports,
    block_creator,
    decide,
    measures_for,
    report,
    trail_of,
    unblock_creator,
)
from registry.shown_pictures import remove_picture
from registry.subjects import Subject, Thing, find, title_of
from registry.versions import delete_version
from tests.factories import (
    NetworkFactory,
    PublishedVersionFactory,
    UploadFactory,
    UserFactory,
    VersionFactory,
)
from tests.pictures import picture_of
from tests.threads import at_once

Measure = Decision.Measure
pytestmark = pytest.mark.django_db


@pytest.fixture
def version(alice: User) -> Version:
    network = NetworkFactory(creator=alice, slug="ink", name="Ink wash")
    made: Version = PublishedVersionFactory(network=network)
    return made


@pytest.fixture
def network(version: Version) -> Network:
    return version.network


def decided(thing: Thing, measure: str, by: User, **words: str) -> Decision:
    """By somebody who has just looked."""
    subject = Subject.of(thing)
    seen = Seen.of(subject)
    return decide(subject=subject, measure=measure, reason="Because.", by=by, seen=seen, **words)


def shown_with(version: Version, owner: User) -> Picture:
    made = picture_of(version)
    Picture.objects.filter(pk=made.pk).update(owner=owner, is_preview=False)
    found = find(Subject.of(made))
    assert isinstance(found, Picture)
    return found


def quarantined(owner: User) -> Upload:
    upload: Upload = UploadFactory(owner=owner, state=Upload.State.QUARANTINED, offset=1000)
    default_storage.save(quarantine_key(upload.pk), ContentFile(b"cos\nsystem\n"))
    return upload


# --- Reporting ------------------------------------------------------------------------------------


def test_a_report_waits_for_the_moderators(network: Network, bob: User) -> None:
    made = report(about=network, reason="stolen", text="  Mine, of 2023. ", by=bob)
    assert list(Report.objects.open().about(name_of(network))) == [made]
    assert (made.reporter, made.reason, made.text) == (bob, "stolen", "Mine, of 2023.")
    event = AuditEvent.objects.get(action="report.made")
    assert (event.actor, event.target) == (bob, name_of(network))
    assert event.data == {"report": made.pk, "reason": "stolen"}


def test_one_open_report_of_one_person_about_a_thing(
    network: Network, version: Version, bob: User, mod: User
) -> None:
    report(about=network, reason="stolen", by=bob)
    with pytest.raises(AlreadyReported):
        report(about=network, reason="spam", by=bob)
    report(about=version, reason="spam", by=bob)
    report(about=network, reason="spam", by=mod)
    decided(network, Measure.DISMISS, UserFactory(role=User.Role.MODERATOR))
    report(about=network, reason="spam", by=bob)
    assert Report.objects.open().about(name_of(network)).count() == 1


def test_one_s_own_things_are_not_reported(version: Version, alice: User) -> None:
    for thing in (version, version.network, alice):
        with pytest.raises(OwnThing):
            report(about=thing, reason="spam", by=alice)


def test_the_blocked_report_nothing(network: Network, bob: User) -> None:
    bob.blocked_at = timezone.now()
    with pytest.raises(AccountBlocked):
        report(about=network, reason="spam", by=bob)


@pytest.mark.parametrize(
    ("reason", "text"),
    [("", ""), ("boredom", ""), ("spam", "x" * 2001)],
    ids=["none", "unknown", "too long"],
)
def test_reasons_are_of_a_closed_list(network: Network, bob: User, reason: str, text: str) -> None:
    with pytest.raises(ValidationError):
        report(about=network, reason=reason, text=text, by=bob)
    assert not Report.objects.exists()


def test_so_many_a_day(network: Network, bob: User) -> None:
    Report.objects.bulk_create(
        Report(subject=f"registry.network:{n}", reason="spam", reporter=bob)
        for n in range(10_000, 10_000 + MOST_REPORTS)
    )
    with pytest.raises(TooManyReports):
        report(about=network, reason="spam", by=bob)
    Report.objects.update(made_at=timezone.now() - timedelta(days=1, minutes=1))
    report(about=network, reason="spam", by=bob)


# --- Deciding -------------------------------------------------------------------------------------


def test_a_decision_closes_the_reports_with_its_reason(
    network: Network, alice: User, bob: User, mod: User
) -> None:
    made = report(about=network, reason="spam", by=bob)
    decision = decided(network, Measure.TAKE_DOWN_NETWORK, mod)
    made.refresh_from_db()
    network.refresh_from_db()
    assert made.decision == decision
    assert not Report.objects.open().exists()
    assert (network.status, network.status_reason) == (Network.Status.TAKEN_DOWN, "Because.")
    assert (decision.creator, decision.network, decision.by) == (alice, network, mod)
    assert (decision.title, decision.reason) == ("Ink wash", "Because.")
    actions = [event.action for event in trail_of(Subject.of(network), most=10)]
    assert actions == ["case.decided", "network.taken_down", "report.made"]
    event = AuditEvent.objects.get(action="case.decided")
    assert (event.actor, event.reason) == (mod, "Because.")
    assert event.data == {
        "measure": "take_down_network",
        "decision": decision.pk,
        "reports": [made.pk],
    }


def test_dismissing_changes_nothing_and_is_not_told(
    network: Network, alice: User, bob: User, mod: User
) -> None:
    report(about=network, reason="spam", by=bob)
    decided(network, Measure.DISMISS, mod)
    network.refresh_from_db()
    assert network.is_listed
    assert not Report.objects.open().exists()
    assert not Decision.objects.told_to(alice).exists()


def test_the_level_that_moderators_set_is_held(network: Network, alice: User, mod: User) -> None:
    decision = decided(network, Measure.SET_LEVEL, mod, level="mature")
    network.refresh_from_db()
    assert (network.content_level, network.least_content_level) == ("mature", "mature")
    assert network.level_reason == "Because."
    assert decision.level == "mature"
    assert list(Decision.objects.told_to(alice)) == [decision]


def test_a_version_is_taken_down_alone_and_restored(version: Version, mod: User) -> None:
    decided(version, Measure.TAKE_DOWN_VERSION, mod)
    version.refresh_from_db()
    assert version.status == Version.Status.TAKEN_DOWN
    assert version.network.status == Network.Status.PUBLISHED
    decided(version, Measure.RESTORE, mod)
    version.refresh_from_db()
    assert version.status == Version.Status.PUBLISHED


def test_a_network_by_way_of_its_version(version: Version, mod: User) -> None:
    decided(version, Measure.TAKE_DOWN_NETWORK, mod)
    network = Network.objects.get()
    assert network.status == Network.Status.TAKEN_DOWN
    decided(network, Measure.RESTORE, mod)
    assert Network.objects.get().is_listed


def test_a_picture_is_removed_or_gets_its_level(version: Version, bob: User, mod: User) -> None:
    picture = shown_with(version, bob)
    decided(picture, Measure.SET_LEVEL, mod, level="explicit")
    picture.refresh_from_db()
    assert (picture.content_level, picture.hidden_at) == ("explicit", None)
    assert AuditEvent.objects.filter(action="picture.level_set", actor=mod).count() == 1
    decision = decided(picture, Measure.REMOVE_PICTURE, mod)
    picture.refresh_from_db()
    assert picture.hidden_at is not None
    assert decision.creator == bob
    assert AuditEvent.objects.get(action="picture.hidden").reason == "Because."


def test_quarantine_ends_without_the_bytes(
    alice: User, mod: User, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    upload = quarantined(alice)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        decided(upload, Measure.END_QUARANTINE, mod)
    upload.refresh_from_db()
    assert upload.state == Upload.State.REFUSED
    assert not default_storage.exists(quarantine_key(upload.pk))
    assert list(Decision.objects.told_to(alice).values_list("title", flat=True)) == [upload.name]


def test_a_blocked_creator_is_listed_nowhere_until_unblocked(
    network: Network, alice: User, mod: User
) -> None:
    decided(network, Measure.BLOCK_CREATOR, mod)
    alice.refresh_from_db()
    network.refresh_from_db()
    assert (alice.may_write, alice.blocked_reason) == (False, "Because.")
    assert not network.is_listed
    decided(alice, Measure.UNBLOCK_CREATOR, mod)
    back = Network.objects.select_related("creator").get()
    assert (back.creator.may_write, back.creator.blocked_reason) == (True, "")
    assert back.is_listed
    events = AuditEvent.objects.filter(target=name_of(alice)).order_by("pk")
    assert [event.action for event in events] == ["user.blocked", "user.unblocked", "case.decided"]


def test_only_members_are_blocked_and_once(alice: User, mod: User, boss: User) -> None:
    for person in (mod, boss):
        with pytest.raises(NotToBeBlocked):
            block_creator(creator=person, reason="Because.", by=boss)
    block_creator(creator=alice, reason="Because.", by=mod)
    with pytest.raises(NotToBeBlocked):
        block_creator(creator=alice, reason="Again.", by=boss)
    with pytest.raises(ModeratorsOnly):
        unblock_creator(creator=alice, reason="Please.", by=UserFactory())


# --- What is refused ------------------------------------------------------------------------------


def test_moderators_alone_decide(network: Network, alice: User, bob: User) -> None:
    for person in (alice, bob):
        with pytest.raises(ModeratorsOnly):
            decided(network, Measure.TAKE_DOWN_NETWORK, person)


def test_nobody_decides_a_case_of_their_own(mod: User, boss: User) -> None:
    network = PublishedVersionFactory(network__creator=mod).network
    with pytest.raises(OwnCase):
        decided(network, Measure.SET_LEVEL, mod, level="general")
    decided(network, Measure.SET_LEVEL, boss, level="mature")


def test_a_reason_is_needed_and_a_level_where_one_is_set(network: Network, mod: User) -> None:
    subject = Subject.of(network)
    with pytest.raises(ValidationError):
        decide(subject=subject, measure=Measure.TAKE_DOWN_NETWORK, reason=" ", by=mod, seen=Seen())
    for level in ("", "tasteless"):
        with pytest.raises(ValidationError):
            decided(network, Measure.SET_LEVEL, mod, level=level)
    assert not Decision.objects.exists()
    assert not AuditEvent.objects.filter(action="network.changed").exists()


def test_what_the_thing_does_not_allow_is_not_done(
    network: Network, version: Version, alice: User, mod: User
) -> None:
    for measure in (Measure.RESTORE, Measure.REMOVE_PICTURE, Measure.END_QUARANTINE, "burn"):
        with pytest.raises(NotToBeDone):
            decided(network, measure, mod)
    with pytest.raises(NotToBeDone):
        decided(network, Measure.DISMISS, mod)  # nobody reported anything
    draft = VersionFactory(network=network)
    assert Measure.TAKE_DOWN_VERSION not in measures_for(draft, reported=True)
    assert measures_for(alice, reported=False) == [Measure.BLOCK_CREATOR]
    assert measures_for(mod, reported=False) == []


def test_reports_about_what_is_gone_can_be_dismissed(
    version: Version, bob: User, mod: User, alice: User
) -> None:
    picture, draft = shown_with(version, bob), VersionFactory(network=version.network)
    for thing in (picture, draft):
        report(about=thing, reason="other", by=mod)
    subjects = [Subject.of(picture), Subject.of(draft)]
    remove_picture(picture=picture, by=bob)
    delete_version(version=draft, by=alice)
    judge = UserFactory(role=User.Role.MODERATOR)
    for subject in subjects:
        assert find(subject) is None
        decide(
            subject=subject,
            measure=Measure.DISMISS,
            reason="It is gone.",
            by=judge,
            seen=Seen.of(subject),
        )
    assert not Report.objects.open().exists()


def test_a_report_that_came_later_stays_open(network: Network, bob: User, mod: User) -> None:
    subject = Subject.of(network)
    report(about=network, reason="spam", by=bob)
    seen = Seen.of(subject)
    late = report(about=network, reason="minors", by=UserFactory())
    decide(subject=subject, measure=Measure.DISMISS, reason="Fine.", by=mod, seen=seen)
    assert list(Report.objects.open()) == [late]


def test_the_second_moderator_is_told_what_the_first_decided(
    network: Network, bob: User, mod: User, boss: User
) -> None:
    report(about=network, reason="spam", by=bob)
    subject, seen = Subject.of(network), Seen.of(Subject.of(network))
    decide(subject=subject, measure=Measure.DISMISS, reason="Fine.", by=mod, seen=seen)
    with pytest.raises(AlreadyDecided, match="mod-mary.*leave it as it is"):
        decide(subject=subject, measure=Measure.TAKE_DOWN_NETWORK, reason="No.", by=boss, seen=seen)
    network.refresh_from_db()
    assert network.is_listed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("measure", [Measure.TAKE_DOWN_NETWORK, Measure.BLOCK_CREATOR])
def test_two_at_the_same_moment_do_it_once(
    measure: Measure, network: Network, bob: User, mod: User, boss: User
) -> None:
    report(about=network, reason="spam", by=bob)
    subject, seen = Subject.of(network), Seen.of(Subject.of(network))

    def judge(by: User) -> Callable[[], Decision]:
        return lambda: decide(
            subject=subject, measure=measure, reason=f"{by} says so.", by=by, seen=seen
        )

    outcomes = at_once(judge(mod), judge(boss))
    assert sorted(type(each).__name__ for each in outcomes) == ["AlreadyDecided", "Decision"]
    assert Decision.objects.count() == 1
    done = ["network.taken_down", "user.blocked"]
    assert AuditEvent.objects.filter(action__in=done).count() == 1


# --- Subjects -------------------------------------------------------------------------------------


def test_subjects_are_named_as_in_the_audit_trail(version: Version, alice: User) -> None:
    for thing in (version, version.network, alice, quarantined(alice)):
        subject = Subject.of(thing)
        assert subject.name == name_of(thing)
        assert Subject.named(subject.name) == subject
        assert Subject.spelt(subject.kind, str(subject.key)) == subject
        assert find(subject) == thing
        assert title_of(thing)


@pytest.mark.parametrize(
    ("kind", "key"), [("job", "1"), ("network", "x"), ("network", "9" * 30), ("upload", "1")]
)
def test_what_is_no_subject_is_refused(kind: str, key: str) -> None:
    with pytest.raises(ValueError):
        Subject.spelt(kind, key)
