"""Traces worth looking at, recorded by tracer: through the real SDK where a model is asked, else with spans by hand."""

from __future__ import annotations

import base64
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai

import tracer
from tests.openai.replies import chat as chat_reply
from tests.openai.replies import chunk, delta, tool_call
from tests.openai.server import Server, reply, sse

MARKDOWN = """## Refund

Yes, **within 30 days**. What you need:

1. the order number
2. the *original* packaging

| plan | days |
|---|---|
| Basic | 14 |
| Pro | 30 |

```python
def refundable(days: int) -> bool:
    return days <= 30
```
"""

# everything here must show as the text it is
HOSTILE = """<script>alert(1)</script>
<img src=x onerror="alert(2)">
[click](javascript:alert(3)) [data](data:text/html,<script>alert(4)</script>)
![pixel](https://tracker.invalid/p.png)
<iframe src="javascript:alert(5)"></iframe><svg onload=alert(6)>
`<b onmouseover=alert(7)>`

| <img src=x onerror=alert(8)> |
|---|
| <details open ontoggle=alert(9)> |
"""

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Looks an order up by its number.",
            "parameters": {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
        },
    }
]


@contextmanager
def recorded(server: Server) -> Iterator[openai.OpenAI]:
    """A client of the real SDK whose calls are recorded and answered by a local server."""
    tracer.openai.autolog()
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
        yield client
    tracer.openai.autolog(disable=True)


def support_agent(
    client: openai.OpenAI, server: Server, *, session: str | None = None, version: str | None = None
) -> str:
    """An agent that calls a tool, streams its answer, and is liked for it; its trace id."""
    messages: list[Any] = [
        {"role": "system", "content": "You are the support agent of a small shop. Be brief."},
        {"role": "user", "content": "Can I send order 1042 back?"},
    ]
    asks = {
        "role": "assistant",
        "content": None,
        "tool_calls": [tool_call("call_1", "find_order", '{"number": "1042"}')],
    }
    server.will(reply(priced(chat_reply(asks, finish="tool_calls"))), sse(*spoken(MARKDOWN)))

    @tracer.trace(span_type="TOOL")
    def find_order(number: str) -> dict[str, Any]:
        return {"number": number, "plan": "Pro", "days_since": 12, "items": ["lamp", "bulb"]}

    @tracer.trace(name="support agent", span_type="AGENT")
    def agent(question: str) -> str:
        tracer.update_current_trace(tags={"env": "prod"}, session_id=session, user="ann", model_id=version)
        first = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS, temperature=0.2)
        call = first.choices[0].message.tool_calls[0]  # type: ignore[index]
        found = find_order("1042")
        said: Any = {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]}
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": str(found).replace("'", '"')}
        stream = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[*messages, said, result],
            tools=TOOLS,
            stream=True,
            stream_options={"include_usage": True},
        )
        return "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices)

    agent("Can I send order 1042 back?")
    trace_id = last_trace()
    tracer.log_feedback(trace_id=trace_id, name="helpful", value=True, rationale="names the days")
    return trace_id


def failing_chain() -> str:
    """A chain whose third step raises."""

    @tracer.trace(span_type="RETRIEVER")
    def search(query: str) -> list[str]:
        return [f"page about {query}"]

    @tracer.trace(span_type="PARSER")
    def parse(text: str) -> dict[str, Any]:
        raise ValueError(f"not JSON: {text!r}")

    @tracer.trace(name="answer with sources", span_type="CHAIN")
    def chain(question: str) -> Any:
        tracer.update_current_trace(tags={"env": "test"}, user="ben")
        search(question)
        return parse("{half")

    try:
        chain("Where is Lisbon?")
    except ValueError:
        pass
    return last_trace()


def many_kinds(*, hostile: bool = False) -> str:
    """One model's call with reasoning, an image, audio, a refusal, structured output and two choices."""
    text = HOSTILE if hostile else '{"city": "Lisbon", "confidence": 0.93, "sources": [{"page": 4}]}'
    with tracer.start_span("chat gpt-4o" if not hostile else HOSTILE[:40], span_type="CHAT_MODEL") as span:
        tracer.set_span_chat_messages(
            span,
            [
                {"role": "system", "content": text if hostile else "Look closely. " * 80},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": text if hostile else "What is on this picture?"},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture()}"}},
                        {"type": "input_audio", "input_audio": {"data": sound(), "format": "wav"}},
                    ],
                },
            ],
        )
        replies = [
            {"role": "assistant", "reasoning_content": "A river, a yellow tram, hills: " + text, "content": text},
            {"role": "assistant", "content": "", "refusal": "I cannot name people."},
        ]
        tracer.set_span_chat_messages(span, replies, append=True)
        tracer.set_span_chat_tools(
            span, [{"type": "function", "function": {"name": "<b>zoom</b>", "description": text}}]
        )
        span.set_inputs({"picture": text})
        span.set_outputs({"html": text, "list": list(range(200))})
        span.set_attribute("app.note", text)
    return last_trace()


def odd_messages() -> str:
    """A call whose messages another instrumentation sent in shapes that no convention has."""
    with tracer.start_span("chat odd", span_type="CHAT_MODEL") as span:
        span.set_attribute("gen_ai.input.messages", [{"role": "user", "parts": None, "content": "How warm is it?"}])
        span.set_attribute("gen_ai.output.messages", [{"role": "assistant", "content": "It is 21"}])
    return last_trace()


def long_trace(steps: int) -> str:
    """A trace of so many steps: agents with tools and models below them, one in two hundred failed."""
    with tracer.start_span("long agent", span_type="AGENT"):
        made = 1
        while made < steps:
            with tracer.start_span(f"turn {made}", span_type="CHAIN"):
                made += 1
                for kind in ("CHAT_MODEL", "TOOL", "RETRIEVER", "TOOL")[: max(0, steps - made)]:
                    with tracer.start_span(f"{kind.lower()} {made}", span_type=kind) as span:
                        span.set_inputs({"step": made})
                        if made % 200 == 0:
                            span.set_status("ERROR", f"step {made} failed")
                    made += 1
    return last_trace()


def loop(times: int) -> str:
    """An agent that does one thing so many times, once in vain, and another thing once."""
    with tracer.start_span("sweep", span_type="AGENT"):
        for number in range(times):
            with tracer.start_span("embed page", span_type="EMBEDDING") as span:
                if number == times // 2:
                    span.set_status("ERROR", "too long")
        with tracer.start_span("rank", span_type="RERANKER"):
            pass
    return last_trace()


def retriever() -> str:
    """A search that gives two documents back."""
    about = {"source": "https://example.org/lisbon", "title": "Lisbon", "score": 0.91}
    with tracer.start_span("search", span_type="RETRIEVER") as span:
        span.set_inputs({"query": "How warm is Lisbon?"})
        span.set_outputs(
            [
                {"page_content": "Lisbon is warm in summer. " * 20, "metadata": about},
                {"page_content": "Porto is cooler.", "metadata": {"source": "porto.md"}},
            ]
        )
    return last_trace()


def interrupted(store: str) -> str:
    """A trace whose process was killed in its middle; its id."""
    program = """
import os, signal, tracer
with tracer.start_span("night job", span_type="WORKFLOW") as root:
    print(root.trace_id, flush=True)
    with tracer.start_span("first step"):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "TRACER_STORE": store}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, check=False, timeout=60, stdout=subprocess.PIPE, text=True)
    return ran.stdout.strip()


def last_trace() -> str:
    """The id of the trace that was recorded last."""
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    return trace_id


def dataset_and_queue() -> None:
    """A dataset with rows of every kind, and a review queue with every kind of question."""
    dataset = tracer.genai.create_dataset("refunds", tags={"team": "shop"})
    dataset.add(filter_string="name = 'support agent'", split="test")
    facts = ["original packaging", "order number"]
    dataset.add([
        {"inputs": {"question": "How long may I keep it?"}, "expectations": {"answer": "30 days", "facts": facts}},
        {"inputs": "أين أجد كتابي؟", "expectations": {"tool": "find_order"}, "tags": {"language": "ar"}},
    ])  # fmt: skip
    tracer.genai.create_review_queue(
        "refund answers",
        filter_string="name = 'support agent'",
        scores=[
            {"name": "correct", "kind": "yes_no", "question": "Is the answer right?"},
            {"name": "tone", "kind": "rating", "question": "How friendly is it?"},
            {"name": "fault", "kind": "choice", "choices": ["none", "wrong rule", "too long"]},
            {"name": "note", "kind": "text"},
        ],
        guidance="Refunds within 30 days, in the original packaging.",
    )


def priced(body: dict[str, Any]) -> dict[str, Any]:
    """The same reply from a model whose price is known."""
    return {**body, "model": "gpt-4o-mini-2024-07-18"}


def spoken(text: str) -> list[dict[str, Any]]:
    """The chunks of a text, four characters each."""
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    usage = {"prompt_tokens": 212, "completion_tokens": len(pieces), "total_tokens": 212 + len(pieces)}
    chunks = [chunk(delta(role="assistant", content="")), *(chunk(delta(content=piece)) for piece in pieces)]
    return [priced(one) for one in [*chunks, chunk(delta(finish="stop")), chunk(usage=usage)]]


def picture() -> str:
    """A small PNG in base64: a colour gradient."""
    rows = b"".join(b"\0" + bytes(c for x in range(96) for c in (x * 2, y * 3, 160)) for y in range(64))

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 96, 64, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    return base64.b64encode(png).decode()


def sound() -> str:
    """A tenth of a second of WAV in base64."""
    samples = b"".join(struct.pack("<h", (n % 40 - 20) * 400) for n in range(800))
    head = (
        b"RIFF"
        + struct.pack("<I", 36 + len(samples))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    )
    return base64.b64encode(head + b"data" + struct.pack("<I", len(samples)) + samples).decode()
