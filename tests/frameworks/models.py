"""Scripted servers of models: they ask for a tool once where one is offered, and know what they counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.anthropic.replies import block, ended, failure, message, started, text_deltas
from tests.openai.replies import chat, chunk, delta, tool_call
from tests.openai.server import Asked, Scripted, reply, sse

MODEL = "gpt-4o-mini"
QUESTION = "How warm is Lisbon?"
ANSWER = "It is 21 degrees."
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1", "get_weather", '{"city":"Lisbon"}')]}
Message = dict[str, Any]


def is_weather(name: str) -> bool:
    """Whether this is the name of the tool, which frameworks may put a word in front of."""
    return name.endswith("weather")


def answer_of(body: dict[str, Any]) -> Message:
    """The reply to a request: a call of the tool that knows the weather, else the answer."""
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    wanted = next(filter(is_weather, names), None)
    if wanted is None or any(message["role"] == "tool" for message in body["messages"]):
        return {"role": "assistant", "content": ANSWER}
    parameters = next(tool["function"]["parameters"] for tool in body["tools"] if tool["function"]["name"] == wanted)
    return call_of("call_1", wanted, dict.fromkeys(parameters["properties"], "Lisbon"))


def call_of(call_id: str, name: str, arguments: dict[str, Any]) -> Message:
    """A reply that calls a tool."""
    return {"role": "assistant", "content": None, "tool_calls": [tool_call(call_id, name, json.dumps(arguments))]}


class OpenAIModel:
    """OpenAI's chat completions."""

    name = f"{MODEL}-2024-07-18"
    names = (MODEL, name)  # asked for, and answered
    cost = 0.000024  # USD of a call: 60 new, 40 cached, 20 output tokens
    uncached_cost = 0.000027  # where the instrumentation does not say which are cached
    counted = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 40}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }

    def __init__(self, *, fails: bool, answer: Callable[[dict[str, Any]], Message] = answer_of) -> None:
        self.answered = self.refused = 0
        self._fails = fails
        self._answer = answer

    def __call__(self, asked: Asked) -> Scripted:
        if self._fails:
            self.refused += 1
            return reply({"error": {"message": "the model is tired", "type": "invalid_request_error"}}, status=400)
        self.answered += 1
        message = self._answer(asked.json)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        if not asked.json.get("stream"):
            return reply({**chat(message, finish=finish, model=self.name), "usage": self.usage})
        pieces = [chunk(piece) for piece in _deltas(message)]
        end = [chunk(delta(finish=finish)), chunk(usage=self.usage)]
        return sse(*({**piece, "model": self.name} for piece in (*pieces, *end)))


def _deltas(message: Message) -> list[dict[str, Any]]:
    calls = message.get("tool_calls") or ()
    words = str(message["content"] or "").split(" ")
    texts = [f" {word}" if index else word for index, word in enumerate(words)]
    return [
        delta(role="assistant", content=None if calls else ""),
        *(delta(tool_calls=[{"index": index, **call}]) for index, call in enumerate(calls)),
        *(delta(content=text) for text in texts if not calls),
    ]


class AnthropicModel:
    """Anthropic's messages."""

    name = "claude-3-5-haiku-20241022"
    names = (name,)
    cost = uncached_cost = 0.0001312  # USD of a call: 60 new, 40 cached, 20 output tokens
    counted = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 40}
    usage = {"input_tokens": 60, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0, "output_tokens": 20}

    def __init__(self, *, fails: bool, **_: object) -> None:
        self.answered = self.refused = 0
        self._fails = fails

    def __call__(self, asked: Asked) -> Scripted:
        if self._fails:
            self.refused += 1
            return reply(failure("invalid_request_error", "the model is tired"), status=400)
        self.answered += 1
        body = asked.json
        wants_tool = bool(body.get("tools")) and len(body["messages"]) == 1
        if not body.get("stream"):
            call = {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Lisbon"}}
            content = call if wants_tool else {"type": "text", "text": ANSWER}
            stop = "tool_use" if wants_tool else "end_turn"
            return reply(message(content, stop=stop, model=self.name, usage=self.usage))
        events = [started(), *block(0, {"type": "text", "text": ""}, *text_deltas(ANSWER)), *ended()]
        events[0]["message"].update(model=self.name, usage={**self.usage, "output_tokens": 1})
        events[-2]["usage"] = {"output_tokens": 20}
        return sse(*events, done=False)
