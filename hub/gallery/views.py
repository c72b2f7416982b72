"""The gallery. Nothing can be published yet, and the page says so."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

# Of the drawing that stands in for pictures: one symbol each in static/img/strengths.svg.
STRENGTHS = ("0", "0.2", "0.4", "0.6", "0.8", "1")


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()
    return render(request, "gallery/gallery.html", {"query": query, "strengths": STRENGTHS})
