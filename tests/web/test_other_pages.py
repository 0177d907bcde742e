"""Sessions, versions, the dashboard, comparing, and signing in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import tracer
from tests.web.conftest import Watched, shoot
from tests.web.serving import TraceIds, served
from tests.web.shop import Shop

pytestmark = pytest.mark.no_store


def test_a_session_is_one_conversation_over_its_traces(page: Page) -> None:
    page.goto("/sessions")
    page.get_by_role("link", name="chat-0").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Session chat-0")
    expect(page.locator(".turns > li")).to_have_count(3)
    turn = page.locator(".turns > li").first
    expect(turn).to_contain_text("Can I send order 1042 back?")
    expect(turn.get_by_role("heading", name="Refund")).to_be_visible()
    turn.get_by_role("link", name="1. support agent").click()
    expect(page.get_by_role("treeitem")).to_have_count(4)


def test_a_session_has_a_contents_list_with_what_was_thought_of_its_turns(page: Page) -> None:
    page.goto("/sessions/chat-1")
    turns = page.get_by_role("navigation", name="Turns").get_by_role("link")

    expect(turns).to_have_count(3)
    expect(turns.first).to_contain_text("Can I send order 1042 back?")
    expect(turns.first).to_contain_text("helpful: yes")
    turns.last.click()
    expect(page.locator("#turn-3")).to_be_in_viewport()


def test_sessions_are_searched_filtered_and_sorted(page: Page) -> None:
    page.goto("/sessions")
    box = page.get_by_label("Search and filter sessions")
    box.fill("session = 'chat-0'")
    box.press("Enter")
    expect(page.get_by_role("link", name="chat-1")).to_have_count(0)
    expect(page.get_by_role("link", name="chat-0")).to_be_visible()
    page.get_by_role("button", name="Cost").click()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_role("link", name="chat-0")).to_be_visible()
    box.fill("nobody said this")
    box.press("Enter")

    expect(page.get_by_role("heading", name="No session fits")).to_be_visible()


def test_a_view_is_saved_opened_and_forgotten(page: Page) -> None:
    page.goto("/traces?filter=state = 'ERROR'&order=cost desc")
    page.get_by_role("button", name="Saved views").click()
    page.get_by_label("Name of this view").fill("failures")
    page.keyboard.press("Enter")
    page.goto("/traces")
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("button", name="failures", exact=True).click()
    expect(page.get_by_label("Search and filter traces")).to_have_value("state = 'ERROR'")
    assert "order=cost+desc" in page.url

    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("button", name="Forget failures").click()
    expect(page.get_by_role("button", name="failures", exact=True)).to_have_count(0)


def test_an_experiment_is_chosen_from_a_menu(watched: Watched, tmp_path: Path) -> None:
    store = tmp_path / "lab.db"
    tracer.configure(store=f"sqlite:///{store}")
    with tracer.start_span("everyday"):
        pass
    tracer.set_experiment("lab")
    with tracer.start_span("a trial"):
        pass
    tracer.reset()
    with served(store) as url:
        page = watched.open(url)
        page.goto("/traces?filter=state = 'OK'")
        page.get_by_label("Experiment").select_option("lab")
        expect(page.get_by_role("link", name="a trial")).to_be_visible()
        expect(page.get_by_role("link", name="everyday")).to_have_count(0)
        expect(page.get_by_label("Search and filter traces")).to_have_value("state = 'OK' AND experiment = 'lab'")
        page.get_by_label("Experiment").select_option("")
        expect(page.get_by_role("link", name="everyday")).to_be_visible()


def test_a_trace_that_is_opened_while_the_server_is_away_says_so(page: Page, trace_ids: TraceIds) -> None:
    page.goto("/traces")
    row = page.get_by_role("row").filter(has_text="answer with sources").get_by_role("link")
    expect(row).to_be_visible()
    page.route(f"**/api/v1/traces/{trace_ids.failing}*", lambda route: route.abort())
    row.click()

    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")


def test_what_is_opened_while_the_server_is_away_says_so(watched: Watched, shop: tuple[str, Shop]) -> None:
    url, ids = shop
    for start, opened in (
        ("/sessions", "text=chat-195"),
        (f"/traces/{ids.refused}", "[role=treeitem] >> nth=3"),
        (f"/compare?a={ids.first}&b={ids.lamp}", "[role=option] >> nth=2"),
        ("/traces", "text=Dashboard"),
    ):
        page = watched.open(url)
        page.goto(start)
        page.wait_for_selector(opened)
        page.route("**/api/v1/**", lambda route: route.abort())
        page.click(opened)

        expect(page.get_by_role("alert").first).to_contain_text("The server does not answer")


def test_no_page_asks_the_server_anything_twice(watched: Watched, shop: tuple[str, Shop]) -> None:
    url, ids = shop
    for path, sign in (
        ("/traces?bars=p95", "[role=gridcell]"),
        ("/sessions", "text=chat-195"),
        ("/sessions/chat-195", ".turns .markdown"),
        ("/versions", "text=Feedback: helpful"),
        ("/dashboard", "[aria-label=Tools]"),
        (f"/compare?a={ids.first}&b={ids.lamp}", "[role=option]"),
        (f"/traces/{ids.refused}", "[role=treeitem]"),
    ):
        page = watched.open(url)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/api/v1/" in request.url else None)  # noqa: B023
        page.goto(path)
        page.wait_for_selector(sign)
        page.evaluate(
            """() => new Promise(done => {
                new EventSource("/api/v1/events").addEventListener("change", () => done(), {once: true});
            })"""
        )

        others = [address for address in asked if not address.endswith("/events")]
        assert sorted(others) == sorted(set(others)), path


def test_the_dashboard_is_filtered_and_its_figures_open_their_traces(page: Page) -> None:
    page.goto("/dashboard")
    box = page.get_by_label("Filter the dashboard")
    box.fill("version = 'shop-v1'")
    box.press("Enter")
    row = page.locator(".group-table").get_by_role("row").filter(has_text="gpt-4o-mini-2024-07-18")
    expect(row.get_by_role("cell").nth(1)).to_have_text("6")
    row.get_by_role("cell").nth(5).get_by_role("link").click()

    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("3 traces")
    assert "order=duration+desc" in page.url


def test_what_two_traces_share_is_folded(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/compare?a={trace_ids.support}&b={trace_ids.support}")
    page.get_by_role("option").filter(has_text="chat gpt-4o-mini").last.click()
    same = page.get_by_text("3 messages the same")
    expect(page.get_by_text("Can I send order 1042 back?")).to_have_count(0)
    same.click()

    expect(page.get_by_text("Can I send order 1042 back?")).to_be_visible()
    texts = page.get_by_label("Trace A").locator("option:checked").inner_text()
    assert page.get_by_label("Trace B").locator("option:checked").inner_text() == texts


def test_chats_are_compared_message_by_message(watched: Watched, shop: tuple[str, Shop]) -> None:
    url, ids = shop
    page = watched.open(url)
    page.goto(f"/compare?a={ids.first}&b={ids.lamp}")
    page.get_by_role("option").filter(has_text="chat gpt-4o-mini-2024-07-18 → gpt-4o-2024-08-06").last.click()
    expect(page.get_by_text("1 message the same")).to_be_visible()
    expect(page.get_by_text("First difference")).to_have_count(1)
    call = page.get_by_role("list", name="Input, message 3 of B")
    expect(call).to_contain_text("find_order(")
    expect(call.locator("ins").first).to_have_text(re.compile(r"^\d{4}$"))
    expect(page.get_by_role("list", name="Output, message 1 of A")).to_contain_text("طلبك")
    # what has nothing in common is shown as it was meant
    expect(page.get_by_role("list", name="Output, message 1 of B").get_by_role("table")).to_be_visible()
    labels = page.locator(".pair-panel [aria-label]").evaluate_all("all => all.map(one => one.ariaLabel)")
    named = [label for label in labels if label.endswith((" A", " B"))]
    assert len(named) == len(set(named)) >= 6

    page.get_by_role("option").filter(has_text="search_manual").click()
    expect(page.get_by_role("article")).to_contain_text("Lamp green")
    expect(page.locator(".sides")).to_have_count(0)

    page.goto(f"/compare?a={ids.refused}&b={ids.refunded}")
    page.get_by_label("Steps", exact=True).get_by_role("option").first.click()
    expect(page.get_by_role("group", name="Output of A")).to_have_text("None recorded.")
    refund = page.get_by_role("option").filter(has_text="refund")
    expect(refund.get_by_label("failed")).to_have_count(1)


def test_versions_stand_side_by_side(page: Page) -> None:
    page.goto("/versions")

    shop = page.get_by_role("region", name="shop")
    expect(shop.get_by_role("columnheader")).to_have_text(["shop-v2", "shop-v1"])
    expect(shop.get_by_role("row").filter(has_text="Failed")).to_contain_text("0 of 3")
    expect(shop.get_by_role("row").filter(has_text="Feedback: helpful")).to_contain_text("1.00")
    shop.get_by_role("link", name="3 Traces, traces of shop-v1").click()
    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("3 traces")


def test_versions_have_names_params_and_tags(watched: Watched, tmp_path: Path) -> None:
    tracer.configure(store=tmp_path / "own.db")
    made = [
        tracer.create_external_model("shop", params={"llm": "gpt-4o"}, tags={"git.commit": "0a1b2c", "git.diff": "+"}),
        tracer.create_external_model("shop", params={"llm": "llama"}),
        tracer.create_external_model("draft"),
    ]
    for model in made:
        with tracer.set_active_model(model_id=model.model_id), tracer.start_span("step"):
            pass
    tracer.delete_logged_model(made[2].model_id)
    tracer.reset()

    with served(tmp_path / "own.db") as url:
        page = watched.open(url)
        page.goto("/versions")

        names = ["draft (deleted)", f"shop {made[1].model_id[:8]}", f"shop {made[0].model_id[:8]}"]
        expect(page.locator(".version-name")).to_have_text(names)
        cells = page.get_by_role("row").filter(has_text="Param: llm").get_by_role("cell")
        expect(cells).to_have_text(["\u2013", "llama", "gpt-4o"])
        expect(page.get_by_role("row").filter(has_text="Tag: git.commit")).to_contain_text("0a1b2c")
        expect(page.get_by_text("git.diff")).to_have_count(0)
        page.goto("/traces")
        expect(page.locator(".facets")).to_contain_text("draft (deleted)")
        page.locator(".facets").get_by_role("button", name="draft (deleted)").click()
        page.get_by_role("link", name="step").first.click()
        expect(page.get_by_text("version draft (deleted)")).to_be_visible()


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[str]:
    """A server over versions of two apps: one got worse, one has an example run."""
    store = tmp_path / "apps.db"
    tracer.configure(store=f"sqlite:///{store}")
    for name, traces, failed in (("bill-v1", 1, 0), ("shop-v1", 30, 0), ("shop-v2", 30, 15), ("shop-v3", 30, 14)):
        with tracer.set_active_model(name):
            for number in range(traces):
                with tracer.start_span(name[:4]) as span:
                    span.set_status("ERROR" if number < failed else "OK")
                tracer.log_feedback(trace_id=span.trace_id, name="tone", value="curt" if number % 2 else "kind")
    with tracer.set_active_model("bill-v1"), tracer.start_span("bill"):
        tracer.update_current_trace(tags={"tracer.example": "true"})
    tracer.reset()
    with served(store) as url:
        yield url


def test_each_version_of_an_app_is_compared_with_the_one_before_or_a_chosen_one(watched: Watched, apps: str) -> None:
    page = watched.open(apps)
    page.goto("/versions")

    expect(page.get_by_role("link", name="1 Traces, traces of bill-v1")).to_be_visible()
    shop = page.get_by_role("region", name="shop")
    failed = shop.get_by_role("row").filter(has_text="Failed").get_by_role("cell")
    expect(failed.nth(0)).to_contain_text("may be chance")
    expect(failed.nth(1).locator(".change.bad")).to_have_text("+")
    expect(failed.nth(2).locator(".change")).to_have_count(0)
    tone = shop.get_by_role("row").filter(has_text="Feedback: tone").get_by_role("cell")
    expect(tone.first).to_contain_text("curt 15")

    shop.get_by_label("Compare with").select_option("shop-v1")
    expect(failed.nth(0).locator(".change.bad")).to_have_text("+")
    page.reload()
    expect(shop.get_by_label("Compare with").locator("option:checked")).to_have_text("shop-v1")
    failed.nth(1).get_by_role("link").click()
    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("15 traces")
    expect(page.get_by_label("Narrow the list").get_by_role("button", name="shop-v2")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_role("link", name="version shop-v2")).to_be_visible()


def test_the_dashboard_draws_calls_latency_tokens_and_cost(page: Page) -> None:
    page.goto("/dashboard")

    expect(page.locator("canvas")).to_have_count(5)
    expect(page.get_by_text("None failed in this time.")).to_be_visible()
    expect(page.locator(".tiles")).to_contain_text("Model calls")
    row = page.locator(".group-table").get_by_role("row").filter(has_text="gpt-4o-mini-2024-07-18")
    expect(row.get_by_role("cell").nth(1)).to_have_text("12")
    expect(page.get_by_role("img", name="Cost over time")).to_be_visible()
    page.get_by_role("button", name="Version").click()
    expect(page.get_by_role("link", name="shop-v1", exact=True)).to_be_visible()


def test_two_traces_are_compared_step_by_step(page: Page, trace_ids: TraceIds) -> None:
    page.goto(f"/compare?a={trace_ids.support}&b={trace_ids.failing}")

    expect(page.get_by_role("option").filter(has_text="find_order")).to_contain_text("only in A")
    expect(page.get_by_role("option").filter(has_text="search")).to_contain_text("only in B")
    expect(page.get_by_label("Input of A")).to_contain_text("order 1042")
    page.get_by_role("listbox", name="Steps").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[role=option][aria-selected=true]")).to_contain_text("chat gpt-4o-mini")


def test_a_protected_server_asks_for_its_token(watched: Watched, tmp_path: Path) -> None:
    token = "0123456789abcdef0123456789abcdef"
    with served(tmp_path / "own.db", "--token", token) as url:
        page = watched.open(url)
        page.goto("/traces")
        page.get_by_label("Token").fill("not this one")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="No traces yet")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()

        by_link = watched.open(url)
        by_link.goto(f"/#token={token}")
        expect(by_link.get_by_role("heading", name="No traces yet")).to_be_visible()
        assert token not in by_link.url


def test_colours_follow_the_system_or_the_reader(watched: Watched, address: str) -> None:
    page = watched.open(address, color_scheme="dark")
    page.goto("/traces")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(15, 17, 21)"

    page.get_by_role("button", name="Colours").click()
    page.wait_for_function(f"() => {ground} === 'rgb(255, 255, 255)'")
    page.reload()
    page.wait_for_function(f"() => {ground} === 'rgb(255, 255, 255)'")


@pytest.mark.parametrize("width", [721, 960, 1201])
def test_a_narrow_window_holds_the_header(watched: Watched, address: str, width: int) -> None:
    page = watched.open(address, width=width)
    for path in ("/traces", "/sessions", "/evaluations", "/datasets", "/review", "/dashboard"):
        page.goto(path)
        expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_in_viewport(ratio=1)
        page.wait_for_function("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_on_a_phone_every_page_is_reached_without_scrolling_sideways(watched: Watched, address: str) -> None:
    page = watched.open(address, width=320, height=700, has_touch=True, is_mobile=True)
    page.goto("/traces")
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link")).to_have_count(4)
    more = pages.get_by_role("button", name="More")

    more.tap()
    expect(pages.get_by_role("link")).to_have_count(8)
    shoot(page, "phone-more")
    assert pages.get_by_role("list").evaluate("list => list.scrollWidth <= list.clientWidth")
    pages.get_by_role("link", name="Review").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review")
    expect(pages.get_by_role("link")).to_have_count(4)

    more.press("Enter")
    expect(pages.get_by_role("link", name="Review")).to_have_attribute("aria-current", "page")
    more.press("Escape")
    expect(more).to_have_attribute("aria-expanded", "false")
