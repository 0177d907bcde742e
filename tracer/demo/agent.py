"""The demo's agent: requests tool calls, runs them, asks two colleagues at once, and streams its decision."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import openai

import tracer
from tracer._json import JsonObject

QUESTION = "I have one free day. Lisbon, Oslo or Atlantis?"
ROLE = "You are a travel agent. Look at the weather before you answer. One or two sentences."

_WEATHER = {
    "Lisbon": {"temperature_c": 24, "sky": "sunny"},
    "Oslo": {"temperature_c": 9, "sky": "rain"},
}
Messages: TypeAlias = list[Any]  # dicts in the shapes of the SDK's TypedDicts

_TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of today in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
]


@tracer.trace(span_type="TOOL")
def get_weather(city: str) -> JsonObject:
    """Weather of today, for the two cities of this demo."""
    try:
        return _WEATHER[city]
    except KeyError:
        raise LookupError(f"no weather station in {city}") from None


class TripAgent:
    """Answers a travel question with any OpenAI-compatible provider."""

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        on_text: Callable[[str], None] = lambda piece: None,
    ) -> None:
        self._model = model
        self._on_text = on_text
        self._connection: JsonObject = {"base_url": base_url, "api_key": api_key}

    @tracer.trace(name="trip agent", span_type="AGENT")
    def answer(self, question: str) -> str:
        """The decision; ``on_text`` is called with its pieces as they arrive."""
        messages: Messages = [{"role": "system", "content": ROLE}, {"role": "user", "content": question}]
        with openai.OpenAI(**self._connection) as client:
            messages += self._look_at_the_weather(client, messages)
            opinions = asyncio.run(self._ask_colleagues(messages))
            opinions_text = "\n".join(f"- {opinion}" for opinion in opinions)
            messages.append({"role": "user", "content": f"Two colleagues say:\n{opinions_text}\nDecide."})
            return self._stream_decision(client, messages)

    def _look_at_the_weather(self, client: openai.OpenAI, messages: Messages) -> Messages:
        reply = client.chat.completions.create(
            model=self._model, messages=messages, tools=_TOOLS, temperature=0, tool_choice="required"
        )
        message = reply.choices[0].message
        found: Messages = [message.model_dump(exclude_none=True)]
        for call in message.tool_calls or ():
            if call.type == "function":
                content = _run_tool(call.function.arguments)
                found.append({"role": "tool", "tool_call_id": call.id, "content": content})
        return found

    @tracer.trace(name="ask colleagues", span_type="CHAIN", capture_inputs=False)
    async def _ask_colleagues(self, messages: Messages) -> list[str]:
        async with openai.AsyncOpenAI(**self._connection) as client:
            return list(
                await asyncio.gather(
                    self._opinion(client, messages, "Make the case for the warmest city."),
                    self._opinion(client, messages, "Make the case against the warmest city."),
                )
            )

    async def _opinion(self, client: openai.AsyncOpenAI, messages: Messages, wish: str) -> str:
        asked = [*messages, {"role": "user", "content": wish}]
        reply = await client.chat.completions.create(model=self._model, messages=asked, max_tokens=80)
        return reply.choices[0].message.content or ""

    def _stream_decision(self, client: openai.OpenAI, messages: Messages) -> str:
        pieces: list[str] = []
        with client.chat.completions.create(
            model=self._model, messages=messages, stream=True, stream_options={"include_usage": True}
        ) as stream:
            for chunk in stream:
                piece = chunk.choices[0].delta.content if chunk.choices else None
                if piece:
                    pieces.append(piece)
                    self._on_text(piece)
        return "".join(pieces)


def _run_tool(arguments: str) -> str:
    try:
        return json.dumps(get_weather(**json.loads(arguments)))
    except Exception as error:  # the model gets a tool's exception as its result and can go on
        return f"{type(error).__name__}: {error}"
