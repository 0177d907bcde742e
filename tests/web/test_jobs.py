"""What people come for, beginning at the list: each of the five jobs within so many clicks and keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Watched
from tests.web.shop import REFUSED, SAID_ONCE, Shop

pytestmark = pytest.mark.no_store

# on the document: a click that Playwright takes back and makes again, since a row has moved, ends at the window
COUNTER = """
window.actions = 0;
for (const kind of ["pointerdown", "keydown"])
  document.addEventListener(kind, (event) => {
    if (event.isTrusted && !["Control", "Meta", "Shift", "Alt"].includes(event.key)) window.actions++;
  }, true);
"""


@pytest.fixture
def listed(watched: Watched, shop: tuple[str, Shop]) -> Page:
    """The list of a week's traces, on a page that counts what its user does."""
    page = watched.open(shop[0], permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script(COUNTER)
    page.goto("/traces")
    expect(page.get_by_role("gridcell").first).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("420 traces")
    return page


def actions(page: Page) -> int:
    """Clicks and keys of the user so far, modifier keys apart."""
    return int(page.evaluate("window.actions"))


def test_why_did_it_fail(listed: Page) -> None:
    listed.get_by_role("row").filter(has_text="Error").first.click()
    problem = listed.get_by_role("article")
    expect(problem).to_contain_text(f"PaymentError: {REFUSED}")
    problem.get_by_role("button", name="refund").click()

    expect(listed.get_by_role("treeitem", selected=True)).to_contain_text("refund")
    expect(problem.get_by_label("Your code")).to_contain_text("shop/tools.py:41 in refund")
    assert actions(listed) <= 2


def test_what_was_slow(listed: Page) -> None:
    listed.get_by_role("columnheader", name="Latency").get_by_role("button").click()
    expect(listed.get_by_role("row").nth(1)).to_contain_text("9.92 s")
    listed.get_by_role("row").nth(2).click()

    expect(listed.get_by_label("Notable steps")).to_contain_text("Slowest")
    assert actions(listed) <= 2


def test_what_was_dear(listed: Page) -> None:
    listed.get_by_role("columnheader", name="Cost").get_by_role("button").click()
    expect(listed.get_by_role("row").nth(1)).to_contain_text("$0.003")
    listed.get_by_role("row").nth(1).click()

    expect(listed.get_by_label("Notable steps")).to_contain_text("Dearest")
    assert actions(listed) <= 2


def test_what_exactly_was_said(listed: Page) -> None:
    listed.get_by_role("row").filter(has_text="Can I send order 1726 back?").click()
    said = listed.get_by_role("list", name="Conversation")

    expect(said).to_contain_text("Can I send order 1726 back?")
    expect(said.get_by_role("group", name="Tool call find_order")).to_contain_text("days_since")
    expect(said).to_contain_text("Yes, within 30 days. Put it into the original packaging; the label is in your mail.")
    assert actions(listed) <= 1


def test_what_mentions_a_word_by_keyboard(listed: Page) -> None:
    listed.keyboard.press("/")
    for letter in SAID_ONCE:  # the text itself is not counted
        listed.keyboard.insert_text(letter)
    listed.keyboard.press("Enter")

    expect(listed.get_by_role("row").nth(1).locator("mark")).to_have_text(SAID_ONCE)
    expect(listed.get_by_role("status").filter(has_text="trace")).to_have_text("1 trace")
    assert actions(listed) <= 2


def test_what_mentions_a_pasted_text(listed: Page) -> None:
    listed.evaluate("text => navigator.clipboard.writeText(text)", SAID_ONCE)
    listed.keyboard.press("Control+V")
    found = listed.get_by_role("row").nth(1)
    expect(found.locator("mark")).to_have_text(SAID_ONCE)
    found.click()

    expect(listed.get_by_role("list", name="Conversation")).to_contain_text(SAID_ONCE)
    listed.wait_for_function("() => CSS.highlights.get('found')?.size > 0")
    assert actions(listed) <= 2


def test_where_a_tool_failed(listed: Page) -> None:
    listed.get_by_label("Narrow the list").get_by_role("button", name="refund").click()
    expect(listed.get_by_role("status").filter(has_text="trace")).to_have_text("11 traces")
    listed.get_by_role("row").nth(1).click()

    expect(listed.get_by_role("article")).to_contain_text("refund")
    expect(listed.get_by_role("article")).to_contain_text(REFUSED)
    assert actions(listed) <= 2


def test_did_the_version_get_worse(listed: Page) -> None:
    listed.get_by_role("link", name="Versions").click()
    support = listed.get_by_role("region", name="support")

    worse = support.get_by_role("row").filter(has_text="Latency, median").get_by_role("cell").first
    expect(worse.locator(".change.bad")).to_be_visible()
    dearer = support.get_by_role("row").filter(has_text="Cost").get_by_role("cell").first
    expect(dearer.locator(".change.bad")).to_be_visible()
    assert actions(listed) <= 2
