"""Records what LLM programs do: every call of an SDK, your own steps around it, and what came of them."""

from __future__ import annotations

import os as _os
from typing import TYPE_CHECKING, Any

_checkout = _os.path.join(_os.path.dirname(_os.path.dirname(_os.path.abspath(__file__))), "")
if _os.path.isfile(_checkout + "pyproject.toml") and _os.path.isdir(_checkout + "integrations"):
    __path__.append(_checkout + "integrations")  # a checkout works in place; the wheel has both folders in one

from tracer import errors  # noqa: E402
from tracer._configure import (  # noqa: E402
    configure,
    disable,
    enable,
    flush,
    get_tracking_uri,
    reset,
    set_tracking_uri,
    shutdown,
)
from tracer._fluent import (  # noqa: E402
    get_active_trace_id,
    get_current_active_span,
    get_last_active_trace_id,
    get_tracing_context_headers_for_http_request,
    set_tracing_context_from_http_request_headers,
    start_span,
    start_span_no_context,
    trace,
    update_current_trace,
    wrap_context,
)
from tracer._stored_trace import Assessment, Span, Trace, TraceData, TraceInfo, TraceList  # noqa: E402
from tracer.annotate import delete_trace_tag, log_expectation, log_feedback, set_trace_tag  # noqa: E402
from tracer.experiments import Experiment, get_experiment_by_name, set_experiment  # noqa: E402
from tracer.find_versions import search_logged_models  # noqa: E402
from tracer.git_versions import disable_git_model_versioning, enable_git_model_versioning  # noqa: E402
from tracer.logged_model import LoggedModel, LoggedModelStatus  # noqa: E402
from tracer.messages import set_span_chat_messages, set_span_chat_tools  # noqa: E402
from tracer.query import delete_traces, get_trace, search_traces  # noqa: E402
from tracer.runs import (  # noqa: E402
    Run,
    active_run,
    end_run,
    get_run,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    search_runs,
    set_tag,
    start_run,
)
from tracer.semconv import SpanType  # noqa: E402
from tracer.span import LiveSpan  # noqa: E402
from tracer.versions import (  # noqa: E402
    clear_active_model,
    create_external_model,
    delete_logged_model_tag,
    finalize_logged_model,
    get_active_model_id,
    get_logged_model,
    log_model_metrics,
    log_model_params,
    set_active_model,
    set_logged_model_tags,
)

if TYPE_CHECKING:
    from tracer import anthropic as anthropic  # type: ignore[attr-defined, unused-ignore]
    from tracer import gemini as gemini  # type: ignore[attr-defined, unused-ignore]
    from tracer import mistral as mistral  # type: ignore[attr-defined, unused-ignore]
    from tracer import models as models
    from tracer import ollama as ollama  # type: ignore[attr-defined, unused-ignore]  # in integrations/
    from tracer import openai as openai  # type: ignore[attr-defined, unused-ignore]  # in integrations/
    from tracer import openai_agents as openai_agents  # type: ignore[attr-defined, unused-ignore]
    from tracer.comparison import compare_versions as compare_versions
    from tracer.evaluation import EvaluatedRow as EvaluatedRow
    from tracer.evaluation import EvaluationResult as EvaluationResult
    from tracer.evaluation import evaluate as evaluate
    from tracer.scoring import Score as Score
    from tracer.scoring import Scorer as Scorer
    from tracer.scoring import scorer as scorer

__all__ = [
    "Assessment",
    "EvaluatedRow",
    "EvaluationResult",
    "Experiment",
    "Score",
    "Scorer",
    "LiveSpan",
    "LoggedModel",
    "LoggedModelStatus",
    "Run",
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
]


def autolog(*, disable: bool = False) -> None:
    """Record the calls of every provider that tracer knows; ``disable=True`` takes it all back."""
    from tracer.provider import autolog_all

    autolog_all(disable=disable)


# not needed by programs that only record, and slow to load
_LATE = {
    "EvaluatedRow": "tracer.evaluation:EvaluatedRow",
    "EvaluationResult": "tracer.evaluation:EvaluationResult",
    "Score": "tracer.scoring:Score",
    "Scorer": "tracer.scoring:Scorer",
    "compare_versions": "tracer.comparison:compare_versions",
    "evaluate": "tracer.evaluation:evaluate",
    "models": "tracer.models",
    "scorer": "tracer.scoring:scorer",
}


def __getattr__(name: str) -> Any:
    """Providers are loaded when they are first named: ``tracer.openai``; so are those of ``_LATE``."""
    if name in _LATE:
        import importlib

        module, _, attribute = _LATE[name].partition(":")
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found
    if name.startswith("_"):
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    from tracer.provider import find_provider_module

    module = find_provider_module(name)
    if module is None:
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    return module


def __dir__() -> list[str]:
    return sorted(__all__)


__version__ = "0.1.0"
