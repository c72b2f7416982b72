"""Every way in which a sandboxed job can end without an answer, each a refusal with a reason."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from registry.confinement import Limits
from registry.formats.errors import Refusal, Severity, _


class AbnormalEnd(Refusal, rule="sandbox-abnormal-end"):
    """The job did not come to its end, so nothing is known of the file: it is not taken in."""

    sentence = _("The file could not be examined. Try to upload it again.")


class TimedOut(AbnormalEnd, rule="sandbox-timed-out"):
    seconds: float
    sentence = _(
        "Examining the file took longer than {seconds:g} seconds and was stopped. "
        "Save the network again from AUTOMATIC1111; if it happens again, tell us."
    )


class TooMuchComputing(AbnormalEnd, rule="sandbox-cpu"):
    seconds: int
    sentence = _(
        "Examining the file took more than {seconds} seconds of computing and was stopped. "
        "Save the network again from AUTOMATIC1111; if it happens again, tell us."
    )


class OutOfMemory(AbnormalEnd, rule="sandbox-memory"):
    limit: int
    sentence = _(
        "Examining the file needed more than {limit} bytes of memory and was stopped. "
        "A hypernetwork never needs that much: save it again from AUTOMATIC1111."
    )


class ForbiddenCall(AbnormalEnd, rule="sandbox-forbidden-call", severity=Severity.MALICIOUS):
    """Reading the file made the process ask the system for something that reading never needs."""

    sentence = _(
        "While the file was examined, the process asked for something that reading a file never "
        "needs, and was ended. Don't load this file anywhere; the moderators will look at it."
    )


class Killed(AbnormalEnd, rule="sandbox-killed"):
    signal: str
    sentence = _(
        "The process that examined the file was ended by {signal}. Try to upload it again; if it "
        "happens again, the file is damaged in a way that we have not seen yet: tell us."
    )


class Failed(AbnormalEnd, rule="sandbox-failed"):
    reason: str
    sentence = _(
        "The file could not be examined to the end ({reason}). This is our fault or a damaged "
        "file; nothing was published. Tell us, please."
    )


class Garbled(AbnormalEnd, rule="sandbox-garbled"):
    reason: str
    sentence = _(
        "The process that examined the file gave no usable answer ({reason}); nothing was "
        "published. Try to upload it again, and tell us if it happens again."
    )


class Unavailable(AbnormalEnd, rule="sandbox-unavailable", severity=Severity.UNSUPPORTED):
    """No fault of the file's: worth another try later."""

    reason: str
    sentence = _(
        "The file could not be examined just now ({reason}). Nothing was published; "
        "please try again later."
    )


def abnormal_end(
    said: Mapping[str, Any], ended: Mapping[str, Any], limits: Limits
) -> AbnormalEnd | None:
    """Name what went wrong, or None: the job ran to its end and said so."""
    if ended["timed_out"]:
        return TimedOut(seconds=limits.wall_seconds)
    if ended["signal"] is not None:
        return _by_signal(ended, limits)
    if ended["exit"] != 0:
        return Failed(reason=f"exit status {ended['exit']}")
    if "garbled" in said:
        return Garbled(reason=said["garbled"])
    failure = said.get("failure")
    if failure == "memory":
        return OutOfMemory(limit=limits.memory)
    if failure is not None:
        return Failed(reason=str(failure))
    if "value" not in said and "refusal" not in said:
        return Garbled(reason="it said nothing")
    return None


def _by_signal(ended: Mapping[str, Any], limits: Limits) -> AbnormalEnd:
    number = ended["signal"]
    if number == signal.SIGSYS:
        return ForbiddenCall()
    out_of_time = number == signal.SIGKILL and ended["cpu_seconds"] >= limits.cpu_seconds
    if number == signal.SIGXCPU or out_of_time:
        return TooMuchComputing(seconds=limits.cpu_seconds)
    return Killed(signal=signal.Signals(number).name)
