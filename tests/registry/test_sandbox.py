"""Every way in which a job can end badly, each done for real in a real child."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.confinement import Limits
from registry.sandbox import Outcome, Sandbox
from tests.registry.misbehaving import FORBIDDEN, LOOKUPS

MIB = 1 << 20
LIMITS = Limits(
    wall_seconds=20, cpu_seconds=15, memory=64 * MIB, file_size=2 * MIB, answer_size=MIB
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox("tests.registry.misbehaving", LIMITS)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(8 * MIB))
    return path


def rule(outcome: Outcome) -> str | None:
    assert (outcome.value is None) or (outcome.refusal is None)
    return None if outcome.refusal is None else outcome.refusal.rule


def limited(sandbox: Sandbox, **limits: float) -> Sandbox:
    """The same fork server under other limits."""
    sandbox.limits = replace(LIMITS, **limits)  # type: ignore[arg-type]
    return sandbox


@pytest.fixture(autouse=True)
def usual_limits(sandbox: Sandbox) -> None:
    sandbox.limits = LIMITS


# --- a job that behaves -----------------------------------------------------------------------


def test_a_job_gets_its_parameters_and_files_and_gives_its_value(
    sandbox: Sandbox, file: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    outputs = {"one": tmp_path / "one", "two": tmp_path / "two"}
    outcome = sandbox.run(
        "measure",
        parameters={"stem": "a"},
        sources={"file": file},
        outputs=outputs,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert outcome.refusal is None
    assert outcome.value["parameters"] == {"stem": "a"}
    assert outcome.value["size"] == 8 * MIB
    assert {name: path.read_text() for name, path in outputs.items()} == {
        "one": "one",
        "two": "two",
    }
    assert told == [(done * MIB, 16 * MIB) for done in (4, 8, 12, 16)]


def test_the_child_says_what_confines_it(sandbox: Sandbox) -> None:
    confinement = sandbox.run("measure").confinement
    assert {"session", "no-new-privs", "limits"} <= set(confinement)
    assert ("nobody" in confinement) == (os.geteuid() == 0)
    assert {"seccomp", "no-network"} & set(confinement)


def test_the_child_knows_nothing_of_our_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    environment = Sandbox("tests.registry.misbehaving").run("measure").value["environment"]
    assert not {"DATABASE_URL", "PATH", "HOME"} & environment.keys()


def test_an_error_of_whoever_follows_the_progress_is_their_own(sandbox: Sandbox) -> None:
    def follow(done: int, total: int) -> None:
        raise ValueError("no more room on the screen")

    with pytest.raises(ValueError, match="no more room"):
        sandbox.run("measure", on_progress=follow)
    assert sandbox.run("measure").refusal is None


def test_a_process_with_many_open_files_can_use_it(sandbox: Sandbox) -> None:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    many = [os.dup(0) for _ in range(1100)]
    try:
        sandbox.close()
        assert sandbox.run("measure").refusal is None
    finally:
        for fd in many:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


def test_a_refusal_of_the_jobs_own_comes_through(sandbox: Sandbox) -> None:
    assert rule(sandbox.run("refuse")) == "container-empty"


def test_threads_take_turns(sandbox: Sandbox) -> None:
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(
            target=lambda n=n: outcomes.append(sandbox.run("measure", parameters={"n": n}))
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.value["parameters"]["n"] for outcome in outcomes) == [0, 1, 2, 3]


# --- jobs that end badly ----------------------------------------------------------------------


def test_a_job_that_waits_for_ever_is_stopped(sandbox: Sandbox) -> None:
    started = time.monotonic()
    assert rule(limited(sandbox, wall_seconds=0.3).run("wait")) == "sandbox-timed-out"
    assert time.monotonic() - started < LIMITS.wall_seconds


def test_a_job_that_computes_for_ever_is_stopped(sandbox: Sandbox) -> None:
    assert rule(limited(sandbox, cpu_seconds=1).run("spin")) == "sandbox-cpu"


def test_a_job_that_hoards_memory_is_stopped_within_its_limit(sandbox: Sandbox) -> None:
    before = sandbox.run("measure").peak_rss
    outcome = sandbox.run("hoard")
    assert rule(outcome) == "sandbox-memory"
    assert outcome.peak_rss - before <= LIMITS.memory + 16 * MIB


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("crash", "sandbox-killed"),
        ("leave", "sandbox-failed"),
        ("fail", "sandbox-failed"),
        ("fail-in-the-other-thread", "sandbox-failed"),
        ("say-nothing", "sandbox-garbled"),
        ("babble", "sandbox-garbled"),
        ("garble", "sandbox-garbled"),
        ("nest", "sandbox-garbled"),
        ("break-off", "sandbox-garbled"),
        ("say-a-number", "sandbox-garbled"),
        ("refuse-without-shape", "sandbox-garbled"),
    ],
)
def test_every_other_bad_end_is_a_refusal_with_a_reason(
    sandbox: Sandbox, verb: str, expected: str
) -> None:
    outcome = sandbox.run(verb)
    assert rule(outcome) == expected
    assert outcome.refusal is not None
    assert outcome.refusal.message
    assert sandbox.run("measure").refusal is None  # and the next job is as good as any


def test_a_bad_end_is_logged_and_a_refusal_is_not(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.run("refuse")
    assert caplog.messages == []
    sandbox.run("crash")
    assert caplog.messages == ["sandboxed job crash: sandbox-killed {'signal': 'SIGSEGV'}"]


def test_the_text_of_an_error_stays_in_the_child(sandbox: Sandbox) -> None:
    refusal = sandbox.run("fail").refusal
    assert refusal is not None
    assert "ValueError" in refusal.message
    assert "hostile" not in refusal.message


def test_a_file_cut_off_while_it_is_read_is_a_refusal(sandbox: Sandbox, file: Path) -> None:
    outcome = sandbox.run(
        "read-what-is-gone",
        sources={"file": file},
        on_progress=lambda done, total: os.truncate(file, 0),
    )
    assert rule(outcome) == "sandbox-killed"
    assert outcome.refusal is not None
    assert outcome.refusal.data == {"signal": "SIGBUS"}


def test_what_is_written_is_limited_and_does_not_stay(sandbox: Sandbox, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert rule(sandbox.run("write-much", outputs={"out": out})) == "sandbox-failed"
    assert not out.exists()


@pytest.mark.parametrize("act", list(FORBIDDEN))
def test_a_call_that_reading_never_needs_ends_the_child(sandbox: Sandbox, act: str) -> None:
    outcome = sandbox.run(act)
    if "seccomp" not in outcome.confinement:
        pytest.skip("this kernel has no seccomp")
    assert rule(outcome) == "sandbox-forbidden-call"
    assert outcome.refusal is not None
    assert outcome.refusal.severity == "malicious"


@pytest.mark.parametrize("act", list(LOOKUPS))
def test_no_path_can_be_looked_up(sandbox: Sandbox, act: str) -> None:
    outcome = sandbox.run(act)
    if "seccomp" not in outcome.confinement:
        pytest.skip("this kernel has no seccomp")
    assert rule(outcome) == "sandbox-failed"


# --- the fork server itself -------------------------------------------------------------------


def test_a_sandbox_that_does_not_start_refuses() -> None:
    assert rule(Sandbox("tests.registry.no_such_jobs").run("measure")) == "sandbox-unavailable"


def test_a_server_that_was_killed_is_started_again(sandbox: Sandbox) -> None:
    before = server_pid(sandbox)
    kill_server(sandbox)
    wait_until_dead(sandbox)
    assert server_pid(sandbox) != before


def test_a_server_killed_under_a_job_is_a_refusal(sandbox: Sandbox) -> None:
    sandbox.run("measure")
    threading.Timer(0.3, kill_server, [sandbox]).start()
    assert rule(sandbox.run("wait")) == "sandbox-unavailable"
    assert sandbox.run("measure").refusal is None


def test_a_forked_worker_gets_a_server_of_its_own(sandbox: Sandbox) -> None:
    mine = server_pid(sandbox)
    pid = os.fork()
    if pid == 0:
        good = sandbox.run("measure").refusal is None and server_pid(sandbox) != mine
        sandbox.close()
        os._exit(0 if good else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert sandbox.run("measure").refusal is None
    assert server_pid(sandbox) == mine


def test_the_server_ends_with_us() -> None:
    brief = Sandbox("tests.registry.misbehaving")
    pid = server_pid(brief)
    brief._server._control.close()  # type: ignore[union-attr]  # as the kernel does at our end
    wait_until_dead(brief)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- files ------------------------------------------------------------------------------------


def test_a_source_that_is_not_there_is_the_callers_mistake(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.run("measure", sources={"file": tmp_path / "missing"})


def test_a_named_pipe_or_folder_is_no_source(sandbox: Sandbox, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            sandbox.run("measure", sources={"file": path})


def test_an_output_never_replaces_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    with pytest.raises(FileExistsError):
        sandbox.run("measure", outputs={"new": tmp_path / "new", "out": precious})
    assert precious.read_text() == "precious"
    assert not (tmp_path / "new").exists()


def server_pid(sandbox: Sandbox) -> int:
    assert sandbox.run("measure").refusal is None
    assert sandbox._server is not None
    return sandbox._server._process.pid


def wait_until_dead(sandbox: Sandbox) -> None:
    deadline = time.monotonic() + 20
    while sandbox._server is not None and sandbox._server.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_server(sandbox: Sandbox) -> None:
    assert sandbox._server is not None
    os.kill(sandbox._server._process.pid, signal.SIGKILL)
