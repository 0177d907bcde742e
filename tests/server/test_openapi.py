"""The OpenAPI document is sound, names exactly what the app serves, and describes what it answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.routing import Route

from tests.server.conftest import ROOT_ID, START, TRACE_ID, chat, client_of, span
from tracer.server import create_app, running_server
from tracer.server.openapi import document
from tracer.server.schemas import ref

pytestmark = pytest.mark.no_store
HOUR = 3_600_000_000_000


def problems(value: Any, name: str) -> list[str]:
    """How an answer differs from a shape of the document; a field that the shape does not have counts."""
    closed = _closed(document()["components"]["schemas"])
    schema = {**ref(name), "components": {"schemas": closed}}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


def _closed(schema: Any, name: str = "") -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value, key) for key, value in schema.items()}
    is_open = name in ("Part", "Message")
    if "properties" in schema and isinstance(schema.get("required"), list) and not is_open:
        found["additionalProperties"] = False
    return found


def test_the_document_is_valid_openapi() -> None:
    validate(document())


def test_the_openapi_document_has_the_served_routes_and_no_others() -> None:
    app = create_app(lambda: pytest.fail("not opened"))
    served = {
        (re.sub(r":path\}", "}", route.path), method)
        for route in app.routes
        if isinstance(route, Route) and not route.path.endswith("/{path:path}")
        for method in (route.methods or set()) - {"HEAD"}
    }

    described = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}

    assert described == served


def test_openapi_operation_ids_are_unique_and_every_schema_is_used() -> None:
    ids = [operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()]
    text = repr(document())

    assert sorted(set(ids)) == sorted(ids)
    assert [name for name in document()["components"]["schemas"] if f"/schemas/{name}'" not in text] == []


# one server for the whole module: nothing here writes, once the store is filled


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server with a bit of everything in its store."""
    file = tmp_path_factory.mktemp("openapi") / "tracer.db"
    with running_server(file) as url, client_of(f"{url}/api/v1") as client:
        fill(client)
        yield client


def fill(client: httpx.Client) -> None:
    failed = chat(
        2,
        status="ERROR",
        message="too bad",
        events=[{"name": "exception", "time": START, "attributes": {"exception.type": "ValueError"}}],
        links=[{"trace_id": TRACE_ID, "span_id": ROOT_ID}],
        remote_parent=True,
    )
    described = {"session_id": "s-1", "user": "ann", "model_id": "v1", "tags": {"env": "prod"}}
    records = (
        span(),
        chat(),
        failed,
        {
            "kind": "start",
            "trace_id": TRACE_ID,
            "span_id": "f" * 16,
            "parent_id": ROOT_ID,
            "name": "runs",
            "start": START,
        },
        {"kind": "trace", "trace_id": TRACE_ID, "time": START, **described},
        {"kind": "registered", "of": "prompt", "name": "qa", "id": "1", "content": {"template": [{"role": "user"}]}},
        {"kind": "alias", "of": "prompt", "name": "qa", "alias": "production", "id": "1"},
        {"kind": "run", "run_id": "r1", "time": 1, "name": "nightly", "metrics": {"rows": 1, "error_share": 0}},
        {
            "kind": "run",
            "run_id": "r2",
            "time": 1,
            "name": "lost",
            "metrics": {"rows": 1, "error_share": 0, "a/mean": 1},
        },
        {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "run_id": "r1", "metadata": {"tracer.evaluation.row": "a"}},
        {
            "kind": "assessment",
            "id": "s1",
            "trace_id": TRACE_ID,
            "name": "tone",
            "type": "feedback",
            "value": "kind",
            "metadata": {"tracer.evaluation.run": "r1"},
            "time": 9,
        },
        {"kind": "process", "owner": "1-test", "resource": {"service.name": "shop"}},
    )
    lines = b"\n".join(map(orjson.dumps, records))
    headers = {"Content-Type": "application/x-ndjson"}
    client.post("/records?owner=1-test", content=lines, headers=headers).raise_for_status()
    client.post(f"/traces/{TRACE_ID}/assessments", json={"name": "good", "value": True}).raise_for_status()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/server", "Server"),
        ("/traces", "TracePage"),
        ("/traces?limit=1&order_by=cost%20desc&filter=tokens%20%3E%201", "TracePage"),
        (f"/traces/{TRACE_ID}", "TraceTree"),
        (f"/traces/{TRACE_ID}/spans/{ROOT_ID}", "WholeSpan"),
        (f"/traces/{TRACE_ID}/spans/{2:016x}", "WholeSpan"),
        (f"/traces/{TRACE_ID}/spans/{'f' * 16}", "WholeSpan"),
        (f"/traces/{TRACE_ID}/otlp", "Otlp"),
        (f"/traces/{TRACE_ID}/records", "Records"),
        (f"/traces/{TRACE_ID}/records/{ROOT_ID}", "OneRecord"),
        ("/traces/histogram", "Histogram"),
        ("/traces/histogram?filter=tokens%20%3E%2099999", "Histogram"),
        ("/traces/facets", "Facets"),
        ("/filter/check?filter=oops", "FilterCheck"),
        ("/filter/check?filter=tokens%20%3E%201", "FilterCheck"),
        ("/filter/complete?filter=st", "Completion"),
        ("/sessions", "SessionPage"),
        ("/sessions/s-1", "Conversation"),
        ("/statistics", "Statistics"),
        (f"/statistics?group_by=version&interval_ns={HOUR}", "Statistics"),
        ("/versions", "Versions"),
        ("/models", "Models"),
        ("/models?name=v1&longest=1", "Models"),
        ("/registered?kind=prompt", "Registered"),
        ("/registered?kind=prompt&name=qa&alias=production", "Registered"),
        ("/registered?kind=oops", "Error"),
        ("/registered", "Error"),
        ("/runs", "Runs"),
        ("/evaluations?words=night", "EvaluationPage"),
        ("/evaluations?limit=1", "EvaluationPage"),
        ("/evaluations?filter=metrics.rows%20%3D%201&model_id=v1", "EvaluationPage"),
        ("/evaluations?filter=oops", "Error"),
        ("/evaluations?page_token=oops", "Error"),
        ("/evaluations/r1", "EvaluationRows"),
        ("/evaluations/r1?base=r2&filter=tokens%20%3E%201", "EvaluationRows"),
        ("/evaluations/r2?base=r1&show=only", "EvaluationRows"),
        ("/evaluations/r1?order_by=oops", "Error"),
        ("/evaluations/r1?show=oops", "Error"),
        ("/evaluations/none", "Error"),
        ("/experiments", "Experiments"),
        ("/changes", "Changes"),
        ("/traces?filter=oops", "Error"),
        ("/traces/nothing", "Error"),
        ("/nothing", "Error"),
    ],
)
def test_responses_match_the_openapi_document(path: str, name: str, filled: httpx.Client) -> None:
    answer = filled.get(path)

    assert answer.headers["content-type"] == "application/json"
    assert problems(answer.json(), name) == []


def test_the_sums_of_runs_have_the_shape_that_the_document_says(filled: httpx.Client) -> None:
    answer = filled.post("/runs/sums", json={"run_ids": ["r1", "none"]})

    assert problems(answer.json(), "RunSums") == []
    assert [sums["run_id"] for sums in answer.json()["runs"]] == ["r1"]
    assert filled.post("/runs/sums", json={"run_ids": "r1"}).status_code == 400


def test_the_records_of_several_traces_have_the_shape_that_the_document_says(filled: httpx.Client) -> None:
    answer = filled.post("/traces/records", json={"trace_ids": [TRACE_ID, "0" * 32]})

    assert problems(answer.json(), "RecordsPage") == []
    assert [len(trace["records"]) for trace in answer.json()["traces"]] == [4, 0]


def test_the_served_openapi_document_is_the_document(filled: httpx.Client) -> None:
    assert filled.get("/openapi.json").json() == document()
