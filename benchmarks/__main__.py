"""Compare tracer with its peers and with the physical limits: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import time

from benchmarks.contenders import CONTENDERS
from benchmarks.environments import CannotBeInstalled, Environment, environment_of
from benchmarks.figures import Row
from benchmarks.results import DEFAULT_OUTPUT, write
from benchmarks.run import FULL, SMALL, Run
from benchmarks.sections import SECTIONS
from benchmarks.sink import Sink

DEFAULT_SECTIONS = tuple(name for name in SECTIONS if name != "reads")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section; may be repeated")
    parser.add_argument("--contenders", action="append", choices=CONTENDERS, help="this one; may be repeated")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--output", default=str(DEFAULT_OUTPUT), help="folder for results; docs/ shows the default one")
    given = parser.parse_args()
    environments, left_out = make_environments(given.contenders or list(CONTENDERS))
    with Sink() as sink:
        run = Run(SMALL if given.size == "small" else FULL, environments, sink, left_out)
        rows = measure(run, given.only or list(DEFAULT_SECTIONS))
    write(run, rows, given.output)


def make_environments(names: list[str]) -> tuple[dict[str, Environment], dict[str, str]]:
    """An environment for each contender, and why some have none."""
    environments, left_out = {}, {}
    for name in names:
        try:
            environments[name] = environment_of(CONTENDERS[name])
        except CannotBeInstalled as error:
            left_out[name] = f"cannot be installed: {error}"
    return environments, left_out


def measure(run: Run, sections: list[str]) -> list[Row]:
    """The rows of these sections, in their order."""
    rows = []
    for name in sections:
        started = time.monotonic()
        rows += SECTIONS[name](run)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    return rows


if __name__ == "__main__":
    main()
