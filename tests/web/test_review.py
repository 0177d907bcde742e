"""Reviewing traces one after the other, by keyboard and by mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

import tracer
from tests.waiting import until
from tests.web.conftest import Watched, axe
from tests.web.serving import served
from tracer.store import TraceQuery, open_store
from tracer.store.reviews import queue_id_of

pytestmark = pytest.mark.no_store

Given = Callable[[], list[tuple[int, str, object, str, str]]]
ANSWERS = f"/review/{queue_id_of('answers')}"
SCORES = [
    {"name": "correct", "kind": "yes_no", "question": "Is the answer right?"},
    {"name": "tone", "kind": "rating"},
    {"name": "fault", "kind": "choice", "choices": ["none", "wrong rule"]},
    {"name": "note", "kind": "text"},
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with three traces of an agent that looks documents up, and a queue that asks all kinds of questions."""
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    for number in range(3):
        with tracer.start_span("agent") as span:
            span.set_inputs({"question": f"Question {number}"})
            span.set_outputs(f"Answer **{number}**")
            with tracer.start_span("search", span_type="RETRIEVER") as step:
                step.set_outputs([{"page_content": f"Rule {number}", "metadata": {"source": "rules.md"}}])
            with tracer.start_span("chat", span_type="CHAT_MODEL") as call:
                messages = [{"role": "user", "content": f"Asked {number}"}]
                tracer.tracing.set_span_chat_messages(call, messages)
    tracer.genai.create_review_queue("answers", filter_string="name = 'agent'", scores=SCORES, guidance="Be strict.")
    tracer.reset()
    return store


@pytest.fixture
def url(place: Path) -> Iterator[str]:
    """A server over that store."""
    with served(place) as found:
        yield found


@pytest.fixture
def page(watched: Watched, url: str) -> Page:
    """A page on that server."""
    return watched.open(url)


@pytest.fixture
def given(place: Path) -> Iterator[Given]:
    """The feedback in the store: number of the trace, name, value, type and name of the source."""
    store = open_store(f"sqlite:///{place}")

    def read() -> list[tuple[int, str, object, str, str]]:
        oldest_first = store.find_traces(TraceQuery(None)).traces[::-1]
        return sorted(
            (number, each.name, each.value, each.source["type"], each.source["id"])
            for number, row in enumerate(oldest_first)
            for each in row.assessments
        )

    yield read
    store.close()


def named(page: Page, name: str = "ann", path: str = ANSWERS) -> None:
    """Open the queue and say who one is."""
    page.goto(path)
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")


def shows(page: Page, number: int) -> None:
    expect(page.get_by_role("article", name="What was said")).to_contain_text(f"Question {number}")


def test_traces_are_reviewed_with_one_key_each(page: Page, given: Given) -> None:
    named(page)
    shows(page, 0)
    expect(page.get_by_text("0 of 3 traces reviewed · 0 by you")).to_be_visible()
    for key in ("y", "4", "2"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="wrong rule")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("t")
    page.keyboard.type("nearly")
    page.keyboard.press("Enter")

    shows(page, 1)
    expect(page.get_by_text("1 of 3 traces reviewed · 1 by you")).to_be_visible()
    for number, keys in ((1, ("n", "1", "1")), (2, ("y", "5", "1"))):
        shows(page, number)
        for key in (*keys, "Enter"):
            page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()
    assert given() == [
        (0, "correct", True, "HUMAN", "ann"), (0, "fault", "wrong rule", "HUMAN", "ann"),
        (0, "note", "nearly", "HUMAN", "ann"), (0, "tone", 4, "HUMAN", "ann"),
        (1, "correct", False, "HUMAN", "ann"), (1, "fault", "none", "HUMAN", "ann"), (1, "tone", 1, "HUMAN", "ann"),
        (2, "correct", True, "HUMAN", "ann"), (2, "fault", "none", "HUMAN", "ann"), (2, "tone", 5, "HUMAN", "ann"),
    ]  # fmt: skip
    page.goto("/review")
    expect(page.get_by_text("3 of 3 traces reviewed · 3 by you")).to_be_visible()
    page.get_by_role("link", name="answers").click()
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()
    page.get_by_role("link", name="What I reviewed").click()
    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("3 traces")


def test_a_key_before_the_next_trace_is_there_changes_nothing(page: Page, given: Given) -> None:
    named(page)
    shows(page, 0)
    held: list[Route] = []
    page.route("**/review-queues/*/traces*", lambda route: held.append(route))
    for key in ("y", "4", "2", "Enter"):
        page.keyboard.press(key)
    assert until(lambda: page.evaluate("1") and held)
    page.keyboard.press("n")
    held[0].continue_()

    shows(page, 1)
    assert {each[1]: each[2] for each in given()} == {"correct": True, "fault": "wrong rule", "tone": 4}


def test_a_question_takes_no_click_before_the_trace_is_there(page: Page, given: Given) -> None:
    held: list[Route] = []
    page.route("**/api/v1/traces/*", lambda route: held.append(route))
    named(page)
    yes = page.get_by_role("button", name="Yes")
    expect(yes).to_be_disabled()
    expect(page.get_by_role("textbox", name="note")).to_be_disabled()
    assert until(lambda: page.evaluate("1") and held)
    page.unroute_all()  # lets go what is held
    yes.click()

    expect(yes).to_have_attribute("aria-pressed", "true")
    assert until(lambda: [each[:3] for each in given()] == [(0, "correct", True)])


def test_traces_are_reviewed_by_mouse_and_answers_are_taken_back(page: Page, given: Given) -> None:
    named(page)
    expect(page.get_by_text("Be strict.")).to_be_visible()
    right = page.get_by_role("group", name="Is the answer right?")
    right.get_by_role("button", name="Yes").click()
    expect(right.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    right.get_by_role("button", name="No").click()
    expect(right.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("group", name="tone").get_by_role("button", name="3").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Answer what is marked, or skip this trace.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("group", name="tone").get_by_role("button", name="3")).to_have_attribute(
        "aria-pressed", "false"
    )
    page.get_by_role("button", name="Undo").click()
    expect(right.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(right.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    assert given() == [(0, "correct", True, "HUMAN", "ann")]
    right.get_by_role("button", name="Yes").click()
    expect(right.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(right.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "false")
    assert given() == []


def test_undoing_goes_back_to_the_trace_of_the_last_answer(page: Page, given: Given) -> None:
    named(page)
    for number in range(3):
        shows(page, number)
        for key in ("y", "4", "2", "Enter"):
            page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()
    page.keyboard.press("u")
    shows(page, 2)
    expect(page.get_by_role("button", name="wrong rule")).to_have_attribute("aria-pressed", "false")
    for _ in range(3):  # the other two here, and the last one of the trace before
        page.keyboard.press("u")
    shows(page, 1)
    expect(page.get_by_role("button", name="wrong rule")).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("button", name="4")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="4")).to_have_attribute("aria-pressed", "false")
    page.reload()
    shows(page, 1)

    assert [each[:3] for each in given()] == [
        (0, "correct", True), (0, "fault", "wrong rule"), (0, "tone", 4), (1, "correct", True)
    ]  # fmt: skip


def test_what_was_said_is_input_and_output_or_the_conversation_with_documents(page: Page) -> None:
    named(page)
    said = page.get_by_role("article", name="What was said")
    expect(said.locator("strong", has_text="0").first).to_be_visible()
    expect(said.get_by_role("list", name="Documents")).to_contain_text("Rule 0")
    said.get_by_role("button", name="Conversation").click()
    expect(said.get_by_role("list", name="Conversation")).to_contain_text("Asked 0")
    page.keyboard.press("c")
    expect(said).to_contain_text("Question 0")
    said.get_by_role("link", name="agent").click()
    expect(page.get_by_role("treeitem")).to_have_count(3)
    page.go_back()
    shows(page, 0)


def test_skipped_traces_come_again_when_nothing_else_is_left(page: Page) -> None:
    named(page)
    shows(page, 0)
    page.keyboard.press("s")
    shows(page, 1)
    page.keyboard.press("b")
    shows(page, 0)
    page.keyboard.press("s")
    shows(page, 1)
    for key in ("y", "4", "2", "Enter"):
        page.keyboard.press(key)
    shows(page, 2)
    page.get_by_role("button", name="Skip").click()

    expect(page.get_by_role("heading", name="Only 2 traces that you skipped")).to_be_visible()
    page.get_by_role("button", name="Show them again").click()
    shows(page, 0)


def test_two_people_review_the_same_trace_each_with_feedback_of_their_own(
    watched: Watched, place: Path, given: Given
) -> None:
    tracer.configure(store=f"sqlite:///{place}")
    tracer.genai.create_review_queue("twice", filter_string="request CONTAINS '0'", scores=["right"], reviewers=2)
    tracer.reset()
    twice = f"/review/{queue_id_of('twice')}"
    with served(place) as url:
        ann, ben, cem = watched.open(url), watched.open(url), watched.open(url)
        named(ann, "ann", twice)
        shows(ann, 0)
        ann.keyboard.press("y")
        ann.keyboard.press("Enter")
        expect(ann.get_by_role("heading", name="Nothing left to review")).to_be_visible()
        named(ben, "ben", twice)
        shows(ben, 0)
        expect(ben.get_by_text("0 of 1 trace reviewed · 0 by you")).to_be_visible()
        expect(ben.get_by_text("right: yes")).to_have_count(0)
        ben.keyboard.press("n")
        expect(ben.get_by_text("right: yes")).to_be_visible()
        ben.keyboard.press("Enter")
        expect(ben.get_by_text("1 of 1 trace reviewed · 1 by you")).to_be_visible()
        named(cem, "cem", twice)

        expect(cem.get_by_role("heading", name="Nothing left to review")).to_be_visible()
        assert given() == [(0, "right", False, "HUMAN", "ben"), (0, "right", True, "HUMAN", "ann")]


def test_the_name_is_asked_once_and_may_be_changed(page: Page) -> None:
    named(page, "ann")
    shows(page, 0)
    page.reload()
    shows(page, 0)
    page.get_by_role("button", name="as ann").click()
    page.get_by_label("Your name").fill("ben")
    page.get_by_role("button", name="Start").click()

    expect(page.get_by_role("button", name="as ben")).to_be_visible()


def test_a_queue_is_made_changed_and_deleted(page: Page) -> None:
    page.goto("/review")
    page.get_by_role("button", name="New queue").click()
    form = page.get_by_role("form", name="New queue")
    form.get_by_label("Name", exact=True).fill("mine")
    box = form.get_by_label("Filter of the queue")
    box.fill("nme = 'agent'")
    form.get_by_role("button", name="Make the queue").click()
    expect(form.get_by_role("alert")).to_contain_text("did you mean name")
    box.fill("name = 'agent' AND request CONTAINS '1'")
    form.get_by_role("button", name="Question").click()
    form.get_by_label("Name of the score").last.fill("fault")
    form.get_by_label("Kind of fault").select_option("choice")
    form.get_by_label("Choices of fault").fill("none, wrong rule")
    form.get_by_role("button", name="Make the queue").click()
    page.get_by_label("Your name").fill("ann")
    page.keyboard.press("Enter")
    shows(page, 1)
    expect(page.get_by_role("group", name="fault").get_by_role("button")).to_have_count(2)

    page.get_by_role("link", name="All queues").click()
    page.get_by_role("button", name="Edit mine").click()
    edit = page.get_by_role("form", name="Edit mine")
    edit.get_by_role("button", name="Remove fault").click()
    edit.get_by_label("People for each trace").fill("3")
    edit.get_by_role("button", name="Save").click()
    expect(page.get_by_text("3 people each")).to_be_visible()
    page.get_by_role("button", name="Delete mine").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="mine")).to_have_count(0)


def test_an_answer_that_is_not_saved_is_told_and_not_shown_as_given(watched: Watched, place: Path) -> None:
    with served(place) as url:
        page = watched.open(url)
        named(page)
        shows(page, 0)
        failing = {"status": 503, "json": {"error": {"code": "store_unavailable", "message": "the disk is full"}}}
        page.route("**/assessments", lambda route: route.fulfill(**failing))
        page.keyboard.press("y")
        expect(page.get_by_role("alert")).to_contain_text("Not saved: the disk is full")
        yes = page.get_by_role("group", name="Is the answer right?").get_by_role("button", name="Yes")
        expect(yes).to_have_attribute("aria-pressed", "false")
        page.unroute("**/assessments")
    page.keyboard.press("y")
    expect(page.get_by_role("alert").filter(has_text="Not saved")).to_contain_text("The server does not answer")
    page.keyboard.press("s")
    expect(page.get_by_role("alert").first).to_contain_text("The server does not answer")
    shows(page, 0)


def test_a_server_without_queues_shows_how_to_begin(watched: Watched, tmp_path: Path) -> None:
    with served(tmp_path / "none.db") as url:
        page = watched.open(url)
        page.goto("/review")
        expect(page.get_by_role("heading", name="No review queues yet")).to_be_visible()
        assert axe(page) == []
        page.goto("/review/q-none")
        expect(page.get_by_text("no review queue has the id")).to_be_visible()
        assert axe(page) == []
