"""No record, however strange, keeps the others from being stored, or what is stored from being read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import found, new_store, span
from tracer import semconv
from tracer._api.traces import Span, trace_from_stored
from tracer.otlp.json import line_from_records

pytestmark = pytest.mark.no_store

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 0.5, 1e308, -1e308]),
    st.sampled_from(["", "t", "s", "x" * 300, "\x00", "é🙂", "OK", "{", "[1", '{"a": 1}', "a" * 64]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["role", "parts", "type", "a"]), inner)
    ),
    max_leaves=6,
)
KEYS = [
    semconv.USAGE_INPUT, semconv.USAGE_OUTPUT, semconv.USAGE_TOTAL, semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL,
    semconv.PROVIDER, semconv.SERVER_ADDRESS, semconv.INPUTS, semconv.OUTPUTS, semconv.INPUT_MESSAGES,
    "tracer.cost.total",
]  # fmt: skip
FIELDS = [
    "parent_id", "remote_parent", "name", "type", "start", "end", "status", "message", "events", "links", "time",
    "tags", "metadata", "session_id", "user", "state", "experiment", "request_preview", "value", "rationale", "source",
    "error", "mime", "content", "owner", "pid", "resource", "number", "of", "alias", "deleted", "params", "created",
]  # fmt: skip
RECORDS = st.builds(
    lambda kind, ids, fields, attributes, structured: {
        "kind": kind,
        **ids,
        "attributes": attributes,
        "json": structured,
        **fields,
    },
    st.sampled_from(
        ["span", "span", "start", "trace", "assessment", "attachment", "process", "model", "registered", "alias"]
    ),
    st.fixed_dictionaries(
        {
            key: st.sampled_from(["t", "u", "v"])
            for key in ("trace_id", "span_id", "id", "name", "model_id", "of", "alias")
        }
    ),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    st.one_of(VALUES, st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)),
    st.one_of(VALUES, st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)),
)


@settings(max_examples=80)
@given(records=st.lists(RECORDS, min_size=1, max_size=5))
def test_strange_records_do_no_harm(records: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        store.append([*(orjson.dumps(record) for record in records), span("good", "r", json={semconv.INPUTS: "good"})])
        store.append([orjson.dumps(record) for record in records])

        assert "good" in found(store)
        assert "good" in found(store, "text = 'good'")
        for trace_id in found(store):
            for payload in (True, False):
                stored = store.trace(trace_id, payload=payload)
                assert stored is not None
                for record in stored.spans:
                    read = Span(record)
                    assert [read.attributes, read.events, read.links, read.status, read.token_usage, repr(read)]
        assert store.statistics(group_by="name")
        for row in [row for kind in "tuv" for row in store.registered(kind)]:
            assert row in store.registered(row.kind, name=row.name)
        assert all(row in store.models(model_id=row.model_id) for row in store.models())
        assert store.delete_traces(trace_ids=found(store)) >= 1
        store.close()


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "run", "run_id": "r", "time": 1, "params": {"deep": 0}},
        {"kind": "model", "model_id": "m", "time": 1, "tags": {"deep": 0}},
        {"kind": "registered", "of": "prompt", "name": "p", "id": "1", "content": {"deep": 0}},
        {"kind": "trace", "trace_id": "t", "time": 1, "metadata": {"deep": 0}},
        {"kind": "assessment", "trace_id": "t", "id": "a", "name": "n", "value": {"deep": 0}},
        {"kind": "log", "trace_id": "t", "span_id": "s", "time": 1, "body": {"deep": 0}},
        {"kind": "process", "owner": "o", "resource": {"deep": 0}},
        {"kind": "span", "trace_id": "t", "span_id": "s", "json": {"deep": 0}},
        {"kind": "span", "trace_id": "t", "span_id": "s", "events": [{"name": "e", "attributes": {"deep": 0}}]},
        {"kind": "start", "trace_id": "t", "span_id": "s", "json": {"deep": 0}},
    ],
    ids=lambda record: str(record["kind"]),
)
def test_a_record_that_is_nested_as_deep_as_json_is_read_keeps_no_other_from_being_stored(
    record: dict[str, Any], tmp_path: Path
) -> None:
    store = new_store(tmp_path)
    line = orjson.dumps(record).replace(b'"deep":0', b'"deep":' + b"[" * 1000 + b"]" * 1000)

    store.append([line, span("u", "v")], owner="o")

    assert "u" in found(store)
    assert "u" not in found(store, "span.attributes.deep LIKE '%nothing%'")
    assert "u" not in found(store, "span.attributes.deep = 'nothing'")
    store.runs()
    store.models()
    store.registered("prompt")
    stored = store.trace("t")
    if stored is not None:
        assert trace_from_stored(stored).to_json()
        assert line_from_records(stored.spans)
    store.close()
