"""This library, as it comes."""

from __future__ import annotations

from pathlib import Path

import tracer

_MAX_TRACES = 100_000


def record_into(folder: Path, server: str) -> None:
    """Record into a store in the folder, or send to the server."""
    tracer.configure(store=server or f"sqlite:///{folder / 'tracer.db'}")


def record(name: str) -> None:
    """A block."""
    with tracer.start_span(name):
        pass


def call(name: str, url: str) -> None:
    """A call to a model by the `openai` package, asked with this name."""
    import openai

    tracer.openai.autolog()
    client = openai.OpenAI(api_key="none", base_url=url, max_retries=0)
    client.chat.completions.create(model="silent", messages=[{"role": "user", "content": name}])


def stored(folder: Path, server: str) -> list[str]:
    """All spans, with what still waits in the journals of programs that died."""
    record_into(folder, server)
    tracer.flush()
    return [_name(span) for trace in tracer.search_traces(max_results=_MAX_TRACES) for span in trace.data.spans]


def _name(span: tracer.Span) -> str:
    return str(span.inputs["messages"][0]["content"]) if span.span_type == "CHAT_MODEL" else span.name


def serve(folder: Path, port: int) -> list[str]:
    """The server for machines that share a store."""
    return ["-m", "tracer", "server", "--port", str(port), "--store", str(folder / "tracer.db")]
