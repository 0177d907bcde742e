"""A model's call that is tried again from the page: edited, run, stopped, compared; its states."""

from __future__ import annotations

import threading
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
from tests.web.conftest import Watched, axe, shoot
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
        with tracer.start_span("chat elsewhere", span_type="CHAT_MODEL") as span:
            tracer.set_span_chat_messages(span, [{"role": "user", "content": "Where to?"}])
            span.set_attributes({"server.address": "llm.example.org", "server.port": 443})
        traces["elsewhere"] = stories.last_trace()
        with tracer.start_span("chat empty", span_type="LLM"):
            pass
        traces["empty"] = stories.last_trace()
        tracer.register_prompt("answer", [{"role": "user", "content": "In {{language}}: {{question}}"}])
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


def test_variants_run_side_by_side_by_keyboard(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    tried.provider.will(*[streamed(f"Answer {number}.") for number in (1, 2, 3)])
    call_in(page, tried.traces["agent"])
    page.keyboard.press("t")
    page.get_by_role("button", name="Add a variant").press("Enter")
    page.get_by_role("button", name="Copy variant 2").press("Enter")
    third = page.get_by_role("listitem", name="Variant 3")
    third.get_by_label("Model").fill("gpt-4o")
    third.get_by_label("Model").press("Control+Shift+Enter")

    replies = page.get_by_role("region", name="Reply of variant")
    expect(replies).to_have_count(3)
    for number in range(3):
        expect(replies.nth(number)).to_contain_text("Answer ")
        expect(replies.nth(number)).to_contain_text("tokens")
    assert sorted(asked.json["model"] for asked in tried.provider.asked[-3:]) == [
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4o-mini",
    ]
    shoot(page, "try-variants")
    tried.provider.will(streamed("Only this one."))
    third.get_by_label("Text of message 2").press("Control+Enter")
    expect(replies.nth(2)).to_contain_text("Only this one.")
    expect(replies.nth(0)).to_contain_text("Answer ")
    third.get_by_role("button", name="Remove variant 3").click()
    expect(replies).to_have_count(2)


def test_the_reply_grows_and_is_stopped(watched: Watched, tried: Tried) -> None:
    held = threading.Event()
    page = watched.open(tried.url)
    tried.provider.will(sse(chunk(delta(role="assistant", content="Once upon")), held))
    open_try(page, tried.traces["agent"])
    page.get_by_role("button", name="Run variant 1").click()
    reply_region = page.get_by_role("region", name="Reply of variant 1")
    expect(reply_region).to_contain_text("Once upon")
    expect(reply_region).to_contain_text("running")
    page.get_by_role("button", name="Stop variant 1").click()

    expect(reply_region).to_contain_text("stopped")
    expect(reply_region).to_contain_text("Once upon")
    expect(page.get_by_role("button", name="Run variant 1")).to_be_enabled()
    held.set()


def test_call_and_trial_lead_to_each_other_and_are_compared(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    tried.provider.will(streamed("Within 14 days."))
    open_try(page, tried.traces["agent"])
    page.get_by_role("button", name="Run variant 1").click()
    page.get_by_label("Text of message 1").fill("You are terse.")
    page.get_by_role("link", name="Trace", exact=True).click()
    expect(page.get_by_role("link", name="tried again from a call")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Text of message 1")).to_have_value("You are terse.")
    page.get_by_role("link", name="Trace", exact=True).click()
    page.get_by_role("link", name="tried again from a call").click()
    expect(page.get_by_role("article", name="Step chat gpt-4o-mini")).to_be_visible()
    page.locator(".tries > summary").click()
    again = page.locator(".tries-list li", has_text="14 days.")
    again.get_by_role("link", name="compare").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.locator(".pair-list [role=option]")).to_have_count(1)
    expect(page.get_by_text("messages the same")).to_be_visible()
    expect(page.get_by_role("list", name="Output, message 1 of B")).to_contain_text("14 days.")
    shoot(page, "try-compared")


def test_what_a_provider_refuses_is_shown_in_its_words(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    tried.provider.will(reply({"error": {"message": "temperature: must be at most 2"}}, status=400))
    open_try(page, tried.traces["agent"])
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text("HTTP 400: temperature: must be at most 2")
    expect(page.get_by_role("link", name="Trace", exact=True)).to_be_visible()


def test_messages_are_moved_added_removed_and_written_as_json(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    tried.provider.will(streamed("Yes."))
    open_try(page, tried.traces["picture"])
    variant = page.get_by_role("listitem", name="Variant 1")
    expect(variant.get_by_role("img")).to_be_visible()
    variant.get_by_role("button", name="Message", exact=True).click()
    variant.get_by_label("Text of message 2").fill("A tram?")
    variant.get_by_role("button", name="Message", exact=True).click()
    variant.get_by_role("button", name="Move message 3 up").click()
    variant.get_by_role("button", name="Remove message 3").click()
    variant.get_by_label("Role of message 2").select_option("assistant")
    variant.get_by_role("button", name="Edit message 2 as JSON").click()
    box = variant.get_by_label("JSON of message 2")
    box.fill("{")
    expect(variant.get_by_role("alert")).to_contain_text("No JSON")
    expect(variant.get_by_role("button", name="Run variant 1")).to_be_disabled()
    box.fill('{"role": "assistant", "content": "Hm.", "name": "ann", "cost": 1.0}')
    variant.get_by_role("button", name="Remove seed").click()
    variant.get_by_text("No tools").click()
    variant.get_by_role("button", name="Tool", exact=True).click()
    variant.get_by_role("button", name="Run variant 1").click()
    expect(variant.get_by_role("region", name="Reply of variant 1")).to_contain_text("Yes.")

    asked = tried.provider.asked[-1]
    picture = asked.json["messages"][0]["content"][1]["image_url"]["url"]
    assert picture == f"data:image/png;base64,{stories.picture()}"
    assert asked.json["messages"][1] == {"role": "assistant", "content": "Hm.", "name": "ann", "cost": 1.0}
    assert b'"cost":1.0' in asked.body
    assert (asked.json["max_tokens"], "seed" in asked.json) == (50, False)
    assert asked.json["tools"][0]["function"]["name"] == "new_tool"


def test_a_long_conversation_shows_its_ends(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    open_try(page, tried.traces["long"])
    variant = page.get_by_role("listitem", name="Variant 1")

    expect(variant.get_by_label("Text of message 302")).to_have_value("And now?")
    expect(variant.get_by_label("Text of message 1", exact=True)).to_have_count(0)
    assert page.evaluate("document.querySelectorAll('*').length") < 1500
    variant.get_by_role("button", name="Show 278 earlier messages").click()
    variant.get_by_role("button", name="Open message 2", exact=True).click()
    expect(variant.get_by_label("Text of message 2", exact=True)).to_have_value("Question 0?")


def test_a_prompt_is_tried_with_values_for_its_variables(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    tried.provider.will(streamed("Oui."))
    page.goto("/prompts/answer")
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    page.get_by_label("Model").fill("gpt-4o-mini")
    page.get_by_label("language").fill("French")
    page.get_by_label("question").fill("Is there {{a}} tram?")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("region", name="Reply of variant 1")).to_contain_text("Oui.")

    [message] = tried.provider.asked[-1].json["messages"]
    assert message["content"] == "In French: Is there {{a}} tram?"
    page.get_by_role("link", name="Trace", exact=True).click()
    expect(page.get_by_role("link", name="prompt answer/1")).to_be_visible()


def test_a_server_that_may_not_be_asked_is_told(watched: Watched, tried: Tried) -> None:
    page = watched.open(tried.url)
    page.goto(f"/traces/{tried.traces['elsewhere']}")
    page.get_by_role("link", name="Try again").click()

    expect(page.get_by_text("The call went to llm.example.org:443")).to_be_visible()
    expect(page.get_by_label("Server")).to_have_value(f"{tried.provider.url}/v1")
    expect(page.get_by_text("made of the messages that were recorded")).to_be_visible()
    page.goto(f"/traces/{tried.traces['empty']}")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_text("was not kept")).to_be_visible()


def test_off_unknown_and_away(watched: Watched, tried: Tried) -> None:
    with served(tried.store) as url:
        page = watched.open(url)
        open_try(page, tried.traces["agent"])
        expect(page.get_by_role("heading", name="This server makes no calls")).to_be_visible()
        page.goto("/try?trace=00&step=11")
        expect(page.get_by_role("alert")).to_contain_text("no trace")
        page.goto("/try")
        expect(page.get_by_text("Open a model's call")).to_be_visible()
    with served(tried.store, "--try-again", "--try-endpoint", f"{tried.provider.url}/v1") as url:
        page = watched.open(url)
        open_try(page, tried.traces["agent"])
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1440), ("dark", 1440), ("dark", 390)], ids=["light", "dark", "phone"]
)
def test_the_page_is_accessible(watched: Watched, tried: Tried, theme: str, width: int) -> None:
    page = watched.open(tried.url, width=width, height=900, color_scheme=theme)
    tried.provider.will(streamed("Within ", "14 days."))
    page.goto(f"/traces/{tried.traces['agent']}")
    page.get_by_role("treeitem").filter(has_text="chat gpt-4o-mini").last.click()
    page.get_by_role("link", name="Try again").click()
    page.get_by_role("button", name="Add a variant").click()
    page.get_by_role("button", name="Run all 2").click()
    expect(page.get_by_role("link", name="Compare", exact=True)).to_have_count(2)
    shoot(page, f"try-{theme}-{width}")

    assert axe(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
