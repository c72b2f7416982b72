"""manage.py publish FILE: upload, check and publish a hypernetwork from the terminal.

    ./manage.py publish ink-wash.pt --creator alice --name "Ink wash" --kind style --tags ink,wash
    ./manage.py publish ink-wash-2.pt --creator alice --network ink-wash --changelog "More steps"
    ./manage.py publish ink-wash.pt --yaml ink-wash.yaml

The YAML file has the options' names as keys (`base_model: SD 1.5`); an option wins over its key.
Exit status 1: the file or what was said of it is not taken, and nothing was published.
"""

import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from tqdm import tqdm

from registry.errors import HubError
from registry.models import BaseModelName, ContentLevel, Job, Licence, Network, Upload, User
from registry.terminal import Publication, Refused, check_file, publish_checked, see_through

NETWORK_WORDS: Final = ("name", "kind", "description", "content_level", "licence")
NUMBERS: Final = ("recommended_strength", "min_strength", "max_strength")
VERSION_WORDS: Final = ("changelog", "trigger_words", "base_model", *NUMBERS)
LISTS: Final = ("tags", "trigger_words")


class Command(BaseCommand):
    help = "Uploads, checks and publishes a hypernetwork file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yaml", type=Path, help="a file with the options below")
        parser.add_argument("--creator", help="public name of whose it will be")
        parser.add_argument("--network", help="address of an existing network: its next version")
        parser.add_argument("--name", help="of a new network")
        parser.add_argument("--slug", help="its address; made from the name without")
        parser.add_argument("--kind", choices=Network.Kind.values)
        parser.add_argument("--tags", help="with commas")
        parser.add_argument("--description", help="Markdown")
        parser.add_argument("--content-level", choices=ContentLevel.values)
        parser.add_argument("--licence", choices=Licence.values)
        parser.add_argument("--version-name", help="v1, v2, … without")
        parser.add_argument("--changelog")
        parser.add_argument("--trigger-words", help="with commas")
        parser.add_argument("--base-model", choices=BaseModelName.values)
        for number in NUMBERS:
            parser.add_argument(f"--{number.replace('_', '-')}", type=float)
        parser.add_argument("--publish-at", help="schedule it: 2026-12-24T18:00+01:00")
        parser.add_argument("--draft", action="store_true", default=None, help="do not publish")

    def handle(self, *args: Any, **options: Any) -> None:
        said = _told(options)
        publication = _publication(said)
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            upload = check_file(path, by=publication.creator, follow=_follow)
            self._say_findings(upload)
            version = publish_checked(upload, publication, follow=_follow)
        except Refused as refusal:
            self._say_findings(refusal.upload)
            raise CommandError(f"Not taken: {refusal}") from None
        except (HubError, Network.DoesNotExist) as objection:
            raise CommandError(f"Not published: {objection}") from None
        except ValidationError as error:
            raise CommandError(f"Not published: {' '.join(_sentences(error))}") from None
        page = f"{settings.SITE_URL}{version.network.get_absolute_url()}"
        download = f"{settings.SITE_URL}/api/download/models/{version.pk}"
        self.stdout.write(f"{version.get_status_display()}: {page}\ndownload: {download}")

    def _say_findings(self, upload: Upload) -> None:
        for finding in upload.findings.all():
            self.stderr.write(f"{finding.severity}: {finding.message}")


# --- What was said --------------------------------------------------------------------------------


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options over the YAML file's keys; lists as lists. Raises CommandError."""
    names = {*NETWORK_WORDS, *VERSION_WORDS, *LISTS}
    names |= {"creator", "network", "slug", "version_name", "publish_at", "draft"}
    said = _yaml(options["yaml"], names) if options["yaml"] else {}
    said |= {name: options[name] for name in names if options[name] is not None}
    for name in LISTS:
        if isinstance(said.get(name), str):
            said[name] = [each.strip() for each in said[name].split(",") if each.strip()]
    return said


def _yaml(path: Path, names: set[str]) -> dict[str, Any]:
    try:
        keys = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    if not isinstance(keys, dict):
        raise CommandError(f"{path} is not a list of “key: value”.")
    if unknown := sorted(map(str, set(keys) - names)):
        raise CommandError(f"{path} has unknown keys: {', '.join(unknown)}.")
    return keys


def _publication(said: Mapping[str, Any]) -> Publication:
    creator = User.objects.filter(username__iexact=said.get("creator", "")).first()
    if creator is None:
        raise CommandError(f"There is no creator “{said.get('creator', '')}”: say --creator NAME.")
    version = {name: said[name] for name in VERSION_WORDS if name in said}
    if "version_name" in said:
        version["name"] = str(said["version_name"])
    existing = str(said.get("network", ""))
    if not existing and not said.keys() >= {"name", "kind"}:
        raise CommandError("Say --name and --kind of a new network, or --network of an old one.")
    words = {name: said[name] for name in NETWORK_WORDS if name in said}
    if existing and (words or "tags" in said):
        raise CommandError("--network is an existing one: change its words on its page.")
    return Publication(
        creator=creator,
        slug=existing or str(said.get("slug", "")),
        network=words,
        tags=tuple(said.get("tags", ())),
        version=version,
        publish_at=_moment(said.get("publish_at")),
        as_draft=bool(said.get("draft")),
    )


def _moment(value: Any) -> Any:
    """A time from an option or from YAML, which has times of its own."""
    if value is None:
        return None
    moment = parse_datetime(str(value))
    if moment is None:
        raise CommandError(f"“{value}” is no time: write 2026-12-24T18:00+01:00.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _sentences(error: ValidationError) -> Iterator[str]:
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for name, sentences in error.message_dict.items():
        yield from (s if name == "__all__" else f"{name}: {s}" for s in sentences)


# --- Progress -------------------------------------------------------------------------------------


def _follow(job: Job) -> None:
    with _progress_bar(job):
        see_through(job)


@contextmanager
def _progress_bar(job: Job) -> Iterator[None]:
    """Shows the job's progress beside the work, on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_draw, args=(job, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _draw(job: Job, over: threading.Event) -> None:
    columns = ("progress_done", "progress_total", "progress_label")
    with tqdm(total=100, unit="%", bar_format="{desc:<24} {percentage:3.0f}%|{bar}|") as bar:
        while not over.wait(0.1):
            done, total, label = Job.objects.values_list(*columns).get(pk=job.pk)
            bar.set_description_str(label, refresh=False)
            bar.n = 100 * done // max(1, total)
            bar.refresh()
    connection.close()
