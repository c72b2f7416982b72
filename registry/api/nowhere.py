"""Addresses under /api that lead nowhere: answered and counted like all others."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.request import Request

from registry.api.reading import PublicRead


class NoSuchAddress(PublicRead):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whatever the method."""
        super().initial(request, *args, **kwargs)
        raise Http404(_("Nothing is at this address. All that there is stands at /api/docs."))
