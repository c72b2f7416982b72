"""The examples of the API's help, pasted into a shell and into Python, against the hub itself."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.urls import resolve
from pytest_django.live_server_helper import LiveServer

from registry import storage
from registry.api_keys import create_api_key
from registry.models import Network, Scope, User, Version
from tests.cast import _person
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.jobs import run_waiting_jobs
from tests.uploads import FIXTURES

FOLDER = Path(settings.BASE_DIR) / "templates" / "help" / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.iterdir())
LONG = 60.0


@pytest.fixture
def hub(transactional_db: None, live_server: LiveServer) -> str:
    """Alice's published network 7, version 17; the address of the hub."""
    network = NetworkFactory(pk=7, creator=_person("alice"), name="Ink wash", slug="ink-wash")
    PublishedVersionFactory(pk=17, network=network, stem="ink-wash")
    return str(live_server.url)


@pytest.fixture
def environment(hub: str, tmp_path: Path) -> dict[str, str]:
    _, secret = create_api_key(
        user=User.objects.get(), name="script", scopes=list(Scope), expires_at=None
    )
    return {
        "PATH": os.environ["PATH"],
        "HYPERHUB_KEY": secret,
        "HF_HOME": str(tmp_path / "huggingface"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def run(name: str, hub: str, environment: dict[str, str], folder: Path) -> str:
    """What it says, when it ends well; meanwhile the hub's workers work."""
    words = render_to_string(f"help/examples/{name}", {"site_url": hub})
    if name.endswith(".sh"):
        command = ["bash", "-euc", words.replace("curl ", "curl --silent --show-error --fail ")]
    else:
        command = [sys.executable, "-c", words]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while True:
        run_waiting_jobs()
        try:
            said, complaints = process.communicate(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        assert process.returncode == 0, complaints
        return said


def served() -> bytes:
    blob = Version.objects.get(pk=17).files.get(is_primary=True).blob
    assert blob is not None
    content = storage.get_bytes(blob.key)
    assert content is not None
    return content


@pytest.mark.parametrize("name", ["find.py", "find.sh"])
def test_find(name: str, hub: str, environment: dict[str, str], tmp_path: Path) -> None:
    said = run(name, hub, environment, tmp_path)
    assert "Ink wash" in said and "/alice/ink-wash" in said


@pytest.mark.parametrize("name", ["by_hash.py", "by_hash.sh"])
def test_what_is_this_file(
    name: str, hub: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ink-wash.pt").write_bytes(served())
    assert "Ink wash" in run(name, hub, environment, tmp_path)


@pytest.mark.parametrize("name", ["download.py", "download.sh"])
def test_download(name: str, hub: str, environment: dict[str, str], tmp_path: Path) -> None:
    run(name, hub, environment, tmp_path)
    assert (tmp_path / "ink-wash.pt").read_bytes() == served()
    if name == "download.sh":
        assert (tmp_path / "ink-wash.zip").read_bytes()[:2] == b"PK"


def test_a_key_is_tried(hub: str, environment: dict[str, str], tmp_path: Path) -> None:
    assert '"alice"' in run("me.sh", hub, environment, tmp_path)


def test_publish(hub: str, environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copyfile(FIXTURES / "linear_default.pt", tmp_path / "ink-wash.pt")
    said = run("publish.py", hub, environment, tmp_path)
    network = Network.objects.exclude(pk=7).get()
    assert network.status == Network.Status.PUBLISHED
    assert f"/api/download/models/{network.versions.get().pk}" in said


def test_hugging_face(hub: str, environment: dict[str, str], tmp_path: Path) -> None:
    [path] = run("huggingface.py", hub, environment, tmp_path).splitlines()
    assert Path(path).read_bytes() == served()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_address_exists_and_the_page_shows_it(name: str, anonymous: Client) -> None:
    words = render_to_string(f"help/examples/{name}", {"site_url": "https://hub.example"})
    shown = re.sub("&quot;", '"', anonymous.get("/help/api").content.decode())
    assert words.replace("https://hub.example", settings.SITE_URL).strip() in shown
    assert not re.search("[<&]", words), "it stands in HTML as it is"
    for address in re.findall(r"https://hub\.example(/[\w/-]*\w)", words):
        parts = urlsplit(address).path
        if not parts.endswith(("/v1", "/by-hash")):
            resolve(parts)
