"""Converse: requests, replies, and the accumulator of its streams."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import content_parts, parsed, to_message
from tracer.provider import Operation, Reply, Request

from .._values import as_dict, as_dicts, as_text, given
from .values import GUARDRAIL_ACTION, GUARDRAIL_ID, model_name, read_usage, seconds

_PARAMETERS = {
    "maxTokens": semconv.REQUEST_MAX_TOKENS,
    "max_new_tokens": semconv.REQUEST_MAX_TOKENS,  # Nova's in invoke_model
    "temperature": semconv.REQUEST_TEMPERATURE,
    "topP": semconv.REQUEST_TOP_P,
    "top_p": semconv.REQUEST_TOP_P,
    "topK": semconv.REQUEST_TOP_K,
    "top_k": semconv.REQUEST_TOP_K,
    "stopSequences": semconv.REQUEST_STOP_SEQUENCES,
}


def read_request(body: object) -> Request:
    """Read a request of Converse, or of invoke_model to a model that takes the same."""
    body = as_dict(body)
    more = as_dict(body.get("additionalModelRequestFields"))
    output = as_dict(body.get("outputConfig"))
    text_format = as_dict(output.get("textFormat"))
    schema = as_dict(as_dict(text_format.get("structure")).get("jsonSchema")).get("schema")
    return Request(
        as_text(body.get("model")),
        body.get("messages"),
        system=list(content_parts(body.get("system"))),
        tools=[tool for tool in as_dicts(as_dict(body.get("toolConfig")).get("tools")) if "cachePoint" not in tool],
        output_schema=parsed(schema),
        attributes={
            **_parameters(more),
            **_parameters(as_dict(more.get("inferenceConfig"))),  # Nova's top_k
            **_parameters(as_dict(body.get("inferenceConfig"))),
            semconv.REQUEST_REASONING_LEVEL: as_text(output.get("effort")),
            semconv.OUTPUT_TYPE: "json" if schema else None,
            GUARDRAIL_ID: as_text(as_dict(body.get("guardrailConfig")).get("guardrailIdentifier")),
        },
    )


def _parameters(config: JsonMapping) -> JsonObject:
    return {key: config[name] for name, key in _PARAMETERS.items() if config.get(name) is not None}


def read_reply(body: object) -> Reply:
    """Read a reply of Converse, or of invoke_model from a model that gives the same."""
    body = as_dict(body)
    message = as_dict(body.get("output")).get("message")
    reason = as_text(body.get("stopReason"))
    router = as_dict(as_dict(body.get("trace")).get("promptRouter"))
    invoked = as_text(router.get("invokedModelId"))
    is_stopped = reason == "guardrail_intervened"
    return Reply(
        model=model_name(invoked) if invoked else None,
        messages=[{**to_message(message), "finish_reason": reason}] if isinstance(message, dict) else None,
        finish_reasons=[reason] if reason else [],
        usage=read_usage(body.get("usage")),
        attributes={
            semconv.SERVER_TOTAL_TIME: seconds(as_dict(body.get("metrics")).get("latencyMs")),
            GUARDRAIL_ACTION: "INTERVENED" if is_stopped else None,
        },
    )


class ConverseAccumulator:
    """Accumulates a streamed reply from its events."""

    def __init__(self) -> None:
        self._reply: JsonObject = {}
        self._role = "assistant"
        self._blocks: dict[int, _Block] = {}

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        for name, content in as_dict(event).items():
            fields = as_dict(content)
            if name == "contentBlockDelta":
                return self._block(fields).add(as_dict(fields.get("delta")))
            if name == "contentBlockStart":
                return self._block(fields).start(as_dict(fields.get("start")))
            if name == "messageStart":
                self._role = as_text(fields.get("role")) or self._role
            elif name in ("messageStop", "metadata"):
                self._reply.update(given({key: value for key, value in fields.items() if key != "p"}))
        return False

    def _block(self, event: JsonMapping) -> _Block:
        index = event.get("contentBlockIndex")
        return self._blocks.setdefault(index if isinstance(index, int) else 0, _Block())

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        content = [self._blocks[index].whole() for index in sorted(self._blocks)]
        return {"output": {"message": {"role": self._role, "content": content}}, **self._reply}

    def is_complete(self) -> bool:
        """Whether the message has a stop reason."""
        return bool(self._reply.get("stopReason"))


class _Block:
    """One content block, with the pieces that have arrived."""

    __slots__ = ("_citations", "_input", "_others", "_reasoning", "_results", "_start", "_text")

    def __init__(self) -> None:
        self._start: JsonObject = {}
        self._text: list[str] = []
        self._input: list[str] = []
        self._reasoning: dict[str, list[str]] = {}
        self._citations: list[object] = []
        self._results: list[object] = []
        self._others: JsonObject = {}

    def start(self, start: JsonObject) -> bool:
        self._start = start
        return bool(start)

    def add(self, delta: JsonObject) -> bool:
        has_content = False
        for name, value in delta.items():
            if name == "text" and isinstance(value, str):
                self._text.append(value)
                has_content = has_content or bool(value)
                continue
            has_content = True
            if name == "toolUse":
                self._input.append(as_text(as_dict(value).get("input")) or "")
            elif name == "reasoningContent":
                for kind, piece in as_dict(value).items():
                    self._reasoning.setdefault(kind, []).append(str(piece))
            elif name == "citation":
                self._citations.append(value)
            elif name == "toolResult" and isinstance(value, list):
                self._results.extend(value)
            else:
                self._others[name] = value
        return has_content

    def whole(self) -> JsonObject:
        block = {**self._start, **self._others}
        if "toolUse" in block or self._input:
            arguments = "".join(self._input)
            block["toolUse"] = {**as_dict(block.get("toolUse")), "input": parsed(arguments) if arguments else {}}
        if "toolResult" in block:
            block["toolResult"] = {**as_dict(block["toolResult"]), "content": self._results}
        if self._reasoning:
            reasoning = {kind: "".join(pieces) for kind, pieces in self._reasoning.items()}
            hidden = reasoning.pop("redactedContent", None)
            block["reasoningContent"] = {"redactedContent": hidden} if hidden else {"reasoningText": reasoning}
        text = "".join(self._text)
        if self._citations:
            block["citationsContent"] = {"content": [{"text": text}], "citations": self._citations}
        elif self._text or not block:
            block["text"] = text
        return block


CONVERSE = Operation("chat", read_request, read_reply, ConverseAccumulator)
