"""Answers of the local server to agents, in the form of either API, whole or as a stream."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.openai.replies import chat, chunk, delta, lima, response, response_events, tool_call
from tests.openai.server import Asked, Scripted, reply, sse

_count = itertools.count(1)


def says(text: str = "Lima.") -> Any:
    """The model answers with a text."""

    def answer(asked: Asked) -> Scripted:
        if "chat/completions" in asked.path:
            message = {"role": "assistant", "content": text}
            return sse(*_chat_chunks(text)) if asked.json.get("stream") else reply(chat(message))
        return _response(asked, response(_message(text)))

    return answer


def calls(*named: tuple[str, dict[str, Any]]) -> Any:
    """The model calls tools: pairs of a name and arguments."""

    def answer(asked: Asked) -> Scripted:
        made = [(f"call_{next(_count)}", name, json.dumps(arguments)) for name, arguments in named]
        if "chat/completions" in asked.path:
            asked_for = [tool_call(*call) for call in made]
            if not asked.json.get("stream"):
                return reply(chat({"role": "assistant", "content": None, "tool_calls": asked_for}, finish="tool_calls"))
            numbered = [{"index": index, **call} for index, call in enumerate(asked_for)]
            chunks = [delta(role="assistant", tool_calls=numbered), delta(finish="tool_calls")]
            return sse(*[chunk(part) for part in chunks], lima()[-1])
        items = [
            {
                "id": f"fc_{call_id}",
                "type": "function_call",
                "status": "completed",
                "call_id": call_id,
                "name": name,
                "arguments": arguments,
            }
            for call_id, name, arguments in made
        ]
        return _response(asked, response(*items))

    return answer


def _message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def _chat_chunks(text: str) -> list[dict[str, Any]]:
    if text == "Lima.":
        return lima()
    return [chunk(delta(role="assistant", content=text)), chunk(delta(finish="stop")), lima()[-1]]


def _response(asked: Asked, body: dict[str, Any]) -> Scripted:
    if asked.json.get("stream"):
        return sse(*response_events(final=body), done=False)
    return reply(body)
