"""Prompts over HTTP: new versions and aliases from the page, and how many traces used a version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import tracer
from tests.server.conftest import TRACE_ID, span

SECRET = "sk-proj-" + "abcdefghijklmnopqrstuvwxyz0123456789ABCD"
TEMPLATE = [{"role": "system", "content": "Be {{tone}}."}, {"role": "user", "content": "{{question}}"}]


def versions(client: httpx.Client, name: str = "answer") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/registered", params={"kind": "prompt", "name": name}).json()[
        "registered"
    ]
    return found


def new(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/prompts", json={"name": "answer", "template": "Answer {{question}}", **fields})


def test_a_version_is_registered_and_numbered(client: httpx.Client) -> None:
    first = new(client, commit_message="first", tags={"team": "a"})
    second = new(client, template=TEMPLATE)

    assert (first.status_code, first.json()["number"], second.json()["number"]) == (201, 1, 2)
    assert [version["content"]["template"] for version in versions(client)] == [TEMPLATE, "Answer {{question}}"]
    assert versions(client)[1]["content"]["commit_message"] == "first"
    assert versions(client)[1]["tags"] == {"team": "a"}


@pytest.fixture
def here(server_url: str) -> Iterator[None]:
    tracer.configure(store=server_url)
    yield
    tracer.reset()


@pytest.mark.usefixtures("here")
def test_programs_load_what_the_page_registered(client: httpx.Client) -> None:
    new(client)
    client.put("/prompts/answer/aliases/production", json={"version": 1})

    assert tracer.load_prompt("answer@production").format(question="Why?") == "Answer Why?"


def test_an_alias_moves_and_is_taken_away(client: httpx.Client) -> None:
    new(client), new(client)
    assert client.put("/prompts/answer/aliases/production", json={"version": 1}).status_code == 204
    assert versions(client)[0]["aliases"] == {"production": 1}
    client.put("/prompts/answer/aliases/production", json={"version": 2})
    assert versions(client)[0]["aliases"] == {"production": 2}

    assert client.delete("/prompts/answer/aliases/production").status_code == 204
    assert client.delete("/prompts/answer/aliases/production").status_code == 204
    assert versions(client)[0]["aliases"] == {}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"template": ""}, "template"),
        ({"template": [{"role": "user"}]}, "template"),
        ({"template": 3}, "template"),
        ({"tags": {"a": 1}}, "tags"),
        ({"commit_message": 1}, "commit_message"),
        ({"number": 7}, "number"),
        ({"template": "x" * 2_000_000}, "longer"),
        ({"template": f"Use {SECRET}"}, "secret"),
    ],
)
def test_what_is_no_prompt_is_refused(fields: Any, word: str, client: httpx.Client) -> None:
    answer = new(client, **fields)

    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]
    assert versions(client) == []


def test_an_alias_of_nothing_is_refused(client: httpx.Client) -> None:
    new(client)
    put = [
        client.put("/prompts/answer/aliases/production", json={"version": 9}),
        client.put("/prompts/other/aliases/production", json={"version": 1}),
        client.put("/prompts/answer/aliases/latest", json={"version": 1}),
        client.put("/prompts/answer/aliases/a@b", json={"version": 1}),
        client.put("/prompts/answer/aliases/production", json={}),
    ]

    assert [answer.status_code for answer in put] == [404, 404, 400, 400, 400]
    assert client.delete("/prompts/other/aliases/production").status_code == 404


def test_the_traces_of_each_version_are_counted(client: httpx.Client, write: Callable[..., None]) -> None:
    write(
        span(),
        {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "metadata": {"tracer.prompt.answer/2": "answer@production"}},
    )
    facets = client.get("/traces/facets", params={"fields": "prompt", "filter": "prompt IS NOT NULL"}).json()["facets"]

    assert [(value["value"], value["count"]) for value in facets[0]["values"]] == [("answer/2", 1)]
