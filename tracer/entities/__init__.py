"""Parts of traces, runs and versions, under the names that other tools give them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from tracer._json import JsonObject
from tracer._late import load as _load

if TYPE_CHECKING:  # for type checkers and editors; a test compares it with _HOMES
    from tracer._api.assessments import Assessment as Assessment
    from tracer._api.assessments import AssessmentSource as AssessmentSource
    from tracer._api.assessments import AssessmentSourceType as AssessmentSourceType
    from tracer._api.assessments import Expectation as Expectation
    from tracer._api.assessments import Feedback as Feedback
    from tracer._api.spans import Span as Span
    from tracer._api.spans import SpanEvent as SpanEvent
    from tracer._api.spans import SpanLink as SpanLink
    from tracer._api.spans import SpanStatus as SpanStatus
    from tracer._api.spans import SpanStatusCode as SpanStatusCode
    from tracer._api.traces import Trace as Trace
    from tracer._api.traces import TraceData as TraceData
    from tracer._api.traces import TraceInfo as TraceInfo
    from tracer._api.traces import TraceLocation as TraceLocation
    from tracer._engine.span import LiveSpan as LiveSpan
    from tracer._tracking.experiments import Experiment as Experiment
    from tracer._tracking.logged_model import LoggedModel as LoggedModel
    from tracer._tracking.logged_model import LoggedModelStatus as LoggedModelStatus
    from tracer._tracking.runs import Run as Run
    from tracer._tracking.runs import RunData as RunData
    from tracer._tracking.runs import RunInfo as RunInfo
    from tracer.semconv import SpanType as SpanType

# where each name is defined; loaded on first use, as tracer's own names are
_HOMES = {
    "tracer._api.assessments": (
        "Assessment",
        "AssessmentSource",
        "AssessmentSourceType",
        "Expectation",
        "Feedback",
    ),
    "tracer._api.spans": ("Span", "SpanEvent", "SpanLink", "SpanStatus", "SpanStatusCode"),
    "tracer._api.traces": ("Trace", "TraceData", "TraceInfo", "TraceLocation"),
    "tracer._engine.span": ("LiveSpan",),
    "tracer._tracking.experiments": ("Experiment",),
    "tracer._tracking.logged_model": ("LoggedModel", "LoggedModelStatus"),
    "tracer._tracking.runs": ("Run", "RunData", "RunInfo"),
    "tracer.semconv": ("SpanType",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:
    __all__ = sorted((*_HOME_OF, "Document", "TraceState"))


class TraceState(str, Enum):
    """States of a trace, equal to their texts."""

    OK = "OK"
    ERROR = "ERROR"
    IN_PROGRESS = "IN_PROGRESS"
    INTERRUPTED = "INTERRUPTED"


@dataclass
class Document:
    """A passage that a retriever found: a RETRIEVER span has a list of them as its outputs."""

    page_content: str
    metadata: JsonObject = field(default_factory=dict)
    id: str | None = None

    @classmethod
    def from_langchain_document(cls, document: Any) -> Document:
        """The same, of one of LangChain's."""
        return cls(document.page_content, dict(document.metadata), getattr(document, "id", None))

    def to_dict(self) -> JsonObject:
        """As plain values."""
        return {"page_content": self.page_content, "metadata": self.metadata, "id": self.id}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = _load(_HOME_OF[name], name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
