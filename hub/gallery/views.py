"""The gallery. Nothing can be published yet, and the page says so."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    return render(request, "gallery/gallery.html", {"query": request.GET.get("q", "").strip()})
