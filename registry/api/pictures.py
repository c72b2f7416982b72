"""`/pictures/{sha256}/width=450/{id}.webp`: a rendition, for whoever may see the picture.

Clients put their own width in the address: the smallest rendition that is as wide answers, else the
widest. `width=original` is the PNG itself, with its infotext. Bytes under an address never change.
"""

from typing import Any, BinaryIO, Final, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from registry.models import Picture
from registry.pictures import key_of, rendition_for
from registry.ranges import file_response

ORIGINAL: Final = "original"
PUBLIC: Final = "public, max-age=31536000, immutable"
PRIVATE: Final = "private, no-cache"
MOST_PIXELS: Final = 100_000


@require_safe
def picture(request: HttpRequest, sha256: str, width: str, picture_id: int) -> HttpResponseBase:
    """404 for what is hidden, unpublished (to others), taken down, or not there."""
    same = Picture.objects.filter(pk=picture_id, sha256=sha256)
    # Everyone's first: their answer may be kept by caches, and the session is not even read.
    found = same.served_to(AnonymousUser()).first()
    kept = PUBLIC
    if found is None:
        found, kept = same.served_to(request.user).first(), PRIVATE
    if found is None:
        raise Http404(_("There is no such picture."))
    response = _bytes(request, found, width)
    response["Cache-Control"] = kept
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Access-Control-Allow-Origin"] = "*"
    # Pictures are for other pages too: a gallery that shows ours is no attack.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _bytes(request: HttpRequest, picture: Picture, width: str) -> HttpResponseBase:
    wanted = _rendition(picture, width)
    etag = f'"{picture.sha256[:32]}-{wanted or ORIGINAL}"'
    if etag in request.headers.get("If-None-Match", ""):
        response: HttpResponseBase = HttpResponseNotModified()
        response["ETag"] = etag
        return response
    key = key_of(picture.sha256, wanted)
    if settings.ACCEL_REDIRECT:
        response = HttpResponse()
        response["X-Accel-Redirect"] = f"{settings.ACCEL_REDIRECT}{key}"
        response["ETag"] = etag
    else:
        response = _sent(request, key, etag)
    response["Content-Type"] = "image/webp" if wanted else "image/png"
    return response


def _rendition(picture: Picture, width: str) -> int | None:
    """A width that is stored; None is the original."""
    if width == ORIGINAL:
        return None
    if not (width.isascii() and width.isdigit()) or not 0 < int(width[:7]) <= MOST_PIXELS:
        raise Http404(_("A width in pixels, or “original”."))
    return rendition_for(picture.width, asked=int(width))


def _sent(request: HttpRequest, key: str, etag: str) -> HttpResponseBase:
    stored: Any = default_storage
    try:
        file = stored.open(key)
    except FileNotFoundError:
        raise Http404(_("The bytes of this picture are gone.")) from None
    if hasattr(stored, "path"):
        return file_response(request, cast(BinaryIO, file.file), etag=etag)
    with file:
        response = HttpResponse(file.read())
    response["ETag"] = etag
    return response
