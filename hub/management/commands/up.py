import os
from typing import NoReturn

from django.core.management.base import BaseCommand, CommandParser

from hub.embedded.services import manage
from hub.embedded.up import add_options


class Command(BaseCommand):
    help = "Start HyperHub here: Postgres, Valkey, the web and its workers."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Reached only past manage.py: settings already read may know another data folder."""
        command = manage("up", *argv[2:])
        os.execv(command[0], command)  # noqa: S606 - our own command
