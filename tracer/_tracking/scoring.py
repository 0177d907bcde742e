"""Scorers: functions that judge an answer, and their scores."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracer._api.annotations import log_feedback
from tracer._fault import guard
from tracer.errors import InvalidArgumentError

_OFFERED = ("inputs", "outputs", "expectations", "trace")


@dataclass(frozen=True)
class Score:
    """Result of a scorer: a value with its rationale, or the error that prevented one."""

    name: str
    value: Any = None
    rationale: str | None = None
    error: str | None = None


class Scorer:
    """A function that scores a row; ``name`` is the name of its feedback."""

    def __init__(self, function: Callable[..., object], name: str | None = None) -> None:
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self._function = function
        functools.update_wrapper(self, function, updated=())
        parameters = inspect.signature(function).parameters.values()
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        needed = [parameter.name for parameter in named if parameter.default is parameter.empty]
        self._wanted = [name for name in _OFFERED if takes_all or any(p.name == name for p in parameters)]
        unknown = [name for name in needed if name not in _OFFERED]
        if unknown:
            raise InvalidArgumentError(
                f"the scorer {self.name} wants {', '.join(unknown)}; a scorer may take {', '.join(_OFFERED)}."
            )

    def __call__(self, **offered: object) -> object:
        return self._function(**{name: offered.get(name) for name in self._wanted})

    def scores(self, wait: Callable[[Any], object], /, **offered: object) -> list[Score]:
        """The scores of a row; ``wait`` awaits a coroutine. An exception of the function becomes an error."""
        try:
            given = self(**offered)
            return [self._score(each) for each in _several(wait(given) if inspect.isawaitable(given) else given)]
        except Exception as error:
            return [Score(self.name, error=f"{type(error).__name__}: {error}")]

    def _score(self, given: object) -> Score:
        if isinstance(given, Mapping) and "value" in given:
            given = Score(given.get("name") or self.name, given["value"], given.get("rationale"), given.get("error"))
        score = given if isinstance(given, Score) else Score(self.name, given)
        if not isinstance(score.name, str) or not score.name.strip():
            raise InvalidArgumentError(f"a score's name is {score.name!r}, expected a text")
        error = None if score.error is None else str(score.error)
        return replace(score, value=_storable(score.value), error=error)


def _storable(value: Any) -> Any:
    """The value as JSON can hold it; otherwise the error of ``json.dumps``, which is reported as the scorer's."""
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        value = value.item()  # numpy's and torch's numbers
    json.dumps(value)
    return value


def scorer(function: Callable[..., object] | None = None, *, name: str | None = None) -> Any:
    """Make a scorer of a function, which takes any of ``inputs``, ``outputs``, ``expectations`` and ``trace`` by name.

    It returns a number, a bool or a string; or a dict with ``value`` and ``rationale``; or a list of such dicts with a
    ``name`` each. It may be a coroutine.
    """
    if function is None:
        return lambda given: Scorer(given, name)
    if not callable(function):
        raise InvalidArgumentError(f"scorer: got {function!r}, expected a function.")
    return Scorer(function, name)


def keep_scores(trace_id: str, scores: list[Score]) -> None:
    """Record scores as feedback on a trace."""
    for score in scores:
        if score.value is None and score.error is None:
            continue
        with guard("keeping a score"):
            log_feedback(
                trace_id=trace_id, name=score.name, value=score.value, rationale=score.rationale, error=score.error,
                source={"source_type": "CODE", "source_id": score.name},
            )  # fmt: skip


def _several(given: object) -> list[object]:
    return given if isinstance(given, list) and all(isinstance(g, (Score, Mapping)) for g in given) else [given]
