"""A span's record under the names of other backends: nothing is lost or added on the way there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracer._json import to_plain
from tracer._records.exported import exported_attributes, recorded_values
from tracer.semconv import SpanType

pytestmark = pytest.mark.no_store

ABOUT = {"kind": "trace", "trace_id": "t", "session_id": "s", "user": "u", "tags": {"a": "true", "b": "2"}}
NAMES = st.sampled_from([
    "n", "session.id", "metadata", "tag.tags", "input.value", "output.mime_type", "openinference.span.kind",
    "gen_ai.operation.name", "gen_ai.tool.call.result", "gen_ai.usage.cache_write.input_tokens", "mlflow.traceTag.a",
    "llm.cost.total", "tracer.inputs", "tracer.outputs", "gen_ai.input.messages",
])  # fmt: skip
PLAIN = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.booleans(), st.lists(st.text(max_size=3), max_size=2))
VALUES = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
TYPES = st.sampled_from([*(value for name, value in vars(SpanType).items() if name.isupper()), "my own"])


@example("LLM", {}, {"tracer.outputs": "", "output.mime_type": None}, False)
@given(TYPES, st.dictionaries(NAMES, PLAIN), st.dictionaries(NAMES, VALUES), st.booleans())
def test_a_record_comes_back_as_it_was(kind: str, plain: Any, structured: Any, is_root: bool) -> None:
    plain = {key: value for key, value in plain.items() if key not in structured}
    record = {"name": "step", "type": kind, "attributes": plain, "json": structured}

    attributes = exported_attributes(record, ABOUT, [] if is_root else None)
    found = recorded_values(attributes)

    assert attributes.pop("tracer.span.type") == kind
    assert (attributes, found) == (plain, structured)


def test_inputs_and_outputs_are_sent_once() -> None:
    """A tool's short ones apart, which the conventions have names for as well."""
    values = {"tracer.inputs": {"question": "how warm"}, "tracer.outputs": "quite warm" + " or so" * 1_000}
    sent = {
        kind: json.dumps(exported_attributes({"name": "step", "type": kind, "json": values}, {}))
        for kind in ("CHAIN", "AGENT", "CHAT_MODEL", "TOOL")
    }

    assert {kind: (text.count("how warm"), text.count("quite warm")) for kind, text in sent.items()} == {
        "CHAIN": (1, 1),
        "AGENT": (1, 1),
        "CHAT_MODEL": (1, 1),
        "TOOL": (2, 1),
    }


def test_attributes_of_another_producer_stay_as_they_are() -> None:
    attributes = {"openinference.span.kind": "LLM", "input.value": "{}", "tracer.span.type": "LLM"}

    assert recorded_values(attributes) is None
    assert len(attributes) == 3


def test_every_exported_value_is_one_that_opentelemetry_takes() -> None:
    record = {"name": "step", "type": "TOOL", "json": {"tracer.inputs": {"a": [None]}, "x": {}}, "attributes": {"n": 1}}

    attributes = exported_attributes(record, {**ABOUT, "metadata": {"m": "1"}}, [ABOUT])

    kinds = {type(value) for value in attributes.values() if not isinstance(value, list)}
    assert kinds <= {str, int, float, bool}
    assert to_plain(attributes) == attributes
