"""What was spent without need, where two traces part, and what was forked, are on the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from playwright.sync_api import expect

import tracer
from tests.openai.replies import chat
from tests.openai.server import Server, reply
from tests.web.conftest import Watched
from tests.web.serving import served

pytestmark = pytest.mark.no_store


@pytest.fixture
def forked(tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """A server over a run of two calls, the same with another answer, and a fork of it; its address and two ids."""
    store = tmp_path / "own.db"
    server = Server()
    tracer.configure(store=f"sqlite:///{store}")
    tracer.openai.autolog()

    def run(*answers: str) -> str:
        server.will(*(reply(chat({"role": "assistant", "content": text})) for text in answers))
        http = openai.DefaultHttpxClient(verify=False)
        with (
            openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client,
            tracer.start_span("agent") as span,
        ):
            for question in ("Can I send it back?", "Until when?"):
                messages: Any = [{"role": "user", "content": question}]
                client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        tracer.flush()
        return str(span.trace_id)

    try:
        first = run("Yes.", "Within 30 days.")
        old = tracer.get_trace(first)
        assert old is not None
        with tracer.fork(old, at=3):
            fork = run("Within 14 days.")
    finally:
        tracer.openai.autolog(disable=True)
        tracer.reset()
        server.close()
    with served(store) as url:
        yield url, first, fork


def test_a_fork_and_its_origin_lead_to_each_other_and_say_where_they_part(
    watched: Watched, forked: tuple[str, str, str]
) -> None:
    url, first, fork = forked
    page = watched.open(url)
    page.goto(f"/traces/{fork}")
    page.get_by_role("link", name="forked from a run").click()

    expect(page).to_have_url(f"{url}/traces/{first}?span={page.url.partition('span=')[2]}")
    page.get_by_text("Forked here 1 time").click()
    page.get_by_role("link", name="compare", exact=True).click()
    expect(page.locator(".parting")).to_contain_text(
        'outputs[0].parts[0].content, word 2: "30 days." in A, "14 days." in B'
    )
    page.locator(".parting").get_by_role("button").click()
    expect(page.locator(".pair-row.selected")).to_contain_text("chat gpt-4o-mini")


def test_the_audit_leads_to_the_calls_that_were_not_needed(watched: Watched, forked: tuple[str, str, str]) -> None:
    url, first, _ = forked
    page = watched.open(url)
    page.goto("/dashboard")
    page.get_by_role("link", name="Audit").click()

    expect(page.get_by_role("heading", name="identical calls")).to_have_count(1)
    expect(page.get_by_text("3 calls in the newest 2 traces")).to_be_visible()
    page.get_by_role("link", name="chat gpt-4o-mini").first.click()
    expect(page.get_by_role("treeitem")).to_have_count(3)

    page.goto(f"/traces/{first}?tab=audit")
    expect(page.get_by_text("Nothing was spent without need")).to_be_visible()


def test_a_mistake_in_the_filter_of_the_audit_is_told(watched: Watched, forked: tuple[str, str, str]) -> None:
    url, _, _ = forked
    page = watched.open(url)
    page.goto("/audit?filter=colour%20%3D%201")

    expect(page.get_by_text("colour").first).to_be_visible()
    page.goto("/audit?filter=name%20%3D%20'nobody'")
    expect(page.get_by_text("Nothing was spent without need")).to_be_visible()
