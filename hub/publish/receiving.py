"""Whole files in a plain form, for browsers without scripts: several, and large ones."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from hub.accounts.people import signed_in
from registry.api.uploads import Receive, ReceivedFile, refuse_too_large
from registry.permissions import Action, require

View = Callable[..., HttpResponse]


class ReceiveAll(FileUploadHandler):
    """Each file in a folder of its own."""

    chunk_size = Receive.chunk_size

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.sent = request
        self.each: list[Receive] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self.each.append(Receive(self.sent))
        self.each[-1].new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.each[-1].receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> ReceivedFile:
        return self.each[-1].file_complete(file_size)

    def upload_interrupted(self) -> None:
        """Also when all is done: what was not renamed away goes."""
        for each in self.each:
            each.upload_interrupted()


def takes_files(view: View) -> View:
    """For members who may upload: their form's files are written where they can stay.

    Looking for the form's token reads its files: so who sends them is asked before, and the token
    is checked after.
    """
    protected: View = csrf_protect(view)

    @csrf_exempt
    @login_required
    @wraps(view)
    def decorated(request: HttpRequest, **parts: Any) -> HttpResponse:
        user = signed_in(request)
        if request.method != "POST":
            return protected(request, **parts)
        require(Action.UPLOAD, by=user, creator=user)
        refuse_too_large(request)
        handler = ReceiveAll(request)
        request.upload_handlers = [handler]
        try:
            return protected(request, **parts)
        finally:
            handler.upload_interrupted()

    return decorated


def files_in(request: HttpRequest) -> list[tuple[str, int, Path]]:
    """Name, size and path of each file of the form."""
    files = request.FILES.getlist("file")
    return [
        (each.name or "", each.size or 0, each.path)
        for each in files
        if isinstance(each, ReceivedFile)
    ]
