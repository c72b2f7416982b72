"""Pages travel compressed; everything else goes as it is.

Files are sent by the system without passing through here, events must arrive when they happen, and
programs that read the API ask in milliseconds. Static files lie compressed on the disk already.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedPages(GZipMiddleware):
    """Django's own, which pads each answer by chance: its length gives no secret away (BREACH)."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        if response.streaming or not is_page:
            return response
        return super().process_response(request, response)
