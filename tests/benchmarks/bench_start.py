"""How long the hub takes to its first page, cold and warm, to come back, and what it weighs."""

import shutil
from time import monotonic, sleep

import psutil

from tests.hub.embedded.stack import Stack, until

VICTIMS = ("web", "postgres", "valkey", "supervisor")


def main() -> None:
    stack = Stack()
    try:
        print(f"cold start to the first page   {first_page(stack):6.1f} s   (wanted: 20)")
        report_memory(stack)
        stack.stop()
        for _ in range(3):
            print(f"warm start to the first page   {first_page(stack):6.1f} s   (wanted: 6)")
            until(lambda: "beat" in stack.pids(), "all children")
            stack.stop()
        first_page(stack)
        until(lambda: "beat" in stack.pids(), "all children")
        sleep(10)
        for victim in VICTIMS:
            print(f"page again after kill -9 of {victim:10s}{recovery(stack, victim):7.1f} s")
            sleep(5)
    finally:
        stack.stop()
        shutil.rmtree(stack.data.root.parent, ignore_errors=True)


def first_page(stack: Stack) -> float:
    started = monotonic()
    stack.launch()
    until(lambda: stack.answers() or stack.has_ended(), "the first page")
    assert not stack.has_ended(), stack.said()  # noqa: S101
    return monotonic() - started


def recovery(stack: Stack, victim: str) -> float:
    """Until a signed-out person sees a page that needs Postgres and the cache."""
    killed = stack.pids()[victim]
    started = monotonic()
    stack.kill(victim)
    until(lambda: stack.pids().get(victim, killed) != killed, f"another {victim}")
    until(stack.answers, "the site to answer")
    return monotonic() - started


def report_memory(stack: Stack) -> None:
    """Resident memory of each process, shared pages counted in each, after some pages."""
    until(lambda: "beat" in stack.pids(), "all children")
    for _ in range(20):
        stack.answers()
    sleep(10)
    for name, pid in stack.pids().items():
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
        members = [psutil.Process(pid)] if name in ("supervisor", "postgres") else family
        sizes = [f"{process.memory_info().rss >> 20}" for process in members]
        print(f"resident, {name:20s} {' + '.join(sizes):>12s} MB")


if __name__ == "__main__":
    main()
