"""Compare tracer with its peers and with the physical limits: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks import pair
from benchmarks.contenders import CONTENDERS, LIMITS
from benchmarks.environments import PLACE, CannotBeInstalled, Environment, environment_of
from benchmarks.figures import Row
from benchmarks.history import lines, remember, shown
from benchmarks.page import MINE
from benchmarks.results import DOCS, write
from benchmarks.run import FULL, SMALL, Run, Size
from benchmarks.sections import SECTIONS
from benchmarks.sink import Sink

DEFAULT_SECTIONS = tuple(name for name in SECTIONS if name != "reads")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section; may be repeated")
    parser.add_argument("--contenders", action="append", choices=CONTENDERS, help="this one; may be repeated")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--output", help="folder for the results; docs/ if all take part at full size, else in build/")
    what = "tracer alone, beside itself at this commit; without one at the last tag, else as it was a week ago"
    parser.add_argument("--pair", nargs="?", const="", metavar="REV", help=what)
    given = parser.parse_args()
    if given.pair is not None and (given.only or given.contenders):
        parser.error("--pair measures what it measures: neither --only nor --contenders")
    size = SMALL if given.size == "small" else FULL
    is_whole = size is FULL and not given.contenders and given.pair is None
    output = Path(given.output or (DOCS if is_whole else PLACE / "partial"))
    if given.pair is None:
        compare_all(given.only or list(DEFAULT_SECTIONS), given.contenders or list(CONTENDERS), size, output)
    else:
        compare_pair(given.pair, size, output)


def compare_all(sections: list[str], contenders: list[str], size: Size, output: Path) -> None:
    """Measure sections, and write each at once: the next one may take long."""
    environments, left_out = make_environments(contenders)
    rows: list[Row] = []
    with Sink() as sink:
        for name in sections:
            started = time.monotonic()
            run = Run(size, environments, sink, dict(left_out))
            measured = SECTIONS[name](run)
            write(run, name, measured, str(output))
            rows += measured
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    end(output, rows, size=size.name)


def compare_pair(revision: str, size: Size, output: Path) -> None:
    """Measure this checkout beside another commit, in the environment that this runs in."""
    try:
        commit = pair.other_commit(revision)
        with Sink() as sink, pair.checkout(commit) as folder:
            rows = pair.measure(Run(size, {MINE: pair.HERE}, sink), folder)
    except pair.CannotCompare as reason:
        if revision:
            raise SystemExit(f"not compared: {reason}") from None
        print(f"not compared: {reason}")
        return
    print(*pair.table(rows, commit), sep="\n", flush=True)
    end(output, rows, size=size.name, beside=commit[:12])


def end(output: Path, rows: list[Row], **about: str) -> None:
    """Add the run to the history, and print what stands there of its like."""
    remember(output, rows, **about)
    print("\nin earlier runs and this one:", *shown(lines(output)), sep="\n")


def make_environments(names: list[str]) -> tuple[dict[str, Environment], dict[str, str]]:
    """An environment for each contender and each limit, and why some have none; there is no run without the limits."""
    environments, left_out = {}, {}
    for name in dict.fromkeys([*names, *LIMITS]):
        title = CONTENDERS[name].title
        try:
            environments[name] = environment_of(CONTENDERS[name])
        except CannotBeInstalled as error:
            if name in LIMITS:
                raise SystemExit(f"{title}, beside which others are measured, cannot be installed: {error}") from None
            left_out[name] = f"cannot be installed: {error}"
            print(f"{title}: {left_out[name]}", flush=True)
    return environments, left_out


if __name__ == "__main__":
    main()
