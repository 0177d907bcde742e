"""Session, user and other fields of traces, from the trace records of their process, for each exported span."""

from __future__ import annotations

from typing import Any

from tracer._json import JsonMapping, JsonObject

_TRACES_REMEMBERED = 10_000
_UPDATES_REMEMBERED = 64
_MAPS = ("tags", "metadata")


class TraceFields:
    """The latest traces' records, as one each. Threads share it without a lock, which a fork could leave held."""

    def __init__(self) -> None:
        self._updates: dict[str, list[JsonMapping]] = {}

    def add(self, update: JsonMapping) -> None:
        """Remember a trace record."""
        if len(self._updates) >= _TRACES_REMEMBERED:
            for trace_id in list(self._updates)[: _TRACES_REMEMBERED // 2]:
                self._updates.pop(trace_id, None)
        updates = self._updates.setdefault(update["trace_id"], [])
        updates.append(update)
        if len(updates) > _UPDATES_REMEMBERED:
            updates[:] = [merged(updates)]

    def of(self, trace_id: str) -> JsonObject:
        """The fields of a trace as one trace record; empty if it has none."""
        updates = self._updates.get(trace_id)
        return merged(updates) if updates else {}


def merged(updates: list[JsonMapping]) -> JsonObject:
    """Trace records as one: later ones win field by field, and a tag or metadata of null is removed."""
    fields: JsonObject = {}
    for update in updates:
        fields |= update
    for name in _MAPS:
        whole: dict[str, Any] = {}
        for update in updates:
            whole |= update.get(name) or {}
        if kept := {key: value for key, value in whole.items() if value is not None}:
            fields[name] = kept
        else:
            fields.pop(name, None)
    return fields
