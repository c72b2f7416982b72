"""manage.py sweep: take away what nobody needs any more, and say what it was."""

from typing import Any

from django.core.management.base import BaseCommand

from registry.sweep import sweep


class Command(BaseCommand):
    help = (
        "Removes abandoned uploads, unused and orphaned bytes, old quarantine and what was taken "
        "down and not appealed against. The hub does the same by itself every six hours."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in sweep().items():
            if count or options["verbosity"] > 1:
                self.stdout.write(f"{name}: {count}")
