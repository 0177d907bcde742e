"""The audit and the comparison of two traces, asked of the server."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

import tracer
from tests.openai.replies import chat
from tests.openai.server import Server, reply
from tests.server.conftest import client_of
from tests.server.test_openapi import problems
from tracer.server import running_server


@pytest.fixture
def asked_twice(server: Server) -> list[str]:
    """Two traces of an agent that asks the same, and gets another answer."""
    tracer.openai.autolog()
    server.will(
        reply(chat({"role": "assistant", "content": "Yes, within 30 days."})),
        reply(chat({"role": "assistant", "content": "Yes, within 14 days."})),
    )
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
        messages: Any = [{"role": "user", "content": "Can I send it back?"}]
        ids = []
        for _ in range(2):
            with tracer.start_span("agent") as span:
                client.chat.completions.create(model="gpt-4o-mini", messages=messages)
            ids.append(span.trace_id)
    tracer.openai.autolog(disable=True)
    tracer.flush()
    return ids


@pytest.fixture
def api(own_store: str, asked_twice: list[str]) -> Any:
    with running_server(own_store) as url, client_of(f"{url}/api/v1") as client:
        yield client


def test_two_traces_are_compared(api: httpx.Client, asked_twice: list[str]) -> None:
    one, other = asked_twice

    found = api.get(f"/traces/{one}/diff", params={"other": other}).json()

    assert problems(found, "TraceDiff") == []
    assert found["first"]["step"] == ["agent", "chat gpt-4o-mini"]
    assert found["first"]["text"] == 'outputs[0].parts[0].content, word 3: "30 days." in A, "14 days." in B'
    assert [len(step["differences"]) for step in found["steps"]] == [0, 1]
    same = api.get(f"/traces/{one}/diff", params={"other": one}).json()
    assert (same["differs"], same["first"]) == (False, None)
    assert problems(same, "TraceDiff") == []
    assert api.get(f"/traces/{one}/diff", params={"other": "0" * 32}).status_code == 404
    assert api.get(f"/traces/{one}/diff").status_code == 404
    ignored = api.get(f"/traces/{one}/diff", params={"other": other, "ignore": "content,model"}).json()
    assert ignored["differs"] is False


def test_the_audit_names_what_was_spent_twice(api: httpx.Client, asked_twice: list[str]) -> None:
    found = api.get("/audit").json()

    assert problems(found, "Audit") == []
    assert [each["kind"] for each in found["findings"]] == ["identical calls"]
    assert set(found["findings"][0]["traces"]) <= set(asked_twice)
    of_one = api.get("/audit", params={"filter": f"trace_id = '{asked_twice[0]}'"}).json()
    assert (of_one["traces"], of_one["findings"]) == (1, [])
    assert api.get("/audit", params={"filter": "colour ="}).status_code == 400
