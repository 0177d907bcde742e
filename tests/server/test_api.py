"""The API as a page or a program uses it: what comes back, and what changing things does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.server.conftest import ROOT_ID, SECOND, START, TRACE_ID, chat, span
from tracer import semconv

pytestmark = pytest.mark.no_store
Write = Callable[..., None]


def said(trace_id: str = TRACE_ID, **fields: Any) -> dict[str, Any]:
    return {"kind": "trace", "trace_id": trace_id, "time": START, **fields}


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- traces


def test_a_trace_in_the_list(client: httpx.Client, write: Write) -> None:
    write(span(), chat(), said(session_id="s", user="ann", model_id="v1", tags={"env": "prod"}))

    [trace] = get(client, "/traces")["traces"]

    cost = trace.pop("cost")
    assert cost["total_cost"] == pytest.approx(100 * 0.15e-6 + 20 * 0.6e-6)
    assert trace == {
        "trace_id": TRACE_ID,
        "seq": 1,
        "name": "agent",
        "state": "OK",
        "start_ns": START,
        "duration_ns": SECOND,
        "root_span_id": ROOT_ID,
        "span_count": 2,
        "error_count": 0,
        "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
        "models": ["gpt-4o-mini"],
        "providers": ["openai"],
        "failed_steps": [],
        "request_preview": '{"question":"Where to?"}',
        "response_preview": "Lisbon",
        "session_id": "s",
        "user": "ann",
        "model_id": "v1",
        "run_id": None,
        "client_request_id": None,
        "experiment_id": "0",
        "experiment": "Default",
        "tags": {"env": "prod"},
        "metadata": {},
        "assessments": [],
    }


def test_page_token_leads_through_every_trace_once_by_filter_order_and_time(client: httpx.Client, write: Write) -> None:
    ids = [f"{number:032x}" for number in range(1, 26)]
    write(*(span(trace_id=trace_id, start=START + n, end=START + n + n % 3) for n, trace_id in enumerate(ids)))
    query = {"filter": "name = 'agent'", "order_by": "duration desc, timestamp", "limit": 4, "since_ns": START + 5}
    found: list[str] = []
    token = None

    while True:
        page = get(client, "/traces", **query, **({"page_token": token} if token else {}))
        found += [trace["trace_id"] for trace in page["traces"]]
        token = page["next_page_token"]
        if token is None:
            break

    assert sorted(found) == ids[5:]
    durations = [(int(trace_id, 16) - 1) % 3 for trace_id in found]
    assert durations == sorted(durations, reverse=True)


def test_traces_are_selected_by_since_and_until(client: httpx.Client, write: Write) -> None:
    write(*(span(trace_id=f"{n:032x}", start=START + n, end=START + n) for n in range(5)))

    found = get(client, "/traces", since_ns=START + 1, until_ns=START + 3)["traces"]

    assert [trace["start_ns"] - START for trace in found] == [2, 1]


def test_changed_since_tells_new_and_updated_traces_of_the_selection(client: httpx.Client, write: Write) -> None:
    first, second, other = "1" * 32, "2" * 32, "3" * 32
    write(span(trace_id=first))
    seq = get(client, "/traces")["seq"]
    write(span(trace_id=second), span(trace_id=other, name="other"))
    write(said(first, tags={"seen": "yes"}))

    page = get(client, "/traces", changed_since=seq, filter="name = 'agent'")

    assert {trace["trace_id"] for trace in page["traces"]} == {first, second}
    assert page["seq"] > seq
    assert get(client, "/traces", changed_since=page["seq"])["traces"] == []


@pytest.mark.parametrize(
    ("query", "code", "position"),
    [
        ({"filter": "name = 'a' AND stat = 1"}, "filter_syntax", 15),
        ({"filter": "tokens >"}, "filter_syntax", 8),
        ({"order_by": "mood"}, "invalid_argument", None),
        ({"limit": "0"}, "invalid_argument", None),
        ({"limit": "ten"}, "invalid_argument", None),
        ({"page_token": "made up"}, "invalid_argument", None),
        ({"filtre": "x"}, "invalid_argument", None),
    ],
)
def test_what_makes_no_sense_is_said_at_its_place(
    query: dict[str, str], code: str, position: int | None, client: httpx.Client
) -> None:
    answer = client.get("/traces", params=query)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["position"]) == (400, code, position)
    assert "\n" not in error["message"]


def test_a_trace_and_its_light_spans(client: httpx.Client, write: Write) -> None:
    write(span(), chat(), {"kind": "process", "owner": "1-test", "resource": {"service.name": "shop"}})

    found = get(client, f"/traces/{TRACE_ID}")

    root, call = found["spans"]
    assert root == {
        "span_id": ROOT_ID,
        "name": "agent",
        "type": "AGENT",
        "status": "UNSET",
        "start_ns": START,
        "duration_ns": SECOND,
    }
    assert call.pop("cost")["total_cost"] > 0
    assert call == {
        "span_id": f"{1:016x}",
        "parent_id": ROOT_ID,
        "name": "chat gpt-4o-mini",
        "type": "CHAT_MODEL",
        "status": "UNSET",
        "start_ns": START + 1000,
        "duration_ns": SECOND // 2 - 1000,
        "first_chunk_ns": SECOND // 4,
        "model": "gpt-4o-mini",
        "provider": "openai",
        "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
    }
    assert (found["position"], found["resource"]) == (2, {"service.name": "shop"})


def test_a_whole_span(client: httpx.Client, write: Write) -> None:
    events = [
        {"name": semconv.CHUNK_EVENT, "time": START + 5, "attributes": {semconv.CHUNK: '{"delta": "Lis"}'}},
        {"name": "exception", "time": START + 6, "attributes": {"exception.type": "ValueError"}},
    ]
    link = {"trace_id": "a" * 32, "span_id": "b" * 16}
    write(span(), chat(events=events, links=[link], otel_kind=2, scope="tracer.openai", dropped={"events": 3}))

    found = get(client, f"/traces/{TRACE_ID}/spans/{1:016x}")

    assert found["inputs"] == {"model": "gpt-4o-mini"}
    assert (found["outputs"], found["tools"], found["system_instructions"]) == (None, None, None)
    assert [message["role"] for message in found["input_messages"]] == ["system", "user"]
    assert found["output_messages"][0]["parts"] == [{"type": "text", "content": "Lisbon"}]
    assert found["attributes"]["gen_ai.operation.name"] == "chat"
    assert not found["attributes"].keys() & {semconv.INPUTS, semconv.INPUT_MESSAGES}
    assert found["events"] == [
        {"name": semconv.CHUNK_EVENT, "time_ns": START + 5, "attributes": {semconv.CHUNK: {"delta": "Lis"}}},
        {"name": "exception", "time_ns": START + 6, "attributes": {"exception.type": "ValueError"}},
    ]
    assert found["links"] == [{"attributes": {}, **link}]
    assert (found["kind"], found["scope"]) == ("CLIENT", "tracer.openai")
    assert found["dropped"] == {"attributes": 0, "events": 3, "links": 0}
    assert (found["first_chunk_ns"], found["model"], found["status"]) == (SECOND // 4, "gpt-4o-mini", "UNSET")


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ([{"role": "assistant", "content": "It is 21"}], "It is 21"),  # as OpenAI has it, without parts
        ([{"role": "assistant", "parts": None, "content": "It is 21"}], "It is 21"),
        ("It is 21", "It is 21"),
        (["It is 21"], "It is 21"),
        ({"role": "assistant", "content": [{"type": "text", "text": "It is 21"}]}, "It is 21"),
    ],
)
def test_messages_of_another_shape_come_in_the_conventions_own(
    stored: object, text: str, client: httpx.Client, write: Write
) -> None:
    write(span(), chat(json={semconv.OUTPUT_MESSAGES: stored}))

    found = get(client, f"/traces/{TRACE_ID}/spans/{1:016x}")

    [message] = found["output_messages"]
    assert message["parts"] == [{"type": "text", "content": text}]
    assert found["attributes"][semconv.OUTPUT_MESSAGES] == stored


@pytest.mark.parametrize("stored", [[], {}, "", 5, None, [[{"role": "user"}]], [{"role": 5, "parts": [5]}]])
def test_what_is_no_message_stays_an_attribute(stored: object, client: httpx.Client, write: Write) -> None:
    write(span(), chat(json={semconv.INPUT_MESSAGES: stored}))

    found = get(client, f"/traces/{TRACE_ID}/spans/{1:016x}")

    for message in found["input_messages"] or ():
        assert all(isinstance(part["type"], str) for part in message["parts"])
    assert stored in (None, []) or found["attributes"].get(semconv.INPUT_MESSAGES) == stored


def test_responses_are_gzip_if_the_client_accepts_it(client: httpx.Client, write: Write) -> None:
    write(*(span(trace_id=f"{n:032x}") for n in range(50)))

    packed = client.get("/traces", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/traces", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_unknown_ids_are_404(client: httpx.Client) -> None:
    for path in ("/traces/x", "/traces/x/spans/y", "/traces/x/records", "/sessions/x", "/attachments/x", "/nothing"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
    answer = client.put("/traces")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


# --- changing things


def test_a_trace_is_updated(client: httpx.Client, write: Write) -> None:
    write(span())
    place = f"/traces/{TRACE_ID}"

    assert client.patch(place, json={"session_id": "s-1", "user": "ann", "metadata": {"a": "1"}}).status_code == 204
    assert client.patch(place, json={"metadata": {"a": None, "b": "2"}, "tags": {"t": "x"}}).status_code == 204
    trace = get(client, "/traces")["traces"][0]
    assert (trace["session_id"], trace["user"], trace["tags"]) == ("s-1", "ann", {"t": "x"})
    assert get(client, place)["trace"]["metadata"] == {"b": "2"}
    for body in ({}, {"state": "OK"}, {"user": 3}, {"tags": ["a"]}, {"metadata": {"a": 1}}, {"tags": {"": "x"}}):
        assert client.patch(place, json=body).status_code == 400, body
    assert client.patch("/traces/nothing", json={"user": "ann"}).status_code == 404


def test_tags_are_set_and_removed(client: httpx.Client, write: Write) -> None:
    write(span())
    tag = f"/traces/{TRACE_ID}/tags/a%2Fb%20c"

    assert client.put(tag, json={"value": "x"}).status_code == 204
    assert get(client, "/traces")["traces"][0]["tags"] == {"a/b c": "x"}
    assert client.delete(tag).status_code == 204
    assert client.delete(tag).status_code == 204
    assert get(client, "/traces")["traces"][0]["tags"] == {}
    assert client.put("/traces/nothing/tags/a", json={"value": "x"}).status_code == 404
    assert client.put(tag, json={"value": 3}).status_code == 400


def test_feedback_is_given_changed_and_taken_back(client: httpx.Client, write: Write) -> None:
    write(span())
    place = f"/traces/{TRACE_ID}/assessments"
    body = {
        "name": "good",
        "value": 3,
        "rationale": "so so",
        "source": {"type": "human", "id": "ann"},
        "span_id": ROOT_ID,
    }

    given = client.post(place, json=body)
    assert given.status_code == 201
    first = given.json()
    assert (first["value"], first["type"], first["span_id"]) == (3, "feedback", ROOT_ID)
    assert first["source"] == {"type": "HUMAN", "id": "ann"}

    changed = client.patch(f"{place}/{first['id']}", json={"value": 5, "rationale": None}).json()
    assert changed == {**first, "value": 5, "rationale": None, "time_ns": changed["time_ns"]}
    assert get(client, f"/traces/{TRACE_ID}")["trace"]["assessments"] == [changed]
    assert len(get(client, "/traces", filter="feedback.good > 4")["traces"]) == 1

    assert client.delete(f"{place}/{first['id']}").status_code == 204
    assert client.delete(f"{place}/{first['id']}").status_code == 404
    assert get(client, f"/traces/{TRACE_ID}")["trace"]["assessments"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "", "value": 1},
        {"name": "x", "value": 1, "type": "mood"},
        {"name": "x", "value": 1, "source": "ann"},
        {"name": "x", "value": 1, "metadata": {"a": 1}},
        {"name": "x", "value": 1, "rationale": 3},
    ],
)
def test_feedback_that_makes_no_sense_is_refused(body: dict[str, Any], client: httpx.Client, write: Write) -> None:
    write(span())

    assert client.post(f"/traces/{TRACE_ID}/assessments", json=body).status_code == 400


@pytest.mark.parametrize(("levels", "status"), [(240, 201), (250, 400), (900, 400)])
def test_feedback_is_kept_as_deep_as_it_can_be_shown(
    levels: int, status: int, client: httpx.Client, write: Write
) -> None:
    write(span())
    body = b'{"name": "deep", "value": ' + b"[" * levels + b"]" * levels + b"}"
    headers = {"Content-Type": "application/json"}

    assert client.post(f"/traces/{TRACE_ID}/assessments", content=body, headers=headers).status_code == status

    assert client.get("/traces").status_code == 200
    assert client.get(f"/traces/{TRACE_ID}/otlp").status_code == 200


@pytest.mark.parametrize("fields", [{"start": 2**63}, {"start": None, "end": None}, {"end": -1}, {"otel_kind": 9}])
def test_a_span_with_figures_that_cannot_be_can_be_opened(
    fields: dict[str, Any], client: httpx.Client, write: Write
) -> None:
    write(span(**fields))

    for path in ("", f"/spans/{ROOT_ID}", "/records", "/otlp"):
        assert client.get(f"/traces/{TRACE_ID}{path}").status_code == 200, path


def test_a_running_span_without_a_time_can_be_opened(client: httpx.Client, write: Write) -> None:
    write({"kind": "start", "trace_id": TRACE_ID, "span_id": ROOT_ID, "name": "runs", "start": 0})

    [running] = get(client, f"/traces/{TRACE_ID}")["spans"]

    assert (running["status"], running["start_ns"]) == ("IN_PROGRESS", 0)


def test_deleting(client: httpx.Client, write: Write) -> None:
    ids = [f"{number:032x}" for number in range(1, 6)]
    write(*(span(trace_id=trace_id, start=START + n) for n, trace_id in enumerate(ids)))

    assert client.delete(f"/traces/{ids[0]}").status_code == 204
    assert client.delete(f"/traces/{ids[0]}").status_code == 404
    assert client.post("/traces/delete", json={"trace_ids": [ids[1], "nothing"]}).json() == {"deleted": 1}
    assert client.post("/traces/delete", json={"filter": "name = 'agent'", "limit": 1}).json() == {"deleted": 1}
    assert client.post("/traces/delete", json={"until_ns": START + 4}).json() == {"deleted": 1}
    assert [trace["trace_id"] for trace in get(client, "/traces")["traces"]] == ids[4:]
    for body in ({}, {"since_ns": "now"}, {"filter": 3}, {"filter": "cost > 0", "limit": 0}, {"until_ns": 2**63}):
        assert client.post("/traces/delete", json=body).status_code == 400
    assert client.post("/traces/delete", json={"trace_ids": "all"}).status_code == 400


# --- overviews


def test_a_session_reads_as_a_conversation(client: httpx.Client, write: Write) -> None:
    tool = [
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "weather", "arguments": {}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "sunny"}]},
    ]
    history = chat()["json"][semconv.INPUT_MESSAGES]
    second = chat(2, end=START + SECOND)
    second["json"] = {**second["json"], semconv.INPUT_MESSAGES: [*history, *tool]}
    write(span(), chat(), second, said(session_id="a/b"))
    later = "9" * 32
    write(span(trace_id=later, start=START + 9 * SECOND, end=START + 10 * SECOND), said(later, session_id="a/b"))

    found = get(client, "/sessions/a%2Fb")

    assert found["session"]["trace_count"] == 2
    first_turn, second_turn = found["turns"]
    assert [message["role"] for message in first_turn["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert first_turn["messages"][1:3] == tool
    assert second_turn["messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "Where to?"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "Lisbon"}]},
    ]
    assert second_turn["trace"]["trace_id"] == later


def test_a_histogram_has_every_step(client: httpx.Client, write: Write) -> None:
    write(*(span(trace_id=f"{n:032x}", start=START + n * 60 * SECOND, end=START + n * 60 * SECOND) for n in (0, 5)))

    found = get(client, "/traces/histogram", buckets=12)

    starts = [bucket["start_ns"] for bucket in found["buckets"]]
    assert starts == list(range(found["since_ns"], found["until_ns"], found["step_ns"]))
    assert (found["count"], sum(bucket["count"] for bucket in found["buckets"])) == (2, 2)
    assert len(starts) > 2


def test_statistics_over_time(client: httpx.Client, write: Write) -> None:
    write(span(), chat(), chat(2, status="ERROR"))
    minute = 60 * SECOND

    found = get(client, "/statistics", interval_ns=minute)

    [group] = found["groups"]
    [step] = found["series"]
    assert (group["group"], group["calls"], group["errors"]) == ("gpt-4o-mini", 2, 1)
    assert (group["input_tokens"], group["output_tokens"], group["priced"]) == (200, 40, 2)
    assert group["latency_ns"]["p99"] == SECOND // 2 - 1000
    assert step == {"start_ns": START - START % minute, **group}
    assert (found["counts"], found["exact"], found["interval_ns"]) == ("calls", True, minute)
    assert client.get("/statistics", params={"interval_ns": 7}).status_code == 400
    assert client.get("/statistics", params={"group_by": "mood"}).status_code == 400


def test_filters_are_checked_and_completed(client: httpx.Client, write: Write) -> None:
    write(span(), chat(), said(tags={"env": "prod"}, model_id="m-1"))
    write({"kind": "model", "model_id": "m-1", "name": "shop-v1", "time": 1})

    assert get(client, "/filter/check", filter="tokens > 1") == {"valid": True, "error": None}
    wrong = get(client, "/filter/check", filter="modle = 'x'")
    assert (wrong["valid"], wrong["error"]["position"]) == (False, 0)
    assert "did you mean model" in wrong["error"]["message"]
    assert get(client, "/filter/complete", filter="model = ")["items"] == [
        {"text": "'gpt-4o-mini'", "kind": "value", "detail": None}
    ]
    assert get(client, "/filter/complete", filter="tags.env = 'p")["items"][0]["text"] == "'prod'"
    assert get(client, "/filter/complete", filter="version = ")["items"][0]["text"] == "'shop-v1'"
    assert get(client, "/filter/complete", filter="stat = 1", cursor=4)["items"][0]["text"] == "state"
