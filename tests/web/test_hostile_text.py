"""What models and users write is shown as text: it runs nothing and loads nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Watched
from tests.web.serving import TraceIds

pytestmark = pytest.mark.no_store
FORBIDDEN = (
    "script:not([src]), iframe, object, embed, svg[onload], [onerror], [onload], [onclick], [ontoggle], [onmouseover]"
)


def look_everywhere(page: Page, trace_id: str) -> None:
    """Every way in which the page shows the texts of a trace."""
    page.goto(f"/traces/{trace_id}")
    expect(page.get_by_label("Conversation")).to_contain_text("<script>alert(1)</script>")
    page.locator("summary").first.click()
    page.get_by_text("Reasoning").click()
    for tab in ("Chat", "Input & output"):
        page.get_by_role("tab", name=tab).click()
        for mode in ("Pretty", "Markdown", "Raw", "JSON"):
            page.get_by_role("button", name=mode, exact=True).click()
            assert page.locator(FORBIDDEN).count() == 0
            assert page.locator("main a[href^='javascript:'], main a[href^='data:']").count() == 0
            assert page.locator("main img:not([src^='/api/v1/attachments/'])").count() == 0
    for tab in ("Attributes", "Events", "Tokens & cost", "Feedback"):
        page.get_by_role("tab", name=tab).click()
        assert page.locator(FORBIDDEN).count() == 0


# the fixture fails the test for a dialog, a broken policy, and a request to another host
def test_hostile_texts_do_nothing_on_any_page(page: Page, trace_ids: TraceIds) -> None:
    look_everywhere(page, trace_ids.hostile)
    page.goto("/traces")
    expect(page.get_by_role("row").filter(has_text="<script>alert(1)</script>").first).to_be_visible()
    page.goto(f"/compare?a={trace_ids.hostile}&b={trace_ids.kinds}")
    expect(page.get_by_role("list", name="Input, message 2 of A")).to_contain_text("<script>alert(1)</script>")
    assert page.locator(FORBIDDEN).count() == 0


def test_hostile_addresses_do_nothing(watched: Watched, address: str) -> None:
    page = watched.open(address)
    evil = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    for path in (
        f"/traces?filter={evil}",
        f"/traces/{evil}",
        f"/sessions/{evil}",
        f"/compare?a={evil}&b={evil}",
        f"/{evil}",
        "/traces?since=abc&until=-5",
        "/dashboard?since=9e99",
        "/traces?since=99999999999999999999",
        "/traces/%ff",
        "/sessions/%ff",
    ):
        page.goto(path)
        page.wait_for_selector("h1", state="attached")
        assert page.locator(FORBIDDEN).count() == 0
        expect(page.get_by_text("Something in this page broke")).to_have_count(0)


def test_the_policy_stops_a_script_that_got_in_anyway(watched: Watched, address: str) -> None:
    page = watched.open(address)
    page.goto("/traces")
    page.wait_for_selector("role=grid")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.ran=1>')")
    page.wait_for_function("() => window.violations.length > 0")

    assert page.evaluate("window.ran") is None
    assert "script-src" in page.evaluate("window.violations[0]")
    page.evaluate("window.violations = []")
    watched.complaints.clear()
