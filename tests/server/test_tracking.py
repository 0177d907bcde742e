"""set_tracking_uri("http://…"): what is recorded here is kept there, read from there, and not lost while it is down."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tests.server.conftest import TOKEN
from tests.waiting import until
from tracer import cli
from tracer._api.queries import statistics
from tracer.errors import InvalidArgumentError, StoreError, TraceNotFoundError
from tracer.server import ServerSettings, running_server
from tracer.store import Store, TraceQuery

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tracked(store_url: str, tmp_path: Path) -> Iterator[str]:
    """This process sends to a server."""
    with running_server(tmp_path / "shared.db") as url:
        tracer.set_tracking_uri(url)
        yield url
        tracer.reset()


@tracer.trace(span_type="TOOL")
def add(a: int, b: int) -> int:
    return a + b


def recorded() -> str:
    add(1, 2)
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    return trace_id


def test_a_trace_is_there_right_after_the_call(tracked: str, tmp_path: Path) -> None:
    trace_id = recorded()

    trace = tracer.get_trace(trace_id)

    assert trace is not None
    [span] = trace.data.spans
    assert (span.name, span.inputs, span.outputs, trace.info.state) == ("add", {"a": 1, "b": 2}, 3, "OK")
    assert tracer.get_tracking_uri() == tracked
    assert not (tmp_path / "tracer.db").exists()


def test_what_is_read_over_there_is_what_a_file_would_give(tracked: str, tmp_path: Path) -> None:
    trace_id = recorded()
    over_http = tracer.get_trace(trace_id)

    tracer.set_tracking_uri(tmp_path / "shared.db")

    assert tracer.get_trace(trace_id) == over_http


def test_search_tags_feedback_and_deleting_work(tracked: str) -> None:
    first, second = recorded(), recorded()
    tracer.set_trace_tag(first, "a/b", "x")
    tracer.set_trace_tag(first, "gone", "x")
    tracer.delete_trace_tag(first, "gone")
    given = tracer.log_feedback(trace_id=first, name="good", value=0.5, rationale="so so")
    tracer.log_expectation(trace_id=first, name="answer", value={"sum": 3})

    [found] = tracer.search_traces("tags.`a/b` = 'x' AND feedback.good < 1 AND name = 'add'")

    assert (found.info.trace_id, found.info.tags) == (first, {"a/b": "x"})
    assert found.info.assessments[0] == given
    assert [assessment.value for assessment in found.info.assessments] == [0.5, {"sum": 3}]
    page = tracer.search_traces(max_results=1)
    assert page.next_page_token is not None
    rest = tracer.search_traces(max_results=1, page_token=page.next_page_token)
    assert {page[0].info.trace_id, rest[0].info.trace_id} == {first, second}
    assert [row.calls for row in statistics("name")] == [2]
    assert tracer.delete_traces([first]) == 1
    assert tracer.delete_traces(filter_string="name = 'add'", max_traces=5) == 1
    with pytest.raises(TraceNotFoundError):
        tracer.set_trace_tag(first, "k", "v")


def test_a_running_step_shows_its_inputs(tracked: str) -> None:
    with tracer.start_span("agent") as span:
        span.set_inputs({"plan": "a journey"})
        assert until(lambda: inputs_of(span.trace_id) == [{"plan": "a journey"}])
    assert inputs_of(span.trace_id) == [{"plan": "a journey"}]


def inputs_of(trace_id: str) -> list[Any]:
    trace = tracer.get_trace(trace_id)
    return [span.inputs for span in trace.data.spans] if trace else []


def test_a_finished_trace_gets_metadata_a_session_and_a_user(tracked: str) -> None:
    trace_id = recorded()

    tracer.update_trace(trace_id, metadata={"release": "1.4"}, session_id="s-1", user="ann")

    info = tracer.get_trace(trace_id).info  # type: ignore[union-attr]
    assert (info.trace_metadata, info.session_id, info.user) == ({"release": "1.4"}, "s-1", "ann")
    assert len(tracer.search_traces("user = 'ann' AND metadata.release = '1.4'", session_id="s-1")) == 1
    with pytest.raises(TraceNotFoundError):
        tracer.update_trace("0" * 32, user="ann")


def test_a_running_trace_shows_and_attachments_are_there(tracked: str) -> None:
    picture = "data:image/png;base64," + "iVBORw0K" * 200
    with tracer.start_span("outer") as span:
        span.set_inputs({"picture": picture})
        running = tracer.get_trace(span.trace_id)

    trace = tracer.get_trace(span.trace_id)

    assert running is not None
    assert running.info.state == "IN_PROGRESS"
    assert trace is not None
    reference = trace.data.spans[0].inputs["picture"]
    from tracer._engine.runtime import runtime

    kept = runtime().store().attachment(reference.partition(":")[2][:64])
    assert kept is not None
    assert kept[0] == "image/png"


def test_the_command_line_reads_from_a_server(
    tracked: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.provider.installed.names", lambda: ["ollama"])  # to load all SDKs takes long
    trace_id = recorded()

    for arguments in (["list"], ["show", "latest"], ["stats", "--by", "name"], ["export", "latest"], ["doctor"]):
        assert cli.run([*arguments, "--store", tracked]) == 0, capsys.readouterr()
        assert ("add" in capsys.readouterr().out) == (arguments != ["doctor"])
    assert cli.run(["list", "--store", tracked, "--filter", "name = "]) == 2
    assert trace_id


def test_a_trace_as_otlp_can_be_read_by_import(
    tracked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tracer.start_span("look") as span:
        span.set_inputs({"picture": "data:image/png;base64," + "iVBORw0K" * 200})
        tracer.update_current_trace(tags={"env": "prod"})
    tracer.log_feedback(trace_id=span.trace_id, name="good", value=True)
    before = tracer.get_trace(span.trace_id)
    file, other = tmp_path / "one.jsonl", str(tmp_path / "other.db")

    file.write_bytes(httpx.get(f"{tracked}/api/v1/traces/{span.trace_id}/otlp").raise_for_status().content)

    assert cli.run(["import", str(file), "--store", other]) == 0, capsys.readouterr()
    tracer.set_tracking_uri(other)
    assert tracer.get_trace(span.trace_id) == before
    assert b'"kind":"attachment"' in file.read_bytes().replace(b'\\"', b'"')


def test_a_token_opens_the_door(tmp_path: Path) -> None:
    with running_server(tmp_path / "shared.db", ServerSettings(port=0, token=TOKEN)) as url:
        tracer.configure(store=url, token=TOKEN)
        trace_id = recorded()
        assert tracer.get_trace(trace_id) is not None
        assert TOKEN not in tracer.get_tracking_uri()

        tracer.configure(token="another-token-that-is-wrong")

        with pytest.raises(StoreError, match="does not know the token that is given"):
            tracer.get_trace(trace_id)
        tracer.reset()
        tracer.configure(store=url)
        with pytest.raises(StoreError, match="wants a token: set TRACER_TOKEN"):
            tracer.get_trace(trace_id)
        tracer.reset()


@pytest.mark.parametrize("url", ["http://", "http://user:password@host:1", "http://host:99999", "https://host/?q=1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="store"):
        tracer.set_tracking_uri(url)


@contextmanager
def server_on(port: int, store: Path) -> Iterator[str]:
    with running_server(store, ServerSettings(port=port)) as url:
        yield url


def test_nothing_is_lost_and_nothing_comes_twice_while_the_server_is_away(tmp_path: Path, store_url: str) -> None:
    shared = tmp_path / "shared.db"
    with server_on(0, shared) as url:
        port = int(url.rpartition(":")[2])
        tracer.set_tracking_uri(url)
        ids = [recorded() for _ in range(3)]
        assert tracer.flush()
    ids += [recorded() for _ in range(3)]
    assert not tracer.flush(timeout=0.5)
    with pytest.raises(StoreError, match="cannot reach the tracer server"):
        tracer.get_trace(ids[0])
    ids += [recorded() for _ in range(3)]
    with server_on(port, shared):
        assert tracer.flush()
        found = tracer.search_traces()
        tracer.reset()

    assert sorted(trace.info.trace_id for trace in found) == sorted(ids)
    assert [len(trace.data.spans) for trace in found] == [1] * 9


@contextmanager
def stranger(status: int, **headers: str) -> Iterator[str]:
    """Something that is no tracer server and answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "text/html", "Content-Length": "5"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"login")

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 308, 200, 201, 202])
def test_what_a_proxy_answers_counts_as_not_delivered(status: int, tmp_path: Path) -> None:
    moved = {"Location": "https://traces.example/"} if status in (301, 302, 308) else {}
    with stranger(status, **moved) as url:
        tracer.set_tracking_uri(url)
        trace_id = recorded()
        assert not tracer.flush(timeout=0.5)
        with pytest.raises(StoreError, match=r"give that address" if moved else "no tracer server"):
            tracer.get_trace(trace_id)

    with server_on(int(url.rpartition(":")[2]), tmp_path / "shared.db"):
        assert tracer.flush()
        found = tracer.search_traces()
        tracer.reset()

    assert [trace.info.trace_id for trace in found] == [trace_id]


def test_a_program_that_ends_while_the_server_is_away_is_caught_up_by_the_next(tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    with server_on(0, shared) as url:
        port = int(url.rpartition(":")[2])
    program = "import tracer\nfor number in range(5):\n    with tracer.start_span(f'step {number}'): pass\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": url}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr

    with server_on(port, shared):
        tracer.set_tracking_uri(url)
        found = tracer.search_traces("name LIKE 'step %'")
        tracer.reset()

    assert sorted(trace.info.name or "" for trace in found) == [f"step {number}" for number in range(5)]
    assert {trace.info.state for trace in found} == {"OK"}


def test_eight_processes_send_at_once(server_url: str, store: Store) -> None:
    program = (
        "import tracer\n"
        "for number in range(25):\n"
        "    with tracer.start_span('outer'):\n"
        "        with tracer.start_span('inner'): pass\n"
        "assert tracer.flush()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": server_url}
    running = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE) for _ in range(8)
    ]
    errors = [process.communicate(timeout=120)[1] for process in running]

    assert [process.returncode for process in running] == [0] * 8, errors
    rows = store.find_traces(TraceQuery(limit=1000)).traces
    assert [(row.span_count, row.state) for row in rows] == [(2, "OK")] * 200
