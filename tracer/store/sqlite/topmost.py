"""Sums what the topmost spans carry, so that nothing counts twice, and keeps the sum while spans come in."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from tracer.store.sqlite.decode import SpanFacts

Amounts = Mapping[str, int]


class TopmostSum:
    """The sum over the spans that carry amounts and have no ancestor that carries some too."""

    __slots__ = ("_amounts_of", "_carrying", "_is_stale", "_total")

    def __init__(self, amounts_of: Callable[[SpanFacts], Amounts | None]) -> None:
        self._amounts_of = amounts_of
        self._carrying: set[str] = set()
        self._total: dict[str, int] = {}
        self._is_stale = False

    def add(self, span: SpanFacts, spans: Mapping[str, SpanFacts], parents: Container[str | None]) -> None:
        """Count a span in; ``spans`` has it already, ``parents`` are the parents of those that came before it."""
        amounts = self._amounts_of(span)
        if amounts is not None:
            self._carrying.add(span.span_id)
        if not self._carrying or self._is_stale:
            return
        is_below = self._is_below_carrying(span, spans)
        if span.span_id in parents and (amounts is not None or is_below):
            self._is_stale = True  # it covers spans that were counted
        elif amounts is not None and not is_below:
            _add(self._total, amounts)

    def total(self, spans: Mapping[str, SpanFacts]) -> dict[str, int]:
        """The sum by name; empty where no span carries anything."""
        if self._is_stale:
            self._total = {}
            for span_id in self._carrying:
                if not self._is_below_carrying(spans[span_id], spans):
                    _add(self._total, self._amounts_of(spans[span_id]) or {})
            self._is_stale = False
        return self._total

    def _is_below_carrying(self, span: SpanFacts, spans: Mapping[str, SpanFacts]) -> bool:
        seen = {span.span_id}
        parent = span.parent_id
        while parent is not None and parent in spans and parent not in seen:
            if parent in self._carrying:
                return True
            seen.add(parent)
            parent = spans[parent].parent_id
        return False


def _add(total: dict[str, int], amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount
