"""What is lost when programs are killed, disks full and servers down: ``python -m benchmarks.faults``."""

from __future__ import annotations

import argparse

from benchmarks.environments import PLACE, CannotBeInstalled, Environment, environment_of
from benchmarks.faults.page import write
from benchmarks.faults.recorders import RECORDERS
from benchmarks.faults.run import run
from benchmarks.faults.scenarios import FULL, SCENARIOS, SMALL
from benchmarks.results import DOCS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="play this scenario; may be repeated")
    parser.add_argument("--contenders", action="append", choices=RECORDERS, help="this one; may be repeated")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--output", help="folder for the results; docs/ where nothing was left out, else under build/")
    given = parser.parse_args()
    is_whole = given.size == "full" and not given.only and not given.contenders
    environments, missing = _environments(given.contenders or list(RECORDERS))
    size = SMALL if given.size == "small" else FULL
    results = run(size, environments, given.only or SCENARIOS)
    write(results, size, environments, missing, given.output or str(DOCS if is_whole else PLACE / "faults"))


def _environments(names: list[str]) -> tuple[dict[str, Environment], dict[str, str]]:
    """An environment for each contender, and why some have none."""
    environments, missing = {}, {}
    for name in names:
        try:
            environments[name] = environment_of(RECORDERS[name].contender)
        except CannotBeInstalled as error:
            missing[name] = str(error)
    return environments, missing


if __name__ == "__main__":
    main()
