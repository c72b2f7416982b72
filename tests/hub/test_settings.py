"""Settings are read once, in a process of their own here; what is unsafe does not start."""

import os
import re
import subprocess
import sys

import pytest

from hub.embedded.paths import CHECKOUT

GOOD = {
    "HYPERHUB_PROFILE": "production",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "hub.example",
    "SITE_URL": "https://hub.example",
    "DATABASE_URL": "postgresql://u:p@localhost/hub",
    "REDIS_URL": "redis://localhost/0",
}


def start(
    code: str = "from hub import settings as s; print(s.HTTPS, s.SESSION_COOKIE_SECURE, s.DEBUG)",
    **environment: str,
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_a_complete_production_profile_starts_with_secure_cookies() -> None:
    assert start(**GOOD).stdout.split() == ["True", "True", "False"]


def test_what_a_former_key_has_signed_still_counts() -> None:
    code = "from django.core.signing import {0}; print({0}({1}))"
    environment = {**GOOD, "DJANGO_SETTINGS_MODULE": "hub.settings"}
    signed = start(code.format("dumps", "'x'"), **environment).stdout.strip()
    keys = {"SECRET_KEY": "n" * 50, "SECRET_KEY_FALLBACKS": f"{'o' * 50},{'k' * 50}"}
    read = start(code.format("loads", repr(signed)), **{**environment, **keys})

    assert read.stdout.strip() == "x"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"DEBUG": "true"}, "DEBUG is on"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is not set, or shorter"),
        ({"SECRET_KEY_FALLBACKS": "short"}, "SECRET_KEY_FALLBACKS is shorter"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is empty"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS is empty or"),
        ({"SITE_URL": ""}, "SITE_URL is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"REDIS_URL": ""}, "REDIS_URL is not set"),
        ({"HYPERHUB_PROFILE": "prod"}, "Choose `embedded`"),
        ({"JOB_LEASE_SECONDS": "soon"}, "could not convert"),
        ({"API_LIMIT_READ": "many"}, "API_LIMIT_READ is 'many'. Give two whole numbers"),
    ],
)
def test_what_is_unsafe_or_wrong_is_refused_with_a_sentence(
    change: dict[str, str], sentence: str
) -> None:
    refused = start(**{**GOOD, **change})
    assert refused.returncode != 0
    assert sentence in refused.stderr


def test_the_example_lists_every_variable_that_the_code_reads() -> None:
    example = (CHECKOUT / ".env.example").read_text()
    listed = set(re.findall(r"^#? ?([A-Z0-9_]+)=", example, re.M))
    read: set[str] = set()
    for source in ("hub/settings.py", "hub/gunicorn.py"):
        text = (CHECKOUT / source).read_text()
        read |= set(re.findall(r"""(?:env\.\w+|environ\.get)\(\s*"([A-Z0-9_]+)\"""", text))
    assert read - listed == set()
