"""Tokens and cost as Claude Code counts them, from the start of its process; the use of a turn is a difference."""

from __future__ import annotations

from typing import NamedTuple

from tracer._json import JsonMapping, JsonObject

from .._anthropic.messages import read_usage
from .._values import as_count, as_dict

Counts = dict[str, int]  # tokens by the names of `semconv.TOKEN_USAGE`

_NAMES = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheCreationInputTokens",
}


class Bill(NamedTuple):
    """Cost and tokens of a turn."""

    cost: float | None
    usage: JsonObject
    rest: dict[str, Counts]  # by model, tokens that no recorded call has


class Accounts:
    """The counts of one process."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._counts: dict[str, Counts] = {}
        self._in_calls: dict[str, Counts] = {}  # since the last bill
        self._uncounted: dict[str, int] = {}  # calls whose output is not known

    def key_of(self, model: str) -> str:
        """The name under which a model is counted: without Claude Code's addition, as in ``claude-opus-4-7[1m]``."""
        return model.partition("[")[0]

    def call_ends(self, model: str, usage: JsonMapping) -> None:
        """A call has been recorded with these tokens."""
        key = self.key_of(model)
        _add(self._in_calls.setdefault(key, {}), usage)
        if usage.get("output_tokens") is None:
            self._uncounted[key] = self._uncounted.get(key, 0) + 1

    def rest_of(self, result: JsonObject, model: str) -> JsonObject:
        """The output of the one call of a model that is not recorded yet; empty where other calls share it."""
        key = self.key_of(model)
        used = self._used(result).get(key)
        if used is None or self._uncounted.get(key):
            return {}
        return {key: max(used["output_tokens"] - self._in_calls.get(key, {}).get("output_tokens", 0), 0)}

    def bill(self, result: JsonObject) -> Bill:
        """Cost and tokens since the last bill."""
        used = self._used(result)
        rest = {key: _less(counts, self._in_calls.get(key, {})) for key, counts in used.items()}
        usage: Counts = {}
        for counts in used.values():
            _add(usage, counts)
        cost = self._cost_of(result)
        self._counts.update(_totals(result))
        self._in_calls, self._uncounted = {}, {}
        return Bill(
            cost,
            dict(usage) if usage else read_usage(result.get("usage")),
            {key: counts for key, counts in rest.items() if any(counts.values())},
        )

    def _used(self, result: JsonObject) -> dict[str, Counts]:
        return {key: _since(self._counts.get(key, {}), counts) for key, counts in _totals(result).items()}

    def _cost_of(self, result: JsonObject) -> float | None:
        total = result.get("total_cost_usd")
        if not isinstance(total, (int, float)):
            return None
        before, self._cost = self._cost, total
        return total - before if total >= before else total


def _totals(result: JsonObject) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for model, counts in as_dict(result.get("modelUsage")).items():
        counted = read_usage({name: as_dict(counts).get(theirs) for name, theirs in _NAMES.items()})
        _add(found.setdefault(model.partition("[")[0], {"input_tokens": 0, "output_tokens": 0}), counted)
    return found


def _since(before: Counts, now: Counts) -> Counts:
    """The difference; all where a count went down, as it does when the counting began anew."""
    if any(now.get(name, 0) < count for name, count in before.items()):
        return now
    return {name: count - before.get(name, 0) for name, count in now.items()}


def _less(counts: Counts, others: Counts) -> Counts:
    return {name: max(count - others.get(name, 0), 0) for name, count in counts.items()}


def _add(total: Counts, counts: JsonMapping) -> None:
    for name, count in counts.items():
        if count is not None:
            total[name] = total.get(name, 0) + as_count(count)
