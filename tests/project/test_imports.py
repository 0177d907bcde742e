"""What `import tracer` loads, and which names it has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tracer

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store

HEAVY = (
    "openai",
    "ollama",
    "httpx",
    "httpx2",
    "pydantic",
    "sqlite3",
    "starlette",
    "uvicorn",
    "rich",
    "click",
    "genai_prices",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter",
    "google.protobuf",
    "tracer.cli",
    "tracer.demo",
    "tracer.server",
    "tracer.store.sqlite",
    "tracer.store.remote",
    "tracer.dialects",
    "tracer.openai",
)

PUBLIC = {
    "Assessment",
    "EvaluatedRow",
    "EvaluationResult",
    "Experiment",
    "LiveSpan",
    "LoggedModel",
    "LoggedModelStatus",
    "Run",
    "Score",
    "Scorer",
    "Span",
    "SpanType",
    "Trace",
    "TraceData",
    "TraceInfo",
    "TraceList",
    "active_run",
    "anthropic",
    "autolog",
    "clear_active_model",
    "compare_versions",
    "configure",
    "create_external_model",
    "delete_logged_model_tag",
    "delete_trace_tag",
    "delete_traces",
    "disable",
    "disable_git_model_versioning",
    "enable",
    "enable_git_model_versioning",
    "end_run",
    "errors",
    "evaluate",
    "finalize_logged_model",
    "flush",
    "gemini",
    "get_active_model_id",
    "get_active_trace_id",
    "get_current_active_span",
    "get_experiment_by_name",
    "get_last_active_trace_id",
    "get_logged_model",
    "get_run",
    "get_trace",
    "get_tracing_context_headers_for_http_request",
    "get_tracking_uri",
    "log_expectation",
    "log_feedback",
    "log_metric",
    "log_metrics",
    "log_model_metrics",
    "log_model_params",
    "log_param",
    "log_params",
    "mistral",
    "models",
    "ollama",
    "openai",
    "openai_agents",
    "reset",
    "scorer",
    "search_logged_models",
    "search_runs",
    "search_traces",
    "set_active_model",
    "set_experiment",
    "set_logged_model_tags",
    "set_span_chat_messages",
    "set_span_chat_tools",
    "set_tag",
    "set_trace_tag",
    "set_tracing_context_from_http_request_headers",
    "set_tracking_uri",
    "shutdown",
    "start_run",
    "start_span",
    "start_span_no_context",
    "trace",
    "update_current_trace",
    "wrap_context",
}


def in_new_python(program: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_import_tracer_loads_nothing_heavy() -> None:
    program = "import sys, tracer; print('\\n'.join(sys.modules))"

    loaded = in_new_python(program).splitlines()

    assert [name for name in HEAVY if any(found == name or found.startswith(name + ".") for found in loaded)] == []


def test_autolog_does_not_import_the_sdk() -> None:
    assert in_new_python("import sys, tracer; tracer.openai.autolog(); print('openai' in sys.modules)") == "False"


def test_recording_a_span_keeps_rich_and_click_out() -> None:
    program = """
import sys, tracer, tempfile
with tempfile.TemporaryDirectory() as folder:
    tracer.configure(store=folder + "/t.db")
    with tracer.start_span("a"): pass
    tracer.shutdown()
print(sorted({"rich", "click", "openai"} & set(sys.modules)))
"""

    assert in_new_python(program) == "[]"


def test_the_public_names_are_exactly_these() -> None:
    assert set(tracer.__all__) == PUBLIC


def test_every_public_name_is_there() -> None:
    assert [name for name in tracer.__all__ if not hasattr(tracer, name)] == []
    assert sorted(tracer.__all__) == sorted(set(tracer.__all__))


def test_every_public_name_says_what_the_user_gets() -> None:
    assert [name for name in tracer.__all__ if not (getattr(tracer, name).__doc__ or "").strip()] == []


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = tracer.no_such_thing
