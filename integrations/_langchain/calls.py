"""Calls to models: recorded by the provider whose SDK they pass, else as LangChain reports them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tracer import semconv
from tracer._json import JsonObject
from tracer.messages import to_messages
from tracer.provider import Call, Operation, Reply, ReportedCall, Request, SpanType
from tracer.provider.framework import PendingCall, unless_current
from tracer.provider.streams import keep_until_dropped

from .._openai.usage import read_usage
from .._values import Arguments, as_count, as_dict, as_text, given
from .runs import RunManager, span_of, steps

CACHED = "tracer.langchain.cached"

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "seed": semconv.REQUEST_SEED,
    "frequency_penalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": semconv.REQUEST_PRESENCE_PENALTY,
    "stop": semconv.REQUEST_STOP_SEQUENCES,
}
_SENT = (*_PARAMETERS, "tools", "functions", "tool_choice", "response_format")
_MODEL = ("model", "model_name", "model_id", "deployment_name")
_MODELS_OF_REPLIES = ("model_name", "model", "model_id")
_REASONS = ("finish_reason", "stop_reason", "done_reason")
_PROVIDERS = {  # LangSmith's names for providers that the conventions name otherwise
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}


class _ModelRun:
    """A run of a model, as far as LangChain has reported it."""

    def __init__(self, operation: Operation, asked: object, arguments: Arguments, manager: RunManager) -> None:
        self.operation = operation
        self.asked = asked
        self.parameters: Mapping[str, Any] = arguments.get("invocation_params") or {}
        self.metadata = manager.metadata
        self.started = time.perf_counter()
        self.first_token: float | None = None  # seconds
        self.result: Any = None

    def report(self) -> ReportedCall:
        """LangChain's account of the call."""
        sent = {name: self._parameter(name) for name in _SENT}
        model = _first(self.parameters, _MODEL) or self.metadata.get("ls_model_name")
        provider = as_text(self.metadata.get("ls_provider"))
        reply = self._reply()
        attributes = {semconv.TIME_TO_FIRST_CHUNK: self.first_token, CACHED: reply.pop("is_cached", None)}
        body = given({"model": model, "messages": self.asked, **sent})
        call = Call(self.operation, body, _PROVIDERS.get(str(provider), provider), attributes)
        return ReportedCall(call, given(reply) or None)

    def _parameter(self, name: str) -> object:
        value = self.parameters.get(name)
        return self.metadata.get(f"ls_{name}") if value is None else value

    def _reply(self) -> JsonObject:
        generations = getattr(self.result, "generations", None) or ()
        choices: Sequence[Any] = generations[0] if generations else ()
        if not choices:
            return {}
        messages = [getattr(choice, "message", None) or getattr(choice, "text", "") for choice in choices]
        told = getattr(self.result, "llm_output", None) or {}
        about = getattr(messages[0], "response_metadata", None) or {}
        usages = (getattr(message, "usage_metadata", None) for message in messages)
        usage = next(filter(None, usages), None) or told.get("token_usage") or told.get("usage")
        reasons = [
            _first({**(getattr(choice, "generation_info", None) or {}), **_about(message)}, _REASONS)
            for choice, message in zip(choices, messages)
        ]
        return {
            "id": about.get("id") or told.get("id"),
            "model": _first(about, _MODELS_OF_REPLIES) or _first(told, _MODELS_OF_REPLIES),
            "messages": messages,
            "finish_reasons": [str(reason) for reason in reasons if reason] or None,
            "is_cached": True if isinstance(usage, Mapping) and usage.get("total_cost") == 0 else None,
            "usage": usage,
        }


def _about(message: object) -> JsonObject:
    return as_dict(getattr(message, "response_metadata", None))


def _first(values: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((values[name] for name in names if values.get(name)), None)


# ---- the hooks ----


class _Starts:
    """The begin of one run for each conversation or prompt."""

    def __init__(self, operation: Operation, asked: Sequence[object], arguments: Arguments) -> None:
        self._operation = operation
        self._asked = asked
        self._arguments = arguments

    def returned(self, result: Sequence[RunManager]) -> None:
        """The runs have begun."""
        for asked, manager in zip(self._asked, result):
            run = _ModelRun(self._operation, asked, self._arguments, manager)
            steps.announce(
                manager.run_id,
                run.report,
                owner=run,
                parent=unless_current(span_of(manager.parent_run_id)),
                is_current=len(result) == 1,
            )
            keep_until_dropped(manager, _Dropped(manager.run_id))

    def raised(self, error: BaseException) -> None:
        """A callback of the program's has raised: the run does not begin."""


class _Dropped:
    """Ends a call whose end can no longer be reported."""

    def __init__(self, run_id: UUID) -> None:
        self._run_id = run_id

    def dropped(self) -> None:
        """The manager is held nowhere any more: end its call."""
        call = steps.call(self._run_id)
        if call is not None:
            steps.end_all(call.owner)


def calls_start(arguments: Arguments) -> _Starts:
    """Chat models are called, one run for each conversation."""
    return _Starts(CHAT, [list(messages) for messages in arguments["messages"]], arguments)


def prompts_start(arguments: Arguments) -> _Starts:
    """Models that complete text are called, one run for each prompt."""
    return _Starts(COMPLETION, list(arguments["prompts"]), arguments)


class _Generating:
    """A model's method in progress: its request to an SDK is the call that LangChain has reported."""

    def __init__(self, run_id: UUID, call: PendingCall) -> None:
        self._run_id = run_id
        self._call = call
        call.enter()

    def returned(self, result: object) -> None:
        """The method has returned; the end of the run comes later."""
        self._call.leave()

    def raised(self, error: BaseException) -> None:
        """The method has raised; LangChain does not report that of a cancelled run."""
        self._call.leave()
        if not isinstance(error, Exception):
            steps.end_call(self._run_id, error)


def generating(arguments: Arguments) -> _Generating | None:
    """A chat model generates."""
    run_id = getattr(arguments.get("run_manager"), "run_id", None)
    call = steps.call(run_id)
    return None if call is None or run_id is None else _Generating(run_id, call)


def token_comes(arguments: Arguments) -> None:
    """A chunk of a streamed reply has come: the request has been sent, and the program's code runs between chunks."""
    call = steps.call(arguments["self"].run_id)
    if call is not None and isinstance(call.owner, _ModelRun) and call.owner.first_token is None:
        call.owner.first_token = time.perf_counter() - call.owner.started
        call.leave()


def call_ends(arguments: Arguments) -> None:
    """A model has replied."""
    _end(arguments, None)


def call_fails(arguments: Arguments) -> None:
    """A call to a model has failed; part of the reply may have come."""
    _end(arguments, arguments["error"])


def _end(arguments: Arguments, error: BaseException | None) -> None:
    run_id = arguments["self"].run_id
    call = steps.call(run_id)
    if call is not None and isinstance(call.owner, _ModelRun):
        call.owner.result = arguments.get("response")
        steps.end_call(run_id, error)


# ---- the operations ----


def _read_request(body: JsonObject) -> Request:
    attributes = {key: body.get(name) for name, key in _PARAMETERS.items()}
    messages = body.get("messages")
    return Request(
        model=as_text(body.get("model")),
        messages=messages,
        tools=body.get("tools") or body.get("functions"),
        attributes=attributes,
    )


def _read_reply(reply: JsonObject) -> Reply:
    usage = as_dict(reply.get("usage"))
    is_cached = usage.get("total_cost") == 0
    reasons = reply.get("finish_reasons") or ()
    return Reply(
        model=as_text(reply.get("model")),
        id=as_text(reply.get("id")),
        messages=to_messages(reply.get("messages"), "assistant"),
        finish_reasons=reasons,
        usage={} if is_cached else _usage(usage),
    )


def _usage(usage: JsonObject) -> Mapping[str, object]:
    """Token counts: LangChain's own, in which the input includes cached tokens, or those of the model's API."""
    inputs, outputs = as_dict(usage.get("input_token_details")), as_dict(usage.get("output_token_details"))
    counts = read_usage(usage)
    # Anthropic's are counted by how long they are kept, and then not in sum
    for_an_hour = as_count(inputs.get("ephemeral_1h_input_tokens"))
    kept = as_count(inputs.get("ephemeral_5m_input_tokens")) + for_an_hour
    found = {
        "cache_read_input_tokens": inputs.get("cache_read"),
        "cache_write_input_tokens": inputs.get("cache_creation") or kept or None,
        "cache_write_1h_input_tokens": for_an_hour or None,
        "audio_input_tokens": inputs.get("audio") or None,
        "audio_output_tokens": outputs.get("audio") or None,
        "reasoning_output_tokens": outputs.get("reasoning"),
    }
    return {**counts, **given(found)}


CHAT = Operation("chat", _read_request, _read_reply)
COMPLETION = Operation("text_completion", _read_request, _read_reply, span_type=SpanType.LLM)
