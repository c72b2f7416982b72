"""Who is written to about a decision, and what the mail says."""

from typing import Any

import pytest

from registry.models import Decision, Job, User, Version
from registry.moderating import Seen, decide, report
from registry.subjects import Subject
from tests.jobs import run_waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)


def decided(version: Version, measure: str, by: User) -> Decision:
    subject = Subject.of(version.network)
    words: dict[str, Any] = {"reason": "Traced from a film.", "by": by, "seen": Seen.of(subject)}
    return decide(subject=subject, measure=measure, **words)


def test_the_creator_reads_what_was_decided_and_why(
    version: Version, alice: User, mod: User, mailoutbox: list[Any]
) -> None:
    decided(version, "take_down_network", mod)
    assert not mailoutbox
    (job,) = run_waiting_jobs(queue="notify")
    assert job.state == Job.State.DONE
    (mail,) = mailoutbox
    assert mail.to == [alice.email]
    assert mail.subject == "A decision of the moderators of HyperHub"
    assert "Hello alice," in mail.body
    assert "The moderators took “Ink wash” down." in mail.body
    assert "Why: Traced from a film." in mail.body
    assert "/publish/drafts" in mail.body
    assert mod.username not in mail.body


def test_of_a_dismissed_report_nobody_is_told(
    version: Version, bob: User, mod: User, mailoutbox: list[Any]
) -> None:
    report(about=version.network, reason="spam", by=bob)
    decided(version, "dismiss", mod)
    assert run_waiting_jobs(queue="notify") == []
    assert not mailoutbox


def test_a_closed_account_gets_no_mail(
    version: Version, alice: User, mod: User, mailoutbox: list[Any]
) -> None:
    decided(version, "take_down_network", mod)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    (job,) = run_waiting_jobs(queue="notify")
    assert job.result == {"mailed": False}
    assert not mailoutbox
