"""The roll-up of a trace from its spans: root, state, times, tokens, cost, models."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Union

from tracer.store.decode import SpanFacts, StartFacts

Facts = Union[SpanFacts, StartFacts]


@dataclass(slots=True)
class Running:
    """A running span, whether its process is gone, and whether its record came with values."""

    facts: StartFacts
    gone: bool = False
    has_values: bool = False


@dataclass(slots=True)
class RollUp:
    """The fields of a trace that follow from its spans."""

    root: str | None
    name: str | None
    state: str
    start: int | None
    duration: int | None
    spans: int
    errors: int
    usage: dict[str, int] | None
    cost: tuple[float | None, float | None, float] | None
    models: Set[str]
    providers: Set[str]
    failed_steps: Set[str]  # names of failed spans without a failed one below
    exceptions: Set[str]
    covered: Mapping[str, tuple[int, int]]  # marks that stored spans gained and lost by those that are new: topmost.py
