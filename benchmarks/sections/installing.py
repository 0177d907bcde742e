"""What an installation of the contender alone puts into an empty environment."""

from __future__ import annotations

from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Goal, Row, Spread
from benchmarks.run import Run


def measure(run: Run) -> list[Row]:
    """Rows for packages and megabytes."""
    installed = {name: env for name, env in run.environments.items() if env.packages and CONTENDERS[name].requires}
    packages = {name: Spread.of([env.packages]) for name, env in installed.items()}
    megabytes = {name: Spread.of([env.megabytes]) for name, env in installed.items()}
    rows = [
        Row("install.packages", "packages that an installation brings", "", packages),
        Row("install.megabytes", "size of an installation", "MB", megabytes),
    ]
    for row in rows:
        storing = [row.values[peer].median for peer in run.peers if CONTENDERS[peer].is_storing and peer in row.values]
        if "tracer_autolog" in row.values and storing:
            goal = Goal("lowest of those that store locally", row.values["tracer_autolog"].median, min(storing))
            row.goals.append(goal)
    return rows
