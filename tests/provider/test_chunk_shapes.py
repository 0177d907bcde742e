"""Chunks that are read by their shape, without being parsed: recorded as if each had been parsed by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import tracer
from tracer.provider.chunk_encoder import ChunkEncoder
from tracer.provider.chunk_log import ChunkLog
from tracer.provider.chunk_shapes import chunk_shape
from tracer.provider.operation import varying_values

Chunk = dict[str, Any]
PIECES = [
    *("the", " answer", ".", "\n\n", '"', "\\", 'say "hi"', '{"a": 1}', "%s %d", "ü", "日本", "\x7f", "\u2028", "😀"),
    *('"},"logprobs":null', '","obfuscation":"x', '"}', "~tracer0value~", "x" * 600, "\ud83d", "</s>", ""),
]
SEPARATORS = [(",", ":"), (", ", ": "), (",", ": ")]


def _text(chance: random.Random) -> str:
    return chance.choice(PIECES[:3]) if chance.random() < 0.6 else chance.choice(PIECES)


def _chat(chance: random.Random) -> Iterator[Chunk]:
    envelope = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": None}
    pads = chance.random() < 0.5
    for number in range(60):
        if chance.random() < 0.03:
            envelope = {**envelope, "id": f"c{number}", "system_fingerprint": chance.choice(["f", "g", None])}
        index = chance.choice([0, 0, 0, 1])
        kind = chance.choice(["content"] * 12 + ["reasoning", "tool", "tool", "name", "role", "finish", "odd", "usage"])
        choice: Chunk = {"index": index, "delta": {}, "logprobs": None, "finish_reason": None}
        if kind in ("content", "reasoning"):
            choice["delta"] = {kind: _text(chance), **chance.choice([{}, {}, {"refusal": None}, {"role": "assistant"}])}
        elif kind == "tool":
            call = {"index": chance.choice([0, 0, 1]), "function": {"arguments": _text(chance)}}
            choice["delta"] = {"tool_calls": [call]}
        elif kind == "name":
            called = {"index": chance.choice([0, 1]), "id": f"t{number}", "type": "function"}
            choice["delta"] = {"tool_calls": [{**called, "function": {"name": "f", "arguments": ""}}]}
        elif kind == "role":
            choice["delta"] = {"role": "assistant", "content": ""}
        elif kind == "finish":
            choice["finish_reason"] = "stop"
        elif kind == "odd":
            choice["content_filter_results"] = {"hate": chance.choice([True, False])}
            choice["delta"] = {"content": _text(chance)}
        if chance.random() < 0.05:
            choice["logprobs"] = {"content": [{"token": "x", "logprob": -0.25}]}
        chunk: Chunk = {**envelope, "choices": [choice]}
        if kind == "usage":
            chunk.update(choices=[], usage={"prompt_tokens": number})
        elif chance.random() < 0.5:
            chunk["usage"] = None
        if pads:
            chunk["obfuscation"] = "".join(chance.choices("abcXYZ019", k=chance.randint(1, 9)))
        yield chunk


def _response(chance: random.Random) -> Iterator[Chunk]:
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    for number in range(60):
        if chance.random() < 0.05:
            where = {**where, "output_index": chance.choice([0, 1])}
        kind = chance.choice(
            ["output_text"] * 10 + ["function_call_arguments", "reasoning_summary_text", "done", "made"]
        )
        if kind == "done":
            item = {"type": "message", "content": [{"type": "output_text", "text": "whole"}]}
            yield {"type": "response.output_item.done", "output_index": where["output_index"], "item": item}
        elif kind == "made":
            yield {"type": "response.in_progress", "response": {"id": "r", "status": "in_progress", "output": []}}
        else:
            name = f"response.{kind}.delta"
            padding = {"obfuscation": chance.choice(["a", "bcd"])} if chance.random() < 0.5 else {}
            yield {"type": name, "sequence_number": number, **where, "delta": _text(chance), "logprobs": [], **padding}


def _message(chance: random.Random) -> Iterator[Chunk]:
    yield {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 3}}}
    fields = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
    for _ in range(60):
        index = chance.choice([0, 0, 0, 1])
        kind = chance.choice(["text_delta"] * 8 + ["thinking_delta", "input_json_delta", "start", "signature", "end"])
        if kind == "start":
            yield {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
        elif kind == "end":
            yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
        elif kind == "signature":
            delta = {"type": "signature_delta", "signature": "s"}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        else:
            delta = {"type": kind, fields[kind]: _text(chance)}
            yield {"type": "content_block_delta", "index": index, "delta": delta}


def _accumulator(name: str) -> Callable[[], Any]:
    from tracer._anthropic.events import MessageAccumulator
    from tracer._openai.chunks import ChatAccumulator
    from tracer._openai.responses import ResponseAccumulator

    return {"chat": ChatAccumulator, "response": ResponseAccumulator, "message": MessageAccumulator}[name]


STREAMS = {"chat": _chat, "response": _response, "message": _message}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", STREAMS)
def test_chunks_are_recorded_as_if_each_was_parsed(kind: str, seed: int) -> None:
    chance = random.Random(seed)
    make, separators, escapes = _accumulator(kind), chance.choice(SEPARATORS), chance.random() < 0.5
    chunks = list(STREAMS[kind](chance))
    accumulator, encode = make(), ChunkEncoder(getattr(make(), "repeated", frozenset()))
    encoded = [encode(chunk) for chunk in chunks]
    content = [accumulator.add(json.loads(each)) for each in encoded]

    with tracer.start_span("stream") as span:
        log = ChunkLog(span, make())  # type: ignore[arg-type]
        for chunk in chunks:
            is_ascii = escapes or not json.dumps(chunk, ensure_ascii=False).isprintable()
            data = json.dumps(chunk, separators=separators, ensure_ascii=is_ascii)
            log.take_event(SimpleNamespace(data=data))  # type: ignore[arg-type]
        log.end()
        log.write(is_secret=False)

    assert log.reply() == (accumulator.reply(), accumulator.is_complete())
    assert log.count == len(chunks)
    assert log._texts == [each.decode() for each in encoded]
    first = next((when for when, has in zip(log._times, content) if has), 0)
    assert log._first_content == first


def test_a_text_cannot_pass_for_the_end_of_its_chunk() -> None:
    pieces: list[str] = []

    def continued(chunk: Chunk) -> tuple[list[str], str] | None:
        return (pieces, chunk["text"]) if set(chunk) == {"text", "more"} else None

    shape = chunk_shape('{"text":"a","more":"b"}', varying_values("text more"), dict, continued)

    assert shape is not None
    for text, more in [("x", "y"), ("", ""), ('"', "\n"), ("\\", '\\"')]:
        sent = json.dumps({"text": text, "more": more}, separators=(",", ":"))
        assert shape.take_run([sent], 0, 512) == ([text], [sent])
    for text, more in [('","more":"', "y"), ("x", '","more":"'), ("x", '"}'), ("\\", '"}'), ('\\","more":"', '"}')]:
        sent = json.dumps({"text": text, "more": more}, separators=(",", ":"))
        assert shape.take_run([sent], 0, 512) in (([], []), ([text], [sent]))
    for other in ('{"text":"a","more":"b","c":1}', '{"text":"a"}', '{"text":"a","more":"b"', '{"text":0,"more":"b"}'):
        assert shape.take_run([other], 0, 512) == ([], [])


def test_no_shape_is_made_of_what_may_be_read_in_another_way() -> None:
    def continued(chunk: Chunk) -> tuple[list[str], str] | None:
        return ([], chunk["text"]) if "text" in chunk else None

    find = varying_values("text", "number")
    for sent in ('{"text":""}', '{"other":"a"}', '{"text":"a","text":1}', '{"text":"a","number":1,"number":2}'):
        assert chunk_shape(sent, find, dict, continued) is None
