"""Traces are written as a Parquet file, which DuckDB reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner

import tracer
from tests.openai.replies import USAGE, chat
from tests.openai.server import Server, reply
from tracer.cli.group import tracer_command

pytest.importorskip("pyarrow", reason="tests/run.py makes an environment with it")
duckdb = pytest.importorskip("duckdb", reason="tests/run.py makes an environment with it")


@pytest.fixture
def recorded(server: Server) -> None:
    """Two traces with a call each, one of which failed, with tags and feedback."""
    tracer.openai.autolog()
    server.will(reply(chat(model="gpt-4o-mini", usage=USAGE)))
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
        for number in range(2):
            try:
                with tracer.start_span("agent") as span:
                    span.set_inputs({"number": number})
                    tracer.update_current_trace(tags={"env": "test"}, session_id="s-1", user="ann")
                    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
                    if number:
                        raise ValueError("it's broken")
            except ValueError:
                tracer.log_feedback(trace_id=span.trace_id, name="good", value=False)
    tracer.openai.autolog(disable=True)
    tracer.flush()


def export(*arguments: str) -> Any:
    return CliRunner().invoke(tracer_command, ["export", "--format", "parquet", *arguments])


@pytest.mark.usefixtures("recorded")
def test_duckdb_reads_what_was_exported(tmp_path: Path) -> None:
    file = tmp_path / "traces.parquet"

    ran = export("-o", str(file))

    assert (ran.exit_code, ran.output) == (0, f"wrote 2 traces to {file}\n")
    database = duckdb.connect()
    database.execute(f"CREATE VIEW spans AS SELECT * FROM '{file}'")

    def ask(query: str) -> list[Any]:
        return database.execute(query).fetchall()

    cost = sum(trace.info.cost["total_cost"] for trace in tracer.search_traces() if trace.info.cost)
    [calls] = ask(
        "SELECT model, count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM spans "
        "WHERE type = 'CHAT_MODEL' GROUP BY model"
    )
    assert calls == ("gpt-4o-mini", 2, 28, 18, pytest.approx(cost))
    assert ask("SELECT inputs->>'$.number' FROM spans WHERE parent_id IS NULL ORDER BY start") == [("0",), ("1",)]
    assert ask("SELECT name, status_message FROM spans WHERE status = 'ERROR'") == [
        ("agent", "ValueError: it's broken")
    ]
    assert ask("SELECT DISTINCT tags->>'$.env', session_id, \"user\" FROM spans") == [("test", "s-1", "ann")]
    [(took, given)] = ask("SELECT date_diff('microsecond', start, \"end\"), duration_ms FROM spans LIMIT 1")
    assert took == pytest.approx(given * 1000, abs=2)
    assert ask("SELECT assessments->0->>'$.name' FROM spans WHERE trace_state = 'ERROR' LIMIT 1") == [("good",)]


@pytest.mark.usefixtures("recorded")
def test_a_filter_chooses_the_traces_and_a_file_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "failed.parquet"

    assert export("--filter", "status = 'ERROR'", "-o", str(file)).exit_code == 0
    assert duckdb.connect().execute(f"SELECT count(DISTINCT trace_id) FROM '{file}'").fetchall() == [(1,)]
    assert export("--filter", "name = 'nobody'", "-o", str(file)).exit_code == 0
    assert duckdb.connect().execute(f"SELECT count(*) FROM '{file}'").fetchall() == [(0,)]
    refused = export()
    assert (refused.exit_code, "name it with --output FILE" in refused.output) == (2, True)
