"""What a hostile file would do if anybody unpickled it: create an empty file, nothing worse."""

import tempfile
from pathlib import Path

from tests.registry.formats.hostile import opcodes as op

MARKER = Path(tempfile.gettempdir()) / "hyperhub-hostile-payload-ran"


def call(module: str, name: str, *arguments: object) -> bytes:
    """`module.name(*arguments)`: the two opcodes behind every malicious pickle."""
    return op.find(module, name) + op.tuple_of(*arguments) + op.REDUCE


def touch() -> bytes:
    """`os.mknod(MARKER)`."""
    return call("os", "mknod", str(MARKER))
