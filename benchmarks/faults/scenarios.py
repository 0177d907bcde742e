"""What goes wrong: in each scenario real programs record, and are really killed, or left without disk or server."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.faults.laboratory import Laboratory


@dataclass(frozen=True)
class Size:
    """How much is recorded, and how long things stay broken."""

    name: str
    spans: int  # of a program
    processes: int
    of_each: int  # spans of each of several processes
    burst: int
    full_seconds: float  # that a disk is full
    down_seconds: float  # that a server is down


FULL = Size("full", 300, 8, 50, 20_000, 5.0, 60.0)
SMALL = Size("small", 100, 8, 25, 1_000, 0.5, 1.0)

Play = Callable[[Laboratory, Size], None]


@dataclass(frozen=True)
class Scenario:
    """One thing that goes wrong."""

    title: str  # docs/faults.md says what happens
    play: Play
    is_about_server: bool = False  # the contender's server runs, if it has one


SCENARIOS: dict[str, Scenario] = {}


def scenario(title: str, *, is_about_server: bool = False) -> Callable[[Play], Play]:
    """Name a function as a scenario."""

    def add(play: Play) -> Play:
        SCENARIOS[play.__name__] = Scenario(title, play, is_about_server)
        return play

    return add


@scenario("SIGKILL")
def sigkill(laboratory: Laboratory, size: Size) -> None:
    _end_by_signal(laboratory, size, signal.SIGKILL)


@scenario("SIGTERM")
def sigterm(laboratory: Laboratory, size: Size) -> None:
    _end_by_signal(laboratory, size, signal.SIGTERM)


def _end_by_signal(laboratory: Laboratory, size: Size, number: int) -> None:
    program = laboratory.start(["record_on_and_on"])
    program.until_ended(size.spans)
    program.end(number)
    program.finish()


@scenario("normal exit")
def normal_exit(laboratory: Laboratory, size: Size) -> None:
    laboratory.run(["record", size.spans])


@scenario("exception")
def exception(laboratory: Laboratory, size: Size) -> None:
    laboratory.run(["record", size.spans], ["fail"])


@scenario("`os._exit`")
def os_exit(laboratory: Laboratory, size: Size) -> None:
    laboratory.run(["record", size.spans], ["leave"])


@scenario("fork")
def fork(laboratory: Laboratory, size: Size) -> None:
    third = size.spans // 3
    laboratory.run(["record", third], ["fork", [["record", third]]], ["record", third], ["join"])


@scenario("several processes")
def processes(laboratory: Laboratory, size: Size) -> None:
    programs = [laboratory.start(["wait"], ["record", size.of_each]) for _ in range(size.processes)]
    for program in programs:
        program.until_waiting()
    for program in programs:
        program.go_on()
    for program in programs:
        program.finish()


@scenario("burst")
def burst(laboratory: Laboratory, size: Size) -> None:
    laboratory.run(["record", size.burst])


@scenario("disk full")
def disk_full(laboratory: Laboratory, size: Size) -> None:
    disk = laboratory.put_on_small_disk()
    third = size.spans // 3
    program = laboratory.start(["record", third], ["wait"], ["record", third], ["wait"], ["record", third])
    program.until_waiting()
    disk.fill(program.pid)
    program.go_on()
    program.until_waiting()
    time.sleep(size.full_seconds)
    disk.free(program.pid)
    program.go_on()
    program.finish()


@scenario("server down", is_about_server=True)
def server_down(laboratory: Laboratory, size: Size) -> None:
    third = size.spans // 3
    program = laboratory.start(
        ["record", third], ["wait"], ["record", third, size.down_seconds], ["wait"], ["record", third]
    )
    program.until_waiting()
    laboratory.server.kill()
    program.go_on()
    program.until_waiting()
    laboratory.server.begin()
    program.go_on()
    program.finish()


@scenario("server down, then SIGKILL", is_about_server=True)
def server_down_and_killed(laboratory: Laboratory, size: Size) -> None:
    half = size.spans // 2
    program = laboratory.start(["wait"], ["record", half], ["record_on_and_on"])
    program.until_waiting()
    laboratory.server.kill()
    program.go_on()
    program.until_ended(half)
    program.end()
    program.finish()
    laboratory.server.begin()
    laboratory.run(["record", half])
