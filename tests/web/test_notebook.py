"""What notebooks get, in a browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

import tracer
from tests.web.conftest import Watched, axe, shoot
from tests.web.serving import TraceIds

NO_HOST = "http://notebook.invalid"  # none may be asked


def test_traces_open_without_scripts_and_hostile_text_stays_text(
    watched: Watched, recorded_stories: tuple[Path, TraceIds]
) -> None:
    tracer.configure(store=f"sqlite:///{recorded_stories[0]}")
    traces = [trace for trace in tracer.search_traces(max_results=1000) if len(trace.data.spans) < 100]
    outputs = [trace._repr_html_() for trace in traces]
    page = watched.open(NO_HOST, width=1000, java_script_enabled=False)
    page.set_content(f"<html lang=en><title>Notebook</title><main>{''.join(map(str, outputs))}</main>")

    first = page.locator("details").first
    first.locator("summary").first.click()
    expect(first).to_have_attribute("open", "")
    assert len(outputs) > 5
    assert page.locator("script, img, iframe, link, form").count() == 0
    shoot(page, "notebook")


def test_an_output_can_be_read_by_everybody(watched: Watched, recorded_stories: tuple[Path, TraceIds]) -> None:
    tracer.configure(store=f"sqlite:///{recorded_stories[0]}")
    page = watched.open(NO_HOST, width=1000)
    shown = tracer.search_traces(max_results=5)._repr_html_()
    page.set_content(f"<html lang=en><title>Notebook</title><main><h1>Traces</h1>{shown}</main>")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert axe(page) == []
