"""A folder that fails every third write: now before the bytes are there, now after."""

from pathlib import Path
from typing import Any

from registry.storage import LocalStorage


class EveryThirdWriteFails(LocalStorage):
    writes = 0

    def adopt(self, key: str, source: Path) -> None:
        self._maybe_fail(lambda: super(EveryThirdWriteFails, self).adopt(key, source))

    def _save(self, name: str, content: Any) -> str:
        self._maybe_fail(lambda: super(EveryThirdWriteFails, self)._save(name, content))
        return name

    def _maybe_fail(self, write: Any) -> None:
        type(self).writes += 1
        if self.writes % 3:
            write()
            return
        if self.writes % 6 == 0:
            write()
        raise OSError("Input/output error")
