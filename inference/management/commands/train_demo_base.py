import logging
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

FOLDER = Path(settings.BASE_DIR) / "inference" / "demo"


class Command(BaseCommand):
    help = (
        "Trains the demo base model and its encoder from nothing, on scenes that the project "
        "draws. About two hours on two CPU cores; the same command goes on after an interruption."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base", type=Path, default=FOLDER / "base", help="where it goes")
        parser.add_argument("--encoder", type=Path, default=FOLDER / "encoder")
        parser.add_argument(
            "--work",
            type=Path,
            default=FOLDER / "work",
            help="drawn pictures and checkpoints, 2 GB; not needed afterwards",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--shortened",
            type=float,
            default=1.0,
            metavar="SHARE",
            help="this share of each stage's steps: 0.01 tries the mechanics in a minute",
        )
        parser.add_argument("--prompts", type=int, default=200, help="prompts of the measurement")

    def handle(
        self,
        *,
        base: Path,
        encoder: Path,
        work: Path,
        seed: int,
        shortened: float,
        prompts: int,
        **options: object,
    ) -> None:
        from inference.engine.demo.base import Recipe, train_demo_base

        logging.getLogger("inference.engine.demo").setLevel(logging.INFO)
        figures = train_demo_base(
            base, encoder, work=work, recipe=Recipe(seed, shortened), prompts=prompts
        )
        for name, value in figures.items():
            self.stdout.write(f"{name}: {value}")
