"""Fields that several of Ollama's requests and replies share: options, token counts, times, errors."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject

from .._values import as_dict, as_text

_OPTIONS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "frequency_penalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": semconv.REQUEST_PRESENCE_PENALTY,
    "seed": semconv.REQUEST_SEED,
    "num_predict": semconv.REQUEST_MAX_TOKENS,
}
_TIMES = {
    "total_duration": semconv.SERVER_TOTAL_TIME,
    "load_duration": semconv.SERVER_LOAD_TIME,
    "prompt_eval_duration": semconv.SERVER_PROMPT_TIME,
    "eval_duration": semconv.SERVER_GENERATION_TIME,
}
_NANOSECONDS = 1e9


def parameters(body: JsonMapping) -> JsonObject:
    """The request's parameters by attribute name; options unknown to the conventions keep their own name."""
    found: JsonObject = {semconv.REQUEST_STREAM: body.get("stream")}
    for name, value in as_dict(body.get("options")).items():
        if name == "stop":
            found[semconv.REQUEST_STOP_SEQUENCES] = [value] if isinstance(value, str) else value
        else:
            found[_OPTIONS.get(name) or semconv.REQUEST_OPTION + name] = value
    if body.get("format"):  # "json", or a JSON schema
        found[semconv.OUTPUT_TYPE] = "json"
    found[semconv.REQUEST_REASONING_LEVEL] = as_text(body.get("think"))
    return found


def usage_of(body: JsonMapping) -> JsonObject:
    """Token counts by tracer's names. Ollama omits the prompt's when the whole prompt was in its cache."""
    return {"input_tokens": body.get("prompt_eval_count"), "output_tokens": body.get("eval_count")}


def times_of(body: JsonMapping) -> JsonObject:
    """The times that the server reports, in seconds by attribute name."""
    sent = {key: body.get(name) for name, key in _TIMES.items()}
    return {key: time / _NANOSECONDS for key, time in sent.items() if isinstance(time, (int, float))}


def error_in(body: JsonMapping) -> JsonObject:
    """The error in a reply with HTTP status 200, as `Reply` takes it."""
    error = body.get("error")
    return {"error_type": "error", "error_message": str(error)} if error else {}
