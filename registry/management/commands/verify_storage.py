"""manage.py verify_storage: re-hash every blob; exit status 1 when something is wrong."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from registry.models import Blob
from registry.verification import Verdict, verify_storage

BAD = (Verdict.MISSING, Verdict.DAMAGED, Verdict.UNREADABLE)


class Command(BaseCommand):
    help = "Reads everything that is stored and compares it with its SHA256."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[Verdict] = Counter()
        size = 0
        total = Blob.objects.count()
        with tqdm(total=total, unit="blob", disable=options["quiet"] or None) as bar:
            for checked in verify_storage():
                counts[checked.verdict] += 1
                size += checked.size
                if checked.verdict is Verdict.SOUND:
                    bar.update()
                else:
                    bar.clear()
                    line = f"{checked.verdict}: {checked.key} {checked.detail}".rstrip()
                    self.stdout.write(line)
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        self.stdout.write(f"{said or 'nothing stored'}; {size / 1e6:.1f} MB read")
        if any(counts[verdict] for verdict in BAD):
            raise CommandError("Some files cannot be served as they were published: see above.")
