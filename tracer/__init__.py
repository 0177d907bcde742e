"""Records what LLM programs do: every call of an SDK, your own steps around it, and their results."""

from __future__ import annotations

import atexit as _atexit
import os as _os
from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any
from typing import NoReturn as _NoReturn

_checkout = _os.path.join(_os.path.dirname(_os.path.dirname(_os.path.abspath(__file__))), "")
if _os.path.isfile(_checkout + "pyproject.toml") and _os.path.isdir(_checkout + "integrations"):
    __path__.append(_checkout + "integrations")  # a checkout works in place; the wheel has both folders in one

from tracer._exit import close_runtime as _close_runtime  # noqa: E402
from tracer._late import load as _load  # noqa: E402
from tracer._late import register as _register  # noqa: E402

if TYPE_CHECKING:  # for type checkers and editors, which read nothing else; a test compares it with _HOMES
    from tracer import anthropic as anthropic  # type: ignore[attr-defined, unused-ignore]
    from tracer import bedrock as bedrock  # type: ignore[attr-defined, unused-ignore]
    from tracer import claude_agent_sdk as claude_agent_sdk  # type: ignore[attr-defined, unused-ignore]
    from tracer import cohere as cohere  # type: ignore[attr-defined, unused-ignore]
    from tracer import deployments as deployments
    from tracer import entities as entities
    from tracer import errors as errors
    from tracer import gemini as gemini  # type: ignore[attr-defined, unused-ignore]
    from tracer import genai as genai
    from tracer import groq as groq  # type: ignore[attr-defined, unused-ignore]
    from tracer import huggingface as huggingface  # type: ignore[attr-defined, unused-ignore]
    from tracer import langchain as langchain  # type: ignore[attr-defined, unused-ignore]
    from tracer import litellm as litellm  # type: ignore[attr-defined, unused-ignore]
    from tracer import mcp as mcp  # type: ignore[attr-defined, unused-ignore]
    from tracer import mistral as mistral  # type: ignore[attr-defined, unused-ignore]
    from tracer import models as models
    from tracer import ollama as ollama  # type: ignore[attr-defined, unused-ignore]
    from tracer import openai as openai  # type: ignore[attr-defined, unused-ignore]
    from tracer import openai_agents as openai_agents  # type: ignore[attr-defined, unused-ignore]
    from tracer import pyfunc as pyfunc
    from tracer import together as together  # type: ignore[attr-defined, unused-ignore]
    from tracer import tracing as tracing
    from tracer._api.annotations import delete_assessment as delete_assessment
    from tracer._api.annotations import delete_trace_tag as delete_trace_tag
    from tracer._api.annotations import get_assessment as get_assessment
    from tracer._api.annotations import log_assessment as log_assessment
    from tracer._api.annotations import log_expectation as log_expectation
    from tracer._api.annotations import log_feedback as log_feedback
    from tracer._api.annotations import override_feedback as override_feedback
    from tracer._api.annotations import set_trace_tag as set_trace_tag
    from tracer._api.annotations import update_assessment as update_assessment
    from tracer._api.annotations import update_trace as update_trace
    from tracer._api.assessments import Assessment as Assessment
    from tracer._api.configuration import configure as configure
    from tracer._api.configuration import disable as disable
    from tracer._api.configuration import enable as enable
    from tracer._api.configuration import flush as flush
    from tracer._api.configuration import get_tracking_uri as get_tracking_uri
    from tracer._api.configuration import reset as reset
    from tracer._api.configuration import set_tracking_uri as set_tracking_uri
    from tracer._api.configuration import shutdown as shutdown
    from tracer._api.limits import limit as limit
    from tracer._api.queries import delete_traces as delete_traces
    from tracer._api.queries import get_trace as get_trace
    from tracer._api.queries import search_traces as search_traces
    from tracer._api.traces import Span as Span
    from tracer._api.traces import Trace as Trace
    from tracer._api.traces import TraceData as TraceData
    from tracer._api.traces import TraceInfo as TraceInfo
    from tracer._api.traces import TraceList as TraceList
    from tracer._api.tracing import get_active_trace_id as get_active_trace_id
    from tracer._api.tracing import get_current_active_span as get_current_active_span
    from tracer._api.tracing import get_last_active_trace_id as get_last_active_trace_id
    from tracer._api.tracing import (
        get_tracing_context_headers_for_http_request as get_tracing_context_headers_for_http_request,
    )
    from tracer._api.tracing import (
        set_tracing_context_from_http_request_headers as set_tracing_context_from_http_request_headers,
    )
    from tracer._api.tracing import start_span as start_span
    from tracer._api.tracing import start_span_no_context as start_span_no_context
    from tracer._api.tracing import trace as trace
    from tracer._api.tracing import update_current_trace as update_current_trace
    from tracer._api.tracing import wrap_context as wrap_context
    from tracer._diff import Difference as Difference
    from tracer._diff import TraceDiff as TraceDiff
    from tracer._diff import diff as diff
    from tracer._engine.span import LiveSpan as LiveSpan
    from tracer._replay.forking import Fork as Fork
    from tracer._replay.forking import fork as fork
    from tracer._replay.replaying import Replay as Replay
    from tracer._replay.replaying import record as record
    from tracer._replay.replaying import replay as replay
    from tracer._tracking.artifacts import get_artifact_uri as get_artifact_uri
    from tracer._tracking.artifacts import log_artifact as log_artifact
    from tracer._tracking.artifacts import log_dict as log_dict
    from tracer._tracking.artifacts import log_text as log_text
    from tracer._tracking.comparison import compare_versions as compare_versions
    from tracer._tracking.evaluation import evaluate as evaluate
    from tracer._tracking.evaluation_result import EvaluatedRow as EvaluatedRow
    from tracer._tracking.evaluation_result import EvaluationResult as EvaluationResult
    from tracer._tracking.experiments import Experiment as Experiment
    from tracer._tracking.experiments import create_experiment as create_experiment
    from tracer._tracking.experiments import get_experiment as get_experiment
    from tracer._tracking.experiments import get_experiment_by_name as get_experiment_by_name
    from tracer._tracking.experiments import search_experiments as search_experiments
    from tracer._tracking.experiments import set_experiment as set_experiment
    from tracer._tracking.git_versions import disable_git_model_versioning as disable_git_model_versioning
    from tracer._tracking.git_versions import enable_git_model_versioning as enable_git_model_versioning
    from tracer._tracking.logged_model import LoggedModel as LoggedModel
    from tracer._tracking.logged_model import LoggedModelStatus as LoggedModelStatus
    from tracer._tracking.registered_models import ModelVersion as ModelVersion
    from tracer._tracking.registered_models import delete_registered_model_alias as delete_registered_model_alias
    from tracer._tracking.registered_models import register_model as register_model
    from tracer._tracking.registered_models import search_model_versions as search_model_versions
    from tracer._tracking.registered_models import search_registered_models as search_registered_models
    from tracer._tracking.registered_models import set_registered_model_alias as set_registered_model_alias
    from tracer._tracking.runs import Run as Run
    from tracer._tracking.runs import active_run as active_run
    from tracer._tracking.runs import delete_run as delete_run
    from tracer._tracking.runs import end_run as end_run
    from tracer._tracking.runs import get_run as get_run
    from tracer._tracking.runs import last_active_run as last_active_run
    from tracer._tracking.runs import log_metric as log_metric
    from tracer._tracking.runs import log_metrics as log_metrics
    from tracer._tracking.runs import log_param as log_param
    from tracer._tracking.runs import log_params as log_params
    from tracer._tracking.runs import search_runs as search_runs
    from tracer._tracking.runs import set_tag as set_tag
    from tracer._tracking.runs import set_tags as set_tags
    from tracer._tracking.runs import start_run as start_run
    from tracer._tracking.scoring import Score as Score
    from tracer._tracking.scoring import Scorer as Scorer
    from tracer._tracking.scoring import scorer as scorer
    from tracer._tracking.version_search import search_logged_models as search_logged_models
    from tracer._tracking.versions import ActiveModel as ActiveModel
    from tracer._tracking.versions import clear_active_model as clear_active_model
    from tracer._tracking.versions import create_external_model as create_external_model
    from tracer._tracking.versions import delete_logged_model as delete_logged_model
    from tracer._tracking.versions import delete_logged_model_tag as delete_logged_model_tag
    from tracer._tracking.versions import finalize_logged_model as finalize_logged_model
    from tracer._tracking.versions import get_active_model_id as get_active_model_id
    from tracer._tracking.versions import get_logged_model as get_logged_model
    from tracer._tracking.versions import initialize_logged_model as initialize_logged_model
    from tracer._tracking.versions import last_logged_model as last_logged_model
    from tracer._tracking.versions import log_model_metrics as log_model_metrics
    from tracer._tracking.versions import log_model_params as log_model_params
    from tracer._tracking.versions import set_active_model as set_active_model
    from tracer._tracking.versions import set_logged_model_tags as set_logged_model_tags
    from tracer.genai.prompts import PromptVersion as PromptVersion
    from tracer.genai.prompts import delete_prompt_alias as delete_prompt_alias
    from tracer.genai.prompts import load_prompt as load_prompt
    from tracer.genai.prompts import register_prompt as register_prompt
    from tracer.genai.prompts import search_prompt_versions as search_prompt_versions
    from tracer.genai.prompts import search_prompts as search_prompts
    from tracer.genai.prompts import set_prompt_alias as set_prompt_alias
    from tracer.messages import set_span_chat_messages as set_span_chat_messages
    from tracer.messages import set_span_chat_tools as set_span_chat_tools
    from tracer.semconv import SpanType as SpanType

# Module that defines each name. It is loaded on first use, so that a program pays only for the names it uses.
_HOMES = {
    "tracer._api.annotations": (
        "delete_assessment",
        "delete_trace_tag",
        "get_assessment",
        "log_assessment",
        "log_expectation",
        "log_feedback",
        "override_feedback",
        "set_trace_tag",
        "update_assessment",
        "update_trace",
    ),
    "tracer._api.assessments": ("Assessment",),
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
    "tracer._api.limits": ("limit",),
    "tracer._api.queries": ("delete_traces", "get_trace", "search_traces"),
    "tracer._api.traces": ("Span", "Trace", "TraceData", "TraceInfo", "TraceList"),
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
    "tracer._engine.span": ("LiveSpan",),
    "tracer._diff": ("Difference", "TraceDiff", "diff"),
    "tracer._replay.forking": ("Fork", "fork"),
    "tracer._replay.replaying": ("Replay", "record", "replay"),
    "tracer._tracking.artifacts": ("get_artifact_uri", "log_artifact", "log_dict", "log_text"),
    "tracer._tracking.comparison": ("compare_versions",),
    "tracer._tracking.evaluation": ("evaluate",),
    "tracer._tracking.evaluation_result": ("EvaluatedRow", "EvaluationResult"),
    "tracer._tracking.experiments": (
        "Experiment",
        "create_experiment",
        "get_experiment",
        "get_experiment_by_name",
        "search_experiments",
        "set_experiment",
    ),
    "tracer._tracking.git_versions": ("disable_git_model_versioning", "enable_git_model_versioning"),
    "tracer._tracking.logged_model": ("LoggedModel", "LoggedModelStatus"),
    "tracer._tracking.registered_models": (
        "ModelVersion",
        "delete_registered_model_alias",
        "register_model",
        "search_model_versions",
        "search_registered_models",
        "set_registered_model_alias",
    ),
    "tracer._tracking.runs": (
        "Run",
        "active_run",
        "delete_run",
        "end_run",
        "get_run",
        "last_active_run",
        "log_metric",
        "log_metrics",
        "log_param",
        "log_params",
        "search_runs",
        "set_tag",
        "set_tags",
        "start_run",
    ),
    "tracer._tracking.scoring": ("Score", "Scorer", "scorer"),
    "tracer._tracking.version_search": ("search_logged_models",),
    "tracer._tracking.versions": (
        "ActiveModel",
        "clear_active_model",
        "create_external_model",
        "delete_logged_model",
        "delete_logged_model_tag",
        "finalize_logged_model",
        "get_active_model_id",
        "get_logged_model",
        "initialize_logged_model",
        "last_logged_model",
        "log_model_metrics",
        "log_model_params",
        "set_active_model",
        "set_logged_model_tags",
    ),
    "tracer.genai.prompts": (
        "PromptVersion",
        "delete_prompt_alias",
        "load_prompt",
        "register_prompt",
        "search_prompt_versions",
        "search_prompts",
        "set_prompt_alias",
    ),
    "tracer.messages": ("set_span_chat_messages", "set_span_chat_tools"),
    "tracer.semconv": ("SpanType",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_PROVIDERS = (
    "anthropic", "bedrock", "claude_agent_sdk", "cohere", "gemini", "groq", "huggingface", "langchain", "litellm",
    "mcp", "mistral", "ollama", "openai", "openai_agents", "together",
)  # fmt: skip
_MODULES = frozenset(
    (
        "config", "deployments", "dialects", "entities", "errors", "export", "genai", "messages", "models", "otel",
        "provider", "pyfunc", "semconv", "server", "store", "tracing", "types",
    )
)  # fmt: skip

if not TYPE_CHECKING:  # a checker wants a list of literals here; without one it takes the imports above
    __all__ = sorted(
        (*_HOME_OF, *_PROVIDERS, "autolog", "deployments", "entities", "errors", "genai", "models", "pyfunc", "tracing")
    )

_register("default_model_id", "tracer._tracking.versions")
_register("find_operation", "tracer.provider.installed")
_register("disable_notebook_display", "tracer._notebook.display")
_register("enable_notebook_display", "tracer._notebook.display")
_register("notebook_html", "tracer._notebook.display")
_register("show_traces_of_cells", "tracer._notebook.display")

# here, not where the runtime is loaded: handlers run last in, first out, and the program's own may record
_atexit.register(_close_runtime)


def autolog(*, disable: bool = False, **other_keywords: _NoReturn) -> None:
    """Record the calls of every provider that tracer supports, and every span that is made with OpenTelemetry.

    ``disable=True`` takes it all back.
    """
    if other_keywords:
        _load("tracer._other_keywords", "refuse_autolog")(other_keywords)
    from tracer.errors import check_flags
    from tracer.otel import autolog as bridge
    from tracer.provider import autolog_all
    from tracer.provider.installed import show_traces_of_cells

    check_flags(disable=disable)
    autolog_all(disable=disable)
    bridge(disable=disable)
    show_traces_of_cells(disable=disable)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        found = globals()[name] = _load(_HOME_OF[name], name)
        return found
    if name in _MODULES:
        return _import_module(f"tracer.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    from tracer.provider.installed import find_attribute

    of_genai = (f"genai.{each}" for each in _import_module("tracer.genai").__all__)
    return find_attribute(name, [*of_genai, *_HOME_OF, *_MODULES, "autolog"])


def __dir__() -> list[str]:
    names = {*globals(), *_HOME_OF, *_PROVIDERS, *_MODULES} - {"Any", "TYPE_CHECKING", "annotations"}
    return sorted(name for name in names if name[0] != "_" or name[:2] == "__")


__version__ = "0.1.0"
