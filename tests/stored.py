"""What the store holds of spans that have ended."""

from __future__ import annotations

import json
from typing import Any

import tracer
from tracer._engine.runtime import runtime


class Stored:
    """Looks into the store each time it is asked."""

    @property
    def spans(self) -> list[Any]:
        traces = tracer.search_traces(max_results=1000)
        spans = [span for trace in traces for span in tracer.get_trace(trace.info.trace_id).data.spans]
        return [span for span in spans if span.end_time_ns is not None]

    @property
    def span(self) -> Any:
        """The only span there is."""
        spans = self.spans
        assert len(spans) == 1, [span.name for span in spans]
        return spans[0]

    def json(self, key: str) -> Any:
        return json.loads(self.span.attributes[key])

    def attachment(self, reference: str) -> tuple[str, bytes] | None:
        """Media type and content of an attachment, by its reference in a payload."""
        return runtime().store().attachment(reference.removeprefix("tracer-attachment:").split(";")[0])

    @property
    def output(self) -> list[Any]:
        return self.json("gen_ai.output.messages")

    @property
    def input(self) -> list[Any]:
        return self.json("gen_ai.input.messages")

    @property
    def text(self) -> str | None:
        """The text of the reply, as far as it came."""
        if "gen_ai.output.messages" not in self.span.attributes:
            return None
        parts = [part for message in self.output for part in message["parts"]]
        return "".join(part["content"] for part in parts if part["type"] == "text")

    @property
    def ending(self) -> tuple[Any, Any, Any]:
        """How the call ended, why before its time, and with what text."""
        return self.span.status, self.span.attributes.get("tracer.incomplete"), self.text
