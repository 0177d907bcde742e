"""``tracer bisect``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from tracer.cli.options import examples, json_option, store_option


@click.command(
    "bisect",
    epilog=examples(
        "tracer bisect --good v1.2 --bad HEAD evaluation.py",
        "tracer bisect --good 4f2a1b3 --bad main --scorer correctness --live-tools evaluation.py",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--good", required=True, metavar="REV", help="Commit, tag or branch where the answers were good.")
@click.option("--bad", required=True, metavar="REV", help="A later one where they are worse.")
@click.option("--scorer", "scorers", multiple=True, metavar="NAME", help="Only this score counts; may be repeated.")
@click.option(
    "--significance", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="P",
    help="Greatest p-value at which a score that got worse counts.",
)  # fmt: skip
@click.option("--live-tools", is_flag=True, help="Run tools instead of answering them from the good commit's traces.")
@json_option("One JSON object: the first bad commit, and all that were tried.")
@store_option
def command(
    file: Path,
    good: str,
    bad: str,
    scorers: tuple[str, ...],
    significance: float,
    live_tools: bool,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Find the commit that made the answers worse.

    FILE is what tracer evaluate takes, as it is now; each commit is checked out into a folder of its own, and evaluated
    there. A commit is bad if a score got worse against the good one in more rows than it got better. Tools that the
    good commit ran are answered from its traces.
    """
    from tracer._journal.locations import absolute_url
    from tracer._tracking.bisection import Bisection, commits_between, first_bad, git
    from tracer.cli.reading import store_place
    from tracer.cli.screen import Screen
    from tracer.cli.wording import clean_line, how_many

    file = file.resolve()
    root = Path(git("rev-parse", "--show-toplevel", folder=file.parent)).resolve()
    commits = commits_between(root, good, bad)
    store = absolute_url(store_place(store_url).url)
    tried = Bisection(root, file.relative_to(root), store, scorers, significance)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tried.begin(git("rev-parse", f"{good}^{{commit}}", folder=root), folder, live_tools=live_tools)
        if not tried.is_bad(commits[-1], folder):
            raise click.ClickException(f"{bad} is no worse than {good}: {tried.told[commits[-1]]}")
        found = first_bad(commits, lambda commit: tried.is_bad(commit, folder))
    screen = Screen()
    if as_json:
        screen.json({"first_bad": found, "tried": tried.told})
        return
    if len(found) > 1:
        screen.print("One of these made it worse; those between cannot be evaluated:")
    for commit in found:
        screen.print(clean_line(git("log", "-1", "--format=%h  %ad  %an  %s", "--date=short", commit, folder=root)))
    screen.print(clean_line(tried.told[found[-1]]))
    screen.print(f"{how_many(len(tried.told), 'commit')} of {len(commits)} evaluated")
