"""What was measured: samples taken in turns, each beside a sample of what it is compared with; medians and spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import sqrt
from statistics import median, quantiles

Sample = dict[str, float]
Measure = Callable[[], Sample]
LeavingOut = Callable[[str], AbstractContextManager[object]]
ALONE = " alone"
SLOW_SECONDS, SLOW_TURNS = 1.0, 4


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles; a single sample has none."""

    median: float
    low: float
    high: float
    count: int = 1

    @classmethod
    def of(cls, samples: Iterable[float]) -> Spread:
        known = list(samples)
        low, _, high = quantiles(known, n=4, method="inclusive") if len(known) > 1 else (known[0],) * 3
        return cls(median(known), low, high, len(known))

    @property
    def error(self) -> float:
        """How far the median may be off, with 95 % certainty (McGill, Tukey and Larsen 1978: a box plot's notch)."""
        return 1.57 * (self.high - self.low) / sqrt(self.count)

    def is_below(self, other: Spread) -> bool:
        """Whether it is so certainly, and not by what both medians may be off."""
        return self.median + self.error < other.median - other.error


@dataclass
class Goal:
    """What tracer is to reach in a row: its ``figure`` at most ``limit``, or at least."""

    text: str
    figure: float
    limit: float
    is_floor: bool = False
    is_open: bool = False  # the samples do not tell whether it is met
    made_of: str = ""  # what the figure was reckoned from

    @property
    def is_met(self) -> bool:
        if self.is_open:
            return False
        return self.figure >= self.limit if self.is_floor else self.figure <= self.limit


@dataclass
class Row:
    """One thing that was measured for several contenders, and what tracer was to reach in it."""

    key: str
    title: str
    unit: str
    values: dict[str, Spread]
    ratios: dict[str, Spread] = field(default_factory=dict)
    ratio_of: str = ""  # what the ratios are to, in words
    goals: list[Goal] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)  # by contender


def beside(mine: Measure, theirs: Measure) -> Measure:
    """A measure that takes both, one right after the other and each first by turns; theirs end on " alone"."""
    turn = 0

    def both() -> Sample:
        nonlocal turn
        turn += 1
        first, second = (mine, theirs) if turn % 2 else (theirs, mine)
        samples = {first: first(), second: second()}
        return {**samples[mine], **{key + ALONE: value for key, value in samples[theirs].items()}}

    return both


def take_turns(
    measures: Mapping[str, Measure], rounds: int, leaving_out: LeavingOut = nullcontext, *, slow_turns: int = SLOW_TURNS
) -> dict[str, list[Sample]]:
    """Let everybody measure once a round, each round from another one on: whatever slows the machine meets all.

    Who is slow, mostly by waiting for a timer of its own, takes part in some rounds only. Who fails within
    ``leaving_out`` is left out altogether.
    """
    names = list(measures)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    next_turn = dict.fromkeys(names, 0)
    for turn in range(rounds if names else 0):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            if turn < next_turn[name]:
                continue
            started = time.monotonic()
            sample = None
            with leaving_out(name):
                sample = measures[name]()
            if sample is None:
                next_turn[name] = rounds
                del samples[name]
                continue
            samples[name].append(sample)
            is_slow = time.monotonic() - started > SLOW_SECONDS
            next_turn[name] = turn + (slow_turns if is_slow else 1)
    return samples


def spreads(samples: Mapping[str, list[Sample]], key: str, scale: float = 1.0) -> dict[str, Spread]:
    """The spread of one figure of each contender."""
    return {name: Spread.of(sample[key] * scale for sample in taken) for name, taken in samples.items()}


def ratios(samples: Mapping[str, list[Sample]], key: str) -> dict[str, Spread]:
    """Each contender's figure over the one beside it."""
    return {name: Spread.of(each[key] / each[key + ALONE] for each in taken) for name, taken in samples.items()}


def added(samples: Mapping[str, list[Sample]], key: str, scale: float) -> dict[str, Spread]:
    """What each contender's figure exceeds the one beside it by."""
    return {
        name: Spread.of((each[key] - each[key + ALONE]) * scale for each in taken) for name, taken in samples.items()
    }


def shares_added(samples: Mapping[str, list[Sample]], key: str) -> dict[str, Spread]:
    """… as a share of the one beside it."""
    return {name: Spread.of(each[key] / each[key + ALONE] - 1 for each in taken) for name, taken in samples.items()}


def best_peer(values: Mapping[str, Spread], peers: Iterable[str]) -> float | None:
    """The lowest median among the peers, or None where none was measured."""
    return min((values[name].median for name in peers if name in values), default=None)


def lowest_of_all(values: Mapping[str, Spread], peers: Iterable[str]) -> list[Goal]:
    """The goal of being below every peer, where there are any."""
    mine, others = values["tracer_autolog"], [values[name] for name in peers if name in values]
    if not others:
        return []
    is_open = not any(other.is_below(mine) for other in others) and not all(mine.is_below(other) for other in others)
    best = min(other.median for other in others)
    return [Goal("lowest of all contenders", mine.median, best, is_open=is_open)]
