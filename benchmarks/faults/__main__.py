"""What is lost when programs are killed, disks full and servers down: ``python -m benchmarks.faults``."""

from __future__ import annotations

import argparse
import signal
from concurrent.futures import ThreadPoolExecutor, wait

from benchmarks.environments import PLACE, CannotBeInstalled, Environment, environment_of
from benchmarks.faults.page import write
from benchmarks.faults.recorders import RECORDERS
from benchmarks.faults.run import Results, run
from benchmarks.faults.running import Interrupted, Running
from benchmarks.faults.scenarios import FULL, SCENARIOS, SMALL, Size
from benchmarks.results import DOCS

SIGNAL_SECONDS = 0.2  # a signal that comes just before a wait is seen when the wait is over


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="play this scenario; may be repeated")
    parser.add_argument("--contenders", action="append", choices=RECORDERS, help="this one; may be repeated")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--output", help="folder for the results; docs/ where nothing was left out, else under build/")
    parser.add_argument("--add", action="store_true", help="keep other figures in the folder, docs/ if none is named")
    given = parser.parse_args()
    is_whole = given.size == "full" and not given.only and not given.contenders
    environments, missing = _environments(given.contenders or list(RECORDERS))
    size = SMALL if given.size == "small" else FULL
    results = play_all(size, environments, given.only or list(SCENARIOS))
    output = given.output or str(DOCS if is_whole or given.add else PLACE / "faults")
    write(results, size, environments, missing, output, add=given.add)


def play_all(size: Size, environments: dict[str, Environment], names: list[str]) -> Results:
    """All scenarios; Ctrl-C, however often, ends them without leaving anything behind."""
    running = Running()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop(*_: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        running.stop()

    # nothing is raised into the middle of cleaning up: whoever waits for a process sees it end
    for number in signals:
        signal.signal(number, stop)
    with ThreadPoolExecutor(1) as beside:  # this thread must hold no lock when the signal comes
        playing = beside.submit(run, size, environments, names, running)
        while not wait([playing], SIGNAL_SECONDS).done:
            pass
        try:
            return playing.result()
        except Interrupted:
            raise SystemExit("interrupted") from None


def _environments(names: list[str]) -> tuple[dict[str, Environment], dict[str, str]]:
    """An environment for each contender, and why some have none."""
    environments, missing = {}, {}
    for name in names:
        try:
            environments[name] = environment_of(RECORDERS[name].contender)
        except CannotBeInstalled as error:
            missing[name] = str(error)
            print(f"{RECORDERS[name].contender.title} cannot be installed: {error}", flush=True)
    return environments, missing


if __name__ == "__main__":
    main()
