"""The rule by which no token and no cost counts twice: of the spans that carry some, the topmost on each path counts.

A span is covered where an ancestor carries the same: it counts as a call, with its latency and its error, but not with
its tokens (or its cost). Of the spans that several instrumentations make of one call beside each other, each later one
counts as if it were below the first. Every sum follows from the marks that this module makes, which are stored with the
spans. Sums of model calls have marks of their own, since only spans that name a model take part in them: an agent that
adds up the tokens of its calls does not take them from their models.

A span with tokens and no cost has a mark where a span below carries a cost: it is no call without a known price.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from itertools import chain
from typing import Final, Union

from tracer._records.model_names import name_one_model
from tracer.store.decode import SpanFacts

USAGE: Final = 1
COST: Final = 2
CALL_SHIFT: Final = 2  # the same two marks among the spans that name a model
CALL_USAGE: Final = USAGE << CALL_SHIFT
CALL_COST: Final = COST << CALL_SHIFT
PRICED_BELOW: Final = 1 << 2 * CALL_SHIFT

Cost = tuple[Union[float, None], Union[float, None], float]  # input, output, total in USD

_MOST_CALLS = 100  # at once, below one step and with the same tokens, among which a span's own is looked for
_FEMTO = 10**15  # costs are summed as whole numbers, so that their order does not show in the last digits


def carried(span: SpanFacts) -> int:
    """Marks of the usage and the cost that a span carries."""
    marks = (USAGE if span.usage else 0) | (COST if span.cost else 0)
    return marks | marks << CALL_SHIFT if span.model else marks


def is_unpriced(span: SpanFacts) -> bool:
    """Whether a span that did not fail has token counts and no cost of its own."""
    return span.cost is None and span.status != "ERROR" and "input_tokens" in (span.usage or ())


class Topmost:
    """The marks of one trace and the sums that follow from them, kept up to date while spans come in, in any order."""

    __slots__ = ("_alike", "_carrying", "_costs", "_is_stale", "_usage")

    def __init__(self) -> None:
        # spans that may be of one call, by parent and tokens, then by the instrumentation that made them
        self._alike: dict[tuple[str, int], dict[str, list[SpanFacts]]] = {}
        self._carrying: dict[str, int] = {}
        self._usage: dict[str, int] = {}
        self._costs: dict[str, int] = {}
        self._is_stale = False

    def add_stored(self, span: SpanFacts) -> None:
        """Take in a span that has the marks it was stored with; they are checked with the next update."""
        marks = carried(span)
        if marks:
            self._is_stale = bool(self._carrying or span.covered)
            self._carrying[span.span_id] = marks
            self._has_alike(span)
            self._count(span)

    def add(self, span: SpanFacts, spans: Mapping[str, SpanFacts], parents: Container[str | None]) -> None:
        """Take in a span; ``spans`` has it already, ``parents`` are the parents of those that came before it."""
        span.covered, span.beside = 0, None
        marks = carried(span)
        if marks:
            self._carrying[span.span_id] = marks
            self._is_stale = self._has_alike(span) or self._is_stale
        if not self._carrying or self._is_stale:
            return
        is_parent = span.span_id in parents
        if not (marks or is_parent):
            return
        above = self._carried_above(span, spans, marks)
        if is_parent and (marks or above):
            self._is_stale = True  # it covers spans that were counted
        elif marks:
            span.covered = marks & above
            self._count(span)
            self._is_stale = above != 0 and _prices_above(span, spans)

    def update(self, spans: Mapping[str, SpanFacts], new: Container[str] = ()) -> dict[str, tuple[int, int]]:
        """Bring all marks up to date; those that spans other than the new ones have gained and lost."""
        if not self._is_stale:
            return {}
        self._is_stale = False
        self._usage, self._costs = {}, {}
        moved = self._pair()
        changed: dict[str, tuple[int, int]] = {}
        below = self._costs_below(spans)
        for span_id, marks in self._carrying.items():
            span = spans[span_id]
            covered = marks & self._carried_above(span, spans, marks)
            if is_unpriced(span) and below.get(span_id, 0) & _cost_that_counts(span):
                covered |= PRICED_BELOW
            if (covered != span.covered or span_id in moved) and span_id not in new:
                changed[span_id] = covered & ~span.covered, span.covered & ~covered
            span.covered = covered
            self._count(span)
        return changed

    @property
    def usage(self) -> Mapping[str, int]:
        """Tokens by name, of the spans that count; empty where no span carries any."""
        return self._usage

    @property
    def cost(self) -> Cost | None:
        """Input, output and total cost in USD of the spans that count."""
        return _usd(self._costs) if self._costs else None

    def _has_alike(self, span: SpanFacts) -> bool:
        """Whether another instrumentation may have made a span of the same call; keeps this span for later ones."""
        if not (span.scope and span.parent_id and span.usage):
            return False
        tokens = span.usage.get("output_tokens", span.usage.get("total_tokens", 0))
        alike = self._alike.setdefault((span.parent_id, tokens), {})
        alike.setdefault(span.scope, []).append(span)
        return len(alike) > 1

    def _pair(self) -> set[str]:
        """Put each span beside the first one of the same call; the ids of those whose place has changed."""
        moved: set[str] = set()
        for alike in self._alike.values():
            spans = chain(*alike.values()) if len(alike) > 1 else ()
            calls: list[_Call] = []  # that have not ended
            for span in sorted(spans, key=lambda each: (each.start, -each.duration, each.span_id)):
                calls = [call for call in calls if call.end >= span.start][-_MOST_CALLS:]
                call = next((call for call in reversed(calls) if call.has_room_for(span)), None)
                if call is None:
                    calls.append(_Call(span))
                else:
                    call.scopes.add(span.scope)
                beside = None if call is None else call.first.span_id
                if beside != span.beside:
                    span.beside = beside
                    moved.add(span.span_id)
        return moved

    def _count(self, span: SpanFacts) -> None:
        if span.usage and not span.covered & USAGE:
            _add(self._usage, span.usage)
        if span.cost and not span.covered & COST:
            _add(self._costs, _femtos(span.cost))

    def _carried_above(self, span: SpanFacts, spans: Mapping[str, SpanFacts], wanted: int) -> int:
        """Marks of the ancestors' usage and cost: all that are wanted, or any where none are."""
        found = 0
        for above in _ancestors(span, spans):
            found |= self._carrying.get(above.span_id, 0)
            if found and found & wanted == wanted:
                break
        return found

    def _costs_below(self, spans: Mapping[str, SpanFacts]) -> dict[str, int]:
        """Marks of the costs that the descendants of each span carry."""
        below: dict[str, int] = {}
        for span_id, marks in self._carrying.items():
            costs = marks & (COST | CALL_COST)
            parent = _parent(spans[span_id])
            while parent is not None and parent in spans and below.get(parent, 0) & costs != costs:
                below[parent] = below.get(parent, 0) | costs
                parent = _parent(spans[parent])
        return below


def _prices_above(span: SpanFacts, spans: Mapping[str, SpanFacts]) -> bool:
    """Whether the cost of a span is the first one below an ancestor that has none."""
    costs = carried(span)
    return any(
        costs & _cost_that_counts(above) and is_unpriced(above) and not above.covered & PRICED_BELOW
        for above in _ancestors(span, spans)
    )


def _ancestors(span: SpanFacts, spans: Mapping[str, SpanFacts]) -> Iterator[SpanFacts]:
    seen = {span.span_id}
    parent = _parent(span)
    while parent is not None and parent in spans and parent not in seen:
        yield spans[parent]
        seen.add(parent)
        parent = _parent(spans[parent])


def _parent(span: SpanFacts) -> str | None:
    return span.beside or span.parent_id


class _Call:
    """A call of a model, by the first span of it: each instrumentation makes one at most."""

    def __init__(self, first: SpanFacts) -> None:
        self.first = first
        self.end = first.start + first.duration
        self.scopes = {first.scope}

    def has_room_for(self, span: SpanFacts) -> bool:
        """Whether a span that began while this one went on may be of the same call."""
        return span.scope not in self.scopes and name_one_model(_models(self.first), _models(span))


def _models(span: SpanFacts) -> set[str]:
    return {name for name in (span.model, span.request_model) if name}


def _cost_that_counts(span: SpanFacts) -> int:
    """The mark of costs below a span that are in each sum in which the span is a call."""
    return CALL_COST if span.model else COST


class CoveredSpans:
    """An aggregate function of SQL: the covered spans of a trace as JSON, a list of row ids with their marks."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._spans: dict[str, SpanFacts] = {}
        self._topmost = Topmost()

    def step(
        self, row_id: int, span_id: str, parent_id: str | None, is_call: int, usage: int, cost: int, measured: int = 0
    ) -> None:
        """Take in a span: whether it names a model, carries tokens and a cost, and is unpriced without the cost."""
        span = SpanFacts(span_id, parent_id, False, "", "", "", None, 0, 0)
        span.model = "some" if is_call else None
        span.usage = {"input_tokens" if measured else "total_tokens": 0} if usage else None
        span.cost = (None, None, 0.0) if cost else None
        self._rows[span_id], self._spans[span_id] = row_id, span
        self._topmost.add_stored(span)

    def finalize(self) -> str:
        """The list."""
        covered = self._topmost.update(self._spans)
        return json.dumps([[self._rows[span_id], gained] for span_id, (gained, _) in covered.items()])


def cost_of_one(cost: Cost) -> Cost:
    """The cost of a trace with one span, to the same digits as a sum."""
    return _usd(_femtos(cost))


def _usd(femtos: Mapping[str, int]) -> Cost:
    costs = {name: amount / _FEMTO for name, amount in femtos.items()}
    return costs.get("input"), costs.get("output"), costs["total"]


def _femtos(cost: Cost) -> Mapping[str, int]:
    named = zip(("input", "output", "total"), cost, strict=True)
    return {name: round(amount * _FEMTO) for name, amount in named if amount is not None}


def _add(total: dict[str, int], amounts: Mapping[str, int]) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount
