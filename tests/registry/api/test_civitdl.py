"""civitdl, a public client of Civitai's API, on a live hub: its host rewritten, nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.formats.flavors import Flavor
from registry.models import Network, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.web import Gunicorn, gunicorn

pytestmark = pytest.mark.django_db(transaction=True)
CONTENTS = {Flavor.PORTABLE: b"portable weights" * 5000, Flavor.SAFETENSORS: b"others" * 4000}
# The host of whatever it asks for is ours; its own code runs as it was installed.
LAUNCHER = """
import sys, requests
hub = sys.argv.pop(1)
request = requests.Session.request
requests.Session.request = lambda session, method, url, *rest, **words: request(
    session, method, url.replace("https://civitai.com", hub), *rest, **words
)
from civitdl.__main__ import main
main()
"""


@pytest.fixture
def network(alice: User) -> Network:
    network: Network = NetworkFactory(creator=alice, name="Ink wash")
    return network


@pytest.fixture
def version(network: Network) -> Version:
    version: Version = PublishedVersionFactory(
        network=network, stem="ink_wash", contents=CONTENTS, trigger_words=["inkwash"]
    )
    return version


@pytest.fixture
def hub(process_environment: dict[str, str]) -> Iterator[Gunicorn]:
    with gunicorn(process_environment) as server:
        yield server


def civitdl(hub: Gunicorn, home: Path, *arguments: str) -> Path:
    """Run it; the folder that it filled."""
    folder = home / "models"
    command = [sys.executable, "-c", LAUNCHER, f"http://127.0.0.1:{hub.port}", *arguments]
    options = ["--pause-time", "0", "--retry-count", "0", "--strict-mode", "1"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    ran = subprocess.run(
        [*command, str(folder), *options],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Download completed" in ran.stdout, ran.stdout + ran.stderr
    return folder


def file_of(folder: Path, suffix: str) -> Path:
    [found] = folder.rglob(f"*{suffix}")
    return found


def test_the_latest_version_of_a_network(version: Version, hub: Gunicorn, tmp_path: Path) -> None:
    folder = civitdl(hub, tmp_path, str(version.network_id))
    file = file_of(folder, ".pt")

    assert file.read_bytes() == CONTENTS[Flavor.PORTABLE]
    assert file.name == f"ink_wash-mid_{version.network_id}-vid_{version.pk}.pt"


@pytest.mark.parametrize(
    "source",
    [
        "https://civitai.com/models/{network}/ink-wash?modelVersionId={version}",
        "https://civitai.com/api/download/models/{version}",
    ],
)
def test_a_version_by_its_address(
    source: str, version: Version, network: Network, hub: Gunicorn, tmp_path: Path
) -> None:
    PublishedVersionFactory(network=network, contents={Flavor.PORTABLE: b"newer"})
    folder = civitdl(hub, tmp_path, source.format(network=network.pk, version=version.pk))

    assert file_of(folder, ".pt").read_bytes() == CONTENTS[Flavor.PORTABLE]


def test_the_hashes_and_the_words_that_it_keeps_beside_the_file(
    version: Version, hub: Gunicorn, tmp_path: Path
) -> None:
    folder = civitdl(hub, tmp_path, str(version.network_id))
    primary = version.files.get(is_primary=True)
    hashes = dict(line.split(", ") for line in file_of(folder, ".csv").read_text().splitlines()[1:])
    [kept] = folder.rglob("model_dict*.json")
    model = json.loads(kept.read_text())

    assert hashes["SHA256"] == primary.sha256.upper()
    assert hashes["AutoV2"] == primary.sha256[:10].upper()
    assert model["name"] == "Ink wash"
    assert model["modelVersions"][0]["trainedWords"] == ["inkwash"]


def test_a_second_run_checks_what_is_there_and_fetches_nothing(
    version: Version, hub: Gunicorn, tmp_path: Path
) -> None:
    """By the SHA256 that we give (its "strict mode")."""
    file = file_of(civitdl(hub, tmp_path, str(version.network_id)), ".pt")
    written = file.stat().st_mtime_ns
    civitdl(hub, tmp_path, str(version.network_id))

    assert file.stat().st_mtime_ns == written
