"""Secrets of the embedded profile: made once, kept in the data folder, mode 0600."""

import os
import secrets
from pathlib import Path

from hub.embedded.paths import DataFolder


def read_or_invent_secret(data: DataFolder) -> str:
    """The data folder's key; before the first `up`, one that lives as long as this process."""
    try:
        return data.secret_key.read_text().strip()
    except (FileNotFoundError, PermissionError):
        return secrets.token_urlsafe(64)


def keep_secret(path: Path) -> None:
    """Make the key at first start; an existing one is left as it is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(64))
