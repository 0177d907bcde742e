"""Chat completions and completions, as OpenAI and all who speak its language send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer import semconv
from tracer.messages import text_part, to_message
from tracer.provider import Operation, Reply, Request, SpanType

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "frequency_penalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": semconv.REQUEST_PRESENCE_PENALTY,
    "seed": semconv.REQUEST_SEED,
    "n": semconv.REQUEST_CHOICE_COUNT,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "max_completion_tokens": semconv.REQUEST_MAX_TOKENS,
    "max_output_tokens": semconv.REQUEST_MAX_TOKENS,
    "stream": semconv.REQUEST_STREAM,
    "reasoning_effort": semconv.REQUEST_REASONING_LEVEL,
    "service_tier": semconv.OPENAI_REQUEST_SERVICE_TIER,
}
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}
_JOINED = frozenset(
    {"content", "refusal", "reasoning_content", "reasoning", "arguments", "input", "transcript", "text"}
)
_ENVELOPE = ("id", "object", "created", "model", "service_tier", "system_fingerprint", "provider")


def parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request's parameters by attribute name."""
    found = {key: body[name] for name, key in _PARAMETERS.items() if body.get(name) is not None}
    stop = body.get("stop")
    if stop is not None:
        found[semconv.REQUEST_STOP_SEQUENCES] = [stop] if isinstance(stop, str) else stop
    output_type = output_type_of(body.get("response_format"))
    if output_type is not None:
        found[semconv.OUTPUT_TYPE] = output_type
    return found


def output_type_of(response_format: Any) -> str | None:
    """The conventions' name for the form of output that was asked for."""
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    return _OUTPUT_TYPES.get(kind) if isinstance(kind, str) else None


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a dict; else an empty one, since providers leave out and null what they like."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """The dicts of a list; none where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    """The value if it is text."""
    return value if isinstance(value, str) else None


def read_usage(usage: Any) -> dict[str, Any]:
    """Token counts by tracer's names, from what OpenAI, Groq, DeepSeek, Mistral, Together and others call them."""
    usage = as_dict(usage)
    inputs = as_dict(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    outputs = as_dict(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    cache_read = (inputs.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens"))
    cache_write = (inputs.get("cache_write_tokens"), inputs.get("cache_creation_tokens"))
    counts = {
        "input_tokens": _first(usage.get("prompt_tokens"), usage.get("input_tokens")),
        "output_tokens": _first(usage.get("completion_tokens"), usage.get("output_tokens")),
        "total_tokens": usage.get("total_tokens"),
        "cache_read_input_tokens": _first(*cache_read),
        "cache_write_input_tokens": _first(*cache_write),
        "reasoning_output_tokens": _first(outputs.get("reasoning_tokens"), usage.get("reasoning_tokens")),
    }
    for kind in ("audio", "image", "text"):
        counts[f"{kind}_input_tokens"] = inputs.get(f"{kind}_tokens") or None
        counts[f"{kind}_output_tokens"] = outputs.get(f"{kind}_tokens") or None
    return counts


def _first(*candidates: Any) -> Any:
    return next((candidate for candidate in candidates if candidate is not None), None)


def envelope_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """What OpenAI says about how it answered."""
    return {
        semconv.OPENAI_RESPONSE_SERVICE_TIER: body.get("service_tier"),
        semconv.OPENAI_RESPONSE_FINGERPRINT: body.get("system_fingerprint"),
    }


def error_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """The error of a reply that carries one although its HTTP status is 200, as `Reply` takes it."""
    error = body.get("error")
    if not error:
        return {}
    about = as_dict(error)
    kind = about.get("code") or about.get("type") or "error"
    return {"error_type": str(kind), "error_message": str(about.get("message") or error)}


def _read_chat_request(body: Any) -> Request:
    body = as_dict(body)
    tools = body.get("tools") or body.get("functions")
    return Request(as_text(body.get("model")), body.get("messages"), tools=tools, attributes=parameters(body))


def _read_chat_reply(body: Any) -> Reply:
    body = as_dict(body)
    choices = as_dicts(body.get("choices"))
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        messages=[_choice_message(choice) for choice in choices],
        finish_reasons=_finish_reasons(choices),
        usage=read_usage(usage_of(body)),
        attributes=envelope_attributes(body),
        **error_in(body),
    )


def _choice_message(choice: Mapping[str, Any]) -> dict[str, Any]:
    message = to_message({"role": "assistant", "content": None, **as_dict(choice.get("message"))})
    return {**message, "finish_reason": choice.get("finish_reason")}


def _finish_reasons(choices: list[dict[str, Any]]) -> list[str]:
    return [choice["finish_reason"] for choice in choices if isinstance(choice.get("finish_reason"), str)]


def usage_of(body: Mapping[str, Any]) -> Any:
    """Where a reply or a chunk carries its usage."""
    return body.get("usage") or as_dict(body.get("x_groq")).get("usage")


def _read_completion_request(body: Any) -> Request:
    body = as_dict(body)
    return Request(as_text(body.get("model")), _prompts(body.get("prompt")), attributes=parameters(body))


def _prompts(prompt: Any) -> list[Any]:
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], (str, list)):
        return [_prompt_message(each) for each in prompt]
    return [] if prompt is None else [_prompt_message(prompt)]


def _prompt_message(prompt: Any) -> dict[str, Any]:
    part = text_part(prompt) if isinstance(prompt, str) else {"type": "tokens", "content": prompt}
    return {"role": "user", "parts": [part]}


def _read_completion_reply(body: Any) -> Reply:
    body = as_dict(body)
    choices = as_dicts(body.get("choices"))
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        messages=[_completion_message(choice) for choice in choices],
        finish_reasons=_finish_reasons(choices),
        usage=read_usage(usage_of(body)),
        attributes=envelope_attributes(body),
        **error_in(body),
    )


def _completion_message(choice: Mapping[str, Any]) -> dict[str, Any]:
    text = choice.get("text")
    parts = [text_part(text)] if isinstance(text, str) else []
    return {"role": "assistant", "parts": parts, "finish_reason": choice.get("finish_reason")}


class _Accumulator:
    """What chunks of choices have in common: an envelope, usage, and choices by index, in any order."""

    def __init__(self) -> None:
        self._envelope: dict[str, Any] = {}
        self._usage: Any = None
        self._extra: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: Any) -> bool:
        """Take a chunk; True if it brought content."""
        if not isinstance(chunk, dict):
            return False
        envelope = self._envelope
        for key in _ENVELOPE:
            value = chunk.get(key)
            if value is not None:
                envelope[key] = value
        self._usage = usage_of(chunk) or self._usage
        if chunk.get("error"):
            self._extra["error"] = chunk["error"]
        choices = chunk.get("choices")
        has_content = False
        if isinstance(choices, list):
            for position, choice in enumerate(choices):
                if isinstance(choice, dict):
                    has_content = self._choice(choice, position).add(choice) or has_content
        return has_content

    def _choice(self, choice: dict[str, Any], position: int) -> _Choice:
        index = choice.get("index")
        if not isinstance(index, int):
            index = position
        found = self._choices.get(index)
        if found is None:
            found = self._choices[index] = _Choice(index)
        return found

    def is_complete(self) -> bool:
        """Whether every choice that began has said why it ended."""
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    def _reply(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        reply = {**self._envelope, "object": kind, "choices": choices, **self._extra}
        return {**reply, "usage": self._usage} if self._usage is not None else reply


class ChatAccumulator(_Accumulator):
    """Puts a streamed chat completion together."""

    def reply(self) -> dict[str, Any]:
        """The chat completion as it would have come without streaming."""
        return self._reply("chat.completion", [self._choices[index].chat() for index in sorted(self._choices)])


class CompletionAccumulator(_Accumulator):
    """Puts a streamed completion together."""

    def reply(self) -> dict[str, Any]:
        """The completion as it would have come without streaming."""
        return self._reply("text_completion", [self._choices[index].completion() for index in sorted(self._choices)])


class _Choice:
    """One choice of a streamed reply, in the pieces that have arrived."""

    __slots__ = ("_index", "_logprobs", "_message", "_text", "_tool_calls", "finish_reason")

    def __init__(self, index: int) -> None:
        self._index = index
        self._message: dict[str, Any] = {}  # text that is still growing stands in lists
        self._text: list[str] = []
        self._tool_calls: list[_ToolCall] = []
        self._logprobs: dict[str, list[Any]] = {}
        self.finish_reason: Any = None

    def add(self, choice: dict[str, Any]) -> bool:
        finish_reason = choice.get("finish_reason")
        if finish_reason:
            self.finish_reason = finish_reason
        if choice.get("logprobs"):
            self._add_logprobs(choice["logprobs"])
        text = choice.get("text")
        if text:
            self._text.append(text)
            return True
        delta = choice.get("delta") or choice.get("message")
        return self._add_delta(delta) if isinstance(delta, dict) else False

    def _add_delta(self, delta: dict[str, Any]) -> bool:
        has_content = False
        for key, value in delta.items():
            if value is None or value == "":
                continue
            if key == "role":
                self._message[key] = value
            elif key == "tool_calls":
                has_content = self._add_tool_calls(value) or has_content
            else:
                merge(self._message, key, value)
                has_content = True
        return has_content

    def _add_tool_calls(self, deltas: Any) -> bool:
        for delta in as_dicts(deltas):
            self._tool_call(delta).add(delta)
        return bool(deltas)

    def _tool_call(self, delta: dict[str, Any]) -> _ToolCall:
        """The call that a delta continues: by its index, else by its id, else the last one."""
        index, identity = delta.get("index"), delta.get("id")
        for call in reversed(self._tool_calls):
            if call.is_continued_by(index, identity, as_dict(delta.get("function")).get("name")):
                return call
        call = _ToolCall(index, identity)
        self._tool_calls.append(call)
        return call

    def _add_logprobs(self, logprobs: Any) -> None:
        for key, value in as_dict(logprobs).items():
            if isinstance(value, list):
                self._logprobs.setdefault(key, []).extend(value)

    def chat(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": None, **joined(self._message)}
        if self._tool_calls:
            ordered = sorted(self._tool_calls, key=lambda call: call.index if isinstance(call.index, int) else 1 << 30)
            message["tool_calls"] = [call.whole() for call in ordered]
        return self._with_logprobs({"index": self._index, "message": message, "finish_reason": self.finish_reason})

    def completion(self) -> dict[str, Any]:
        choice = {"index": self._index, "text": "".join(self._text), "finish_reason": self.finish_reason}
        return self._with_logprobs(choice)

    def _with_logprobs(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**choice, "logprobs": self._logprobs} if self._logprobs else choice


class _ToolCall:
    """One tool call of a streamed choice."""

    __slots__ = ("_fields", "identity", "index")

    def __init__(self, index: Any, identity: Any) -> None:
        self.index = index
        self.identity = identity
        self._fields: dict[str, Any] = {"id": identity, "type": "function"}

    def is_continued_by(self, index: Any, identity: Any, name: Any) -> bool:
        if identity and self.identity and identity != self.identity and (name or index is None):
            return False  # some servers count every call as index 0
        if isinstance(index, int):
            return bool(index == self.index)
        return not identity or bool(identity == self.identity)

    def add(self, delta: dict[str, Any]) -> None:
        for key, value in delta.items():
            if value is None or key == "index":
                continue
            if key == "id":
                self.identity = self._fields["id"] = value or self.identity
            else:
                merge(self._fields, key, value)

    def whole(self) -> dict[str, Any]:
        return {key: value for key, value in joined(self._fields).items() if value is not None}


def merge(into: dict[str, Any], key: str, value: Any) -> None:
    """Add a delta's field: growing text is collected, lists are extended, objects merged, anything else replaced."""
    if isinstance(value, str) and (key in _JOINED or (key == "data" and isinstance(into.get(key), list))):
        _collect(into, key, value)
    elif isinstance(value, str) and key == "data":
        into[key] = _Pieces([value])
    elif isinstance(value, list):
        into[key] = [*_as_parts(into.get(key)), *value]
    elif isinstance(value, dict):
        held = into.setdefault(key, {})
        if isinstance(held, dict):
            for name, inner in value.items():
                if inner is not None:
                    merge(held, name, inner)
    else:
        into[key] = value


class _Pieces(list[str]):
    """Text in the pieces in which it arrived."""


def _collect(into: dict[str, Any], key: str, piece: str) -> None:
    held = into.get(key)
    if isinstance(held, _Pieces):
        held.append(piece)
    elif isinstance(held, list):  # content that began as typed parts goes on as text
        _collect(_last_text_part(held), "text", piece)
    else:
        into[key] = _Pieces([piece])


def _last_text_part(parts: list[Any]) -> dict[str, Any]:
    if not parts or as_dict(parts[-1]).get("type") != "text" or not isinstance(parts[-1].get("text"), _Pieces):
        parts.append({"type": "text"})
    return as_dict(parts[-1])


def _as_parts(held: Any) -> list[Any]:
    if isinstance(held, _Pieces):
        return [{"type": "text", "text": held}]
    return held if isinstance(held, list) else []


def joined(fields: Any) -> Any:
    """The fields with their pieces of text put together."""
    if isinstance(fields, _Pieces):
        return "".join(fields)
    if isinstance(fields, dict):
        return {key: joined(value) for key, value in fields.items()}
    return [joined(item) for item in fields] if isinstance(fields, list) else fields


CHAT = Operation("chat", _read_chat_request, _read_chat_reply, ChatAccumulator)
COMPLETION = Operation(
    "text_completion",
    _read_completion_request,
    _read_completion_reply,
    CompletionAccumulator,
    span_type=SpanType.LLM,
)
