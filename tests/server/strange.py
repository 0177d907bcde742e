"""What callers may send, in strategies of hypothesis: nearly right, at a border, or quite wrong."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

import orjson
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from tracer import semconv
from tracer.store.filter.fields import described_fields

TRACE_IDS = [f"{number:032x}" for number in range(1, 4)]
SPAN_IDS = [f"{number:016x}" for number in range(1, 5)]
BORDERS = [0, 1, -1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**30]
FLOATS = [0.5, -0.0, 1e9, 1e11, 1e19, 1e300, 1e308, -1e308]
TEXTS = [
    "", " ", "s", "OK", "ERROR", "%", "_", "null", "0", "1e999", "nan", "inf", "{", "[1", '{"a": 1}', "\x00", "a\x00b",
    "é🙂", "\u0130", "\ufeff", "x" * 300, "a" * 64, "../..", "'", '"', "`", "\n", "FEEDBACK", "2026-11-21", "now-1h",
]  # fmt: skip
KEYS = [
    *(value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)),
    *semconv.TOKEN_USAGE.values(),
    *("openinference.span.kind", "llm.input_messages.0.message.role", "llm.token_count.prompt", "session.id"),
    *("input.value", "output.value", "mlflow.spanType", "traceloop.span.kind", "gen_ai.prompt.0.content", "user.id"),
    *("gen_ai.completion.0.role", "llm.input_messages", "tracer.trace.records", "tracer.json_keys", "metadata", "a"),
]


def _whole_text(text: str) -> str:
    """The text without halves of characters, which protobuf and URLs cannot hold."""
    return text.encode("utf-8", "replace").decode()


texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=20))
numbers = st.one_of(st.sampled_from(BORDERS), st.integers(-(2**65), 2**65))
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), numbers, st.sampled_from(FLOATS), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["role", "parts", "type", "content", "a", "id"]), inner, max_size=3),
    ),
    max_leaves=6,
)
times = st.one_of(st.integers(1_790_000_000 * 10**9, 1_790_000_100 * 10**9), numbers)
# what the server reads numbers and texts from, as often as all the others
_READ = [*semconv.TOKEN_USAGE.values(), semconv.TIME_TO_FIRST_CHUNK, semconv.COST_TOTAL, semconv.REQUEST_MODEL, "a"]
keys = st.one_of(st.sampled_from(_READ), st.sampled_from(KEYS))


def _mostly(usual: st.SearchStrategy[Any], unusual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(usual, usual, usual, unusual)


def changed(*wholes: Any) -> st.SearchStrategy[Any]:
    """One of these values, with up to three of its parts exchanged for something strange, taken out, or put twice."""

    def of(whole: Any) -> st.SearchStrategy[Any]:
        change = st.tuples(st.sampled_from(list(_places(whole))), st.one_of(scalars, scalars, values, st.just(GONE)))
        return st.lists(change, max_size=3).map(lambda changes: _with(whole, changes))

    return st.one_of(*map(of, wholes))


GONE = object()


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*above, name)
        yield from _places(part, (*above, name))


def _with(whole: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    whole = copy.deepcopy(whole)
    for (*above, name), new in changes:
        try:
            inner = reduce(getitem, above, whole)
            if new is GONE:
                del inner[name]
            else:
                inner[name] = new
        except (LookupError, TypeError):
            pass  # another change has taken the place away
    return whole


# --- records of a journal

_T = 1_790_000_000 * 10**9
_SPAN = {
    "kind": "span", "trace_id": TRACE_IDS[0], "span_id": SPAN_IDS[0], "name": "chat", "type": "CHAT_MODEL", "start": _T,
    "end": _T + 10**9, "status": "OK", "message": "m", "otel_kind": 2, "scope": "s", "trace_state": "a=b",
    "remote_parent": False, "dropped": {"attributes": 1}, "links": [{"trace_id": TRACE_IDS[1], "span_id": SPAN_IDS[1]}],
    "events": [{"name": semconv.CHUNK, "time": _T, "attributes": {semconv.CHUNK: "{}", "a": 1}}],
    "attributes": {
        **{key: number for number, key in enumerate(semconv.TOKEN_USAGE.values())}, semconv.OPERATION: "chat",
        semconv.PROVIDER: "openai", semconv.REQUEST_MODEL: "gpt-4o-mini", semconv.RESPONSE_MODEL: "gpt-4o-mini",
        semconv.TIME_TO_FIRST_CHUNK: 0.25, semconv.COST_TOTAL: 0.1, semconv.SERVER_ADDRESS: "localhost", "k": "v",
    },
    "json": {
        semconv.INPUTS: {"a": 1}, semconv.OUTPUTS: "b", semconv.TOOL_DEFINITIONS: [{"type": "function", "name": "f"}],
        semconv.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": "a"}]}],
        semconv.OUTPUT_MESSAGES: [{"role": "assistant", "parts": [{"type": "tool_call", "id": "i", "name": "f"}]}],
        semconv.SYSTEM_INSTRUCTIONS: [{"type": "text", "content": "a"}],
    },
}  # fmt: skip
_ATTACHMENT = {"kind": "attachment", "mime": "text/plain", "content": base64.b64encode(b"a").decode()}
_GROUPS = {"tags": {"k": "v"}, "params": {"p": "1"}, "metrics": {"m": 0.5}}
_RECORDS = [
    _SPAN,
    {**_SPAN, "span_id": SPAN_IDS[1], "parent_id": SPAN_IDS[0]},
    {"kind": "start", "trace_id": TRACE_IDS[1], "span_id": SPAN_IDS[1], "parent_id": "p", "name": "n", "start": _T},
    {
        "kind": "trace", "trace_id": TRACE_IDS[0], "time": _T, "session_id": "s", "user": "u", "state": "OK",
        "run_id": "r", "model_id": "m-1", "experiment": "e", "request_preview": "a", "response_preview": "b",
        "client_request_id": "c",
        "tags": {"k": "v"}, "metadata": {"k": "v"},
    },
    {
        "kind": "assessment", "trace_id": TRACE_IDS[0], "id": "a-1", "name": "k", "type": "feedback", "value": 1,
        "rationale": "r", "source": {"type": "HUMAN", "id": "ann"}, "metadata": {"k": "v"}, "time": _T, "span_id": "s",
        "error": "e", "deleted": False,
    },
    {**_ATTACHMENT, "id": hashlib.sha256(b"a").hexdigest()},
    {"kind": "process", "owner": "1-test", "pid": 1, "time": _T, "resource": {"service.name": "shop"}},
    {"kind": "model", "model_id": "m-1", "name": "n", "created": _T, "time": _T, "experiment": "e", **_GROUPS},
    {"kind": "run", "run_id": "r-1", "name": "n", "started": _T, "ended": _T, "time": _T, "status": "OK", **_GROUPS},
]  # fmt: skip


def batches() -> st.SearchStrategy[bytes]:
    """The body of POST /records."""
    record = changed(*_RECORDS).map(_json)
    line = st.one_of(*[record] * 9, values.map(_json), st.binary(max_size=20))
    return st.lists(line, min_size=1, max_size=4).map(b"\n".join)


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # integers of more than 64 bits, which JSON knows
        return json.dumps(value).encode()


# --- OTLP

_PAIRS = [
    {"key": semconv.OPERATION, "value": {"stringValue": "chat"}},
    {"key": semconv.TIME_TO_FIRST_CHUNK, "value": {"doubleValue": 0.25}},
    {"key": semconv.USAGE_INPUT, "value": {"intValue": "10"}},
    {"key": semconv.INPUT_MESSAGES, "value": {"stringValue": '[{"role":"user","parts":[]}]'}},
    {"key": "llm.input_messages.0.message.role", "value": {"stringValue": "user"}},
    {"key": "openinference.span.kind", "value": {"stringValue": "LLM"}},
    {"key": "session.id", "value": {"stringValue": "s"}},
    {"key": "b", "value": {"bytesValue": "YQ=="}},
    {"key": "c", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": "NaN"}]}}},
    {"key": "d", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}},
    {"key": "tracer.trace.records", "value": {"stringValue": orjson.dumps(_RECORDS[3:5]).decode()}},
]
_OTLP_SPAN = {
    "traceId": TRACE_IDS[0], "spanId": SPAN_IDS[0], "parentSpanId": "", "flags": 0x300, "name": "chat", "kind": 3,
    "startTimeUnixNano": str(_T), "endTimeUnixNano": str(_T + 10**9), "status": {"code": 2, "message": "m"},
    "attributes": _PAIRS, "events": [{"name": "e", "timeUnixNano": str(_T), "attributes": _PAIRS[:2]}],
    "links": [{"traceId": TRACE_IDS[1], "spanId": SPAN_IDS[1], "attributes": _PAIRS[:2]}], "traceState": "a=b",
    "droppedAttributesCount": 1, "droppedEventsCount": 1, "droppedLinksCount": 1,
}  # fmt: skip
_OURS = {"key": "tracer.json_keys", "value": {"arrayValue": {"values": [{"stringValue": semconv.INPUTS}]}}}
_RESOURCE = {"attributes": _PAIRS[:2]}
_OTLP = [
    {"resourceSpans": [{"resource": _RESOURCE, "scopeSpans": [{"scope": {"name": "s"}, "spans": [span]}]}]}
    for span in (_OTLP_SPAN, {**_OTLP_SPAN, "attributes": [*_PAIRS, _OURS]})
]  # fmt: skip


def otlp_bodies() -> st.SearchStrategy[bytes]:
    """The body of POST /v1/traces in JSON."""
    return st.one_of(*[changed(*_OTLP).map(_json)] * 9, values.map(_json), st.binary(max_size=30))


_any_values = st.recursive(
    st.one_of(
        st.builds(lambda text: AnyValue(string_value=text), texts.map(_whole_text)),
        st.builds(lambda number: AnyValue(int_value=number), st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda number: AnyValue(double_value=number), st.floats()),
        st.builds(lambda flag: AnyValue(bool_value=flag), st.booleans()),
        st.builds(lambda content: AnyValue(bytes_value=content), st.binary(max_size=20)),
        st.just(AnyValue()),
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: AnyValue(array_value=ArrayValue(values=items)), st.lists(inner, max_size=3)),
        st.builds(
            lambda items: AnyValue(kvlist_value=KeyValueList(values=items)),
            st.lists(st.builds(lambda key, value: KeyValue(key=key, value=value), keys, inner), max_size=3),
        ),
    ),
    max_leaves=5,
)  # fmt: skip


@st.composite
def otlp_protobuf(draw: st.DrawFn) -> bytes:
    """An ExportTraceServiceRequest in protobuf, sometimes with damaged bytes."""
    request = ExportTraceServiceRequest()
    uint64 = st.one_of(
        st.integers(1_790_000_000 * 10**9, 1_790_000_100 * 10**9), st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1])
    )
    uint32 = st.sampled_from([0, 1, 0x100, 0x300, 2**31, 2**32 - 1])

    def put(target: Any) -> None:
        for key in draw(st.lists(keys, max_size=4)):
            target.add(key=key, value=draw(_any_values))

    def ids(size: int, usual: list[str]) -> bytes:
        return draw(_mostly(st.sampled_from(usual).map(bytes.fromhex), st.binary(max_size=size + 1)))  # type: ignore[no-any-return]

    resource_spans = request.resource_spans.add()
    put(resource_spans.resource.attributes)
    spans = resource_spans.scope_spans.add()
    spans.scope.name = draw(texts.map(_whole_text))
    for _ in range(draw(st.integers(1, 3))):
        span = spans.spans.add(trace_id=ids(16, TRACE_IDS), span_id=ids(8, SPAN_IDS), parent_span_id=ids(8, SPAN_IDS))
        span.name, span.trace_state = draw(texts.map(_whole_text)), draw(texts.map(_whole_text))
        span.start_time_unix_nano, span.end_time_unix_nano = draw(uint64), draw(uint64)
        span.flags, span.dropped_attributes_count, span.dropped_events_count = draw(uint32), draw(uint32), draw(uint32)
        span.kind, span.status.code = draw(st.integers(-1, 9)), draw(st.integers(-1, 9))
        put(span.attributes)
        if draw(st.booleans()):
            event = span.events.add(time_unix_nano=draw(uint64), name=draw(texts.map(_whole_text)))
            put(event.attributes)
        if draw(st.booleans()):
            put(span.links.add(trace_id=ids(16, TRACE_IDS), span_id=ids(8, SPAN_IDS)).attributes)
    content = request.SerializeToString()
    if content and draw(st.integers(0, 4)) == 0:
        place = draw(st.integers(0, len(content) - 1))
        content = content[:place] + draw(st.binary(max_size=3)) + content[place + draw(st.integers(0, 3)) :]
    return bytes(content)


# --- filters and parameters

_fields = [name + ("k" if name.endswith(".") else "") for name, _ in described_fields()]
_quoted_texts = texts.map(lambda text: "'" + text.replace("'", "''") + "'")
_literals = st.one_of(
    _quoted_texts,
    _quoted_texts,
    numbers.map(str),
    st.sampled_from(FLOATS).map(repr),
    st.sampled_from(["1e400", "-1e400", "1e308ms", "99999999999999999w", "1h", "true", "NULL", "OK"]),
    st.sampled_from(["now", "now-1h", "now+9999999999w", "now-1e300w", "now + 1e400w"]),
    st.sampled_from(["'nan'", "'inf'", "'-inf'", "'1e400'", "'0001-01-01'", "'9999-12-31T23:59:59.999999+00:00'"]),
)  # fmt: skip
_conditions = st.one_of(
    st.tuples(st.sampled_from(_fields), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _literals).map(" ".join),
    st.tuples(
        st.sampled_from(_fields),
        st.sampled_from(["LIKE", "ILIKE", "CONTAINS", "NOT LIKE", "NOT ILIKE", "NOT CONTAINS"]),
        _quoted_texts,
    ).map(" ".join),
    st.tuples(st.sampled_from(_fields), st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
    st.builds(
        lambda field, word, items: f"{field} {word} ({', '.join(items)})",
        st.sampled_from(_fields), st.sampled_from(["IN", "NOT IN"]), st.lists(_literals, min_size=1, max_size=4),
    ),
    st.builds(
        lambda field, word, low, high: f"{field} {word} {low} AND {high}",
        st.sampled_from(_fields), st.sampled_from(["BETWEEN", "NOT BETWEEN"]), _literals, _literals,
    ),
)  # fmt: skip
_negations = st.sampled_from(["", "", "NOT "])
_joints = st.sampled_from([" AND ", " OR "])
_simple = st.tuples(_negations, _conditions).map("".join)
_groups = st.tuples(_negations, st.just("("), _simple, _joints, _simple, st.just(")")).map("".join)
_parts = st.one_of(_simple, _groups)
_expressions = st.one_of(_parts, st.tuples(_parts, _joints, _parts, _joints, _parts).map("".join))
_WORDS = ["AND", "OR", "NOT", "(", ")", ",", ".", "-", "LIKE", "IN", "IS", "`", "'"]
_soup = st.lists(st.one_of(st.sampled_from([*_fields, *_WORDS]), _literals), max_size=8).map(" ".join)


def filters() -> st.SearchStrategy[str]:
    """A filter, mostly one that the grammar accepts."""
    return st.one_of(_expressions, _expressions, _expressions, _soup, st.text(max_size=30)).map(_whole_text)


_ORDERS = ["timestamp", "duration desc", "tokens, name desc", "cost desc", "session", "user asc, state", "model_id"]
_GROUPS_BY = ["model", "name", "version", "type", "none", "provider", "user", "session", "state", "tags.k"]
_parameter_texts = st.one_of(
    texts.map(_whole_text), numbers.map(str), st.sampled_from(["1_0", "\u0663", "+1", " 1", "1.0"])
)


def parameters(name: str) -> st.SearchStrategy[str]:
    """A value for a parameter of the API."""
    usual: dict[str, st.SearchStrategy[str]] = {
        "filter": filters(),
        "order_by": st.sampled_from(_ORDERS),
        "fields": st.lists(st.sampled_from([*_fields, "version", "tags.k"]), max_size=3).map(",".join),
        "group_by": st.sampled_from(_GROUPS_BY),
        "limit": st.integers(1, 1000).map(str),
        "buckets": st.integers(2, 200).map(str),
        "interval_ns": st.integers(1, 10**6).map(lambda minutes: str(minutes * 60 * 10**9)),
        "since_ns": times.map(str),
        "until_ns": times.map(str),
    }  # fmt: skip
    return _mostly(usual.get(name, _parameter_texts), _parameter_texts)
