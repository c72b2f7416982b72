"""Fixtures of the domain's tests."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture
def own_files(tmp_path: Path, settings: Settings) -> Path:
    """An empty storage that no other test writes to."""
    files = tmp_path / "files"
    settings.MEDIA_ROOT = str(files)
    settings.INCOMING_ROOT = str(files / "incoming")
    return files
