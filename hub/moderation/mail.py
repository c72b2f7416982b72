"""A decision by mail, to whoever it is about: a job, since a mail server may be away."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.dispatch import Signal, receiver
from django.template.loader import render_to_string

from hub.moderation.words import sentence_of
from registry.jobs import Run, enqueue, handler
from registry.models import Decision, Job
from registry.signals import announced, case_decided

KIND = "moderation.mail"


@receiver(announced, sender=case_decided, dispatch_uid="moderation.mail")
def on_decision(sender: Signal, *, what: Mapping[str, Any], **_: Any) -> None:
    """In the decision's transaction: there is a mail if and only if it was made."""
    decision: Decision = what["decision"]
    if decision.creator is not None and sentence_of(decision):
        with transaction.atomic():
            enqueue(kind=KIND, payload={"decision": decision.pk}, owner=None)


@handler(KIND, queue=Job.Queue.NOTIFY)
def mail_decision(run: Run) -> dict[str, Any]:
    decision = Decision.objects.select_related("creator").get(pk=run.payload["decision"])
    reader = decision.creator
    if reader is None or not reader.is_active:
        return {"mailed": False}
    context = {
        "name": reader.name,
        "sentence": sentence_of(decision),
        "reason": decision.reason,
        "site_url": settings.SITE_URL,
    }
    subject = render_to_string("moderation/email/decision_subject.txt", context)
    message = render_to_string("moderation/email/decision_message.txt", context)
    send_mail(" ".join(subject.split()), message, None, [reader.email])
    return {"mailed": True}
