"""The infotext of a PNG, read without its pixels: a walk over its chunks, in bounds.

Source: PNG (Third Edition), W3C. `parameters` is the keyword that A1111 writes; iTXt holds UTF-8,
tEXt and zTXt Latin-1, though programs put UTF-8 there too. Nothing of the file is decoded but that
text, so no decoder meets hostile bytes.
"""

import zlib
from typing import IO, Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
KEYWORD: Final = b"parameters"
MAX_TEXT: Final = 65_536
# Of a chunk that is read; longer ones are passed over.
MAX_CHUNK: Final = 1 << 20
MOST_CHUNKS: Final = 10_000


class NotAPng(Exception):
    """It does not begin as one."""


def parameters_of(file: IO[bytes]) -> str:
    """The text under `parameters`, at most MAX_TEXT characters; "" where there is none.

    `file` can seek. Raises NotAPng; what is broken further on ends the walk.
    """
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise NotAPng
    for _ in range(MOST_CHUNKS):
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            break
        if kind in (b"tEXt", b"zTXt", b"iTXt") and size <= MAX_CHUNK:
            keyword, _, rest = file.read(size).partition(b"\0")
            if keyword == KEYWORD:
                return _text(kind, rest)[:MAX_TEXT]
            size = 0
        file.seek(size + 4, 1)
    return ""


def _text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return _decoded(rest)
    if kind == b"zTXt":
        return _decoded(_inflated(rest[1:]))
    is_compressed, _, rest = rest[:1], rest[1:2], rest[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, rest = rest.partition(b"\0")
    return _decoded(_inflated(rest) if is_compressed == b"\1" else rest)


def _inflated(data: bytes) -> bytes:
    """At most so much as is kept: a small chunk can hold gigabytes."""
    try:
        return zlib.decompressobj().decompress(data, 4 * MAX_TEXT)
    except zlib.error:
        return b""


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
