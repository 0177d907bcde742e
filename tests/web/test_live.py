"""An open page shows changes by other processes, and shows when its connection is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

import tracer
from tests.openai.server import Scripted, Server, reply
from tests.openai.test_running import CALL, COMPLETION
from tests.waiting import until
from tests.web.conftest import Watched
from tests.web.serving import served
from tracer.cli import main

pytestmark = pytest.mark.no_store


@pytest.fixture
def own(watched: Watched, tmp_path: Path) -> Iterator[Page]:
    """A page over a store of the test's own."""
    store = tmp_path / "own.db"
    tracer.configure(store=f"sqlite:///{store}")
    with served(store) as url:
        yield watched.open(url)
    tracer.reset()


def record(name: str) -> str:
    with tracer.start_span(name) as span:
        pass
    tracer.flush()
    return span.trace_id


def test_a_refused_connection_is_said_and_tried_again(own: Page) -> None:
    record("there before")
    is_busy = True

    def events(route: Route) -> None:
        if is_busy:
            route.fulfill(status=503, body="busy")
        else:
            route.fallback()

    own.route("**/api/v1/events", events)
    own.goto("/traces")
    expect(own.get_by_role("row").filter(has_text="there before")).to_be_visible()
    expect(own.get_by_role("status").filter(has_text="Not connected")).to_be_visible()
    record("while nobody heard")
    is_busy = False

    expect(own.get_by_role("row").filter(has_text="while nobody heard")).to_be_visible()
    expect(own.get_by_text("Not connected")).to_have_count(0)


def test_a_trace_that_somebody_deletes_leaves_the_list(own: Page) -> None:
    kept, deleted = record("kept"), record("deleted by others")
    own.goto("/traces")
    row = own.get_by_role("row").filter(has_text="deleted by others")
    expect(row).to_be_visible()
    tracer.delete_traces([deleted])

    expect(row).to_have_count(0)
    expect(own.get_by_role("row").filter(has_text="kept")).to_be_visible()

    own.goto(f"/traces/{kept}")
    expect(own.get_by_role("treeitem")).to_have_count(1)
    tracer.delete_traces([kept])
    expect(own.get_by_role("alert").filter(has_text="Somebody deleted this trace")).to_be_visible()
    expect(own.get_by_role("treeitem")).to_have_count(1)


def test_one_trace_far_from_the_others_does_not_flatten_the_histogram(own: Page) -> None:
    for n in range(40):
        record(f"trace {n}")
    tracer.start_span_no_context("from the future", start_time_ns=4_070_908_800_000_000_000).end()
    tracer.flush()
    own.goto("/traces")

    expect(own.get_by_text("1 trace far off left out")).to_be_attached()
    future = own.get_by_role("row").filter(has_text="from the future")
    expect(future).to_contain_text("2099")


@pytest.fixture
def asked() -> Iterator[Server]:
    """A model that is asked over HTTP."""
    server = Server()
    yield server
    server.close()


def test_a_running_call_is_read_and_then_its_reply(own: Page, asked: Server) -> None:
    import openai

    release = threading.Event()
    scripted = reply(COMPLETION)
    asked.will(Scripted([release, *scripted.steps]))
    tracer.openai.autolog()
    client = openai.OpenAI(api_key="k", base_url=f"{asked.url}/v1", max_retries=0)
    question = [{"role": "user", "content": "What is the capital of Peru?"}]
    with tracer.start_span("agent") as root:
        call = tracer.wrap_context(lambda: client.chat.completions.create(model="m", messages=question))
        thread = threading.Thread(target=call)
        thread.start()
        assert until(lambda: asked.asked)
    try:
        own.goto("/traces")
        expect(own.get_by_role("row").filter(has_text="What is the capital of Peru?")).to_be_visible()
        own.goto(f"/traces/{root.trace_id}")
        own.get_by_role("treeitem").filter(has_text="chat m").click()
        step = own.get_by_role("article", name="Step chat m")
        expect(step.get_by_text("What is the capital of Peru?")).to_be_visible()
        expect(step.get_by_text("running", exact=True)).to_be_visible()
    finally:
        release.set()
        thread.join()
        tracer.openai.autolog(disable=True)
    tracer.flush()

    expect(step.get_by_text("Lima")).to_be_visible()
    expect(step.get_by_text("running", exact=True)).to_have_count(0)


def test_inputs_of_a_step_that_stays_open_are_shown_while_it_is_read(own: Page) -> None:
    with tracer.start_span("agent") as root:
        own.goto(f"/traces/{root.trace_id}?tab=io")
        step = own.get_by_role("article", name="Step agent")
        expect(step.get_by_text("None yet.")).to_be_visible()
        root.set_inputs({"plan": "a journey to Lima"})

        expect(step.get_by_text("a journey to Lima")).to_be_visible()


def test_a_trace_that_comes_after_its_page_was_opened_is_shown(own: Page, tmp_path: Path) -> None:
    stores = [f"sqlite:///{tmp_path / name}" for name in ("other.db", "own.db")]
    tracer.configure(store=stores[0])
    trace_id = record("late")
    own.goto(f"/traces/{trace_id}")
    expect(own.get_by_role("heading", name="This trace cannot be shown")).to_be_visible()

    with pytest.raises(SystemExit, match="0"):
        main(["copy", *stores])

    expect(own.get_by_role("article", name="Step late")).to_be_visible()


def test_what_a_killed_process_had_asked_is_shown(own: Page, asked: Server, tmp_path: Path) -> None:
    asked.will(Scripted([threading.Event(), b"{}"]))
    program = tmp_path / "program.py"
    source = CALL.format(url=f"{asked.url}/v1") + "    call()"
    program.write_text("import tracer\n" + textwrap.dedent(source))
    environment = {**os.environ, "TRACER_STORE": f"sqlite:///{tmp_path / 'own.db'}"}
    process = subprocess.Popen([sys.executable, str(program)], env=environment)
    assert until(lambda: asked.asked)
    process.send_signal(signal.SIGKILL)
    process.wait()
    [trace] = tracer.search_traces()

    own.goto(f"/traces/{trace.info.trace_id}")

    expect(own.get_by_text("Interrupted.")).to_be_visible()
    expect(own.get_by_role("article").get_by_text("What is the capital of Peru?")).to_be_visible()
