"""Calls of the AWS SDK that go to Bedrock: operation, body and address; what comes back, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonMapping, JsonObject, loads
from tracer.provider import Call, Operation, SpanType

from .._values import Arguments, as_dict, as_text, server_attributes
from . import invoke, knowledge
from .agents import AGENT, AgentSteps
from .converse import CONVERSE
from .streams import Response, event, is_asynchronous, models_event, watch_body, watch_events
from .values import model_name, plain, read_headers

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording

Params = JsonMapping


class _Asked(NamedTuple):
    """A call of an operation of Bedrock's."""

    operation: Operation
    body: JsonObject
    subject: str | None = None


def _with_model(params: Params, model_id: object) -> JsonObject:
    model = model_name(model_id) if isinstance(model_id, str) else None
    return {**({"model": model} if model else {}), **plain(dict(params))}


def _converse(params: Params) -> _Asked:
    return _Asked(CONVERSE, _with_model(params, params.get("modelId")))


def _invoke(params: Params) -> _Asked:
    given = params.get("body")
    body = _content_of(given)
    named = _with_model({**params, "body": None}, params.get("modelId"))
    return _Asked(invoke.operation_of(named.get("model", ""), body), {**named, "body": body})


def _content_of(body: object) -> object:
    """A body as JSON, else as text; of one that is read while it is sent only that there is one."""
    if isinstance(body, (bytes, bytearray, str)):
        try:
            return loads(bytes(body) if isinstance(body, bytearray) else body)
        except ValueError:
            return body if isinstance(body, str) else plain(body)
    return None if body is None else f"<{type(body).__name__}>"


def _agent(params: Params) -> _Asked:
    subject = as_text(params.get("agentName")) or as_text(params.get("agentId"))
    return _Asked(AGENT, plain(dict(params)), subject)


def _retrieve(params: Params) -> _Asked:
    return _Asked(knowledge.RETRIEVE, plain(dict(params)), as_text(params.get("knowledgeBaseId")))


def _retrieve_and_generate(params: Params) -> _Asked:
    arn = knowledge.generation_of(params).get("modelArn")
    return _Asked(knowledge.GENERATE, _with_model(params, arn))


def _rerank(params: Params) -> _Asked:
    return _Asked(knowledge.RERANK, _with_model(params, knowledge.model_of_rerank(params)))


def _guardrail(params: Params) -> _Asked:
    return _Asked(knowledge.GUARDRAIL, plain(dict(params)), as_text(params.get("guardrailIdentifier")))


def _generic(name: str, span_type: str, subject: str = "") -> Callable[[Params], _Asked]:
    operation = knowledge.generic(name, span_type)
    return lambda params: _Asked(
        operation, _with_model(params, params.get("modelId")), as_text(params.get(subject)) if subject else None
    )


_OPERATIONS: dict[str, dict[str, Callable[[Params], _Asked]]] = {
    "bedrock-runtime": {
        "Converse": _converse,
        "ConverseStream": _converse,
        "InvokeModel": _invoke,
        "InvokeModelWithResponseStream": _invoke,
        "ApplyGuardrail": _guardrail,
        "InvokeGuardrailChecks": _generic("invoke_guardrail_checks", SpanType.GUARDRAIL),
        "StartAsyncInvoke": _generic("start_async_invoke", SpanType.LLM),
    },
    "bedrock-agent-runtime": {
        "InvokeAgent": _agent,
        "InvokeInlineAgent": _agent,
        "Retrieve": _retrieve,
        "RetrieveAndGenerate": _retrieve_and_generate,
        "RetrieveAndGenerateStream": _retrieve_and_generate,
        "Rerank": _rerank,
        "InvokeFlow": _generic("invoke_flow", SpanType.WORKFLOW, "flowIdentifier"),
        "OptimizePrompt": _generic("optimize_prompt", SpanType.LLM),
        "GenerateQuery": _generic("generate_query", SpanType.LLM),
        "AgenticRetrieveStream": _generic("retrieval", SpanType.RETRIEVER),
    },
}
"""By the service and the name of the operation. Every other one generates nothing."""


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``_make_api_call(operation_name, api_params)``; None if it generates nothing."""
    client = arguments["self"]
    operations = _OPERATIONS.get(client.meta.service_model.service_name)
    read = None if operations is None else operations.get(arguments["operation_name"])
    if read is None:
        return None
    operation, body, subject = read(as_dict(arguments["api_params"]))
    url = urlsplit(client.meta.endpoint_url)
    attributes = server_attributes(url.scheme, url.hostname, url.port)
    if arguments["operation_name"].endswith("Stream"):
        attributes[semconv.REQUEST_STREAM] = True
    return Call(operation, body, provider="aws.bedrock", attributes=attributes, subject=subject)


_STREAMS = ("stream", "completion", "responseStream", "optimizedPrompt")


def watch(recording: CallRecording, result: Any) -> bool:
    """Record what came beside the reply, and watch what the user reads of it; False where nothing is left to read."""
    fields = as_dict(result)
    metadata = as_dict(fields.get("ResponseMetadata"))
    response = Response(metadata)
    recording.span.set_attributes(_metadata_attributes(metadata))
    recording.span.set_attributes(read_headers(response.headers))
    body = fields.get("body")
    if hasattr(body, "_event_generator"):
        watch_events(recording, body, models_event)
    elif hasattr(body, "_raw_stream") or (is_asynchronous(body) and hasattr(body, "content")):
        watch_body(recording, body, response)
    else:
        stream = next((fields[name] for name in _STREAMS if hasattr(fields.get(name), "_event_generator")), None)
        if stream is None:
            return False
        is_agent = recording.call.operation is AGENT
        watch_events(recording, stream, AgentSteps(recording).event if is_agent else event)
    return True


def _metadata_attributes(metadata: JsonMapping) -> JsonObject:
    return {
        semconv.REQUEST_ID: metadata.get("RequestId"),
        semconv.HTTP_STATUS: metadata.get("HTTPStatusCode"),
        semconv.RETRIES: metadata.get("RetryAttempts") or None,
    }


def reply_of(result: object) -> object:
    """The reply without the SDK's account of the HTTP response; chunks are as they were sent."""
    if not isinstance(result, dict):
        return result
    return plain({name: value for name, value in result.items() if name != "ResponseMetadata"})


def read_error(error: BaseException) -> JsonObject:
    """The attributes of an exception of the SDK."""
    response = as_dict(getattr(error, "response", None))
    code = as_dict(response.get("Error")).get("Code")
    return {
        **_metadata_attributes(as_dict(response.get("ResponseMetadata"))),
        semconv.PROVIDER_ERROR_CODE: code if isinstance(code, str) else None,
    }
