"""The children's log files: kept small, and searched for links that a person waits for."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

LARGEST = 10 << 20
KEPT = 3
# Links in mails that the console backend writes into the log: allauth puts each on its own line.
MAIL_LINK = re.compile(r"^(?:.*\s)?(https?://\S+/account/\S+/?)\s*$")


def rotate(log: Path, *, largest: int = LARGEST) -> None:
    """Copy and truncate: the child keeps its descriptor, which appends."""
    try:
        if log.stat().st_size <= largest:
            return
    except FileNotFoundError:
        return
    for number in range(KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


class LinkWatch:
    """Yields the links of mails that have been written to the log since the last look."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen = log.stat().st_size if log.exists() else 0
        self._rest = b""

    def new_links(self) -> Iterator[str]:
        try:
            with self._log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if size < self._seen:  # rotated
                    self._seen, self._rest = 0, b""
                file.seek(self._seen)
                text = self._rest + file.read(1 << 20)
                self._seen = file.tell()
        except FileNotFoundError:
            return
        *lines, self._rest = text.split(b"\n")
        self._rest = self._rest[-4096:]
        for line in lines:
            if found := MAIL_LINK.match(line.decode(errors="replace")):
                yield found[1]
