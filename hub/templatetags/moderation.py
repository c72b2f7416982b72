"""What creators are told of decisions, on their own pages."""

from datetime import timedelta

from django import template
from django.conf import settings
from django.utils import timezone

from hub.moderation.words import case_address, sentence_of
from registry.models import Decision, Network, User
from registry.subjects import Subject

register = template.Library()
MOST = 3


@register.simple_tag
def told_to(creator: User, network: Network | None = None) -> list[Decision]:
    """The latest decisions about their things, or about this network, while one may appeal."""
    since = timezone.now() - timedelta(days=settings.APPEAL_DAYS)
    told = Decision.objects.told_to(creator).filter(at__gt=since)
    if network is not None:
        told = told.filter(network=network)
    return list(told[:MOST])


@register.filter
def sentence(decision: Decision) -> str:
    return sentence_of(decision)


@register.filter
def case_url(decision: Decision) -> str:
    return case_address(Subject.named(decision.subject))
