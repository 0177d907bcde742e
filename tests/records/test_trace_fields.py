"""What traces belong to, from their trace records."""

from __future__ import annotations

import pytest

from tracer._records.trace_fields import TraceFields

pytestmark = pytest.mark.no_store


def test_later_records_win_field_by_field_and_null_removes() -> None:
    fields = TraceFields()
    fields.add({"kind": "trace", "trace_id": "t", "session_id": "s", "tags": {"a": "1", "b": "1"}})
    fields.add({"kind": "trace", "trace_id": "other", "session_id": "other"})
    fields.add({"kind": "trace", "trace_id": "t", "user": "u", "tags": {"b": None, "c": "2"}, "metadata": {"m": None}})

    whole = {"kind": "trace", "trace_id": "t", "session_id": "s", "user": "u", "tags": {"a": "1", "c": "2"}}
    assert fields.of("t") == whole
    assert fields.of("unknown") == {}


def test_many_updates_of_one_trace_are_kept_as_one() -> None:
    fields = TraceFields()
    for number in range(1_000):
        fields.add({"kind": "trace", "trace_id": "t", "tags": {f"n{number % 10}": str(number)}})

    assert fields.of("t")["tags"] == {f"n{number % 10}": str(number) for number in range(990, 1_000)}


def test_of_many_traces_the_latest_are_remembered() -> None:
    fields = TraceFields()
    for number in range(25_000):
        fields.add({"kind": "trace", "trace_id": str(number), "user": "u"})

    assert fields.of("24999") != {}
    assert fields.of("0") == {}
