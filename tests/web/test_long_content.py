"""Long content opens at once and stays light: what is folded is not there yet, and more comes in parts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

import tracer
from tests.web.conftest import Watched, copied_text
from tests.web.serving import served

pytestmark = pytest.mark.no_store
MOST_NODES = 1_500
LIST = "- *item* with `code`\n" * 5_000
RECORDS = [{f"field {field}": f"value {n}" for field in range(20)} for n in range(300)]


class Heavy:
    """The ids of traces with a great deal in them."""

    list: str
    chat: str
    attributes: str
    deep: str
    ids: str
    numbers: str


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Heavy]]:
    """A server over these traces, and their ids."""
    store, trace_ids = tmp_path_factory.mktemp("heavy") / "tracer.db", Heavy()
    tracer.configure(store=f"sqlite:///{store}", max_value_bytes=8_000_000)
    with tracer.start_span("list", span_type="CHAT_MODEL") as span:
        trace_ids.list = span.trace_id
        tracer.set_span_chat_messages(span, [{"role": "user", "content": LIST}])
        tracer.set_span_chat_messages(span, [{"role": "assistant", "content": json.dumps(RECORDS)}], append=True)
        span.set_inputs({"documents": RECORDS})
    with tracer.start_span("chat", span_type="CHAT_MODEL") as span:
        trace_ids.chat = span.trace_id
        roles = ("user", "assistant")
        words = "It *goes* on and on, as conversations do. " * 20
        said = [{"role": roles[n % 2], "content": f"message {n}. {words}"} for n in range(1_000)]
        tracer.set_span_chat_messages(span, said)
    with tracer.start_span("attributes") as span:
        trace_ids.attributes = span.trace_id
        span.set_attribute("app.big", "lorem ipsum " * 400_000)
        span.set_attributes({f"app.key.{n:03}": n for n in range(900)})
    trace_ids.deep = nested(60)
    with tracer.start_span("ids") as span:
        trace_ids.ids = span.trace_id
        tracer.update_current_trace(session_id="session" * 30, user="user" * 40, tags={"tag": "value" * 30})
    with tracer.start_span("numbers", span_type="TOOL") as span:
        trace_ids.numbers = span.trace_id
        span.set_inputs({"user_id": 1234567890123456789, "price": 10.0})
        span.set_outputs('{"order": 9007199254740993, "rate": 1.10}')
        span.set_attribute("app.guild", 1234567890123456789)
        span.set_attribute("app.twice", '{"a": 1, "a": 2}')
    tracer.flush()
    tracer.reset()
    with served(store) as url:
        yield url, trace_ids


def nested(depth: int) -> str:
    with tracer.start_span(f"level {depth}") as span:
        if depth:
            nested(depth - 1)
    return span.trace_id


@pytest.fixture
def page(watched: Watched, heavy: tuple[str, Heavy]) -> Page:
    return watched.open(heavy[0], permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def trace_ids(heavy: tuple[str, Heavy]) -> Heavy:
    return heavy[1]


def nodes(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('*').length"))


def test_a_folded_message_is_not_drawn_and_opens_in_parts(page: Page, trace_ids: Heavy) -> None:
    page.goto(f"/traces/{trace_ids.list}")
    message = page.locator(".message.role-user")
    expect(message).to_contain_text("item with code")
    expect(page.locator(".reply .json")).to_be_visible()
    assert nodes(page) < MOST_NODES

    message.get_by_role("button", name="Show more of 105,000 characters").click()
    expect(message.locator("li").nth(300)).to_be_attached()
    assert message.locator("li").count() < 600
    page.get_by_role("tab", name="Input & output").click()
    expect(page.locator(".side .json").first).to_contain_text("documents")
    assert nodes(page) < MOST_NODES


def test_a_thousand_messages_are_paged(page: Page, trace_ids: Heavy) -> None:
    page.goto(f"/traces/{trace_ids.chat}")
    conversation = page.get_by_label("Conversation")
    expect(conversation).to_contain_text("message 999.")
    conversation.get_by_role("button", name="Show 990 earlier messages").click()
    expect(conversation).to_contain_text("message 980.")
    for left in (978, 966, 954):
        conversation.get_by_role("button", name=f"Show {left} earlier messages").click()
    expect(conversation).to_contain_text("message 944.")
    expect(conversation.get_by_role("button", name="later messages")).to_be_visible()

    assert nodes(page) < MOST_NODES


def test_hundreds_of_attributes_are_turned_page_by_page(page: Page, trace_ids: Heavy) -> None:
    page.goto(f"/traces/{trace_ids.attributes}?tab=attributes")
    expect(page.get_by_role("cell", name="lorem ipsum")).to_contain_text("Show more of 4,800,000 characters")
    expect(page.get_by_text("1 to 60 of 901 attributes")).to_be_visible()
    page.get_by_role("button", name="Later attributes").click()
    expect(page.get_by_role("rowheader", name="app.key.059")).to_be_visible()
    assert nodes(page) < MOST_NODES

    page.get_by_label("Find an attribute").fill("key.876")
    expect(page.get_by_role("rowheader", name="app.key.876")).to_be_visible()


def test_deep_steps_keep_their_names(page: Page, trace_ids: Heavy) -> None:
    page.goto(f"/traces/{trace_ids.deep}")
    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    last = page.get_by_role("treeitem", name="level 0 ").last
    expect(last).to_be_visible()
    name, figures = last.locator(".span-name").bounding_box(), last.locator(".span-figures").bounding_box()

    assert name is not None
    assert figures is not None
    assert name["width"] > 30
    assert name["x"] + name["width"] <= figures["x"]


def test_long_ids_stay_within_their_place(watched: Watched, heavy: tuple[str, Heavy]) -> None:
    beyond = """selector => [...document.querySelectorAll(selector)].filter(one =>
        one.getBoundingClientRect().right > innerWidth).map(one => one.textContent)"""
    for width in (1440, 390):
        page = watched.open(heavy[0], width=width)
        page.goto(f"/traces/{heavy[1].ids}")
        expect(page.get_by_role("link", name="session session")).to_be_visible()
        assert page.evaluate(beyond, ".trace-head *") == []
    page = watched.open(heavy[0])
    page.goto("/sessions")
    expect(page.get_by_role("columnheader", name="Length")).to_be_in_viewport(ratio=1)


def test_numbers_stay_as_they_were_written(page: Page, trace_ids: Heavy) -> None:
    page.goto(f"/traces/{trace_ids.numbers}?tab=io")
    expect(page.locator(".side").first).to_contain_text("1234567890123456789")
    expect(page.locator(".side").first).to_contain_text("10.0")
    expect(page.locator(".side").last).to_contain_text("9007199254740993")
    expect(page.locator(".side").last).to_contain_text("1.10")
    page.get_by_role("tab", name="Attributes").click()
    expect(page.get_by_role("row").filter(has_text="app.guild")).to_contain_text("1234567890123456789")
    expect(page.get_by_role("row").filter(has_text="app.twice")).to_contain_text('{"a": 1, "a": 2}')

    page.get_by_role("button", name="Copy this trace").click()
    page.get_by_role("menuitem", name="JSON").click()
    copied = json.loads(copied_text(page, '"records"'))
    (record,) = copied["records"]
    assert record["json"]["tracer.inputs"] == {"user_id": 1234567890123456789, "price": 10.0}
