"""invoke_model: bodies in each model's own format, known by their fields."""

from __future__ import annotations

from collections.abc import Callable

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import text_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._anthropic import messages as anthropic
from .._cohere import chat as cohere
from .._cohere import first as cohere_first
from .._cohere import other as cohere_other
from .._openai import chat as openai
from .._values import as_count, as_dict, as_dicts, as_text
from . import converse
from .invoke_chunks import METRICS, InvokeAccumulator, with_finish_reasons
from .values import GUARDRAIL_ID, guardrail_of, seconds, with_cache

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "topP": semconv.REQUEST_TOP_P,
    "p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "k": semconv.REQUEST_TOP_K,
    "max_gen_len": semconv.REQUEST_MAX_TOKENS,  # Llama's
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "maxTokens": semconv.REQUEST_MAX_TOKENS,
    "max_tokens_to_sample": semconv.REQUEST_MAX_TOKENS,
    "maxTokenCount": semconv.REQUEST_MAX_TOKENS,  # Titan's
    "stop": semconv.REQUEST_STOP_SEQUENCES,
    "stop_sequences": semconv.REQUEST_STOP_SEQUENCES,
    "stopSequences": semconv.REQUEST_STOP_SEQUENCES,
    "dimensions": semconv.EMBEDDINGS_DIMENSIONS,
    "output_dimension": semconv.EMBEDDINGS_DIMENSIONS,
}


def read_request(call: object) -> Request:
    """Read the body of a call by the format that its fields show; an unknown one stays as it is."""
    call = as_dict(call)
    body = as_dict(call.get("body"))
    request = _read_body(body)
    attributes = {**request.attributes, GUARDRAIL_ID: as_text(call.get("guardrailIdentifier"))}
    return request._replace(model=as_text(call.get("model")), attributes=attributes)


def _read_body(body: JsonObject) -> Request:
    if "anthropic_version" in body and "messages" in body:
        return anthropic.read_request(body)
    if _is_converse(body):
        return converse.read_request(body)
    if isinstance(body.get("messages"), list):
        return openai.CHAT.read_request(body)
    if "message" in body:
        return cohere_first.read_chat_request(body)
    if "query" in body and "documents" in body:
        return cohere_other.read_rerank_request(body)
    prompt = as_text(body.get("prompt", body.get("inputText")))
    config = as_dict(body.get("textGenerationConfig"))
    return Request(
        messages=[{"role": "user", "parts": [text_part(prompt)]}] if prompt else None,
        attributes={
            key: value for name, key in _PARAMETERS.items() if (value := _first(body, config, name)) is not None
        },
    )


def _first(body: JsonMapping, config: JsonMapping, name: str) -> object:
    value = config.get(name, body.get(name))
    return None if isinstance(value, dict) else value


def _is_converse(body: JsonMapping) -> bool:
    """Whether messages have content blocks without a type, as those of Amazon's own models."""
    first = next(iter(as_dicts(body.get("messages"))), {})
    block = next(iter(as_dicts(first.get("content"))), None)
    return block is not None and "type" not in block


def read_reply(body: object) -> Reply:
    """Read a reply by the format that its fields show; an unknown one stays as it is."""
    body = as_dict(body)
    reply = next((read(body) for is_such, read in _REPLIES if is_such(body)), Reply())
    metrics = as_dict(body.get(METRICS))
    usage = {name: tokens for name, tokens in reply.usage.items() if tokens is not None} or with_cache(
        metrics.get("inputTokenCount"),
        metrics.get("outputTokenCount"),
        metrics.get("cacheReadInputTokenCount"),
        metrics.get("cacheWriteInputTokenCount"),
    )
    attributes = {
        **reply.attributes,
        semconv.SERVER_TOTAL_TIME: seconds(metrics.get("invocationLatency")),
        **guardrail_of(body, "amazon-bedrock-guardrailAction"),
    }
    return reply._replace(usage=usage, attributes=attributes)


def _read_choices(body: JsonObject) -> Reply:
    """OpenAI's format: of Mistral, DeepSeek, AI21 and others; a choice has a message or a text."""
    body = with_finish_reasons(body)
    has_texts = any("text" in choice for choice in as_dicts(body.get("choices")))
    return (openai.COMPLETION if has_texts else openai.CHAT).read_reply(body)


def _read_titan(body: JsonObject) -> Reply:
    results = as_dicts(body.get("results"))
    tokens = [as_count(result.get("tokenCount")) for result in results]
    usage = {"input_tokens": body.get("inputTextTokenCount"), "output_tokens": sum(tokens)}
    return _texts([(result.get("outputText"), result.get("completionReason")) for result in results], usage)


def _read_llama(body: JsonObject) -> Reply:
    usage = {"input_tokens": body.get("prompt_token_count"), "output_tokens": body.get("generation_token_count")}
    return _texts([(body.get("generation"), body.get("stop_reason"))], usage)


def _read_outputs(body: JsonObject) -> Reply:
    """Mistral's completions."""
    return _texts([(output.get("text"), output.get("stop_reason")) for output in as_dicts(body.get("outputs"))])


def _read_completion(body: JsonObject) -> Reply:
    """Claude before its messages."""
    return _texts([(body.get("completion"), body.get("stop_reason"))])


def _read_jurassic(body: JsonObject) -> Reply:
    """AI21's older models."""
    completions = as_dicts(body.get("completions"))
    return _texts([
        (as_dict(each.get("data")).get("text"), as_dict(each.get("finishReason")).get("reason"))
        for each in completions
    ])  # fmt: skip


def _texts(found: list[tuple[object, object]], usage: JsonMapping | None = None) -> Reply:
    reasons = [as_text(reason) for _, reason in found]
    return Reply(
        messages=[
            {"role": "assistant", "parts": [text_part(as_text(text) or "")], "finish_reason": reason}
            for (text, _), reason in zip(found, reasons)
        ],
        finish_reasons=[reason for reason in reasons if reason],
        usage=usage or {},
    )


def _read_embedding(body: JsonObject) -> Reply:
    """Titan's and Nova's; Cohere's have their own reader."""
    first = next(iter(as_dicts(body.get("embeddings"))), {})
    vector = body.get("embedding", first.get("embedding"))
    return Reply(
        usage={"input_tokens": body.get("inputTextTokenCount")},
        attributes={semconv.EMBEDDINGS_DIMENSIONS: len(vector) if isinstance(vector, list) else None},
    )


def _has(*names: str) -> Callable[[JsonMapping], bool]:
    return lambda body: all(name in body for name in names)


def _is_anthropic(body: JsonMapping) -> bool:
    return body.get("type") in ("message", "error")


def _is_cohere_embedding(body: JsonMapping) -> bool:
    return "embeddings" in body and not as_dicts(body.get("embeddings"))


_REPLIES: tuple[tuple[Callable[[JsonMapping], bool], Callable[[JsonObject], Reply]], ...] = (
    (_is_anthropic, anthropic.read_reply),
    (lambda body: "message" in as_dict(body.get("output")), converse.read_reply),
    (_has("choices"), _read_choices),
    (_has("results", "inputTextTokenCount"), _read_titan),
    (_has("generation"), _read_llama),
    (_has("outputs"), _read_outputs),
    (_has("completion"), _read_completion),
    (_has("completions"), _read_jurassic),
    (_has("generations"), cohere_first.read_generate_reply),
    (_has("message", "finish_reason"), cohere.read_reply),
    (_has("text", "finish_reason"), cohere_first.read_chat_reply),
    (_is_cohere_embedding, cohere_other.read_embedding_reply),
    (lambda body: "embedding" in body or "embeddings" in body, _read_embedding),
    (lambda body: "relevance_score" in next(iter(as_dicts(body.get("results"))), {}), cohere_other.read_rerank_reply),
)
"""By the first test that a body passes."""


def _operation(name: str, span_type: str) -> Operation:
    return Operation(name, read_request, read_reply, InvokeAccumulator, span_type=span_type)


CHAT = _operation("chat", SpanType.CHAT_MODEL)
TEXT = _operation("text_completion", SpanType.LLM)
EMBEDDING = _operation("embeddings", SpanType.EMBEDDING)
RERANK = _operation("rerank", SpanType.RERANKER)
CONTENT = _operation("generate_content", SpanType.LLM)  # pictures and videos
ANY = _operation("invoke_model", SpanType.LLM)

_EMBEDDED = frozenset({"texts", "input_type", "embeddingTypes", "embeddingConfig", "normalize", "inputImage"})
_DRAWN = frozenset({"text_prompts", "imageGenerationConfig", "aspect_ratio", "taskType"})


def operation_of(model: str, body: object) -> Operation:
    """The operation of a call, by the model's name where that shows it, else by the body's fields."""
    body = as_dict(body)
    if "embed" in model or not _EMBEDDED.isdisjoint(body):
        return EMBEDDING
    if "rerank" in model or ("query" in body and "documents" in body):
        return RERANK
    if "stability." in model or not _DRAWN.isdisjoint(body):
        return CONTENT
    if "messages" in body or "message" in body:
        return CHAT
    return TEXT if "prompt" in body or "inputText" in body else ANY
