"""Reading one trace: its steps, what was said, what went wrong, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

import tracer
from tests.waiting import until
from tests.web import stories
from tests.web.conftest import Watched, copied_text
from tests.web.serving import TraceIds, served

pytestmark = pytest.mark.no_store


def step(page: Page, name: str, nth: int = 0) -> None:
    """Open a step of the tree."""
    page.get_by_role("treeitem", name=name).nth(nth).click()


def test_the_tree_shows_steps_below_steps_with_their_figures(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    items = page.get_by_role("treeitem")
    expect(items).to_have_count(4)

    assert [item.get_attribute("aria-level") for item in items.all()] == ["1", "2", "2", "2"]
    expect(items.nth(3)).to_contain_text("chat gpt-4o-mini")
    expect(items.nth(3)).to_contain_text("first chunk after")
    expect(items.nth(0)).to_contain_text("tokens")
    heading = page.get_by_role("banner").or_(page.locator(".trace-head"))
    expect(heading.last).to_contain_text("env: prod")
    expect(heading.last).to_contain_text("session chat-1")


def test_a_model_s_call_reads_as_a_conversation(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    step(page, "chat gpt-4o-mini", 1)
    conversation = page.get_by_label("Conversation")

    expect(conversation.locator(".message-role")).to_have_text(["System", "User", "Assistant", "Assistant"])
    call = conversation.get_by_label("Tool call find_order")
    expect(call).to_contain_text("1042")
    expect(call).to_contain_text("days_since: 12")
    reply = conversation.locator(".reply")
    expect(reply.get_by_role("heading", name="Refund")).to_be_visible()
    expect(reply.locator("strong")).to_have_text("within 30 days")
    expect(reply.get_by_role("cell", name="Basic")).to_be_visible()
    expect(reply.locator(".hljs-keyword").first).to_have_text("def")


def test_an_agent_reads_as_the_conversation_that_it_led(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    expect(page.get_by_role("tab", name="Conversation")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("Tool call find_order")).to_contain_text("days_since: 12")
    expect(page.get_by_label("Conversation").locator(".reply").get_by_role("heading", name="Refund")).to_be_visible()

    page.get_by_role("tabpanel").get_by_role("button", name="chat gpt-4o-mini").click()
    expect(page.get_by_role("treeitem", selected=True)).to_have_attribute("aria-posinset", "3")


def test_an_agent_whose_model_recorded_no_messages_shows_its_own_input(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.long}")

    expect(page.get_by_text("No messages were recorded with it.")).to_be_visible()
    expect(page.get_by_role("tabpanel")).to_contain_text("Input")


def test_reasoning_media_refusals_and_choices_have_their_form(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.kinds}")
    conversation = page.get_by_label("Conversation")
    picture = conversation.locator(".message.role-user img")
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.querySelector('.message.role-user img').naturalWidth === 96")
    page.wait_for_function("() => document.querySelector('audio').duration > 0.09")
    expect(conversation.get_by_text("Choice 1 of 2")).to_be_visible()
    expect(conversation.get_by_text("Refused: I cannot name people.")).to_be_visible()
    expect(conversation.get_by_text("confidence:")).to_be_visible()

    reasoning = conversation.get_by_text("A river, a yellow tram")
    expect(reasoning).to_be_hidden()
    conversation.get_by_text("Reasoning").click()
    expect(reasoning).to_be_visible()
    page.get_by_text("1 tool offered").click()
    expect(page.locator(".tool-list summary")).to_contain_text("<b>zoom</b>")


def test_the_reader_chooses_how_texts_are_shown(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}?tab=io")
    output = page.locator(".side").nth(1)
    expect(output.get_by_role("heading", name="Refund")).to_be_visible()

    page.get_by_role("button", name="Raw").click()
    expect(output).to_contain_text("## Refund")
    page.get_by_role("button", name="JSON", exact=True).click()
    expect(output.locator(".json")).to_be_visible()
    page.reload()
    expect(output.locator(".json")).to_be_visible()
    page.get_by_role("button", name="Pretty").click()
    expect(output.get_by_role("heading", name="Refund")).to_be_visible()


def test_events_are_the_chunks_with_their_times(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    step(page, "chat gpt-4o-mini", 1)
    page.get_by_role("tab", name="Events").click()

    expect(page.get_by_text("chunks, the first after")).to_be_visible()
    events = page.locator(".events > li")
    expect(events.nth(1)).to_contain_text("## R")
    events.nth(1).locator("summary").click()
    expect(events.nth(1).locator(".json")).to_contain_text("delta")


def test_an_error_is_found_by_a_key_and_told_with_its_stack(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.failing}")
    expect(page.get_by_role("treeitem")).to_have_count(3)
    page.keyboard.press("e")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("parse")

    error = page.get_by_role("region", name="Error")
    expect(error).to_contain_text("ValueError")
    expect(error).to_contain_text("not JSON: '{half'")
    error.get_by_text("Stack trace").click()
    expect(error).to_contain_text("raise ValueError")


def test_tokens_and_cost_are_broken_down_by_step(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}?tab=cost")
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table).to_contain_text("100%")

    table.get_by_role("button", name="chat gpt-4o-mini").first.click()
    expect(page.get_by_role("heading", name="This call")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Input")).to_contain_text("212")


def test_attributes_are_found(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    step(page, "chat gpt-4o-mini")
    page.get_by_role("tab", name="Attributes").click()
    page.get_by_label("Find an attribute").fill("temperature")

    expect(page.locator(".attributes").last.get_by_role("row")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="gen_ai.request.temperature")).to_contain_text("0.2")


def test_the_tree_is_worked_by_keyboard(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    tree = page.get_by_role("tree")
    selected = page.get_by_role("treeitem", selected=True)
    tree.focus()
    page.keyboard.press("ArrowDown")
    expect(selected).to_have_attribute("aria-posinset", "1")
    page.keyboard.press("ArrowLeft")
    expect(selected).to_contain_text("support agent")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem")).to_have_count(4)
    page.keyboard.press("End")
    expect(selected).to_have_attribute("aria-posinset", "3")
    assert tree.get_attribute("aria-activedescendant") == selected.get_attribute("id")


def test_steps_are_searched(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.long}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("turn 4991")
    expect(page.get_by_text("1 found")).to_be_visible()
    expect(page.get_by_role("treeitem", name="turn 4991")).to_be_in_viewport()
    expect(page.get_by_role("treeitem", name="turn 4991")).to_have_attribute("aria-selected", "false")
    page.keyboard.press("Enter")

    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("turn 4991")


def test_what_was_said_is_searched_within_a_trace(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.support}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.get_by_label("Find in this trace").fill("lamp")
    expect(page.get_by_text("2 found")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("find_order")


def test_five_thousand_steps_stay_light(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.long}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    expect(page.get_by_text("5,000 steps").first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") <= 800

    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    expect(
        page.get_by_role("treeitem", name="5000").or_(page.get_by_role("treeitem", name="4999")).last
    ).to_be_visible()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("e")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("Error")
    page.get_by_role("button", name="Close all steps").click()
    expect(page.get_by_role("treeitem", selected=True)).to_have_count(0)
    assert page.evaluate("document.querySelectorAll('*').length") <= 800


def test_the_trace_of_an_address_is_asked_for_beside_everything_else(page: Page, trace_ids: TraceIds) -> None:
    held: list[Route] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/api/v1/server", lambda route: held.append(route))
    with page.expect_response(lambda answer: answer.url.endswith(f"/api/v1/traces/{trace_ids.long}")):
        page.goto(f"/traces/{trace_ids.long}")
    assert until(lambda: page.evaluate("1") and any("/TracePage-" in url for url in asked))
    assert page.get_by_role("treeitem").count() == 0

    held[0].continue_()
    expect(page.get_by_role("treeitem").first).to_be_visible()


@pytest.fixture
def looked_at(watched: Watched, tmp_path: Path) -> Iterator[tuple[Page, dict[str, str]]]:
    """A page on a store of its own, and traces by name: a loop, a retriever, a failure below an agent, a plain one."""
    store = tmp_path / "looked-at.db"
    tracer.configure(store=f"sqlite:///{store}")
    ids = {"loop": stories.loop(60), "retriever": stories.retriever(), "failing": stories.failing_chain()}
    with tracer.start_span("plain") as span:
        span.set_inputs("a question")
    ids["plain"] = span.trace_id
    tracer.reset()
    with served(store) as url:
        yield watched.open(url), ids


def test_many_steps_of_one_name_are_one_row_until_they_are_opened(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['loop']}")
    row = page.get_by_role("treeitem").filter(has_text="embed page")
    expect(page.get_by_role("treeitem")).to_have_count(3)
    expect(row).to_contain_text("60 times, 1 failed")
    expect(row).to_contain_text("p95")
    assert row.locator(".fold").evaluate("chip => chip.scrollWidth <= chip.clientWidth")
    assert row.locator(".span-name").evaluate("name => name.scrollWidth <= name.clientWidth")
    expect(page.get_by_text("Tokens", exact=True)).to_have_count(1)  # nothing here has any: the tab alone

    page.get_by_role("tree").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(row.nth(20)).to_be_attached()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("treeitem")).to_have_count(3)
    row.locator(".fold").click()
    expect(row.nth(20)).to_be_attached()
    row.first.locator(".fold").click()
    expect(page.get_by_role("treeitem")).to_have_count(3)

    page.keyboard.press("e")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("Error")
    expect(page.get_by_role("article")).to_contain_text("too long")


def test_a_line_on_top_leads_to_the_slowest_and_the_failed_steps(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['failing']}")
    page.get_by_label("Notable steps").get_by_role("button", name="Failed: parse").click()

    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("parse")


def test_a_failure_says_where_it_was_raised_and_shows_the_users_code(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['failing']}")
    error = page.get_by_label("Error", exact=True)
    expect(error.get_by_label("Your code").get_by_role("listitem").first).to_contain_text("web/stories.py")
    expect(error.get_by_label("Your code").get_by_role("listitem").first).to_contain_text("raise ValueError")
    error.get_by_role("button", name="parse").click()

    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("parse")
    expect(error).not_to_contain_text("Raised in")


def test_retrieved_documents_are_cards(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['retriever']}?tab=io")
    cards = page.get_by_label("Documents").get_by_role("listitem")

    expect(cards).to_have_count(2)
    for said in ("1", "Lisbon", "https://example.org/lisbon", "score 0.91", "warm in summer"):
        expect(cards.first).to_contain_text(said)
    expect(cards.nth(1)).to_contain_text("porto.md")
    page.get_by_role("button", name="JSON", exact=True).click()
    expect(page.get_by_text("page_content").first).to_be_visible()


def test_the_timeline_is_as_wide_as_one_wants_and_zooms(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['loop']}")
    lane = page.locator(".ruler .span-lane")
    before = lane.bounding_box()
    line = page.get_by_role("separator", name="Width of the timeline")
    line.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    after = lane.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"] + 20

    bar = page.get_by_role("treeitem").first.locator(".bar")
    whole = bar.evaluate("bar => bar.style.width")
    page.get_by_role("button", name="Zoom in").click()
    assert bar.evaluate("bar => bar.style.width") != whole
    page.get_by_role("tree").focus()
    page.keyboard.press("0")
    assert bar.evaluate("bar => bar.style.width") == whole
    page.mouse.move(after["x"] + 10, after["y"] + 8)
    page.mouse.down()
    page.mouse.move(after["x"] + after["width"] / 2, after["y"] + 8)
    page.mouse.up()
    assert bar.evaluate("bar => bar.style.width") != whole
    lane.dblclick()
    assert bar.evaluate("bar => bar.style.width") == whole


def test_a_thumb_is_feedback_at_once_and_is_taken_back(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['plain']}?tab=feedback")
    up, down = (page.get_by_role("button", name=name, exact=True) for name in ("Helpful", "Not helpful"))
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".feedback-list")).to_contain_text("helpful")
    down.click()
    expect(page.locator(".feedback-list .badge")).to_have_text("no")
    expect(up).to_have_attribute("aria-pressed", "false")
    down.click()

    expect(page.locator(".feedback-list")).to_have_count(0)


def test_a_tab_stays_in_its_trace(looked_at: tuple[Page, dict[str, str]]) -> None:
    page, ids = looked_at
    page.goto(f"/traces/{ids['plain']}")
    page.get_by_role("tab", name="Attributes").click()
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1, name="answer with sources")).to_be_visible()

    expect(page.get_by_role("tab", name="Input & output")).to_have_attribute("aria-selected", "true")


def test_an_interrupted_trace_says_so(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/traces/{trace_ids.interrupted}")

    expect(page.get_by_text("The process that ran this ended before the trace did")).to_be_visible()
    expect(page.get_by_role("treeitem").filter(has_text="first step")).to_contain_text("OK")
    expect(page.locator(".trace-head")).not_to_contain_text("running")


def test_a_step_is_copied_as_a_command_and_as_python(watched: Watched, address: str, trace_ids: TraceIds) -> None:
    page = watched.open(address, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/traces/{trace_ids.support}")
    step(page, "chat gpt-4o-mini")
    copied = []
    for item, telling in (
        ("Request as curl", "curl "),
        ("Request as Python", "client."),
        ("Whole step as JSON", '"span_id"'),
    ):
        page.get_by_role("button", name="Copy this step").click()
        page.get_by_role("menuitem", name=item).click()
        expect(page.get_by_role("menu")).to_have_count(0)
        copied.append(copied_text(page, telling))

    assert copied[0].startswith("curl http://127.0.0.1:")
    assert '"model": "gpt-4o-mini"' in copied[0]
    compile(copied[1], "copied", "exec")
    assert "client.chat.completions.create(" in copied[1]
    assert json.loads(copied[2])["name"] == "chat gpt-4o-mini"


def test_what_is_copied_of_a_trace_reaches_this_server(watched: Watched, address: str, trace_ids: TraceIds) -> None:
    page = watched.open(address, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/traces/{trace_ids.support}")
    copied = []
    for item, telling in (
        ("curl for this trace", "curl "),
        ("Python that reads it", "import tracer"),
        ("JSON", "within 30 days"),
    ):
        page.get_by_role("button", name="Copy this trace").click()
        page.get_by_role("menuitem", name=item).click()
        copied.append(copied_text(page, telling))

    assert copied[0] == f"curl {address}/api/v1/traces/{trace_ids.support}/records"
    assert f'tracer.set_tracking_uri("{address}")' in copied[1]
    assert "Can I send order 1042 back?" in copied[2]
    assert "within 30 days" in copied[2]


def test_escape_closes_what_is_open_before_it_leaves_the_trace(page: Page, trace_ids: TraceIds) -> None:
    page.goto("/traces")
    page.goto(f"/traces/{trace_ids.support}")
    for button, opened in (
        ("Copy this trace", page.get_by_role("menu")),
        ("Copy this step", page.get_by_role("menu")),
        ("Add to a dataset", page.get_by_role("menu")),
        ("Delete this trace", page.get_by_role("dialog")),
        ("Keyboard shortcuts", page.get_by_role("dialog")),
    ):
        page.get_by_role("button", name=button).click()
        expect(opened).to_be_visible()
        page.keyboard.press("Escape")
        expect(opened).to_have_count(0)
        assert page.url.split("?")[0].endswith(trace_ids.support)
    page.keyboard.press("Escape")

    page.wait_for_url("**/traces")


def test_feedback_is_given_and_taken_back_by_hand(watched: Watched, tmp_path: Path) -> None:
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    with tracer.start_span("to be judged") as span:
        pass
    tracer.flush()
    with served(store) as url:
        page = watched.open(url)
        page.goto(f"/traces/{span.trace_id}?tab=feedback")
        page.get_by_label("Name", exact=True).fill("correct")
        page.get_by_label("Yes").click()
        page.get_by_label("Why").fill("says where")
        page.get_by_role("button", name="Save feedback").click()
        expect(page.locator(".feedback-list")).to_contain_text("says where")

        trace = tracer.get_trace(span.trace_id)
        assert trace is not None
        [given] = trace.info.assessments
        assert (given.name, given.value, given.rationale, given.source.source_type) == (
            "correct",
            True,
            "says where",
            "HUMAN",
        )
        page.get_by_role("button", name="Delete feedback correct").click()
        expect(page.locator(".feedback-list")).to_have_count(0)
    tracer.reset()


def test_a_trace_is_added_to_a_new_dataset_and_to_one_that_is_there(watched: Watched, tmp_path: Path) -> None:
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    tracer.genai.create_dataset("hard questions")
    with tracer.start_span("to be asked again") as span:
        span.set_inputs({"question": "Where to?"})
    tracer.flush()
    with served(store) as url:
        page = watched.open(url)
        page.goto(f"/traces/{span.trace_id}")
        button = page.get_by_role("button", name="Add to a dataset")
        button.click()
        page.get_by_role("menuitem", name="New dataset…").click()
        page.get_by_label("Name", exact=True).fill("all questions")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(button).to_contain_text("Added")
        button.click()
        expect(page.get_by_role("menuitem", name="all questions 1 row")).to_be_visible()
        page.get_by_role("menuitem", name="hard questions 0 rows").click()
        expect(page.get_by_role("menu")).to_have_count(0)
        button.click()
        expect(page.get_by_role("menuitem", name="hard questions 1 row")).to_be_visible()

        for name in ("hard questions", "all questions"):
            [row] = tracer.genai.get_dataset(name).records
            assert (row.inputs, row.trace_id) == ({"question": "Where to?"}, span.trace_id)
    tracer.reset()


def test_a_running_trace_grows_without_moving_what_is_read(watched: Watched, tmp_path: Path) -> None:
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    with served(store) as url, tracer.start_span("long job") as root:
        page = watched.open(url)
        for n in range(80):
            with tracer.start_span(f"step {n}") as span:
                span.set_outputs("\n\n".join(f"line {line}" for line in range(200)))
        page.goto(f"/traces/{root.trace_id}")
        expect(page.locator(".trace-head")).to_contain_text("running")
        step(page, "step 9")
        body = page.locator("#span-panel-body")
        expect(body).to_contain_text("line 199")
        body.evaluate("element => element.scrollTo(0, 700)")
        page.locator(".span-tree").evaluate("element => element.scrollTo(0, 150)")
        chosen = page.get_by_role("treeitem", selected=True)
        before = (chosen.bounding_box(), body.evaluate("element => element.scrollTop"))
        with tracer.start_span("the newest"):
            pass
        expect(page.locator(".trace-head")).to_contain_text("82 steps")

        assert (chosen.bounding_box(), body.evaluate("element => element.scrollTop")) == before
        root.end()
        expect(page.locator(".trace-head")).to_contain_text("OK")
        assert (chosen.bounding_box(), body.evaluate("element => element.scrollTop")) == before
    tracer.reset()


@pytest.fixture
def odd(watched: Watched, tmp_path: Path) -> Iterator[tuple[Page, str]]:
    """A page on a store of its own, and the trace with messages of odd shapes in it."""
    tracer.configure(store=f"sqlite:///{tmp_path / 'odd.db'}")
    try:
        trace_id = stories.odd_messages()
    finally:
        tracer.reset()
    with served(tmp_path / "odd.db") as address:
        yield watched.open(address), trace_id


def test_messages_of_any_shape_are_a_conversation(odd: tuple[Page, str]) -> None:
    page, trace_id = odd
    page.goto(f"/traces/{trace_id}")

    expect(page.get_by_label("Conversation")).to_contain_text("How warm is it?")
    expect(page.get_by_label("Conversation")).to_contain_text("It is 21")


def test_a_view_that_breaks_leaves_the_rest_of_the_page(watched: Watched, odd: tuple[Page, str]) -> None:
    page, trace_id = odd

    def break_messages(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "output_messages": [{"role": "assistant"}]})

    page.route("**/spans/*", break_messages)
    page.goto(f"/traces/{trace_id}")

    expect(page.get_by_role("alert")).to_contain_text("This view of the step cannot be shown")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.get_by_role("tab", name="Attributes").click()
    expect(page.get_by_text("gen_ai.output.messages").first).to_be_visible()
    assert all("parts is not iterable" in complaint for complaint in watched.complaints)
    watched.complaints.clear()
