"""./bench preview: from `publish` of a network to its finished 4 × 6 grid on the demo base model.

A database and a storage of its own, and a real render worker that is already running, as it is in
service; the first round loads the base model, the second finds it hot. Goal: 60 s on two cores.
Without the demo base model its architecture is used with random weights: as long, but noise.
"""

import argparse
import os
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

# ruff: noqa: E402 - settings first, then what needs them
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.core.management import call_command

from inference.base_models import register_base_model, sync_base_models
from inference.models import BaseModel, PreviewGrid
from registry.formats.flavors import Flavor
from registry.models import Version
from registry.publishing import publish_version
from tests.factories import CheckedVersionFactory, NetworkFactory, UserFactory
from tests.registry.jobs.processes import Processes
from tests.servers import running_servers
from tests.uploads import FIXTURES

GOAL = 60.0
NETWORKS = Path(settings.BASE_DIR, "inference", "demo", "networks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    call_command("migrate", verbosity=0)
    with TemporaryDirectory() as folder:
        base_model = demo_base() or random_base(Path(folder) / "base")
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "hub.settings",
            "DATABASE_URL": running_servers().database_url("hyperhub"),
        }
        processes = Processes(Path(folder), environment | {"JOB_LEASE_SECONDS": "120"})
        processes.environment["HYPERHUB_DATA"] = str(settings.DATA.root)
        processes.worker("render")
        sleep(5)
        try:
            took = [seconds(number) for number in range(rounds)]
        finally:
            processes.end()
    print(f"base model                 {base_model.name}, {base_model.width} px")
    for number, each in enumerate(took):
        kept = "base model hot, its own pictures known" if number else "base model loaded"
        print(f"published to 24 pictures   {each:5.1f} s   {kept}   (goal {GOAL:g})")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"the worker's peak memory   {peak:5.0f} MiB; load {os.getloadavg()[0]:.1f}")


def demo_base() -> BaseModel | None:
    list(sync_base_models())
    return BaseModel.objects.filter(is_demo=True).first()


def random_base(folder: Path) -> BaseModel:
    """The demo base model's architecture and encoder, untrained."""
    from inference.engine.demo.autoencoder import new_autoencoder
    from inference.engine.demo.base import assembled
    from inference.engine.demo.denoiser import Denoiser
    from inference.engine.demo.encoder import new_encoder
    from inference.engine.demo.tokenizer import write_tokenizer

    tokenizer = write_tokenizer(folder / "words")
    denoiser = Denoiser(tokenizer)
    assembled(new_autoencoder(), denoiser, tokenizer).save_pretrained(folder)
    encoder = folder.with_name("encoder")
    new_encoder(tokenizer).save_pretrained(encoder)
    tokenizer.save_pretrained(encoder)
    return register_base_model(
        by=None,
        origin=BaseModel.Origin.ADMIN,
        name="random weights",
        family="sd1",
        path=str(folder),
        encoder_path=str(encoder),
        width=128,
        height=128,
        cfg_scale=4.0,
    )


def seconds(number: int) -> float:
    """One publication, until its grid is finished."""
    base_model = BaseModel.objects.order_by("-is_demo", "id")[0]
    files = sorted(NETWORKS.glob("*.pt")) or [FIXTURES / "linear_default.pt"]
    file = files[number % len(files)]
    version: Version = CheckedVersionFactory(
        network=NetworkFactory(creator=UserFactory()),
        contents={Flavor.PORTABLE: file.read_bytes()},
        stem=file.stem,
        trained_on_hash=base_model.hash[:10],
        dims=[768],
    )
    begun = perf_counter()
    publish_version(version=version, by=version.network.creator)
    grids = PreviewGrid.objects.filter(version=version)
    while grids.unfinished().exists():
        sleep(0.1)
    took = perf_counter() - begun
    grid = grids.get()
    if grid.status != PreviewGrid.Status.DONE:
        sys.exit(f"{grid.status}: {grid.reason}")
    return took


if __name__ == "__main__":
    main()
