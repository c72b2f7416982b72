"""What the forms of pages take: little. Networks come by the API, which has its own way in."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler


class SmallForms(FileUploadHandler):
    """First of the handlers: refuses a large form of whatever page before it fills the disk.

    Looking for a form's token reads its files already, before anybody asked who sends them.
    """

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,  # bytes, whatever the stubs say
        encoding: str | None = None,
    ) -> None:
        if content_length > settings.FORM_MAX_BYTES:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
