"""Records what LLM programs do: every call of an SDK, your own steps around it, and what came of them."""

from __future__ import annotations

import atexit as _atexit
import os as _os
from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

_checkout = _os.path.join(_os.path.dirname(_os.path.dirname(_os.path.abspath(__file__))), "")
if _os.path.isfile(_checkout + "pyproject.toml") and _os.path.isdir(_checkout + "integrations"):
    __path__.append(_checkout + "integrations")  # a checkout works in place; the wheel has both folders in one

from tracer._exit import close_runtime as _close_runtime  # noqa: E402
from tracer._late import load as _load  # noqa: E402
from tracer._late import register as _register  # noqa: E402

if TYPE_CHECKING:
    from tracer import anthropic as anthropic  # type: ignore[attr-defined, unused-ignore]
    from tracer import errors as errors
    from tracer import gemini as gemini  # type: ignore[attr-defined, unused-ignore]
    from tracer import mistral as mistral  # type: ignore[attr-defined, unused-ignore]
    from tracer import models as models
    from tracer import ollama as ollama  # type: ignore[attr-defined, unused-ignore]  # in integrations/
    from tracer import openai as openai  # type: ignore[attr-defined, unused-ignore]  # in integrations/
    from tracer import openai_agents as openai_agents  # type: ignore[attr-defined, unused-ignore]
    from tracer._api.annotations import delete_trace_tag, log_expectation, log_feedback, set_trace_tag
    from tracer._api.configuration import (
        configure,
        disable,
        enable,
        flush,
        get_tracking_uri,
        reset,
        set_tracking_uri,
        shutdown,
    )
    from tracer._api.queries import delete_traces, get_trace, search_traces
    from tracer._api.traces import Assessment, Span, Trace, TraceData, TraceInfo, TraceList
    from tracer._api.tracing import (
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
    from tracer._engine.span import LiveSpan
    from tracer._tracking.comparison import compare_versions
    from tracer._tracking.evaluation import EvaluatedRow, EvaluationResult, evaluate
    from tracer._tracking.experiments import Experiment, get_experiment_by_name, set_experiment
    from tracer._tracking.git_versions import disable_git_model_versioning, enable_git_model_versioning
    from tracer._tracking.logged_model import LoggedModel, LoggedModelStatus
    from tracer._tracking.runs import (
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
    from tracer._tracking.scoring import Score, Scorer, scorer
    from tracer._tracking.version_search import search_logged_models
    from tracer._tracking.versions import (
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
    from tracer.messages import set_span_chat_messages, set_span_chat_tools
    from tracer.semconv import SpanType

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

# Where the names are. Each is loaded when it is first asked for, so that a program pays for what it uses.
_HOMES = {
    "tracer._api.configuration": (
        "configure",
        "disable",
        "enable",
        "flush",
        "get_tracking_uri",
        "reset",
        "set_tracking_uri",
        "shutdown",
    ),
    "tracer._api.tracing": (
        "get_active_trace_id",
        "get_current_active_span",
        "get_last_active_trace_id",
        "get_tracing_context_headers_for_http_request",
        "set_tracing_context_from_http_request_headers",
        "start_span",
        "start_span_no_context",
        "trace",
        "update_current_trace",
        "wrap_context",
    ),
    "tracer._api.traces": (
        "Assessment",
        "Span",
        "Trace",
        "TraceData",
        "TraceInfo",
        "TraceList",
    ),
    "tracer._api.annotations": (
        "delete_trace_tag",
        "log_expectation",
        "log_feedback",
        "set_trace_tag",
    ),
    "tracer._tracking.comparison": ("compare_versions",),
    "tracer._tracking.evaluation": (
        "EvaluatedRow",
        "EvaluationResult",
        "evaluate",
    ),
    "tracer._tracking.experiments": (
        "Experiment",
        "get_experiment_by_name",
        "set_experiment",
    ),
    "tracer._tracking.version_search": ("search_logged_models",),
    "tracer._tracking.git_versions": (
        "disable_git_model_versioning",
        "enable_git_model_versioning",
    ),
    "tracer._tracking.logged_model": (
        "LoggedModel",
        "LoggedModelStatus",
    ),
    "tracer.messages": (
        "set_span_chat_messages",
        "set_span_chat_tools",
    ),
    "tracer._api.queries": (
        "delete_traces",
        "get_trace",
        "search_traces",
    ),
    "tracer._tracking.runs": (
        "Run",
        "active_run",
        "end_run",
        "get_run",
        "log_metric",
        "log_metrics",
        "log_param",
        "log_params",
        "search_runs",
        "set_tag",
        "start_run",
    ),
    "tracer._tracking.scoring": (
        "Score",
        "Scorer",
        "scorer",
    ),
    "tracer.semconv": ("SpanType",),
    "tracer._engine.span": ("LiveSpan",),
    "tracer._tracking.versions": (
        "clear_active_model",
        "create_external_model",
        "delete_logged_model_tag",
        "finalize_logged_model",
        "get_active_model_id",
        "get_logged_model",
        "log_model_metrics",
        "log_model_params",
        "set_active_model",
        "set_logged_model_tags",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = frozenset(("config", "errors", "export", "messages", "models", "provider", "semconv", "server", "store"))

_register("default_model_id", "tracer._tracking.versions")

# here, not where the runtime is loaded: handlers run last in, first out, and the program's own may record
_atexit.register(_close_runtime)


def autolog(*, disable: bool = False) -> None:
    """Record the calls of every provider that tracer knows; ``disable=True`` takes it all back."""
    from tracer.provider import autolog_all

    autolog_all(disable=disable)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        found = globals()[name] = _load(_HOME_OF[name], name)
        return found
    if name in _MODULES:
        return _import_module(f"tracer.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    from tracer.provider import find_provider_module

    module = find_provider_module(name)
    if module is None:
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    return module


def __dir__() -> list[str]:
    return sorted(name for name in {*globals(), *__all__, *_MODULES} if name[0] != "_" or name[:2] == "__")


__version__ = "0.1.0"
