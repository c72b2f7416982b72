"""./bench publish: an 87.8 MB file from the terminal until it can be downloaded.

Runs `manage.py publish` as a person would, on a database and a storage of its own, and checks that
each file that is served has the hash it is known by. Goal: 5 s on two cores, the start of Python
and Django included, which is printed beside.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

# ruff: noqa: E402 - settings first, then what needs them
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.core.management import call_command

from hub.embedded import services
from registry.formats.hashes import hash_bytes
from registry.models import File
from tests.benchmarks.bench_formats import STRUCTURES, make_file
from tests.factories import UserFactory
from tests.uploads import served

GOAL = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", choices=STRUCTURES, default="87.8 MB")
    chosen = parser.parse_args()
    call_command("migrate", verbosity=0)
    creator = UserFactory()
    with TemporaryDirectory() as name:
        took = []
        for number in range(chosen.rounds):
            file = Path(name) / f"ink-{number}.pt"
            make_file(file, STRUCTURES[chosen.size])
            words = ("--creator", creator.username, "--name", file.stem, "--kind", "style")
            took.append(seconds(services.manage("publish", str(file), *words)))
            file.unlink()
    started = min(seconds(services.manage("version")) for _ in range(3))
    for row in File.objects.all():
        if hash_bytes(served(row)).sha256 != row.sha256:
            sys.exit(f"{row.name} is served damaged")
    print(f"published and downloadable   {median(took):5.2f} s, best {min(took):.2f}   ({GOAL:g})")
    print(f"of which the bare start      {started:5.2f} s")


def seconds(command: tuple[str, ...]) -> float:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "HYPERHUB_DATA": str(settings.DATA.root),
    }
    begun = perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603
    took = perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr)
    return took


if __name__ == "__main__":
    main()
