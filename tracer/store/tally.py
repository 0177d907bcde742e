"""The spans of a trace and their roll-up, kept up to date as spans come in, in any order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType
from typing import Final

from tracer import semconv
from tracer.store.decode import SpanFacts, StartFacts
from tracer.store.rollup import Facts, RollUp, Running
from tracer.store.topmost import Topmost, cost_of_one

Rank = tuple[bool, int, str]  # has a parent, start, id

_NO_NAMES: Set[str] = frozenset()
_NOTHING_COVERED: Mapping[str, tuple[int, int]] = MappingProxyType({})


class OneSpan:
    """A tally of one ended span, which is all that most traces have when they are written."""

    __slots__ = ("spans",)
    running: Final[Mapping[str, Running]] = MappingProxyType({})

    def __init__(self, span: SpanFacts) -> None:
        span.covered = 0
        self.spans = {span.span_id: span}

    def roll_up(self) -> RollUp:
        """The roll-up of this span."""
        (span,) = self.spans.values()
        return RollUp(
            root=span.span_id,
            name=span.name,
            state="ERROR" if span.status == "ERROR" else "OK",
            start=span.start,
            duration=span.duration,
            spans=1,
            errors=int(span.status == "ERROR"),
            usage=_in_order(span.usage),
            cost=cost_of_one(span.cost) if span.cost else None,
            models=_names(span.model, span.request_model) if span.model else _NO_NAMES,
            providers=_names(span.provider) if span.provider else _NO_NAMES,
            failed_steps=_names(span.name) if span.status == "ERROR" else _NO_NAMES,
            exceptions=_names(span.exception) if span.exception else _NO_NAMES,
            covered=_NOTHING_COVERED,
        )


class Tally:
    """The ended and the running spans of one trace."""

    __slots__ = (
        "_by_rank", "_end", "_errors", "_exceptions", "_failed", "_known", "_models", "_new", "_parents", "_providers",
        "_start", "_topmost", "_tops", "_waiting", "running", "spans",
    )  # fmt: skip

    def __init__(
        self, spans: Iterable[SpanFacts] = (), running: Iterable[Running] = (), *, stored: Iterable[SpanFacts] = ()
    ) -> None:
        self.spans: dict[str, SpanFacts] = {}
        self.running: dict[str, Running] = {}
        self._known: set[str] = set()
        self._parents: set[str | None] = set()
        self._tops: dict[str, Rank] = {}  # spans without a parent, or whose parent has not come
        self._by_rank: list[Rank] = []  # a heap of them; those that are tops no more are left in it
        self._waiting: dict[str, list[str]] = {}  # by the parent that has not come
        self._errors = 0
        self._failed: dict[str, SpanFacts] = {}
        self._exceptions: set[str] = set()
        self._models: set[str] = set()
        self._providers: set[str] = set()
        self._start: int | None = None
        self._end = 0
        self._topmost = Topmost()
        self._new: set[str] = set()  # since the last roll-up
        for run in running:
            self.add_running(run)
        for span in stored:
            self._add(span)
            self._topmost.add_stored(span)
        for span in spans:
            self.add(span)

    def without(self, span_ids: Set[str]) -> Tally:
        """A tally of the others of these spans, none of which is new."""
        stored = (span for span_id, span in self.spans.items() if span_id not in span_ids)
        return Tally(running=self.running.values(), stored=stored)

    def add_running(self, run: Running) -> None:
        """A span that has started and not ended."""
        self.running[run.facts.span_id] = run
        self._place(run.facts)

    def add_values(self, facts: StartFacts) -> None:
        """The record of a running span came again, with values."""
        run = self.running[facts.span_id]
        run.facts.name, run.facts.type, run.has_values = facts.name, facts.type, True
        run.facts.model, run.facts.provider = facts.model, facts.provider

    def add(self, span: SpanFacts) -> None:
        """A span that has ended and is not stored yet."""
        self._add(span)
        self._topmost.add(span, self.spans, self._parents)
        self._new.add(span.span_id)

    def _add(self, span: SpanFacts) -> None:
        run = self.running.pop(span.span_id, None)
        if run is not None and (run.facts.parent_id, run.facts.start) != (span.parent_id, span.start):
            self._remove(run.facts)  # its start record differs from its end
        self.spans[span.span_id] = span
        self._place(span)
        self._parents.add(span.parent_id)
        if span.status == "ERROR":
            self._errors += 1
            self._failed[span.span_id] = span
            if span.exception:
                self._exceptions.add(span.exception)
        if span.model:
            self._models.add(span.model)
        if span.request_model:
            self._models.add(span.request_model)
        if span.provider:
            self._providers.add(span.provider)
        self._start = span.start if self._start is None else min(self._start, span.start)
        self._end = max(self._end, span.start + span.duration)

    def _place(self, facts: Facts) -> None:
        if facts.span_id in self._known:
            return  # it was running
        self._known.add(facts.span_id)
        for child in self._waiting.pop(facts.span_id, ()):
            self._tops.pop(child, None)
        if facts.parent_id in self._known:
            return
        rank = self._tops[facts.span_id] = _rank(facts)
        heapq.heappush(self._by_rank, rank)
        if facts.parent_id is not None:
            self._waiting.setdefault(facts.parent_id, []).append(facts.span_id)

    def _remove(self, facts: Facts) -> None:
        self._known.discard(facts.span_id)
        self._tops.pop(facts.span_id, None)
        siblings = self._waiting.get(facts.parent_id or "", [])
        if facts.span_id in siblings:
            siblings.remove(facts.span_id)

    def roll_up(self) -> RollUp:
        """The roll-up of all spans."""
        covered = self._topmost.update(self.spans, self._new)
        self._new.clear()
        root = self._root()
        start, duration = self._times(root)
        running = self.running.values()
        return RollUp(
            root=root.span_id if root else None,
            name=root.name if root else None,
            state=self._state(root),
            start=start,
            duration=duration,
            spans=len(self.spans) + len(self.running),
            errors=self._errors,
            usage=_in_order(self._topmost.usage),
            cost=self._topmost.cost,
            models=self._models.union(run.facts.model for run in running if run.facts.model),
            providers=self._providers.union(run.facts.provider for run in running if run.facts.provider),
            failed_steps=self._failed_steps(),
            exceptions=frozenset(self._exceptions) if self._exceptions else _NO_NAMES,
            covered=covered,
        )

    def _failed_steps(self) -> Set[str]:
        if not self._failed:
            return _NO_NAMES
        above = {span.parent_id for span in self._failed.values()}
        return {span.name for span_id, span in self._failed.items() if span.name and span_id not in above}

    def _root(self) -> Facts | None:
        """The top-most span: without a parent; else one whose parent has not come; the earliest of several."""
        while self._by_rank and self._tops.get(self._by_rank[0][2]) != self._by_rank[0]:
            heapq.heappop(self._by_rank)
        if self._by_rank:
            return self._facts(self._by_rank[0][2])
        return min(map(self._facts, self._known), key=_rank, default=None)  # parents in a circle

    def _facts(self, span_id: str) -> Facts:
        return self.spans[span_id] if span_id in self.spans else self.running[span_id].facts

    def _times(self, root: Facts | None) -> tuple[int | None, int | None]:
        if root is None:
            return None, None
        if isinstance(root, SpanFacts) and root.parent_id is None:
            return root.start, root.duration
        starts = [run.facts.start for run in self.running.values()]
        start = min(starts if self._start is None else [*starts, self._start])
        return start, None if self.running else self._end - start

    def _state(self, root: Facts | None) -> str:
        if any(not run.gone for run in self.running.values()):
            return "IN_PROGRESS"
        if self.running:
            return "INTERRUPTED"
        return "ERROR" if isinstance(root, SpanFacts) and root.status == "ERROR" else "OK"


def _names(*names: str | None) -> Set[str]:
    return {name for name in names if name}


def _in_order(usage: Mapping[str, int] | None) -> dict[str, int] | None:
    return {name: usage[name] for name in semconv.TOKEN_USAGE if name in usage} if usage else None


def _rank(facts: Facts) -> Rank:
    return facts.parent_id is not None, facts.start, facts.span_id
