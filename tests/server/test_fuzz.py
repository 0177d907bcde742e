"""Whatever is sent, no answer is a fault of the server, and what was taken in can be read.

At a large size: FUZZ_EXAMPLES=5000 pytest tests/server/test_fuzz.py
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.strange import (
    SPAN_IDS,
    TRACE_IDS,
    batches,
    filters,
    otlp_bodies,
    otlp_protobuf,
    parameters,
    scalars,
    texts,
    values,
)  # fmt: skip
from tests.server.test_openapi import problems
from tracer._json import encode
from tracer.server import running_server
from tracer.server.operations import BASE, OPERATIONS

pytestmark = [pytest.mark.no_store]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
some = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
NDJSON = "application/x-ndjson"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
PLACES = {
    "trace_id": TRACE_IDS[0],
    "span_id": SPAN_IDS[0],
    "session_id": "s",
    "assessment_id": "a-1",
    "digest": "a" * 64,
}
READINGS = [
    f"{BASE}{path}"
    for path in (
        *("/traces", "/traces?order_by=cost%20desc", "/traces?order_by=name", "/traces/histogram", "/traces/facets"),
        *("/traces?filter=text%20CONTAINS%20'a'", "/traces?filter=span.inputs%20CONTAINS%20'a'", "/sessions"),
        *("/sessions/s", "/statistics", "/statistics?group_by=name&interval_ns=864000000000000", "/versions"),
        *("/models", "/runs", "/experiments", "/changes", "/filter/complete?filter=model%20%3D%20"),
    )
] + [
    f"{BASE}/traces/{trace_id}{rest}"
    for trace_id in TRACE_IDS[:2]
    for rest in ("", "/otlp", "/records", f"/spans/{SPAN_IDS[0]}", f"/spans/{SPAN_IDS[1]}", f"/records/{SPAN_IDS[0]}")
]  # fmt: skip


_TREE = f"{BASE}/traces/{TRACE_IDS[0]}"
SHAPES = {
    f"{BASE}/traces": "TracePage",
    f"{BASE}/traces/histogram": "Histogram",
    f"{BASE}/traces/facets": "Facets",
    f"{BASE}/sessions": "SessionPage",
    f"{BASE}/sessions/s": "Conversation",
    f"{BASE}/statistics": "Statistics",
    f"{BASE}/versions": "Versions",
    f"{BASE}/models": "Models",
    f"{BASE}/runs": "Runs",
    _TREE: "TraceTree",
    f"{_TREE}/spans/{SPAN_IDS[0]}": "WholeSpan",
    f"{_TREE}/records": "Records",
}


class Caller:
    """Sends requests over one connection and counts them."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.count = 0

    def send(self, method: str, path: str, content: bytes | None = None, media_type: str = JSON) -> int:
        """The status of the answer, which is never a fault."""
        return self._answer(method, path, content, media_type)[0]

    def read(self, path: str) -> Any:
        """The answer's JSON."""
        return orjson.loads(self._answer("GET", path)[1])

    def _answer(
        self, method: str, path: str, content: bytes | None = None, media_type: str = JSON
    ) -> tuple[int, bytes]:
        headers = {} if content is None else {"Content-Type": media_type}
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self.count += 1
        assert answer.status < 500, f"{answer.status} from {method} {path}: {text[:300]!r}"
        return answer.status, text

    def read_all(self) -> None:
        for path in READINGS:
            self.send("GET", path)

    def delete_all(self) -> None:
        self.send("POST", f"{BASE}/traces/delete", b'{"filter": "spans >= 0 OR spans < 0"}')

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with running_server(tmp_path_factory.mktemp("fuzz") / "tracer.db") as url:
        found = Caller(url)
        yield found
        print(f"{found.count} requests")
        found.close()


@some
@given(content=batches(), owner=st.one_of(st.none(), texts))
def test_strange_records_are_taken_in_or_refused_and_everything_can_be_read(
    content: bytes, owner: str | None, caller: Caller
) -> None:
    caller.delete_all()
    query = "" if owner is None else f"?owner={quote(owner.encode('utf-8', 'replace'))}"

    caller.send("POST", f"{BASE}/records{query}", content, NDJSON)

    caller.read_all()


@some
@given(content=otlp_bodies())
def test_strange_otlp_json_is_taken_in_or_refused_and_everything_can_be_read(content: bytes, caller: Caller) -> None:
    caller.delete_all()

    assert caller.send("POST", "/v1/traces", content, JSON) in (200, 400)

    caller.read_all()


@some
@given(content=otlp_protobuf())
def test_strange_otlp_protobuf_is_taken_in_or_refused_and_everything_can_be_read(
    content: bytes, caller: Caller
) -> None:
    caller.delete_all()

    assert caller.send("POST", "/v1/traces", content, PROTOBUF) in (200, 400)

    caller.read_all()


@some
@given(text=filters())
def test_any_text_is_a_filter_or_an_error_in_one(text: str, filled: Caller) -> None:
    query = urlencode({"filter": text})

    for path in ("/traces", "/traces/histogram", "/traces/facets", "/sessions", "/versions", "/statistics"):
        assert filled.send("GET", f"{BASE}{path}?{query}") in (200, 400)
    for path in ("check", "complete"):
        assert filled.send("GET", f"{BASE}/filter/{path}?{query}") == 200


@pytest.fixture(scope="module")
def filled(caller: Caller) -> Caller:
    """The same, with a few traces."""
    span = {"kind": "span", "start": 1_790_000_000 * 10**9, "end": 1_790_000_001 * 10**9, "json": {"k": [1]}}
    records = [
        *({**span, "trace_id": trace_id, "span_id": SPAN_IDS[0], "name": "a_b"} for trace_id in TRACE_IDS),
        {"kind": "trace", "trace_id": TRACE_IDS[0], "time": 1, "session_id": "s", "user": "u", "tags": {"k": "1"}},
        {"kind": "assessment", "id": "a-1", "trace_id": TRACE_IDS[0], "name": "k", "value": True, "time": 1},
    ]  # fmt: skip
    caller.send("POST", f"{BASE}/records?owner=1-test", b"\n".join(map(encode, records)), NDJSON)
    return caller


@settings(some, max_examples=max(5, EXAMPLES // 10))
@given(content=st.one_of(batches(), otlp_bodies()))
def test_what_was_taken_in_reads_as_the_openapi_document_says(content: bytes, caller: Caller) -> None:
    caller.delete_all()
    caller.send("POST", f"{BASE}/records", content, NDJSON)
    caller.send("POST", "/v1/traces", content, JSON)

    for path, name in SHAPES.items():
        answer = caller.read(path)
        assert "error" in answer or problems(answer, name) == [], path


@some
@given(data=st.data())
def test_every_operation_answers_strange_arguments(data: st.DataObject, filled: Caller) -> None:
    operation = data.draw(st.sampled_from(OPERATIONS))
    path = operation.path.replace(":path", "")
    for name, usual in PLACES.items():
        given_name = data.draw(st.one_of(st.just(usual), texts.filter(bool)))
        path = path.replace(f"{{{name}}}", quote(given_name.encode("utf-8", "replace"), safe=""))
    path = path.replace("{key}", quote(data.draw(texts).encode("utf-8", "replace"))).replace("{owner}", "o")
    query = {
        parameter.name: data.draw(parameters(parameter.name))
        for parameter in operation.query
        if data.draw(st.booleans())
    }
    content = data.draw(bodies()) if operation.body else None

    filled.send(operation.method, f"{BASE}{path}?{urlencode(query, errors='replace')}", content)


def bodies() -> st.SearchStrategy[bytes]:
    """The body of an operation, with the fields that any of them has."""
    fields: Mapping[str, st.SearchStrategy[object]] = {
        "trace_ids": st.one_of(st.lists(st.one_of(st.sampled_from(TRACE_IDS), scalars), max_size=3), values),
        "filter": st.one_of(filters(), values),
        **dict.fromkeys(("since_ns", "until_ns", "limit", "payload", "metadata", "source", "value", "span_id"), values),
        **dict.fromkeys(("name", "type", "rationale"), st.one_of(texts, values)),
    }
    objects = st.fixed_dictionaries({}, optional=fields)
    return st.one_of(*[objects.map(encode)] * 4, values.map(encode), st.binary(max_size=20))


def test_pages_follow_each_other_whatever_the_token(filled: Caller) -> None:
    for token in ("", "e30", "W10", "MTIz", "bnVsbA", "é", "%00", "=" * 9):
        assert filled.send("GET", f"{BASE}/traces?{urlencode({'page_token': token})}") in (200, 400)
