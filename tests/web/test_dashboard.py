"""The dashboard over a week of a shop: what it says of tools, streams and feedback, and where its figures lead."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import Watched
from tests.web.shop import Shop

pytestmark = pytest.mark.no_store


@pytest.fixture
def dashboard(watched: Watched, shop: tuple[str, Shop]) -> Page:
    """The dashboard, with its charts drawn."""
    page = watched.open(shop[0])
    page.goto("/dashboard")
    expect(page.locator("canvas").first).to_be_visible()
    return page


def query(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def cells(page: Page, table: str, row: str) -> Locator:
    return (
        page.get_by_role("region", name=table, exact=True).get_by_role("row").filter(has_text=row).get_by_role("cell")
    )


def test_tools_are_counted_with_their_failures_and_latency(dashboard: Page) -> None:
    refund = cells(dashboard, "Tools", "refund")
    expect(refund.nth(1)).to_have_text("50")
    expect(refund.nth(3)).to_have_text(re.compile(r"^\d+ ms$"))
    refund.nth(2).get_by_role("link", name="11 (22%) of refund").click()

    expect(dashboard.get_by_role("status").filter(has_text="trace")).to_have_text("11 traces")
    assert query(dashboard) == {"filter": "failed_step = 'refund'"}


def test_feedback_is_a_share_a_mean_or_words_with_how_many(dashboard: Page) -> None:
    expect(cells(dashboard, "Feedback", "helpful")).to_have_text(["helpful", "85% yes", "19 no of helpful", "126"])
    expect(cells(dashboard, "Feedback", "quality")).to_have_text(["quality", "3.84", "± 0.72", "182"])
    expect(cells(dashboard, "Feedback", "tone").nth(1)).to_have_text(re.compile("kind 50.*curt 22"))
    cells(dashboard, "Feedback", "helpful").nth(2).get_by_role("link").click()

    expect(dashboard.get_by_role("status").filter(has_text="trace")).to_have_text("19 traces")


def test_the_time_to_the_first_chunk_is_that_of_streamed_calls(dashboard: Page) -> None:
    chart = dashboard.get_by_role("img", name="Time to first chunk, p95 over time")
    expect(chart).to_have_accessible_name(re.compile(r"gpt-4o-2024-08-06: at most [\d.]+ s"))
    dashboard.get_by_role("button", name="p50").click()
    expect(dashboard.get_by_role("img", name="Time to first chunk, p50 over time")).to_be_visible()

    box = dashboard.get_by_label("Filter the dashboard")
    box.fill("name = 'sort mail'")
    box.press("Enter")
    expect(dashboard.get_by_text("No streamed call in this time.")).to_be_visible()
    expect(dashboard.get_by_role("region", name="Tools")).to_have_count(0)


def test_a_click_on_a_chart_opens_the_traces_of_that_time_and_a_drag_narrows_it(dashboard: Page) -> None:
    chart = dashboard.get_by_role("img", name="Cost over time since ")
    whole = str(chart.get_attribute("aria-label")).partition(". ")[0]
    over = chart.locator(".u-over")
    box = over.bounding_box()
    assert box is not None
    dashboard.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    dashboard.mouse.down()
    dashboard.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    dashboard.mouse.up()
    dashboard.wait_for_url("**/dashboard?since=*")
    narrowed = query(dashboard)
    expect(dashboard.get_by_role("button", name="Time range")).not_to_have_text("All time")
    # until the narrower one is drawn a click opens a bar of the whole time
    expect(chart).not_to_have_accessible_name(re.compile(re.escape(whole)))
    over.click(position={"x": 200, "y": 60})

    dashboard.wait_for_url("**/traces?*")
    asked = query(dashboard)
    assert asked["order"] == "cost desc"
    assert int(narrowed["since"]) <= int(asked["since"]) < int(asked["until"]) <= int(narrowed["until"])
    expect(dashboard.get_by_role("gridcell").first).to_be_visible()
