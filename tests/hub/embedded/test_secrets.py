import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.embedded.paths import DataFolder
from hub.embedded.secrets import keep_oidc_key, keep_secret, read_oidc_key, read_or_invent_secret


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    keep_secret(data.secret_key)
    first = read_or_invent_secret(data)
    keep_secret(data.secret_key)

    assert len(first) >= 50
    assert read_or_invent_secret(data) == first
    assert stat.S_IMODE(data.secret_key.stat().st_mode) == 0o600


def test_before_the_first_start_each_process_has_its_own(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "not-there")

    assert read_or_invent_secret(data) != read_or_invent_secret(data)
    assert read_oidc_key(data) == ""


def test_the_key_of_id_tokens_is_rsa_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    keep_oidc_key(data.oidc_key)
    key = load_pem_private_key(read_oidc_key(data).encode(), password=None)

    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048
    assert stat.S_IMODE(data.oidc_key.stat().st_mode) == 0o600


def test_of_two_starts_at_once_one_secret_stays(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep_secret, [path] * 8))

    assert len(path.read_text()) >= 50
    assert os.listdir(tmp_path) == ["secret"]


def test_a_start_that_is_killed_while_writing_leaves_no_half_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hub.embedded.secrets.os.fsync", die)
    with pytest.raises(KeyboardInterrupt):
        keep_secret(tmp_path / "secret")

    assert os.listdir(tmp_path) == []
