"""docs/faults.md and faults.json: what stands between the page's markers is written by the command, never by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.environments import Environment
from benchmarks.faults.laboratory import Outcome
from benchmarks.faults.recorders import RECORDERS
from benchmarks.faults.run import Results
from benchmarks.faults.scenarios import SCENARIOS, Size
from benchmarks.page import put_between
from benchmarks.results import here_and_now, version_of

START, END = "<!-- written by `python -m benchmarks.faults` -->", "<!-- end of what is written -->"
_NOT_RUN = "not run"
TEMPLATE = f"# Faults\n\n{START}\n{END}\n"


def write(
    results: Results,
    size: Size,
    environments: dict[str, Environment],
    missing: dict[str, str],
    output: str,
    *,
    add: bool = False,
) -> None:
    """Put the results into the folder's JSON and page; make the page where there is none.

    With ``add`` other scenarios and contenders keep the figures that are there.
    """
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    about = {**here_and_now(), "size": size.name, "contenders": _contenders(environments), "missing": missing}
    found = folder / "faults.json"
    if add and found.is_file():
        results = _added(json.loads(found.read_text()), about, results)
    found.write_text(json.dumps({**about, **asdict(results)}, indent=1) + "\n")
    page = folder / "faults.md"
    text = page.read_text() if page.is_file() else TEMPLATE
    page.write_text(put_between(text, START, END, _written(about, results)))


def _added(earlier: dict[str, Any], about: dict[str, Any], results: Results) -> Results:
    """Earlier results with these; ``about`` gets the contenders that were not played now."""
    if earlier["size"] != about["size"]:
        raise SystemExit(f"the results that are there are of size {earlier['size']}, these of {about['size']}")
    about["contenders"] = {**earlier["contenders"], **about["contenders"]}
    whole = Results()
    for name in SCENARIOS:
        outcomes = {who: Outcome(**each) for who, each in earlier["outcomes"].get(name, {}).items()}
        outcomes.update(results.outcomes.get(name, {}))
        left_out = {**earlier["left_out"].get(name, {}), **results.left_out.get(name, {})}
        if outcomes or left_out:
            whole.outcomes[name] = outcomes
            whole.left_out[name] = {who: why for who, why in left_out.items() if who not in outcomes}
    return whole


def _contenders(environments: dict[str, Environment]) -> dict[str, Any]:
    titles = {name: RECORDERS[name].contender.title for name in environments}
    return {
        name: {
            "title": titles[name],
            "version": version_of(environment.versions, titles[name]),
            "configured": RECORDERS[name].configured,
        }
        for name, environment in environments.items()
    }


def _written(about: dict[str, Any], results: Results) -> Iterator[str]:
    contenders = about["contenders"]
    yield f"Last run on {about['date']} (size `{about['size']}`): {about['machine']}, Python {about['python']}.\n"
    yield f"| spans lost | {' | '.join(each['title'] for each in contenders.values())} |"
    yield f"|---|{'---|' * len(contenders)}"
    remarks: dict[str, int] = {}
    for name, outcomes in results.outcomes.items():
        cells = [
            _cell(outcomes[each]) if each in outcomes else _absent(results.left_out[name].get(each, _NOT_RUN), remarks)
            for each in contenders
        ]
        yield f"| {SCENARIOS[name].title} | {' | '.join(cells)} |"
    yield ""
    yield from (f"{number}. {remark}" for remark, number in remarks.items())
    yield "\n| who | version | how it is set up |\n|---|---|---|"
    for each in contenders.values():
        yield f"| {each['title']} | {each['version'] or '-'} | {each['configured']} |"
    for name, reason in about["missing"].items():
        yield f"\nLeft out: {RECORDERS[name].contender.title}: {reason}"


def _cell(outcome: Outcome) -> str:
    lost = f"**{outcome.lost:,}**" if outcome.lost else "0"
    twice = f", **{outcome.twice:,}** twice" if outcome.twice else ""
    return f"{lost} of {outcome.ended:,}{twice}"


def _absent(reason: str, remarks: dict[str, int]) -> str:
    return f"-{_note(reason, remarks)}"


def _note(remark: str, remarks: dict[str, int]) -> str:
    """A number for what is said below the table, once for all who share it."""
    if not remark:
        return ""
    return f" ({remarks.setdefault(remark, len(remarks) + 1)})"
