"""Which step of one trace is which of another: by what it was given and gave, else by name and order."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tracer._json import encode
from tracer._replay.matching import Matching
from tracer._replay.span_tree import Below, steps_below

if TYPE_CHECKING:
    from tracer._api.traces import Span

_MOST_COMPARED = 1_000_000  # pairs of siblings; where there are more, those at the same place are paired

Key = Callable[["Span"], Hashable]


@dataclass(frozen=True)
class Pair:
    """A step of each trace, or a step that the other does not have."""

    a: Span | None
    b: Span | None
    path: tuple[str, ...]  # names of the steps from the topmost down to this one

    @property
    def step(self) -> Span:
        """The step, of the first trace if it is there."""
        step = self.a or self.b
        assert step is not None
        return step


@dataclass(frozen=True)
class Moment:
    """A pair at its beginning, or at its end, after all steps below it."""

    pair: Pair
    at: Literal["start", "end"]


def moments(a: Sequence[Span], b: Sequence[Span], matching: Matching) -> Iterator[Moment]:
    """The pairs of two traces in the order in which they began and ended."""
    key = _content_key(matching)
    below_a, below_b = steps_below(a), steps_below(b)
    # a stack, not recursion: traces may have chains of thousands of steps
    waiting = [Moment(pair, "start") for pair in reversed(_roots(below_a, below_b, key))]
    while waiting:
        moment = waiting.pop()
        yield moment
        pair = moment.pair
        if moment.at == "start":
            waiting.append(Moment(pair, "end"))
            steps = _paired(_under(pair.a, below_a), _under(pair.b, below_b), key, pair.path)
            waiting += (Moment(inner, "start") for inner in reversed(steps))


def _roots(below_a: Below, below_b: Below, key: Key) -> list[Pair]:
    a, b = below_a.get(None, []), below_b.get(None, [])
    if len(a) == len(b) == 1:  # whatever their names are
        return [Pair(a[0], b[0], (a[0].name,))]
    return _paired(a, b, key, ())


def _under(span: Span | None, below: Below) -> list[Span]:
    return [] if span is None else below.get(span.span_id, [])


def _paired(a: Sequence[Span], b: Sequence[Span], content: Key, path: tuple[str, ...]) -> list[Pair]:
    pairs = []
    for among_a, among_b in _common(a, b, content):
        for one, other in _common(among_a, among_b, _name_key) if among_a and among_b else [(among_a, among_b)]:
            if len(one) == len(other) == 1 and _name_key(one[0]) == _name_key(other[0]):
                pairs.append(Pair(one[0], other[0], (*path, one[0].name)))
            else:
                pairs += [Pair(step, None, (*path, step.name)) for step in one]
                pairs += [Pair(None, step, (*path, step.name)) for step in other]
    return pairs


def _common(a: Sequence[Span], b: Sequence[Span], key: Key) -> Iterator[tuple[Sequence[Span], Sequence[Span]]]:
    """Both sequences in parts: one step each where they are alike, else what is between such steps."""
    if len(a) * len(b) > _MOST_COMPARED:
        yield from (([one], [other]) for one, other in zip(a, b))
        yield a[len(b) :], b[len(a) :]
        return
    matcher = difflib.SequenceMatcher(None, list(map(key, a)), list(map(key, b)), autojunk=False)
    for kind, a_start, a_end, b_start, b_end in matcher.get_opcodes():
        if kind == "equal":
            yield from (([one], [other]) for one, other in zip(a[a_start:a_end], b[b_start:b_end]))
        else:
            yield a[a_start:a_end], b[b_start:b_end]


def _name_key(span: Span) -> Hashable:
    return span.name, span.span_type


def _content_key(matching: Matching) -> Key:
    known: dict[int, Hashable] = {}

    def key(span: Span) -> Hashable:
        if id(span) not in known:
            said = encode(matching.comparable([span.inputs, span.outputs]))
            known[id(span)] = (span.name, span.span_type, span.status, said)
        return known[id(span)]

    return key
