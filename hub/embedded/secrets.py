"""Secrets of the embedded profile: made once, kept in the data folder, mode 0600."""

import os
import secrets
import tempfile
from pathlib import Path

from hub.embedded.paths import DataFolder


def read_or_invent_secret(data: DataFolder) -> str:
    """The data folder's key; before the first `up`, one that lives as long as this process."""
    try:
        return data.secret_key.read_text().strip()
    except (FileNotFoundError, PermissionError):
        return secrets.token_urlsafe(64)


def read_oidc_key(data: DataFolder) -> str:
    """The PEM that signs ID tokens; empty before the first `up`."""
    try:
        return data.oidc_key.read_text()
    except (FileNotFoundError, PermissionError):
        return ""


def keep_secret(path: Path) -> None:
    """Make the key at first start; an existing one is left as it is."""
    if not path.exists():
        _keep(path, secrets.token_urlsafe(64))


def keep_oidc_key(path: Path) -> None:
    """Likewise an RSA key of 2048 bits, as PEM."""
    if not path.exists():
        _keep(path, _new_rsa_key())


def _new_rsa_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _keep(path: Path, text: str) -> None:
    """All of it or nothing, and never over another process's."""
    descriptor, unnamed = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(unnamed, path)
    except FileExistsError:
        return
    finally:
        os.unlink(unnamed)
