"""`manage.py base_models`: register those that ship and those of BASE_MODELS, and list them all.

Run it where the weights are. `--load` also reads each one whole, as the render worker would, and
says what is wrong with it.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inference.base_models import source_of, sync_base_models
from inference.models import BaseModel


class Command(BaseCommand):
    help = "Register the base models that ship and those of BASE_MODELS; list all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--load", action="store_true", help="read the weights of each, whole")

    def handle(self, *, load: bool, **_options: Any) -> None:
        for name, wrong in sync_base_models():
            if wrong:
                self.stderr.write(f"{name}: {wrong}")
        for base_model in BaseModel.objects.all():
            said = self._loaded(base_model) if load else ""
            off = "" if base_model.is_enabled else " (not in use)"
            line = f"{base_model.name}{off}  {base_model.family}  {base_model.short_hash}"
            self.stdout.write(f"{line}  {base_model.path}{said}")

    def _loaded(self, base_model: BaseModel) -> str:
        from inference.engine.base import BaseModelError, load_base

        try:
            base = load_base(source_of(base_model), device="cpu")
        except BaseModelError as error:
            return f"\n  does not load: {error}"
        return f"  loads: {base.bytes / (1 << 20):.0f} MiB in {base_model.precision}"
