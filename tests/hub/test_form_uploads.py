"""A form with more than pages take is refused before its files are kept anywhere."""

import io
import tempfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse


@override_settings(FORM_MAX_BYTES=4000, FILE_UPLOAD_MAX_MEMORY_SIZE=0)
def test_a_large_form_of_anybody_is_too_big_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: Any, **__: Any) -> io.BytesIO:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", never)
    large = SimpleUploadedFile("a", b"x" * 5000)
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies["csrftoken"] = "a" * 32
    answer = stranger.post(reverse("account_login"), {"file": large})

    assert answer.status_code == 413
    assert "too big" in answer.content.decode()
