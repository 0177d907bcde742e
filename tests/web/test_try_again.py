"""A model's call that is tried again from the page: edited, run, stopped, compared; its states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import tracer
from tests.openai.replies import chat as chat_reply
from tests.openai.replies import chunk, delta
from tests.openai.server import Server, reply, sse
from tests.web import stories
from tests.web.conftest import Watched, shoot
from tests.web.serving import served

pytestmark = pytest.mark.no_store


class Tried:
    """A served store with calls of a local provider, and that provider."""

    def __init__(self, provider: Server, store: Path, url: str, traces: dict[str, str]) -> None:
        self.provider = provider
        self.store = store
        self.url = url
        self.traces = traces


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    store = tmp_path_factory.mktemp("tried") / "tracer.db"
    provider = Server()
    tracer.configure(store=store)
    try:
        with stories.recorded(provider) as client:
            traces = {"agent": stories.support_agent(client, provider)}
            provider.will(reply(stories.priced(chat_reply({"role": "assistant", "content": "A tram."}))))
            traces["picture"] = asked_about_a_picture(client)
            traces["long"] = long_conversation(client)
    finally:
        tracer.reset()
    with served(store, "--try-again", "--try-endpoint", f"{provider.url}/v1", "--try-limit", "500") as url:
        yield Tried(provider, store, url, traces)
    provider.close()


def asked_about_a_picture(client: Any) -> str:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{stories.picture()}"}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is on it?"}, picture]}]
    client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=50, seed=7)
    return stories.last_trace()


def long_conversation(client: Any) -> str:
    messages: Any = [{"role": "system", "content": "Be brief. " * 500}]
    for turn in range(150):
        messages += [{"role": "user", "content": f"Question {turn}?"}, {"role": "assistant", "content": "Yes. " * 40}]
    client.chat.completions.create(model="gpt-4o-mini", messages=[*messages, {"role": "user", "content": "And now?"}])
    return stories.last_trace()


def call_in(page: Page, trace_id: str) -> None:
    """Open a trace's last call of a model."""
    page.goto(f"/traces/{trace_id}")
    page.get_by_role("treeitem").filter(has_text="chat gpt-4o-mini").last.click()


def open_try(page: Page, trace_id: str) -> None:
    call_in(page, trace_id)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Try again")


def streamed(*texts: str) -> Any:
    pieces = [chunk(delta(content=text)) for text in texts]
    usage = {"prompt_tokens": 200, "completion_tokens": 40, "total_tokens": 240}
    chunks = [chunk(delta(role="assistant", content="")), *pieces, chunk(delta(finish="stop")), chunk(usage=usage)]
    return sse(*map(stories.priced, chunks))


def test_a_call_is_edited_and_sent_again(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    tried.provider.will(streamed("Within ", "**14** days."))
    tried.provider.asked.clear()
    open_try(page, tried.traces["agent"])
    variant = page.get_by_role("listitem", name="Variant 1")
    variant.get_by_label("Model").fill("gpt-4o")
    variant.get_by_label("Text of message 1").fill("You are terse.")
    variant.get_by_label("Name of a new parameter").fill("temperature")
    variant.get_by_label("Name of a new parameter").press("Enter")
    variant.get_by_label("temperature", exact=True).fill("0.7")
    shoot(page, "try-edited")
    variant.get_by_role("button", name="Run variant 1").click()

    expect(variant.get_by_role("region", name="Reply of variant 1")).to_contain_text("Within 14 days.")
    expect(variant).to_contain_text("240 tokens".replace("240", "200 → 40"))
    shoot(page, "try-done")
    [asked] = tried.provider.asked
    assert (asked.json["model"], asked.json["temperature"]) == ("gpt-4o", 0.7)
    assert asked.json["messages"][0] == {"role": "system", "content": "You are terse."}
    assert [message["role"] for message in asked.json["messages"]] == ["system", "user", "assistant", "tool"]
    assert asked.json["tools"] == stories.TOOLS
