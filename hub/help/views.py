"""`/help`: how things are done here, for people who are new."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hub.help.topics import BY_SLUG, TOPICS, topic_after
from inference.previews import MULTIPLIERS
from inference.strength import KEPT_WELL


@require_safe
def contents(request: HttpRequest) -> HttpResponse:
    return render(request, "help/contents.html", {"topics": TOPICS})


@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    """One page; its figures are those that the hub works with."""
    shown = BY_SLUG.get(slug)
    if shown is None:
        raise Http404
    context = {
        "topics": TOPICS,
        "topic": shown,
        "sections": shown.sections,
        "after": topic_after(shown),
        "strengths": [f"{each:g}" for each in MULTIPLIERS],
        "kept_well": f"{KEPT_WELL:.0%}",
        "largest_file": settings.UPLOAD_MAX_BYTES,
        "largest_form": settings.FORM_MAX_BYTES,
        "quarantine_days": settings.QUARANTINE_DAYS,
        "upload_hours": f"{settings.UPLOAD_HOURS:g}",
    }
    return render(request, shown.template, context)
