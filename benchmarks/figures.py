"""What was measured: samples taken turn by turn, their medians and spread, and ratios between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> Spread:
        known = list(samples)
        low, _, high = quantiles(known, n=4, method="inclusive") if len(known) > 1 else (known[0],) * 3
        return cls(median(known), low, high)


@dataclass
class Goal:
    """What tracer is to reach in a row: its ``figure`` at most ``limit``, or at least."""

    text: str
    figure: float
    limit: float
    is_floor: bool = False

    @property
    def is_met(self) -> bool:
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


Samples = dict[str, list[dict[str, float]]]


def take_turns(measure: Mapping[str, Callable[[], dict[str, float]]], rounds: int) -> Samples:
    """Let everybody measure once a round, each round from another one on; whatever slows the machine meets all."""
    names = list(measure)
    samples: Samples = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            samples[name].append(measure[name]())
    return samples


def spreads(samples: Samples, key: str, scale: float = 1.0) -> dict[str, Spread]:
    """The spread of one figure of each contender."""
    return {name: Spread.of(sample[key] * scale for sample in taken) for name, taken in samples.items()}


def ratios(samples: Samples, key: str, reference: str, reference_key: str | None = None) -> dict[str, Spread]:
    """Each contender's figure over the reference's of the same round."""
    of = [sample[reference_key or key] for sample in samples[reference]]
    return {
        name: Spread.of(sample[key] / to for sample, to in zip(taken, of))
        for name, taken in samples.items()
        if key in taken[0]
    }


def added(samples: Samples, key: str, reference: Mapping[str, str], scale: float) -> tuple[Any, Any]:
    """What each contender adds to its reference, in the same rounds: the difference, and its share of the reference."""
    differences, shares = {}, {}
    for name, beside in reference.items():
        pairs = [(mine[key], theirs[key]) for mine, theirs in zip(samples[name], samples[beside])]
        differences[name] = Spread.of((mine - theirs) * scale for mine, theirs in pairs)
        shares[name] = Spread.of((mine - theirs) / theirs for mine, theirs in pairs)
    return differences, shares


def best_peer(values: Mapping[str, Spread], peers: Iterable[str]) -> float | None:
    """The lowest median among the peers, or None where none was measured."""
    return min((values[name].median for name in peers if name in values), default=None)
