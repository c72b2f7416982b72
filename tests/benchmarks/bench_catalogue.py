"""./bench catalogue: a million networks, asked as people and their programs ask.

Each request goes through the whole WSGI application in this process, to a Postgres and a Valkey of
its own: every request another value, one after the other. Printed are the middle and the 99th
percentile in milliseconds, and the goal for two cores; that percentile again of the calm requests,
from which no other program took a core, as Linux counts it, and how many of a hundred those were;
then, of the middle request, how long this process computed, and how many queries it made. On a
quiet machine all requests are calm.

Measured is a hub that has been in service for a while: the tables have been read once, and each
kind of request has been asked some times with other values. Its log goes to a file, as a served
hub's does. The rows are loaded once, which takes minutes, into a folder that is kept for the next
run.
"""

import argparse
import logging
import os
import tempfile
from pathlib import Path

from tests.benchmarks.catalogue_database import catalogue_servers, fill, read_once


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench catalogue", description=__doc__)
    parser.add_argument("--networks", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    parser.add_argument("--only", default="", help="kinds that contain this")
    parser.add_argument("--data", type=Path, help="the folder of the rows, instead of one in /tmp")
    parser.add_argument("--load", action="store_true", help="load the rows, and stop there")
    arguments = parser.parse_args()
    name = f"hyperhub-catalogue-{arguments.networks}"
    folder = arguments.data or Path(tempfile.gettempdir(), name)
    with catalogue_servers(folder):
        os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
        import django

        django.setup()
        fill(arguments.networks)
        if not arguments.load:
            from tests.benchmarks.catalogue_requests import report

            read_once()
            _log_to(folder / "requests.log")
            report(arguments.requests, only=arguments.only)


def _log_to(file: Path) -> None:
    """A terminal that scrolls is slower than the hub."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(file.open("w"))


if __name__ == "__main__":
    main()
