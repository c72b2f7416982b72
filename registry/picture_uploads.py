"""Pictures that people bring: what is not trusted yet is decoded by a sealed child only."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from registry.abnormal_ends import OutOfMemory
from registry.confinement import Limits
from registry.errors import HubError
from registry.sandbox import Sandbox

MAX_BYTES: Final = 20 * 2**20
TOO_LARGE: Final = _("The picture is larger than 20 MB. Choose a smaller one.")
TOO_MUCH_MEMORY: Final = _("The picture takes too much memory. Choose a smaller one.")
TOO_MANY_PIXELS: Final = _("The picture has more than 40 million pixels. Choose a smaller one.")
UNREADABLE: Final = _(
    "This file cannot be read as a picture. Choose a PNG, JPEG, WebP or AVIF file."
)


class UnusablePicture(HubError, code="unusable-picture"):
    """The upload is no picture that we take; `why` says what is wrong with it."""

    why: str | Promise = UNREADABLE
    sentence = "{why}"


def decoded_by_child(
    upload: IO[bytes],
    *,
    module: str,
    verb: str,
    side: int,
    limits: Limits,
    outputs: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """What the child's `verb` says of the upload; its words are data to be checked.

    Raises UnusablePicture where it is too large, has too many pixels, or the child came to a bad
    end. What cannot be read leaves nothing usable in the answer.
    """
    data = upload.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnusablePicture(why=TOO_LARGE)
    # One for each picture: they come rarely, and a process that waits for the next takes memory.
    sandbox = Sandbox(module, limits)
    with closing(sandbox), NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        outcome = sandbox.run(
            verb,
            parameters={"side": side},
            sources={"picture": Path(file.name)},
            outputs=outputs or {},
        )
    if outcome.refusal is not None and outcome.refusal.rule == OutOfMemory.rule:
        raise UnusablePicture(why=TOO_MUCH_MEMORY)
    said = outcome.value if isinstance(outcome.value, dict) else {}
    if said.get("problem") == "too-many-pixels":
        raise UnusablePicture(why=TOO_MANY_PIXELS)
    return said
