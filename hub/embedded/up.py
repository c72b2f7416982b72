"""`manage.py up`: the whole hub on this machine. Run before Django reads its settings."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from hub.embedded.errors import CannotStart
from hub.embedded.paths import DataFolder, default_data_folder
from hub.embedded.supervisor import Supervisor


class Stopped(BaseException):
    """TERM, Ctrl-C or the end of the terminal."""


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    data = DataFolder(Path(options.data).resolve()) if options.data else default_data_folder()
    stop_on_signals()
    supervisor = Supervisor(data, host=options.host, port=options.port, say=say)
    try:
        supervisor.run()
    except CannotStart as reason:
        say(str(reason))
        return 1
    except Stopped:
        say("Stopped.")
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py up",
        description="Start HyperHub here: Postgres, Valkey, the web and its workers.",
    )
    add_options(parser)
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("HYPERHUB_DATA", ""),
        help=f"where everything is kept (else {default_data_folder().root})",
    )
    parser.add_argument("--port", type=int, default=8000, help="where the web listens (8000)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")


def stop_on_signals() -> None:
    """Raise once; what comes later does not interrupt the stopping."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        say("Stopping …")
        raise Stopped

    for number in numbers:
        signal.signal(number, stop)


def say(sentence: str) -> None:
    try:
        sys.stdout.write(sentence + "\n")
        sys.stdout.flush()
    except OSError:  # the terminal is gone; the hub is not
        return
