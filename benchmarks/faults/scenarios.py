"""What goes wrong: in each scenario real programs record, and are really killed, or left without disk or server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.laboratory import Laboratory
from benchmarks.faults.processes import GaveUp, Program


@dataclass(frozen=True)
class Size:
    """How much is recorded, and how long things stay broken."""

    name: str
    spans: int  # of a program
    processes: int
    of_each: int  # spans of each of several processes
    burst: int
    while_full: int  # spans on a full disk: more than what tracer has allocated before takes
    full_seconds: float  # that a disk stays full after these
    down_seconds: float  # that a server is down
    grace_seconds: float  # that a program lives at most when what was broken works again


FULL = Size("full", 300, 8, 50, 20_000, 3_000, 20.0, 60.0, 40.0)
SMALL = Size("small", 100, 8, 25, 1_000, 1_500, 1.0, 1.0, 20.0)
ARRIVAL_SECONDS = 10.0  # until what was recorded while all was well has reached the server
CURSOR_BYTE = 20  # of tracer's journal: one of the position up to which the server has its records
FREE_SECONDS = 5.0  # between a disk's having room again and the program's death

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


@scenario("a call under way, SIGKILL")
def call_under_way(laboratory: Laboratory, size: Size) -> None:
    program = laboratory.start(["record", size.spans], ["ask"])
    program.until_ended(size.spans + 1)
    program.end()
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
    program = _fill_and_free(laboratory, size, ["record", size.spans // 2])
    program.finish()


@scenario("disk full, freed, then SIGKILL")
def disk_full_and_killed(laboratory: Laboratory, size: Size) -> None:
    program = _fill_and_free(laboratory, size, ["record_on_and_on"])
    laboratory.pause(FREE_SECONDS)
    program.end()
    program.finish()


def _fill_and_free(laboratory: Laboratory, size: Size, then: list[Any]) -> Program:
    """A program that has recorded before and while its disk was full, and goes on now that there is room."""
    disk = laboratory.put_on_small_disk()
    program = laboratory.start(["record", size.spans // 2], ["wait"], ["record", size.while_full], ["wait"], then)
    program.until_waiting()
    disk.fill(program.pid)
    program.go_on()
    program.until_waiting()
    laboratory.pause(size.full_seconds)
    disk.free(program.pid)
    program.go_on()
    return program


@scenario("no locks, then SIGKILL")
def no_locks_and_killed(laboratory: Laboratory, size: Size) -> None:
    laboratory.take_locks_away()
    _end_by_signal(laboratory, size, signal.SIGKILL)


@scenario("journal cut by another program")
def journal_cut(laboratory: Laboratory, size: Size) -> None:
    half = size.spans // 2
    program = laboratory.start(["record", half], ["wait"], ["record", half])
    program.until_waiting()
    laboratory.until_stored(ARRIVAL_SECONDS)
    for journal in laboratory.journals():
        os.truncate(journal, 0)
    program.go_on()
    program.finish()
    if len(program.ended) < 2 * half:
        raise GaveUp("the program did not survive it")


@scenario("server down", is_about_server=True)
def server_down(laboratory: Laboratory, size: Size) -> None:
    third = size.spans // 3
    program = _kill_and_bring_back(laboratory, size, ["record", third], ["wait"])
    program.until_waiting()
    laboratory.until_stored(size.grace_seconds)
    program.go_on()
    program.finish()


@scenario("server down, the program ends when it is back", is_about_server=True)
def server_down_until_the_end(laboratory: Laboratory, size: Size) -> None:
    _kill_and_bring_back(laboratory, size, ["record", size.spans // 3]).finish()


def _kill_and_bring_back(laboratory: Laboratory, size: Size, *then: list[Any]) -> Program:
    """A program whose first third has arrived, and that has recorded another while there was no server."""
    third = size.spans // 3
    program = laboratory.start(["record", third], ["wait"], ["record", third, size.down_seconds], ["wait"], *then)
    program.until_waiting()
    laboratory.until_stored(ARRIVAL_SECONDS)
    laboratory.server.kill()
    program.go_on()
    program.until_waiting()
    laboratory.server.begin()
    program.go_on()
    return program


@scenario("server down, then SIGKILL", is_about_server=True)
def server_down_and_killed(laboratory: Laboratory, size: Size) -> None:
    _kill_both_and_bring_back(laboratory, size, lambda: None)


@scenario("the same, and a byte of the journal's head is damaged", is_about_server=True)
def damaged_head(laboratory: Laboratory, size: Size) -> None:
    def damage() -> None:
        for journal in laboratory.journals():
            with journal.open("r+b") as file:
                file.seek(CURSOR_BYTE)
                (byte,) = file.read(1)
                file.seek(CURSOR_BYTE)
                file.write(bytes([byte ^ 0xFF]))

    _kill_both_and_bring_back(laboratory, size, damage)


def _kill_both_and_bring_back(laboratory: Laboratory, size: Size, meanwhile: Callable[[], None]) -> None:
    half = size.spans // 2
    program = laboratory.start(["wait"], ["record", half], ["record_on_and_on"])
    program.until_waiting()
    laboratory.server.kill()
    program.go_on()
    program.until_ended(half)
    program.end()
    program.finish()
    meanwhile()
    laboratory.server.begin()
    laboratory.run(["record", half])
