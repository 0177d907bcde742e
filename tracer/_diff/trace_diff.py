"""Differences between two traces, in the order in which they came to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tracer import semconv
from tracer._api.queries import get_trace
from tracer._api.traces import Trace
from tracer._diff.alignment import Moment, Pair, moments
from tracer._json import JsonObject
from tracer._replay.differing import NOTHING, differing, first_word, short
from tracer._replay.matching import Matching
from tracer.errors import InvalidArgumentError, TraceNotFoundError

if TYPE_CHECKING:
    from tracer._api.traces import Span


@dataclass(frozen=True)
class Difference:
    """One place in which two traces differ.

    ``step`` names the steps from the topmost down to the one that differs, ``where`` the place in it, such as
    ``inputs.messages[1].content``, ``status``, or ``""`` for a step of one trace only (``only_in``). ``a`` and ``b``
    are the values there, None where a side has none; of texts ``word`` is the number of the first word that differs.
    """

    step: tuple[str, ...]
    span_type: str
    where: str
    a: object = None
    b: object = None
    word: int | None = None
    only_in: Literal["a", "b"] | None = None
    a_span_id: str | None = None
    b_span_id: str | None = None

    def __str__(self) -> str:
        if not self.where:
            return f"only in {self._side}"
        if isinstance(self.a, str) and isinstance(self.b, str) and self.word is not None:
            word, a, b = first_word(self.a, self.b)
            return f"{self.where}, word {word}: {short(a)} in A, {short(b)} in B"
        if self.only_in is not None:
            return f"{self.where}: only in {self._side}, {short(self.a if self.only_in == 'a' else self.b)}"
        return f"{self.where}: {short(self.a)} in A, {short(self.b)} in B"

    @property
    def _side(self) -> str:
        """The only side, as the command and the page name it."""
        return "" if self.only_in is None else self.only_in.upper()

    def to_dict(self) -> JsonObject:
        """The difference as plain values; ``text`` is its description in words."""
        return {**self.__dict__, "step": list(self.step), "text": str(self)}


@dataclass(frozen=True)
class TraceDiff:
    """Two traces, step by step. True if they differ in inputs, outputs, errors or steps.

    Steps are the same by their inputs and outputs, else by name and order. Ids, dates, times, the width of white
    space, tokens, cost and duration are no difference.
    """

    a: Trace
    b: Trace
    matching: Matching

    def __bool__(self) -> bool:
        return self.first is not None

    @property
    def first(self) -> Difference | None:
        """The difference that came first, where the traces part; None if there is none."""
        return self.differences[0] if self.differences else None

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """All differences in the order in which they came to be: a step's input, the steps below it, its output."""
        return tuple(difference for moment in self._moments for difference in _differences(moment, self.matching))

    @property
    def steps(self) -> list[tuple[Pair, list[Difference]]]:
        """The steps of both traces in the order in which they began, each with its differences."""
        found: dict[tuple[str | None, str | None], list[Difference]] = {}
        for difference in self.differences:
            found.setdefault((difference.a_span_id, difference.b_span_id), []).append(difference)
        pairs = (moment.pair for moment in self._moments if moment.at == "start")
        return [(pair, found.get((_id(pair.a), _id(pair.b)), [])) for pair in pairs]

    @cached_property
    def _moments(self) -> tuple[Moment, ...]:
        return tuple(moments(self.a.data.spans, self.b.data.spans, self.matching))

    def to_dict(self) -> JsonObject:
        """The comparison as plain values, with the steps of both traces and their differences."""
        return {
            "a": self.a.trace_id,
            "b": self.b.trace_id,
            "differs": bool(self),
            "first": None if self.first is None else self.first.to_dict(),
            "steps": [
                {
                    "step": list(pair.path),
                    "span_type": pair.step.span_type,
                    "a_span_id": _id(pair.a),
                    "b_span_id": _id(pair.b),
                    "differences": [difference.to_dict() for difference in found],
                }
                for pair, found in self.steps
            ],
        }


def diff(a: Trace | str, b: Trace | str, *, ignore: str | Iterable[str] = (), strict: bool = False) -> TraceDiff:
    """Compare two traces, or ids of traces, step by step, and find where they part.

    ``if tracer.diff(a, b): …`` is true where they differ; ``.first`` is the `Difference` that came first, with its
    step, message and word, ``.differences`` are all. Ids, dates, times and the width of white space in texts do not
    count, unless ``strict``; ``ignore`` names further fields, at any depth (``"seed"``) or by their path
    (``"metadata.run_id"``). Tokens, cost and durations never count. Raises `tracer.errors.TraceNotFoundError`.
    """
    matching = Matching("strict" if strict else "lenient", (ignore,) if isinstance(ignore, str) else tuple(ignore))
    return TraceDiff(_trace("a", a), _trace("b", b), matching)


def _trace(name: str, value: object) -> Trace:
    if isinstance(value, Trace):
        return value
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} is {value!r}; expected a Trace, or the id of one")
    found = get_trace(value)
    if found is None:
        raise TraceNotFoundError(f"{name}: there is no trace {value!r}")
    return found


def _differences(moment: Moment, matching: Matching) -> Iterator[Difference]:
    pair = moment.pair
    about = Difference(pair.path, pair.step.span_type, "", a_span_id=_id(pair.a), b_span_id=_id(pair.b))
    if pair.a is None or pair.b is None:
        if moment.at == "start":
            yield replace(about, only_in="b" if pair.a is None else "a")
        return
    if moment.at == "start":
        yield from _of_values(about, "inputs", _given(pair.a), _given(pair.b), matching)
        return
    yield from _of_values(about, "status", _state(pair.a), _state(pair.b), matching)
    yield from _of_values(about, "outputs", _gave(pair.a), _gave(pair.b), matching)


def _of_values(about: Difference, name: str, a: object, b: object, matching: Matching) -> Iterator[Difference]:
    for path, before, after in differing(matching.comparable(a), matching.comparable(b)):
        where = f"{name}{path}" if path.startswith("[") else ".".join(filter(None, (name, path)))
        found = replace(about, where=where)
        if before is NOTHING:
            yield replace(found, b=after, only_in="b")
        elif after is NOTHING:
            yield replace(found, a=before, only_in="a")
        elif isinstance(before, str) and isinstance(after, str):
            yield replace(found, a=before, b=after, word=first_word(before, after)[0])
        else:
            yield replace(found, a=before, b=after)


def _given(span: Span) -> object:
    return span.get_attribute(semconv.INPUT_MESSAGES) if span.inputs is None else span.inputs


def _gave(span: Span) -> object:
    """The output of a step; of a call to a model only the messages, without counts and times."""
    messages = span.get_attribute(semconv.OUTPUT_MESSAGES)
    return span.outputs if messages is None else messages


def _state(span: Span) -> str:
    """Whether the step failed, and how."""
    if span.status != "ERROR":
        return "OK"
    return f"ERROR: {span.status.description}" if span.status.description else "ERROR"


def _id(span: Span | None) -> str | None:
    return None if span is None else span.span_id
