"""kill -9 of each part in turn, while a job runs: it ends once, and the site answers again."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.hub.embedded.stack import Stack, all_gone, status, until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    stack = Stack()
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(stack.data.root.parent, ignore_errors=True)


def start_job(stack: Stack) -> str:
    job = stack.enqueue("selfcheck.ingest", seconds=5, steps=50)
    until(lambda: stack.job(job).get("progress_done", 0) > 0, "the job to be under way")
    return job


def wait_for_end(stack: Stack, job: str) -> None:
    until(
        lambda: stack.job(job).get("state") in ("done", "failed", "cancelled"),
        "the end of the job",
    )


@pytest.mark.parametrize("victim", ["postgres", "valkey", "web", "ingest", "beat", "supervisor"])
def test_a_killed_part_comes_back_and_the_job_ends_once(stack: Stack, victim: str) -> None:
    job = start_job(stack)
    killed = stack.pids()[victim]

    stack.kill(victim)

    until(lambda: stack.pids().get(victim, killed) != killed, f"another {victim}")
    until(stack.answers, "the site to answer")
    wait_for_end(stack, job)
    assert stack.job(job)["state"] == "done", stack.job(job)["reason"]
    assert stack.endings(job) == ["job.done"]


def test_a_server_that_hangs_is_replaced(stack: Stack) -> None:
    hung = stack.pids()["valkey"]
    os.kill(hung, signal.SIGSTOP)

    until(lambda: stack.pids().get("valkey") != hung, "another Valkey")
    until(stack.answers, "the site to answer")


def test_everything_killed_at_once_starts_again_with_its_data(stack: Stack) -> None:
    job = start_job(stack)
    before = stack.pids()
    assert stack.run
    stack.run.kill()
    stack.kill(*before)
    stack.run.wait()
    until(lambda: all_gone(before), "the end of all of them")

    stack.start()

    wait_for_end(stack, job)
    assert stack.endings(job) == ["job.done"]


def test_the_link_in_a_mail_is_shown_on_the_terminal(stack: Stack) -> None:
    sign_up(stack, "newcomer")
    until(lambda: "/account/confirm-email/" in stack.said(), "the link")

    [link] = [word for word in stack.said().split() if "/account/confirm-email/" in word]
    assert link.startswith(stack.url)
    assert status(link) == 200


def sign_up(stack: Stack, name: str) -> None:
    """As a browser without JavaScript does it."""
    browser = build_opener(HTTPCookieProcessor())
    page = browser.open(f"{stack.url}/account/signup/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    form = {
        "csrfmiddlewaretoken": token[1],
        "username": name,
        "email": f"{name}@example.org",
        "password1": "correct horse battery",
    }
    browser.open(f"{stack.url}/account/signup/", urlencode(form).encode()).read()


def test_a_second_start_is_refused_and_says_where_the_first_one_is(stack: Stack) -> None:
    said = Stack(data=stack.data).refused()

    assert str(stack.pids()["supervisor"]) in said
    assert stack.url in said
    assert stack.answers()


def test_a_port_in_use_is_named_and_nothing_is_left(stack: Stack) -> None:
    other = Stack(port=stack.port)
    try:
        assert f"Port {stack.port}" in other.refused()
        assert not other.data.postgres.exists()
    finally:
        shutil.rmtree(other.data.root.parent, ignore_errors=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_whole_tree(stack: Stack, number: signal.Signals) -> None:
    if stack.has_ended():
        stack.start()
    pids = stack.pids()

    stack.stop(number)

    assert all_gone(pids)
    assert not (stack.data.postgres / "postmaster.pid").exists()
    assert stack.run and stack.run.returncode == 0
