"""What this worker process is about. Plain attributes: a signal handler may take no lock."""

from dataclasses import dataclass


@dataclass
class Process:
    # TERM came: give the job back, take no other.
    stopping: bool = False
    # The kind of the job in hand.
    busy_with: str = ""


this_process = Process()
