"""Every page, dark and light, at laptop and phone width: axe finds nothing, and nothing is wider than the screen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import ALL_RULES, CONTRAST, Watched, axe, shoot
from tests.web.serving import TraceIds
from tracer.store.datasets import dataset_id_of, row_id_of
from tracer.store.reviews import queue_id_of

pytestmark = pytest.mark.no_store

OPEN = {"question": "How long may I keep it?"}

SIZES = {"laptop": (1440, 900), "phone": (390, 844)}


def pages(trace_ids: TraceIds) -> dict[str, tuple[str, str]]:
    """Every page by name: its path, and a text by which it is there."""
    return {
        "traces": ("/traces", "text=support agent"),
        "search": ("/traces?filter=text%20CONTAINS%20'packaging'", "[role=row] mark"),
        "nothing-found": ("/traces?filter=name%20%3D%20'none'", "text=No trace fits"),
        "wrong-filter": ("/traces?filter=modle%20%3D%201", "text=did you mean model"),
        "trace": (f"/traces/{trace_ids.support}", "[role=treeitem]"),
        "chat": (f"/traces/{trace_ids.kinds}", "[role=treeitem]"),
        "error": (f"/traces/{trace_ids.failing}?tab=attributes", "[role=treeitem]"),
        "cost": (f"/traces/{trace_ids.support}?tab=cost", "[role=treeitem]"),
        "feedback": (f"/traces/{trace_ids.support}?tab=feedback", "[role=treeitem]"),
        "sessions": ("/sessions", "text=chat-1"),
        "session": ("/sessions/chat-1", ".turns .markdown"),
        "versions": ("/versions", "text=Feedback: helpful"),
        "version": ("/versions/shop-v1", "text=Feedback: helpful"),
        "no-evaluations": ("/evaluations", "text=No evaluations yet"),
        "no-such-evaluation": ("/evaluations/none", "text=cannot be shown"),
        "dashboard": ("/dashboard", "canvas >> nth=0"),
        "compare": (f"/compare?a={trace_ids.support}&b={trace_ids.failing}", "[role=option]"),
        "audit": ("/audit", "text=newest"),
        "audit-of-one": (f"/traces/{trace_ids.support}?tab=audit", "[role=treeitem]"),
        "prompts": ("/prompts", "text=No prompts yet"),
        "try": ("/try", "text=Open a model's call"),
        "datasets": ("/datasets", "text=refunds"),
        "dataset": (f"/datasets/{dataset_id_of('refunds')}?row={row_id_of(OPEN)}", "text=original packaging"),
        "new-queue": ("/review?edit=new", "text=What is asked"),
        "review-name": (f"/review/{queue_id_of('refund answers')}", "text=Your name"),
        "review": (f"/review/{queue_id_of('refund answers')}", "text=within 30 days"),
        "alerts": ("/alerts", "text=No alerts"),
        "settings": ("/settings", "text=This server has one store"),
        "no-such-trace": ("/traces/" + "0" * 32, "text=cannot be shown"),
    }


@pytest.mark.parametrize(
    ("theme", "size", "rules"),
    [("light", "laptop", ALL_RULES), ("dark", "phone", ALL_RULES), ("dark", "laptop", CONTRAST)],
    ids=["light-laptop", "dark-phone", "dark-laptop"],
)
def test_every_page_is_accessible(
    watched: Watched, address: str, trace_ids: TraceIds, theme: str, size: str, rules: dict[str, Any]
) -> None:
    width, height = SIZES[size]
    page = watched.open(address, width=width, height=height, color_scheme=theme)
    found: list[str] = []
    for name, (path, sign) in pages(trace_ids).items():
        page.goto(path)
        if name == "review":
            page.fill("input", "ann")
            page.keyboard.press("Enter")
        page.wait_for_selector(sign)
        if name == "chat":  # on a phone a step opens over the others
            page.click(sign)
            page.wait_for_selector("text=What is on this picture?")
        shoot(page, f"{name}-{theme}-{size}")
        found += [f"{name}: {problem}" for problem in axe(page, rules)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than the screen")

    assert not found, "\n".join(found)
