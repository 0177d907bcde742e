"""Compare tracer with its peers and with the physical limits: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import time

from benchmarks.contenders import CONTENDERS, LIMITS
from benchmarks.environments import PLACE, CannotBeInstalled, Environment, environment_of
from benchmarks.results import DOCS, write
from benchmarks.run import FULL, SMALL, Run
from benchmarks.sections import SECTIONS
from benchmarks.sink import Sink

DEFAULT_SECTIONS = tuple(name for name in SECTIONS if name != "reads")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section; may be repeated")
    parser.add_argument("--contenders", action="append", choices=CONTENDERS, help="this one; may be repeated")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--output", help="folder for the results; docs/ if all take part at full size, else in build/")
    given = parser.parse_args()
    environments, left_out = make_environments(given.contenders or list(CONTENDERS))
    size = SMALL if given.size == "small" else FULL
    is_whole = size is FULL and not given.contenders
    output = given.output or str(DOCS if is_whole else PLACE / "partial")
    with Sink() as sink:
        for name in given.only or DEFAULT_SECTIONS:
            started = time.monotonic()
            run = Run(size, environments, sink, dict(left_out))
            write(run, name, SECTIONS[name](run), output)  # at once: the next section may take long
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


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
