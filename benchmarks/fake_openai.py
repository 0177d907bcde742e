"""A client of the real SDK whose transport answers in the process: the SDK's whole work, and no network."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from benchmarks.texts import pieces

REPLY_TEXT = "The answer to everything is forty-two, and the question is still being worked out. "
CHUNK_TEXT = "word "
# the words that English uses most, and some that assistants do
_ENGLISH = """
the be to of and a in that have it for not on with he as you do at this but his by from they we say her she or an
will my one all would there their what so up out if about who get which go me when make can like time no just him
know take people into year your good some could them see other than then now look only come its over think also back
after use two how our work first well way even new want because any these give day most us function returns value
error install version server request answer question example following steps however sure important note data model
table query result file line code test user list number string object class method parameter default
"""
_WORDS = _ENGLISH.split()


def make_client() -> Any:
    """An ``openai.OpenAI`` that answers what its caller asks: in one piece, or as a stream with ``x-chunks`` chunks.

    A header ``x-reply`` has the text to reply with.
    """
    import openai

    http = _http_library()

    class Body(http.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, parts: list[bytes]) -> None:
            self._parts = parts

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._parts)

    class Transport(http.BaseTransport):  # type: ignore[misc, name-defined]
        def handle_request(self, request: Any) -> Any:
            request.read()
            arrived[:] = [time.thread_time_ns()]
            is_chat = request.url.path.endswith("/chat/completions")
            if chunks := request.headers.get("x-chunks"):
                kind, parts = "text/event-stream", (chat_chunks if is_chat else response_events)(int(chunks))
                return http.Response(200, headers={"content-type": kind}, stream=Body(parts))
            body = CHAT if is_chat else RESPONSE
            if reply := request.headers.get("x-reply"):
                body = CHAT.replace(REPLY_TEXT.encode(), reply.encode())
            return http.Response(200, headers={"content-type": "application/json"}, content=body)

    return openai.OpenAI(api_key="none", http_client=http.Client(transport=Transport()), max_retries=0)


arrived: list[int] = []  # CPU time of its thread when the newest request was there


def _http_library() -> ModuleType:
    """httpx2 for openai 3, httpx before."""
    import openai

    if int(openai.__version__.partition(".")[0]) >= 3:
        import httpx2

        return httpx2  # type: ignore[no-any-return, unused-ignore]
    import httpx

    return httpx


def messages(size: int) -> list[dict[str, str]]:
    """A conversation of about so many bytes as JSON."""
    if size <= 300:
        return [{"role": "user", "content": "How many miles? ".ljust(size - 60, "?")}]
    turns = max(2, size // 1000)
    roles, start = ("user", "assistant"), "How many miles? "
    contents = pieces(size // turns - 40 - len(start))
    return [{"role": roles[number % 2], "content": start + next(contents)} for number in range(turns)]


def conversation(number: int, turns: int) -> Iterator[tuple[str, str]]:
    """Questions and answers of a conversation: English words, never twice the same sentence."""
    chance = random.Random(number)
    for _ in range(turns):
        yield _prose(chance, 25), _prose(chance, 120)


def _prose(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_WORDS, k=words)).capitalize() + "."


def chat_chunks(count: int) -> list[bytes]:
    """A streamed chat completion with so many chunks of text, then its finish and usage."""
    made = _CHUNKS.get(("chat", count))
    if made is None:
        deltas: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": ""}}]
        deltas += [{"delta": {"content": CHUNK_TEXT}}] * (count - 2)
        deltas += [{"delta": {}, "finish_reason": "stop"}]
        chunks = [{**_CHUNK, "choices": [{"index": 0, "finish_reason": None, **delta}]} for delta in deltas]
        made = _CHUNKS["chat", count] = [*map(_event, [*chunks, {**_CHUNK, "choices": [], "usage": _USAGE}]), _DONE]
    return made


def response_events(count: int) -> list[bytes]:
    """A streamed response with so many events, the last with the whole response."""
    made = _CHUNKS.get(("responses", count))
    if made is None:
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        whole = json.loads(RESPONSE)
        text = CHUNK_TEXT * (count - 2)
        whole["output"][0]["content"][0]["text"] = text
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
            *[{"type": "response.output_text.delta", "delta": CHUNK_TEXT, "logprobs": [], **where}] * (count - 2),
            {"type": "response.completed", "response": whole},
        ]
        numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
        made = _CHUNKS["responses", count] = [*map(_event, numbered), _DONE]
    return made


def _event(value: dict[str, Any]) -> bytes:
    name = f"event: {value['type']}\n" if "type" in value else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


_CHUNKS: dict[tuple[str, int], list[bytes]] = {}
_DONE = b"data: [DONE]\n\n"
_USAGE = {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50}
_CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
CHAT = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": REPLY_TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            **_USAGE,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }
).encode()
RESPONSE = json.dumps(
    {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-4o-mini-2024-07-18",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": REPLY_TEXT, "annotations": [], "logprobs": []}],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 20,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 50,
        },
    }
).encode()
