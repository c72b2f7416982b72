"""./bench catalogue: a million networks, asked as people and their programs ask.

Each request goes through the whole WSGI application in this process, to a Postgres and a Valkey of
its own: every request another value, one after the other. Printed are the middle and the 99th
percentile in milliseconds, how many queries one request makes, and the goal for two cores.

The rows are loaded once, which takes minutes, into a folder that is kept for the next run.
"""

import argparse
import os
import tempfile
from pathlib import Path

from tests.benchmarks.catalogue_database import catalogue_servers, fill


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench catalogue", description=__doc__)
    parser.add_argument("--networks", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    parser.add_argument("--only", default="", help="kinds that contain this")
    parser.add_argument("--data", type=Path, help="the folder of the rows, instead of one in /tmp")
    parser.add_argument("--load", action="store_true", help="load the rows, and stop there")
    arguments = parser.parse_args()
    name = f"hyperhub-catalogue-{arguments.networks}"
    with catalogue_servers(arguments.data or Path(tempfile.gettempdir(), name)):
        os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
        import django

        django.setup()
        fill(arguments.networks)
        if not arguments.load:
            from tests.benchmarks.catalogue_requests import report

            report(arguments.requests, only=arguments.only)


if __name__ == "__main__":
    main()
