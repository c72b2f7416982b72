"""`manage.py train_demo_networks`: draws the demo sets and trains a network on each.

Interrupted, it goes on where it was when it is started again. Each finished network lies beside
its figures: options, losses, and how far the fixed loss fell.
"""

import sys
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from inference.engine.base import BaseSource, load_base
from inference.engine.base_errors import BaseModelError
from inference.engine.demo.networks import (
    DEMO_NETWORKS,
    DemoNetwork,
    is_finished,
    train_demo_network,
)
from inference.engine.training import Progress, TrainingError
from inference.management.commands.train_hypernetwork import DEMO_BASE, stopped_by_ctrl_c

NETWORKS: Final = DEMO_BASE.parent / "networks"


class Command(BaseCommand):
    help = "Draw the demo sets and train the demo networks on the demo base model."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        names = [network.name for network in DEMO_NETWORKS]
        parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
        parser.add_argument("--base", type=Path, default=DEMO_BASE)
        parser.add_argument("--into", type=Path, default=NETWORKS, help="where networks go")
        parser.add_argument("--work", type=Path, help="where sets and interrupted trainings lie")
        parser.add_argument("--again", action="store_true", help="train finished ones again, too")

    def handle(self, *args: Any, **given: Any) -> None:
        chosen = [n for n in DEMO_NETWORKS if not given["names"] or n.name in given["names"]]
        if unknown := set(given["names"]) - {network.name for network in chosen}:
            raise CommandError(f"There is no demo network called {', '.join(sorted(unknown))}.")
        if not given["again"]:
            chosen = [n for n in chosen if not is_finished(n, given["into"])]
        try:
            self._train(chosen, given)
        except (TrainingError, BaseModelError) as error:
            raise CommandError(str(error)) from error

    def _train(self, chosen: list[DemoNetwork], given: dict[str, Any]) -> None:
        base = load_base(BaseSource(path=given["base"]))
        work = given["work"] or Path(settings.BASE_DIR) / "data" / "demo-networks"
        with stopped_by_ctrl_c() as stop:
            for network in chosen:
                with tqdm(total=network.options().steps, desc=network.name, unit="step") as bar:

                    def show(progress: Progress, bar: "tqdm[Any]" = bar) -> bool:
                        bar.update(progress.step - bar.n)
                        return not stop

                    result = train_demo_network(
                        base, network, work=work, into=given["into"], on_step=show
                    )
                if result.ending == "cancelled":
                    self.stderr.write("Interrupted. Start it again to go on.")
                    sys.exit(130)
                self.stdout.write(f"{network.name}: fixed loss lowered by {result.lowered_by:.1%}")
