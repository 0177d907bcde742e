"""Versions and runs on a tracer server: the same as in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import tracer
from tracer.models import load_model, log_model
from tracer.server import running_server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a tracer server that is this process's store."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with running_server(f"sqlite:///{tmp_path / 'server.db'}") as url:
        tracer.configure(store=url)
        yield url
        tracer.reset()


def test_versions_and_runs(server: str) -> None:
    with tracer.start_run(run_name="nightly", params={"k": "5"}) as run:
        model = tracer.create_external_model("v1", params={"llm": "gpt-4"}, tags={"team": "search"})
    tracer.set_active_model("v1")
    with tracer.start_span("step") as span:
        pass
    tracer.log_model_metrics({"score": 0.5})

    stored = tracer.get_logged_model(model.model_id)
    trace = tracer.get_trace(span.trace_id)
    assert (stored.params, stored.metrics, stored.source_run_id) == ({"llm": "gpt-4"}, {"score": 0.5}, run.info.run_id)
    assert stored.creation_timestamp == model.creation_timestamp
    assert trace is not None
    assert trace.info.model_id == model.model_id
    assert [found.name for found in tracer.search_logged_models("params.llm = 'gpt-4'")] == ["v1"]
    assert (tracer.get_run(run.info.run_id).info.status, tracer.get_run(run.info.run_id).data.params) == (
        "FINISHED", {"k": "5"},
    )  # fmt: skip
    (version,) = httpx.get(f"{server}/api/v1/versions").json()["versions"]
    assert (version["model_id"], version["name"], version["trace_count"]) == (model.model_id, "v1", 1)


def test_a_model_whose_version_is_on_a_server_has_its_files_here(server: str) -> None:
    model = log_model("double", lambda number: 2 * number, input_example=1)

    assert load_model("models:/double").predict(4) == 8
    assert len(tracer.search_traces(model_id=model.model_id)) == 2


def test_an_evaluation(server: str) -> None:
    rows = [{"inputs": {"word": word}, "expectations": {"expected": word}, "id": word} for word in ("one", "two")]
    judge = tracer.genai.make_judge("fine", "{{ outputs }}", model=lambda prompt: {"rationale": "r", "value": "yes"})

    result = tracer.evaluate(rows, lambda word: word, [judge], model_id=tracer.create_external_model("v1").model_id)
    again = tracer.evaluate(rows, lambda word: 1 / 0, [judge], resume=result.run_id)
    tracer.log_feedback(trace_id=str(result.rows[0].trace_id), name="fine", value=False, source="HUMAN")

    assert result.metrics == again.metrics == {"fine/mean": 1, "rows": 2, "error_share": 0}
    assert {row.id for row in tracer.genai.get_evaluation(result.run_id).rows} == {"one", "two"}
    assert tracer.compare_versions("v1")[0].scores == {"fine": 0.6666666666666666}
    (found,) = tracer.genai.agreement()
    assert (found.traces, found.agreed) == (1, 0)
