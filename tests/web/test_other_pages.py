"""Sessions, versions, the dashboard, comparing, and signing in."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import tracer
from tests.web.conftest import Watched
from tests.web.serving import TraceIds, served

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


def test_versions_stand_side_by_side(page: Page) -> None:
    page.goto("/versions")

    expect(page.get_by_role("columnheader")).to_have_count(2)
    expect(page.get_by_role("row", name="Traces 3 3")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Feedback: helpful")).to_contain_text("1.00")
    page.get_by_role("link", name="its traces of shop-v1").click()
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


def test_the_dashboard_draws_calls_latency_tokens_and_cost(page: Page) -> None:
    page.goto("/dashboard")

    expect(page.locator("canvas")).to_have_count(4)
    expect(page.get_by_text("None failed in this time.")).to_be_visible()
    expect(page.locator(".tiles")).to_contain_text("Model calls")
    row = page.locator(".group-table").get_by_role("row").filter(has_text="gpt-4o-mini-2024-07-18")
    expect(row.get_by_role("cell").nth(1)).to_have_text("12")
    expect(page.get_by_role("img", name="Cost over time")).to_be_visible()
    page.get_by_role("button", name="Version").click()
    expect(page.get_by_role("link", name="shop-v1")).to_be_visible()


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
