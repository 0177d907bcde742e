"""Scorers: functions that judge an answer, and their scores."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any, Union

from tracer._api.annotations import log_feedback, source_of
from tracer._api.traces import AssessmentSource
from tracer._fault import guard
from tracer._other_keywords import OF_SCORERS, takes_also
from tracer._tracking.aggregations import checked_aggregations
from tracer.errors import InvalidArgumentError

Aggregation = Union[str, Callable[[list[float]], float]]

_OFFERED = ("inputs", "outputs", "expectations", "trace")
_WORDS = {"yes": 1.0, "no": 0.0}
_FIELDS = ("value", "rationale", "error", "source", "metadata")


@dataclass(frozen=True)
class Score:
    """Result of a scorer: a value with its rationale, or the error that prevented one.

    ``source`` is None until an evaluation sets it; ``metadata`` is kept with the feedback.
    """

    name: str
    value: Any = None
    rationale: str | None = None
    error: str | None = None
    source: AssessmentSource | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> float | None:
        """The value as a number: a bool and a yes or no are 1 or 0; None for any other text, and for NaN."""
        if isinstance(self.value, str):
            return _WORDS.get(self.value.strip().lower())
        if isinstance(self.value, (bool, int, float)) and not isnan(self.value):
            return float(self.value)
        return None


class Scorer:
    """A function that scores a row; ``name`` is the name of its feedback.

    A class of yours may have a ``name`` and a ``__call__`` with the function's arguments.
    """

    name: str = ""
    description: str | None = None
    of_session = False  # whether it scores a whole session, at its last trace

    def __init__(
        self,
        function: Callable[..., object] | None = None,
        name: str | None = None,
        aggregations: Iterable[Aggregation] | None = None,
    ) -> None:
        if function is None:
            function = self.__call__
            self.name = name or self.name or type(self).__name__
        else:
            self.name = name or str(getattr(function, "__name__", type(function).__name__))
            functools.update_wrapper(self, function, updated=())
        self.aggregations = None if aggregations is None else checked_aggregations(aggregations)
        self.source = AssessmentSource("CODE", self.name)
        self._function = function
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

    def __call__(self, *, inputs: Any = None, outputs: Any = None, expectations: Any = None, trace: Any = None) -> Any:
        """The function's result for a row."""
        offered = {"inputs": inputs, "outputs": outputs, "expectations": expectations, "trace": trace}
        return self._called(offered)

    def _called(self, offered: Mapping[str, Any]) -> Any:
        return self._function(**{name: offered.get(name) for name in self._wanted})

    def scores(self, wait: Callable[[Any], object], /, **offered: object) -> list[Score]:
        """The scores of a row; ``wait`` awaits a coroutine. An exception of the function becomes an error."""
        try:
            given = self._called(offered)
            return [self._score(each) for each in _several(wait(given) if inspect.isawaitable(given) else given)]
        except Exception as error:
            return [Score(self.name, error=f"{type(error).__name__}: {error}", source=self.source)]

    def _score(self, given: Any) -> Score:
        score = given if isinstance(given, Score) else self._read(given)
        if not isinstance(score.name, str) or not score.name.strip():
            raise InvalidArgumentError(f"a score's name is {score.name!r}, expected a text")
        source = self._own_source(score.name) if score.source is None else source_of(score.source)
        metadata = {str(key): str(value) for key, value in (score.metadata or {}).items()}
        return replace(
            score, value=_storable(score.value), error=_text(score.error), source=source, metadata=metadata
        )  # fmt: skip

    def _read(self, given: Any) -> Score:
        if isinstance(given, Mapping) and "value" in given:
            fields: dict[str, Any] = {name: given.get(name) for name in _FIELDS}
            return Score(given.get("name") or self.name, **fields)
        if _is_feedback(given):
            fields = {name: getattr(given, name, None) for name in _FIELDS}
            return Score(getattr(given, "name", None) or self.name, **fields)
        return Score(self.name, given)

    def _own_source(self, name: str) -> AssessmentSource:
        return AssessmentSource("CODE", name) if self.source.source_type == "CODE" else self.source


def as_scorer(given: Any) -> Scorer:
    """The scorer, or a scorer of the function. Raises InvalidArgumentError for a class or factory of scorers."""
    if isinstance(given, Scorer):
        return given
    if getattr(given, "makes_scorer", False) or (isinstance(given, type) and issubclass(given, Scorer)):
        name = given.__name__
        raise InvalidArgumentError(f"scorers: got {name} itself, which makes a scorer; call it: scorers=[{name}(…)].")
    return Scorer(given)


def _text(error: object) -> str | None:
    if isinstance(error, BaseException):
        return f"{type(error).__name__}: {error}"
    return None if error is None else str(error)


def _storable(value: Any) -> Any:
    """The value as JSON can hold it; otherwise the error of ``json.dumps``, which is reported as the scorer's."""
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        value = value.item()  # numpy's and torch's numbers
    json.dumps(value)
    return value


@takes_also(OF_SCORERS)
def scorer(
    function: Callable[..., object] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    aggregations: Iterable[Aggregation] | None = None,
) -> Any:
    """Make a scorer of a function, which takes any of ``inputs``, ``outputs``, ``expectations`` and ``trace`` by name.

    It returns a number, a bool or a string; or a dict with ``value`` and where there are some ``rationale``,
    ``source``, ``metadata``; or a list of such dicts with a ``name`` each. It may be a coroutine. ``aggregations`` are
    "mean", "min", "max", "median", "variance", "p50" and the like, or functions of a list of numbers.
    """
    if function is None:
        return lambda given: scorer(given, name=name, description=description, aggregations=aggregations)
    if not callable(function):
        raise InvalidArgumentError(f"scorer: got {function!r}, expected a function.")
    made = Scorer(function, name, aggregations)
    made.description = description
    return made


def keep_scores(trace_id: str, scores: list[Score]) -> None:
    """Record scores as feedback on a trace."""
    for score in scores:
        if score.value is None and score.error is None:
            continue
        with guard("keeping a score"):
            log_feedback(
                trace_id=trace_id, name=score.name, value=score.value, rationale=score.rationale, error=score.error,
                source=score.source, metadata=score.metadata,
            )  # fmt: skip


def _is_feedback(given: object) -> bool:
    """Whether it is a Feedback, tracer's or another library's."""
    return hasattr(given, "value") and hasattr(given, "rationale")


def _several(given: object) -> list[object]:
    is_several = isinstance(given, list) and all(isinstance(each, Mapping) or _is_feedback(each) for each in given)
    return given if is_several else [given]  # type: ignore[return-value]
