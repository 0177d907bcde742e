"""Updates of a trace by its trace records: the latest wins field by field, whatever the order they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tracer._json import JsonObject

_FIELDS = (
    "experiment", "session_id", "user", "model_id", "run_id", "state", "request_preview", "response_preview",
    "client_request_id",
)  # fmt: skip
_GROUPS = ("tags", "metadata")
_NOTHING: Mapping[str, None] = dict.fromkeys(_FIELDS)

Entry = tuple[int, Any]  # time in ns, value; a value of None is a removal, kept so that an older record cannot undo it


class TraceUpdates:
    """The latest value of every field, with its time."""

    __slots__ = ("_entries",)

    def __init__(self, encoded: str | None = None) -> None:
        self._entries: JsonObject = orjson.loads(encoded) if encoded else {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def apply(self, records: Sequence[JsonObject]) -> bool:
        """Apply trace records; whether anything changed."""
        if not records:
            return False
        before = self.encoded()
        for record in records:
            time = record.get("time")
            self._apply(record, time if isinstance(time, int) else 0)
        return self.encoded() != before

    def _apply(self, record: JsonObject, time: int) -> None:
        for name in _FIELDS:
            if name in record:
                _put(self._entries, name, time, record[name])
        for group in _GROUPS:
            given = record.get(group)
            if isinstance(given, dict) and given:
                entries = self._entries.setdefault(group, {})
                for key, value in given.items():
                    _put(entries, str(key), time, value)

    def encoded(self) -> str | None:
        """As JSON text; None when there is none."""
        return orjson.dumps(self._entries).decode() if self._entries else None

    def value(self, name: str) -> str | None:
        """The latest value of a field."""
        entry = self._entries.get(name)
        return _text(entry[1]) if entry and entry[1] is not None else None

    def values(self) -> Mapping[str, str | None]:
        """The latest value of every field."""
        return {name: self.value(name) for name in _FIELDS} if self._entries else _NOTHING

    @property
    def tags(self) -> dict[str, str]:
        """The tags that are set."""
        return self._group("tags")

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata that is set."""
        return self._group("metadata")

    def _group(self, name: str) -> dict[str, str]:
        return {key: _text(entry[1]) for key, entry in self._entries.get(name, {}).items() if entry[1] is not None}


def _put(entries: JsonObject, name: str, time: int, value: Any) -> None:
    old = entries.get(name)
    if old is None or time >= old[0]:
        entries[name] = [time, value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
