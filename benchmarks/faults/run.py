"""Plays each scenario with each contender."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.faults.laboratory import Laboratory, Outcome, Unfit, read
from benchmarks.faults.processes import GaveUp
from benchmarks.faults.recorders import RECORDERS
from benchmarks.faults.running import Running
from benchmarks.faults.scenarios import SCENARIOS, Scenario, Size


@dataclass
class Results:
    """By scenario and contender: what became of the spans, or why there is no figure."""

    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)


def run(
    size: Size, environments: dict[str, Environment], names: Iterable[str] = SCENARIOS, running: Running | None = None
) -> Results:
    """Each scenario with all contenders at the same time: it is losses that are counted, not seconds.

    Raises Interrupted once ``running`` is stopped, when everything has been taken down.
    """
    running = running or Running()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ThreadPoolExecutor() as threads:
        empty = {each: Path(folder, each, "store") for each in environments}
        for each, store in empty.items():
            store.mkdir(parents=True)
            read(running, each, environments[each].python, store)  # makes it, so that no program of a scenario has to
        for name in names:
            print(f"{SCENARIOS[name].title} …", flush=True)
            played = {
                each: threads.submit(play, SCENARIOS[name], each, environment, size, empty[each], running)
                for each, environment in environments.items()
            }
            results.outcomes[name], results.left_out[name] = {}, {}
            for each, playing in played.items():
                _take(results, name, each, playing)
    return results


def _take(results: Results, name: str, recorder: str, playing: Future[Outcome]) -> None:
    try:
        results.outcomes[name][recorder] = outcome = playing.result()
        print(f"{name}, {recorder}: {outcome.lost} of {outcome.ended} lost, {outcome.twice} twice", flush=True)
    except (GaveUp, Unfit) as error:
        results.left_out[name][recorder] = _last_line(error)
        print(f"{name}, {recorder}: {error}", flush=True)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def play(
    scenario: Scenario, recorder: str, environment: Environment, size: Size, empty_store: Path, running: Running
) -> Outcome:
    """One scenario with one contender. Raises Unfit, GaveUp, Interrupted."""
    with Laboratory(recorder, environment, empty_store, running) as laboratory:
        try:
            if RECORDERS[recorder].is_remote or scenario.is_about_server:
                laboratory.serve()
            scenario.play(laboratory, size)
            return laboratory.count()
        except Exception:
            running.check()  # whatever failed did so since its process was ended
            raise
