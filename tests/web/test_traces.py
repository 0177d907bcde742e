"""Finding traces: what a person does on the list, in a real browser against the real server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

import tracer
from tests.waiting import until
from tests.web.conftest import Watched
from tests.web.serving import TraceIds, served

pytestmark = pytest.mark.no_store
FILTER = "Search and filter traces"


def names(page: Page) -> Locator:
    """The names of the rows in sight, which may come a moment later than their number."""
    return page.locator("[role=row] a .strong")


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def shown(page: Page, count: int) -> None:
    """Wait until the list has its rows and says how many traces there are."""
    expect(page.get_by_role("gridcell").first).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text(
        f"{count} trace{'' if count == 1 else 's'}"
    )


def test_the_list_says_what_each_trace_was(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)

    row = page.get_by_role("row").filter(has_text="answer with sources")
    expect(row).to_contain_text("Error")
    expect(row).to_contain_text("Where is Lisbon?")
    agent = page.get_by_role("row").filter(has_text="support agent").first
    expect(agent).to_contain_text("Can I send order 1042 back?")
    expect(agent).to_contain_text("gpt-4o-mini")
    expect(agent).to_contain_text("$0.000073")
    expect(names(page).first).to_have_text("night job")


class HeldBack:
    """Requests of the page that wait until a test lets them through."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(address, lambda route: self._routes.append(route))

    def let_through(self) -> None:
        with self._page.expect_response(lambda _: True):
            while not self._routes:
                self._page.wait_for_timeout(10)
            self._routes.pop(0).continue_()


def offered_state(page: Page, completions: HeldBack) -> Locator:
    """The box with "st" typed into it and "state" among what is offered; later answers are held back."""
    page.goto("/traces")
    shown(page, 11)
    box = page.get_by_label(FILTER)
    box.press_sequentially("st")
    completions.let_through()
    expect(page.get_by_role("option", name="state").first).to_be_visible()
    return box


def test_what_was_chosen_stays_chosen_when_a_later_answer_comes(page: Page) -> None:
    completions = HeldBack(page, "**/filter/complete*")
    box = offered_state(page, completions)

    box.press_sequentially("a")
    box.press("ArrowDown")
    expect(page.get_by_role("option", name="state").first).to_have_attribute("aria-selected", "true")
    completions.let_through()
    box.press("Enter")

    expect(box).to_have_value("state ")


def test_what_is_accepted_replaces_the_word_typed_since_it_was_offered(page: Page) -> None:
    completions = HeldBack(page, "**/filter/complete*")
    box = offered_state(page, completions)

    box.press_sequentially("ate")
    box.press("ArrowDown")
    box.press("Enter")

    expect(box).to_have_value("state ")


def test_a_filter_is_completed_checked_and_kept_in_the_address(page: Page) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.press_sequentially("sta")
    expect(page.get_by_role("option", name="state", exact=False).first).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("state ")
    box.press_sequentially("= ")
    expect(page.get_by_role("option").filter(has_text="'ERROR'")).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    box.press("Escape")
    box.press("Enter")
    shown(page, 1)

    expect(names(page)).to_have_text(["answer with sources"])
    assert query(page)["filter"] == ["state = 'ERROR'"]
    page.reload()
    shown(page, 1)
    expect(page.get_by_label(FILTER)).to_have_value("state = 'ERROR'")


def test_bare_words_search_in_everything_that_was_said(page: Page) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.fill("packaging")
    box.press("Enter")

    shown(page, 6)
    assert query(page)["filter"] == ["text CONTAINS 'packaging'"]


def test_words_that_look_like_a_filter_are_words(page: Page) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.fill("isn't in the system")
    box.press("Enter")

    expect(page.get_by_role("heading", name="No trace fits")).to_be_visible()
    assert query(page)["filter"] == ["text CONTAINS 'isn''t in the system'"]
    box.fill("duration is = wrong")
    box.press("Enter")
    assert query(page)["filter"] == ["text CONTAINS 'duration is = wrong'"]


def test_a_wrong_filter_can_be_searched_for_as_words(page: Page) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.fill("days = 30")
    box.press("Enter")
    page.get_by_role("button", name="Search for these words").click()

    assert query(page)["filter"] == ["text CONTAINS 'days = 30'"]


def test_an_id_or_its_beginning_in_the_search_box_opens_what_has_it(
    page: Page, trace_ids: TraceIds, address: str
) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.fill(f" {trace_ids.support}\n")
    box.press("Enter")
    expect(page.get_by_role("heading", level=1, name="support agent")).to_be_visible()
    page.get_by_role("treeitem", name="find_order").click()
    page.wait_for_url("**span=*")
    span_id = query(page)["span"][0]

    header, link = f"00-{trace_ids.support}-{span_id}-01", f"{address}/traces/{trace_ids.support}?span={span_id}"
    for pasted in (span_id, header, link):
        page.goto("/traces")
        box.fill(pasted)
        box.press("Enter")
        expect(page.get_by_role("treeitem", selected=True)).to_contain_text("find_order")

    for beginning in (trace_ids.support[:8], f"tr-{trace_ids.support[:20]}"):
        page.goto("/traces")
        box.fill(beginning)
        box.press("Enter")
        page.wait_for_url(f"**/traces/{trace_ids.support}")

    for unknown in ("0" * 32, "0" * 8):
        page.goto("/traces")
        box.fill(unknown)
        box.press("Enter")
        expect(page.get_by_role("heading", name="No trace fits")).to_be_visible()


def test_a_field_and_a_value_with_a_colon_are_offered_as_a_filter(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    box = page.get_by_label(FILTER)
    box.press_sequentially("state:err")
    expect(page.get_by_role("option", name="state = 'ERROR'")).to_have_attribute("aria-selected", "true")
    box.press("Enter")

    shown(page, 1)
    assert query(page)["filter"] == ["state = 'ERROR'"]


def test_a_field_and_a_value_that_are_entered_at_once_are_a_filter(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    box = page.get_by_label(FILTER)
    held: list[Route] = []
    page.route("**/filter/complete*", lambda route: held.append(route))
    box.fill("user:ben")
    box.press("Enter")
    assert until(lambda: page.evaluate("1") and held)
    for route in held:
        route.continue_()

    shown(page, 1)
    assert query(page)["filter"] == ["user = 'ben'"]
    page.unroute_all()
    box.fill("https://example.org/lisbon")
    box.press("Enter")
    expect(page.get_by_role("heading", name="No trace fits")).to_be_visible()


def test_a_result_shows_the_words_that_were_searched_and_the_trace_where_they_are(page: Page) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.fill("days_since")
    box.press("Enter")
    shown(page, 6)
    row = page.get_by_role("row").filter(has_text="support agent").first
    expect(row.locator("mark")).to_have_text("days_since")

    row.get_by_role("link").click()
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("chat gpt-4o-mini")
    expect(page.get_by_label("Find in this trace")).to_have_value("days_since")
    page.wait_for_function(
        "() => [...(CSS.highlights.get('found') ?? [])].some(range => String(range) === 'days_since')"
    )


def test_a_wrong_filter_is_marked_at_its_place(page: Page) -> None:
    page.goto("/traces")
    box = page.get_by_label(FILTER)
    box.fill("tokens > 1 AND modle = 'x'")
    box.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("did you mean model?")
    expect(page.locator(".filter-problem mark")).to_have_text("modle")
    expect(box).to_have_attribute("aria-invalid", "true")


def test_a_wrong_filter_is_told_while_it_is_written_and_keeps_the_rows(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    box = page.get_by_label(FILTER)
    box.press_sequentially("modle = 'x' AND tokens > ")
    expect(page.get_by_role("alert")).to_contain_text("did you mean model?")
    box.press("Enter")
    expect(page.get_by_text("Rows of the filter before")).to_be_visible()

    expect(page.get_by_role("row").filter(has_text="night job")).to_be_visible()


def test_marked_traces_are_saved_as_tracer_import_reads_them(
    page: Page, recorded_stories: tuple[Path, TraceIds], tmp_path: Path
) -> None:
    page.goto("/traces?filter=name = 'support agent' OR name = 'chat gpt-4o'")
    shown(page, 7)
    for key in "jxjxjxjxjxjxjx":
        page.keyboard.press(key)
    with page.expect_download() as saving:
        page.get_by_role("button", name="JSON lines").click()
    file, store = tmp_path / "traces.jsonl", tmp_path / "other.db"
    saving.value.save_as(file)
    command = [sys.executable, "-m", "tracer", "import", str(file), "--store", str(store)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)

    def exported(path: Path) -> list[Any]:
        ids = (recorded_stories[1].support, recorded_stories[1].kinds)
        command = [sys.executable, "-m", "tracer", "export", *ids, "--store", str(path)]
        return [json.loads(line) for line in subprocess.check_output(command, text=True, timeout=60).splitlines()]

    assert exported(store) == exported(recorded_stories[0])


def test_facets_narrow_the_list_and_widen_it_again(page: Page) -> None:
    page.goto("/traces")
    facet = page.get_by_label("Narrow the list").get_by_role("button", name="shop-v2")
    facet.click()
    shown(page, 3)
    expect(page.get_by_label(FILTER)).to_have_value("version = 'shop-v2'")

    page.get_by_label("Narrow the list").get_by_role("button", name="shop-v2").click()
    shown(page, 11)


def test_failures_that_a_trace_swallowed_are_counted_named_and_found(page: Page, trace_ids: TraceIds) -> None:
    page.goto("/traces?columns=state,name,failed")
    shown(page, 11)
    row = page.get_by_role("row").filter(has_text="long agent")
    expect(row).to_contain_text("OK")
    expect(row).to_contain_text("24 steps failed")
    expect(row.get_by_role("gridcell").last).to_have_text("tool 1000 and 23 more")
    page.get_by_role("button", name="Failed steps").click()
    expect(names(page).first).to_have_text("long agent")

    facets = page.get_by_label("Narrow the list")
    facets.get_by_role("button", name="ValueError").click()
    shown(page, 1)
    expect(names(page)).to_have_text(["answer with sources"])
    facets.get_by_role("button", name="ValueError").click()
    facets.get_by_role("button", name="tool 1000").click()
    shown(page, 1)
    assert query(page)["filter"] == ["failed_step = 'tool 1000'"]


def test_a_models_dated_names_are_one_facet(page: Page) -> None:
    page.goto("/traces")
    facet = page.get_by_label("Narrow the list").get_by_role("button", name="gpt-4o-mini")
    expect(facet).to_have_count(1)
    expect(facet).to_contain_text("6")
    facet.click()
    shown(page, 6)

    expect(facet).to_have_attribute("aria-pressed", "true")
    assert query(page)["filter"] == ["model IN ('gpt-4o-mini', 'gpt-4o-mini-2024-07-18')"]


def test_a_page_asks_the_server_nothing_twice(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/v1/" in request.url else None)
    page.goto("/traces")
    shown(page, 11)
    page.evaluate(
        """() => new Promise(done => {
            new EventSource("/api/v1/events").addEventListener("change", () => done(), {once: true});
        })"""
    )
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem").first).to_be_visible()

    others = [url for url in asked if not url.endswith("/events")]
    assert sorted(others) == sorted(set(others))
    assert not any("trace_id+IN" in url for url in others)


def test_text_from_right_to_left_is_written_so(watched: Watched, own: tuple[Path, str]) -> None:
    with tracer.start_span("طلب", span_type="CHAT_MODEL") as span:
        tracer.set_span_chat_messages(span, [{"role": "user", "content": "مرحبا، أين طلبي؟ order 44"}])
    tracer.flush()
    page = watched.open(own[1])
    page.goto("/traces")
    page.get_by_role("link", name="طلب").click()

    said = page.get_by_label("Conversation").get_by_text("مرحبا")
    expect(said).to_be_visible()
    assert said.evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_a_long_text_from_right_to_left_is_cut_at_its_end(watched: Watched, own: tuple[Path, str]) -> None:
    with tracer.start_span("طلب") as span:
        span.set_inputs("أين طلبي؟ " * 40)
    tracer.flush()
    page = watched.open(own[1])
    page.goto("/traces")
    said = page.get_by_role("gridcell").filter(has_text="أين")

    expect(said).to_be_visible()
    assert said.evaluate(
        """cell => {
            const range = document.createRange();
            range.setStart(document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode(), 0);
            const [box, first] = [cell.getBoundingClientRect(), range.getBoundingClientRect()];
            return box.left <= first.right && first.right <= box.right;
        }"""
    )


def test_a_failed_trace_says_in_the_list_where_it_failed(page: Page) -> None:
    page.goto("/traces")
    row = page.get_by_role("row").filter(has_text="answer with sources")

    expect(row).to_contain_text("Failed in parse")


def test_a_list_that_is_waited_for_says_so(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    held: list[Route] = []
    page.route("**/api/v1/traces?*", lambda route: held.append(route))
    page.get_by_label(FILTER).fill("packaging")
    page.get_by_label(FILTER).press("Enter")

    expect(page.get_by_role("progressbar", name="Loading")).to_be_visible()
    for route in held:
        route.continue_()
    page.unroute_all()
    shown(page, 6)
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_the_keys_of_the_page_at_hand_come_first(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    page.keyboard.press("?")
    titles = page.get_by_role("dialog").get_by_role("heading", level=3)

    expect(titles.nth(1)).to_have_text("Traces")
    expect(titles.first).to_be_in_viewport()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Review").click()
    page.get_by_role("link", name="refund answers").click()
    page.get_by_label("Your name").fill("ann")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="What was said")).to_be_visible()
    page.keyboard.press("?")
    expect(titles.nth(1)).to_have_text("Review")
    expect(titles.first).to_be_in_viewport()


def test_columns_are_chosen_and_sorted(page: Page) -> None:
    page.goto("/traces")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitemcheckbox", name="Steps", exact=True).click()
    page.get_by_role("menuitemcheckbox", name="Output").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("columnheader", name="Steps", exact=True)).to_be_visible()
    expect(page.get_by_role("columnheader", name="Output")).to_have_count(0)

    page.get_by_role("button", name="Latency").click()
    expect(page.get_by_role("columnheader", name="Latency")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Latency").click()
    expect(page.get_by_role("columnheader", name="Latency")).to_have_attribute("aria-sort", "ascending")
    assert query(page)["order"] == ["duration asc"]
    page.reload()
    expect(page.get_by_role("columnheader", name="Steps")).to_be_visible()


def test_a_time_is_chosen_by_name_and_on_the_histogram(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    page.get_by_role("button", name="Time range").click()
    page.get_by_role("button", name="Last hour").click()
    shown(page, 11)
    assert query(page) == {"range": ["1h"]}

    bars = page.locator(".bars")
    box = bars.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.up()
    page.wait_for_url("**/*since=*")
    expect(page.get_by_role("heading", name="No trace fits")).to_be_visible()
    assert set(query(page)) == {"since", "until"}


def test_the_bars_over_the_list_show_what_one_chooses(page: Page) -> None:
    page.goto("/traces?filter=name = 'support agent'")
    shown(page, 6)
    bars = page.get_by_role("img", name=re.compile("traces? from"))  # what is far off is left out
    expect(bars).to_have_accessible_name(re.compile(r"0 failed. Traces, highest .*: \d traces?"))
    page.get_by_label("Bars show").select_option("Latency p95")
    expect(bars).to_have_accessible_name(re.compile(r"Latency p95, highest .*: p95 [\d.]+ m?s, \d traces?"))
    assert query(page)["bars"] == ["p95"]
    page.get_by_label("Bars show").select_option("Tokens")
    expect(bars).to_have_accessible_name(re.compile(r"Tokens, highest .*: [\d,]+ tokens, \d traces?"))

    page.get_by_label("Bars show").select_option("Cost")
    page.reload()
    expect(bars).to_have_accessible_name(re.compile(r"Cost, highest .*: \$0\.000\d+, \d traces?"))


def test_the_list_is_worked_by_keyboard_alone(page: Page) -> None:
    page.goto("/traces")
    shown(page, 11)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("[role=row][aria-selected=true]")).to_contain_text("night job")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="long agent")).to_be_visible()
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1, name="<script>")).to_be_visible()
    page.keyboard.press("[")
    expect(page.get_by_role("heading", level=1, name="long agent")).to_be_visible()
    page.keyboard.press("Escape")
    shown(page, 11)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next, previous row")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label(FILTER)).to_be_focused()


def test_two_marked_traces_are_compared(page: Page, trace_ids: TraceIds) -> None:
    page.goto("/traces?filter=state = 'ERROR' OR name = 'support agent'")
    shown(page, 7)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("link", name="Compare").click()

    page.wait_for_url(f"**/compare?a={trace_ids.failing}&b={trace_ids.support}")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An empty store of the test's own, and a server over it."""
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    with served(store) as url:
        yield store, url
    tracer.reset()


def record(*wanted: str) -> None:
    for name in wanted:
        with tracer.start_span(name):
            pass
    tracer.flush()


def test_an_empty_store_shows_how_to_begin_and_the_first_trace_at_once(watched: Watched, own: tuple[Path, str]) -> None:
    page = watched.open(own[1])
    page.goto("/traces")
    expect(page.get_by_text("tracer.openai.autolog()")).to_be_visible()

    record("the first")

    expect(page.get_by_role("row").filter(has_text="the first")).to_be_visible()


def test_new_traces_come_in_at_the_top_and_wait_while_somebody_reads(watched: Watched, own: tuple[Path, str]) -> None:
    record(*(f"old {n}" for n in range(60)))
    page = watched.open(own[1])
    page.goto("/traces")
    expect(page.get_by_role("row").filter(has_text="old 59")).to_be_visible()
    record("seen at once")
    expect(page.get_by_role("row").filter(has_text="seen at once")).to_be_visible()

    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = page.locator("[role=row][aria-selected=true]")
    before = chosen.bounding_box()
    record("waits 1", "waits 2")
    news = page.get_by_role("button", name="2 new")
    expect(news).to_be_visible()
    expect(chosen).to_contain_text("old 59")
    assert chosen.bounding_box() == before
    assert "waits 1" not in names(page).all_inner_texts()

    news.click()
    expect(page.get_by_role("row").filter(has_text="waits 2")).to_be_visible()


def test_a_running_trace_changes_its_row_when_it_ends(watched: Watched, own: tuple[Path, str]) -> None:
    page = watched.open(own[1])
    with tracer.start_span("takes a while"):
        page.goto("/traces")
        row = page.get_by_role("row").filter(has_text="takes a while")
        expect(row).to_contain_text("Running")

    expect(row).to_contain_text("OK")


def test_many_traces_scroll_without_blank_rows(watched: Watched, own: tuple[Path, str]) -> None:
    record(*(f"trace {n}" for n in range(900)))
    page = watched.open(own[1])
    page.goto("/traces")
    expect(page.get_by_role("row").filter(has_text="trace 899")).to_be_visible()
    for loaded in (400, 600, 800, 900):
        page.keyboard.press("End")
        page.wait_for_function(
            "rows => document.querySelector('.trace-table .virtual-space').clientHeight >= rows * 33", arg=loaded
        )
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="trace 0", exact=True)).to_be_visible()

    assert page.evaluate("document.querySelectorAll('*').length") < 1500


def test_a_phone_narrows_sorts_chooses_and_marks(watched: Watched, address: str) -> None:
    page = watched.open(address, width=390, height=844, has_touch=True, is_mobile=True)
    page.goto("/traces")
    shown(page, 11)
    page.get_by_role("button", name="Facets").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name="shop-v2").click()
    sheet.get_by_label("Sort by").select_option("duration asc")
    sheet.get_by_role("button", name="Show 3 traces").click()
    expect(sheet).to_have_count(0)
    assert query(page) == {"filter": ["version = 'shop-v2'"], "order": ["duration asc"]}

    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitemcheckbox", name="User").click()
    page.keyboard.press("Escape")
    card = page.get_by_role("row").first
    expect(card).to_contain_text("ann")

    page.get_by_role("button", name="Mark traces").click()
    card.get_by_role("checkbox").check()
    page.get_by_role("row").nth(1).get_by_role("link").click()
    bar = page.get_by_label("Marked traces")
    expect(bar).to_contain_text("2 traces marked")
    for button in ("JSON lines", "Delete"):
        expect(bar.get_by_role("button", name=button)).to_be_visible()
    bar.get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare?a=*&b=*")
