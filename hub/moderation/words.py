"""How a case reads: where its thing is seen, and what a decision says to the creator."""

from collections.abc import Mapping
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from registry.models import Decision, Network, Picture, Upload, User, Version
from registry.subjects import Kind, Subject, Thing, network_of

Measure = Decision.Measure
KINDS: Final[Mapping[Kind, Promise]] = {
    Kind.NETWORK: _("network"),
    Kind.VERSION: _("version"),
    Kind.PICTURE: _("picture"),
    Kind.CREATOR: _("account"),
    Kind.UPLOAD: _("upload"),
}
# What the creator reads before the reason. Nobody is told of reports that led to nothing.
SENTENCES: Final[Mapping[str, Promise]] = {
    Measure.SET_LEVEL: _("The moderators set the content level of “%(title)s” to “%(level)s”."),
    Measure.REMOVE_PICTURE: _("The moderators removed a picture of yours."),
    Measure.TAKE_DOWN_VERSION: _("The moderators took “%(title)s” down."),
    Measure.TAKE_DOWN_NETWORK: _("The moderators took “%(title)s” down."),
    Measure.RESTORE: _("The moderators restored “%(title)s”."),
    Measure.END_QUARANTINE: _("The moderators looked at your file “%(title)s” and erased it."),
    Measure.BLOCK_CREATOR: _("The moderators blocked your account: you can read, and no more."),
    Measure.UNBLOCK_CREATOR: _("The moderators lifted the block of your account."),
}


def sentence_of(decision: Decision) -> str:
    """What was done, to the creator; "" for what nobody is told."""
    sentence = SENTENCES.get(decision.measure, "")
    level = decision.get_level_display() if decision.level else ""
    return str(sentence) % {"title": decision.title, "level": level}


def address_of(thing: Thing) -> str:
    """Where everyone sees it; "" for uploads, which nobody does."""
    match thing:
        case Network():
            return thing.get_absolute_url()
        case Version():
            network = thing.network
            return reverse(
                "network_version", args=[network.creator.username, network.slug, thing.number]
            )
        case Picture():
            if (shown_with := network_of(thing)) is None:
                return ""
            page = reverse("network_pictures", args=[shown_with.creator.username, shown_with.slug])
            return f"{page}?before={thing.pk + 1}#picture-{thing.pk}"
        case User():
            return reverse("creator", args=[thing.username])
        case Upload():
            return ""


def case_address(subject: Subject) -> str:
    return reverse("moderation_case", args=[str(subject.kind), str(subject.key)])
