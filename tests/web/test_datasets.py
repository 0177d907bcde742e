"""The pages of datasets: looked through, edited, filled and saved, by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import tracer
from tests.web.conftest import Watched, axe
from tests.web.serving import served
from tracer.store import StoredRow, open_store
from tracer.store.datasets import dataset_id_of

pytestmark = pytest.mark.no_store

ROWS: list[dict[str, Any]] = [
    {
        "inputs": {"question": "How long?", "order": 1234567890123456789},
        "expectations": {"answer": "14 days", "price": 10.0},
        "tags": {"kind": "hard"},
        "split": "test",
    },
    {"inputs": "Where is my parcel?", "expectations": {"tool": "find_order"}},
    {"inputs": {"question": "Is it open?"}},
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with a dataset of three rows, and three traces of which one has no inputs."""
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    tracer.genai.create_dataset("questions", tags={"team": "shop"}).add(ROWS)
    for number in range(2):
        with tracer.start_span("agent") as span:
            span.set_inputs({"question": f"Question {number}"})
            with tracer.start_span("find_order", span_type="TOOL") as step:
                step.set_inputs({"order": number})
                step.set_outputs("on its way")
    with tracer.start_span("empty"):
        pass
    tracer.reset()
    return store


@pytest.fixture
def url(place: Path) -> Iterator[str]:
    """A server over that store."""
    with served(place) as found:
        yield found


@pytest.fixture
def rows(place: Path) -> Iterator[Callable[..., list[StoredRow]]]:
    """The rows of a dataset as they are stored."""
    store = open_store(f"sqlite:///{place}")
    yield lambda name="questions": store.rows(dataset_id_of(name)).rows
    store.close()


@pytest.fixture
def page(watched: Watched, url: str) -> Page:
    """A page on that server."""
    return watched.open(url)


QUESTIONS = f"/datasets/{dataset_id_of('questions')}"


def opened(page: Page, text: str) -> None:
    """Open the row with a text."""
    page.get_by_role("button", name=text).click()
    expect(page.get_by_role("group", name="Inputs", exact=True)).to_be_visible()


def test_datasets_are_listed_and_one_is_made(page: Page) -> None:
    page.goto("/datasets")
    row = page.get_by_role("row").filter(has_text="questions")
    expect(row).to_contain_text("3")
    expect(row).to_contain_text("team: shop")
    page.get_by_role("button", name="New dataset").click()
    page.get_by_label("Name of the new dataset").fill("later")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("later")
    expect(page.get_by_role("heading", name="No rows yet")).to_be_visible()
    page.get_by_role("button", name="Delete this dataset").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="questions")).to_be_visible()
    expect(page.get_by_role("link", name="later")).to_have_count(0)


def test_a_row_is_edited_by_keyboard_and_keeps_its_exact_numbers(
    page: Page, rows: Callable[..., list[StoredRow]]
) -> None:
    page.goto(QUESTIONS)
    expect(page.get_by_role("button", name="How long?")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    answer = page.get_by_label("Expectations: answer")
    expect(answer).to_have_value("14 days")
    answer.fill("30 days")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="Inputs", exact=True)).to_have_count(0)
    expect(page.locator(".dataset-item").first).to_contain_text("answer: 30 days")
    [row, *_] = rows()
    assert row.expectations == {"answer": "30 days", "price": 10.0}
    assert row.inputs == {"question": "How long?", "order": 1234567890123456789}
    assert isinstance(row.expectations["price"], float)


def test_inputs_fields_and_tags_are_edited_as_fields_and_as_json(
    page: Page, rows: Callable[..., list[StoredRow]]
) -> None:
    page.goto(QUESTIONS)
    opened(page, "Where is my parcel?")
    page.get_by_role("group", name="Inputs", exact=True).get_by_role("textbox").fill("Where is it?")
    expected = page.get_by_role("group", name="Expectations", exact=True)
    expected.get_by_role("button", name="Remove tool").click()
    expected.get_by_role("button", name="Field", exact=True).click()
    expected.get_by_label("Name of a field of expectations").fill("answer")
    expected.get_by_label("Expectations: answer").fill("42")
    tags = page.get_by_role("group", name="Tags", exact=True)
    tags.get_by_role("button", name="JSON").click()
    tags.get_by_role("textbox").fill('{"kind": "easy"}')
    page.get_by_label("Split").fill("train")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    row = rows()[1]
    assert (row.inputs, row.expectations, row.tags, row.split) == (
        "Where is it?", {"answer": "42"}, {"kind": "easy"}, "train",
    )  # fmt: skip


def test_what_is_no_json_is_told_while_it_is_written_and_is_not_saved(page: Page) -> None:
    page.goto(QUESTIONS)
    opened(page, "Is it open?")
    expected = page.get_by_role("group", name="Expectations", exact=True)
    expected.get_by_role("button", name="JSON").click()
    box = expected.get_by_role("textbox")
    box.fill('{"answer": ')
    expect(expected.get_by_role("alert")).to_contain_text("JSON")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    box.fill('["yes"]')
    expect(expected.get_by_role("alert")).to_contain_text("Expected an object")
    box.fill('{"answer": "yes", "answer": "no"}')
    expect(expected.get_by_role("alert")).to_contain_text("twice")
    box.fill('{"answer": "yes"}')

    expect(expected.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def test_who_edits_a_row_that_another_has_changed_is_told(
    watched: Watched, url: str, rows: Callable[..., list[StoredRow]]
) -> None:
    mine, theirs = watched.open(url), watched.open(url)
    for each, answer in ((mine, "mine"), (theirs, "theirs")):
        each.goto(QUESTIONS)
        opened(each, "How long?")
        each.get_by_label("Expectations: answer").fill(answer)
    theirs.get_by_role("button", name="Save", exact=True).click()
    expect(theirs.get_by_text("Saved", exact=True)).to_be_visible()
    mine.get_by_role("button", name="Save", exact=True).click()

    expect(mine.get_by_role("alert")).to_contain_text("changed meanwhile")
    assert rows()[0].expectations["answer"] == "theirs"
    mine.get_by_role("button", name="Read it again").click()
    expect(mine.get_by_role("alert")).to_contain_text("changed by somebody else")
    expect(mine.get_by_label("Expectations: answer")).to_have_value("mine")
    mine.get_by_role("button", name="Take theirs").click()
    expect(mine.get_by_label("Expectations: answer")).to_have_value("theirs")

    theirs.reload()
    opened(theirs, "How long?")
    theirs.get_by_label("Expectations: answer").fill("theirs again")
    mine.get_by_label("Expectations: answer").fill("mine after all")
    theirs.get_by_role("button", name="Save", exact=True).click()
    expect(theirs.get_by_text("Saved", exact=True)).to_be_visible()
    mine.get_by_role("button", name="Save", exact=True).click()
    mine.get_by_role("button", name="Save mine over it").click()
    expect(mine.get_by_text("Saved", exact=True)).to_be_visible()
    assert rows()[0].expectations["answer"] == "mine after all"


def test_rows_are_added_searched_and_deleted(page: Page, rows: Callable[..., list[StoredRow]]) -> None:
    page.goto(QUESTIONS)
    expect(page.get_by_role("button", name="How long?")).to_be_visible()
    page.keyboard.press("a")
    new = page.get_by_role("region", name="New row")
    new.get_by_label("Inputs: question").fill("Do you deliver to Peru?")
    new.get_by_label("Expectations: answer").fill("Yes")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 added", exact=True)).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("PERU")
    page.keyboard.press("Enter")
    expect(page.locator(".dataset-item")).to_have_count(1)
    page.get_by_label("Search rows").fill("split = 'test'")
    page.keyboard.press("Enter")
    expect(page.locator(".dataset-item")).to_contain_text("How long?")
    page.get_by_label("Search rows").fill("nobody asked this")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No row fits")).to_be_visible()
    page.get_by_label("Search rows").fill("splitt = 'test'")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("fields are id, split")
    page.get_by_label("Search rows").fill("")

    expect(page.locator(".dataset-item")).to_have_count(4)
    page.get_by_role("checkbox", name="How long?").check()
    page.get_by_role("checkbox", name="Is it open?").check()
    page.get_by_role("region", name="Marked rows").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".dataset-item")).to_have_count(2)
    assert [row.inputs for row in rows()] == ["Where is my parcel?", {"question": "Do you deliver to Peru?"}]
    assert rows()[1].source == {"source_type": "HUMAN"}


def test_rows_are_saved_as_json_lines_and_imported_again(
    page: Page, rows: Callable[..., list[StoredRow]], tmp_path: Path
) -> None:
    page.goto(QUESTIONS)
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON lines", exact=True).click()
    saved = tmp_path / "saved.jsonl"
    download.value.save_as(saved)
    lines = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [{name: line[name] for name in row} for line, row in zip(lines, ROWS)] == ROWS
    assert "1234567890123456789" in saved.read_text()

    page.goto("/datasets")
    page.get_by_role("button", name="New dataset").click()
    page.get_by_label("Name of the new dataset").fill("copy")
    page.get_by_role("button", name="Make").click()
    page.get_by_label("JSON lines to import").set_input_files(saved)
    expect(page.get_by_text("3 added", exact=True)).to_be_visible()
    assert [row[:7] for row in rows("copy")] == [row[:7] for row in rows()]

    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"inputs": 1}\n{"inputs": 2, "tags": {"a": 1}}\n')
    page.get_by_label("JSON lines to import").set_input_files(broken)
    expect(page.get_by_role("alert")).to_contain_text("Line 2.tags: 'a' is 1, expected a text")
    broken.write_text('{"inputs": 1}\n{"inputs": \n')
    page.get_by_label("JSON lines to import").set_input_files(broken)
    expect(page.get_by_role("alert")).to_contain_text("Line 2 is not JSON")


def test_ten_thousand_rows_are_paged(watched: Watched, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'large.db'}")
    made = store.write_dataset("large")
    store.write_rows(made.dataset_id, [{"inputs": {"question": f"Question {n}"}} for n in range(10_000)])
    store.close()
    with served(tmp_path / "large.db") as url:
        page = watched.open(url)
        page.goto(f"/datasets/{made.dataset_id}")

        expect(page.get_by_text("1 to 100 of 10,000 rows")).to_be_visible()
        expect(page.locator(".dataset-item")).to_have_count(100)
        assert page.evaluate("document.querySelectorAll('*').length") < 2500
        page.get_by_role("button", name="Later rows").click()
        expect(page.get_by_text("101 to 200 of 10,000 rows")).to_be_visible()
        expect(page.locator(".dataset-item").first).to_contain_text("Question 100")
        page.get_by_role("button", name="Earlier rows").click()
        page.get_by_label("Search rows").fill("Question 9999")
        page.keyboard.press("Enter")
        expect(page.locator(".dataset-item")).to_have_count(1)


def test_marked_traces_and_all_that_match_are_added(page: Page, rows: Callable[..., list[StoredRow]]) -> None:
    page.goto("/traces")
    page.get_by_label("Mark agent").first.check(force=True)
    bar = page.get_by_role("region", name="Marked traces")
    bar.get_by_role("button", name="Add to a dataset").click()
    page.get_by_role("menuitem", name="questions").click()
    expect(bar).to_contain_text("1 added")
    bar.get_by_role("button", name="All that match").click()
    expect(bar.get_by_role("link", name="Review")).to_have_attribute("href", "/review?edit=new&filter=")
    bar.get_by_role("button", name="Add to a dataset").click()
    page.get_by_role("menuitem", name="New dataset").click()
    page.get_by_label("Name", exact=True).fill("found")
    page.keyboard.press("Enter")

    expect(bar).to_contain_text("2 added, 1 without inputs left out")
    assert [row.inputs for row in rows("found")] == [{"question": "Question 0"}, {"question": "Question 1"}]
    bar.get_by_role("link", name="found").click()
    expect(page.locator(".dataset-item")).to_have_count(2)
    page.locator(".row-source").first.click()
    expect(page.get_by_role("treeitem")).to_have_count(2)


def test_a_step_is_added_and_leads_back_to_it(page: Page, rows: Callable[..., list[StoredRow]]) -> None:
    page.goto("/traces")
    page.get_by_role("link", name="agent").first.click()
    page.get_by_role("treeitem", name="find_order").click()
    page.get_by_role("button", name="Add this step to a dataset").click()
    page.get_by_role("menuitem", name="questions").click()
    expect(page.get_by_role("button", name="Add this step to a dataset: Added")).to_be_visible()
    page.goto(QUESTIONS)
    page.get_by_role("link", name="find_order").click()

    expect(page.get_by_role("article", name="Step find_order")).to_be_visible()
    assert (rows()[3].inputs, rows()[3].outputs) == ({"order": 1}, "on its way")


def test_a_server_without_datasets_shows_how_to_begin(watched: Watched, tmp_path: Path) -> None:
    with served(tmp_path / "none.db") as url:
        page = watched.open(url)
        page.goto("/datasets")
        expect(page.get_by_role("heading", name="No datasets yet")).to_be_visible()
        assert axe(page) == []
        page.goto("/datasets/d-none")
        expect(page.get_by_text("There is no such dataset")).to_be_visible()
        assert axe(page) == []


def test_a_server_that_is_away_or_fails_is_told(watched: Watched, place: Path) -> None:
    with served(place) as url:
        page = watched.open(url)
        page.goto(QUESTIONS)
        opened(page, "How long?")
        page.get_by_label("Expectations: answer").fill("30 days")
        failing = {"status": 503, "json": {"error": {"code": "store_unavailable", "message": "the disk is full"}}}
        page.route("**/rows/r-*", lambda route: route.fulfill(**failing))
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("the disk is full")
        page.unroute("**/rows/r-*")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(page.get_by_label("Expectations: answer")).to_have_value("30 days")
    page.get_by_label("Search rows").fill("parcel")
    page.keyboard.press("Enter")
    expect(page.locator(".page > [role=alert]")).to_contain_text("The server does not answer")
