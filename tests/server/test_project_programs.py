"""Programs that send to a server of projects: with two variables alone, nothing lost, nothing in another project."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracer
from tests.engines import projects_url
from tests.server.test_projects import BASE, Shop, send, shop_in
from tracer._engine.runtime import runtime
from tracer.errors import BusyServerError
from tracer.store import open_store


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield from shop_in(projects_url(tmp_path / "all"))


def ended(program: str, shop: Shop, key: str) -> int:
    """The exit code of a program that is told the server and the key."""
    variables = {"TRACER_STORE": shop.url, "TRACER_TOKEN": key}
    source = textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source], env={**os.environ, **variables}, timeout=60
    ).returncode


def names(shop: Shop, project: str, filter: str = "") -> set[str]:
    with shop.client(shop.key(project, "read")) as reader:
        found = reader.get(f"{BASE}/traces", params={"filter": filter, "limit": 100}).json()
    return {trace["name"] for trace in found["traces"]}


def test_a_program_records_with_two_variables_and_a_key_that_only_writes(shop: Shop) -> None:
    program = """
    import tracer
    with tracer.start_span("work") as span:
        tracer.update_current_trace(tags={"env": "prod"})
    tracer.log_feedback(trace_id=span.trace_id, name="good", value=True)
    tracer.register_prompt("qa", "Answer {{question}}")
    tracer.set_active_model(name="app-1")
    with tracer.start_run():
        tracer.log_metric("rows", 1)
    assert tracer.flush()
    assert tracer.load_prompt("qa").version == 1
    """
    assert ended(program, shop, shop.key("shop", "write")) == 0

    assert names(shop, "shop", "tags.env = 'prod' AND feedback.good = true") == {"work"}


def test_a_busy_server_is_an_error_of_its_own(shop: Shop) -> None:
    shop.catalog.change_project("shop", {"requests_a_minute": 1, "bytes_a_minute": None}, by="a test")
    store = open_store(shop.url, token=shop.key("shop", "read"))
    store.experiments()
    with pytest.raises(BusyServerError, match="1 requests a minute"):
        store.experiments()
    store.close()


@pytest.mark.swallow_faults
def test_a_program_whose_project_has_sent_too_much_loses_nothing(shop: Shop) -> None:
    shop.catalog.change_project("shop", {"requests_a_minute": 1, "bytes_a_minute": None}, by="a test")
    tracer.configure(store=shop.url, token=shop.key("shop", "write"))
    for number in range(12):
        with tracer.start_span(f"step {number}", attributes={"text": "x" * 300_000}):
            pass
        tracer.flush(timeout=0.3)  # refused several times, with nearly a batch before the next
        shop.catalog.change_project("shop", {"requests_a_minute": 60 + number, "bytes_a_minute": None}, by="a test")
    shop.catalog.change_project("shop", {"requests_a_minute": None, "bytes_a_minute": None}, by="a test")
    assert tracer.flush(timeout=30)

    assert names(shop, "shop") == {f"step {number}" for number in range(12)}


def test_what_a_dead_program_left_goes_to_its_own_project(shop: Shop) -> None:
    killed = """
    import os, tracer
    with tracer.start_span("left behind"):
        pass
    os.kill(os.getpid(), 9)
    """
    shop.catalog.change_project("shop", {"requests_a_minute": 1, "bytes_a_minute": None}, by="a test")
    key = shop.key("shop", "write")
    with shop.client(key) as client:
        send(client)  # so that the program's records are refused
    assert ended(killed, shop, key) == -9
    shop.catalog.change_project("shop", {"requests_a_minute": None, "bytes_a_minute": None}, by="a test")

    found = []
    for project in ("other", "shop"):
        tracer.configure(store=shop.url, token=shop.key(project, "write"))
        with tracer.start_span("next"):
            pass
        tracer.flush(timeout=30)
        runtime().sync()
        found.append(names(shop, project))

    assert found == [{"next"}, {"next", "left behind"}]
