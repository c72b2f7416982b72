"""Answers with a part of a file: `Range`, `If-Range`, 206 and 416, sent by the kernel.

Django's FileResponse knows no ranges. This one sets the file to the first byte and announces the
length, so that gunicorn's sendfile sends just the part.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

BLOCK: Final = 1 << 20
_ONE_RANGE: Final = re.compile(r"bytes=(?P<first>\d{0,19})-(?P<last>\d{0,19})", re.ASCII)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """No byte of the file is in the range that was asked for."""


def asked_range(header: str, size: int) -> ByteRange | None:
    """The part that a `Range` header asks for, None for the whole.

    A header that is malformed, or asks for several parts, is ignored as RFC 9110 allows. Raises
    Unsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match["first"] == match["last"] == "":
        return None
    if match["first"] == "":
        count = min(int(match["last"]), size)
        if count == 0:
            raise Unsatisfiable
        return ByteRange(size - count, size - 1)
    first = int(match["first"])
    last = min(int(match["last"]), size - 1) if match["last"] else size - 1
    if match["last"] and int(match["last"]) < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return ByteRange(first, last)


class FilePart:
    """A file from its position on, for `length` bytes: what a WSGI file wrapper reads or sends."""

    def __init__(self, file: BinaryIO, part: ByteRange) -> None:
        self.file = file
        self.left = part.length
        file.seek(part.first)

    def fileno(self) -> int:
        return self.file.fileno()

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        data = self.file.read(wanted)
        self.left -= len(data)
        return data

    def close(self) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not (block := self.read(BLOCK)):
            raise StopIteration
        return block


class FilePartResponse(StreamingHttpResponse):
    """Streams a FilePart; WSGI servers with sendfile take `file_to_stream` instead."""

    block_size = BLOCK

    def __init__(self, part: FilePart, *, status: int) -> None:
        super().__init__(part, status=status)
        self.file_to_stream = part


def file_response(request: HttpRequest, file: BinaryIO, *, etag: str) -> HttpResponseBase:
    """The file, or the part of it that the request asks for; `etag` is strong and quoted.

    The caller adds type and disposition. Takes the file over: it is closed with the response.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        part = _range_of(request, size, etag)
    except Unsatisfiable:
        file.close()
        response: HttpResponseBase = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
        response["Accept-Ranges"] = "bytes"
        return response
    whole = ByteRange(0, size - 1)
    response = FilePartResponse(FilePart(file, part or whole), status=206 if part else 200)
    response["Content-Length"] = str((part or whole).length)
    if part:
        response["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    return response


def _range_of(request: HttpRequest, size: int, etag: str) -> ByteRange | None:
    header = request.headers.get("Range")
    condition = request.headers.get("If-Range")
    # Parts are for GET, and only of the very bytes that the client has begun with.
    if not header or request.method != "GET" or (condition and condition != etag):
        return None
    return asked_range(header, size)
