"""The span that takes the same calls as a LiveSpan and records nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from opentelemetry.trace import Span as OpenTelemetrySpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags, TraceState

from tracer._engine.context import Attachable, current

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event

    from tracer._json import JsonObject

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class NonRecordingSpan(Attachable, OpenTelemetrySpan):
    """A span that records nothing: tracing is off, the trace is not sampled, or it is a parent in another process."""

    __slots__ = ("_attached", "_previous", "block", "ours", "remote", "sampled", "span_id", "trace_id", "trace_state")

    name = ""
    span_type = "UNKNOWN"
    parent_id: str | None = None
    inputs: object = None
    outputs: object = None
    request_id = ""
    token_usage: dict[str, int] | None = None
    start_time_ns = 0
    end_time_ns: int | None = None
    captures_content = False

    def __init__(
        self,
        trace_id: str = "0" * 32,
        span_id: str = "0" * 16,
        *,
        sampled: bool = False,
        remote: bool = False,
        trace_state: TraceState | None = None,
        ours: bool = False,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled  # whether spans below are recorded
        self.remote = remote  # whether it is a span of another process
        self.ours = ours  # whether the span itself reaches our store by another way
        self.trace_state = trace_state
        self._attached = []
        self._previous = self.block = None

    @property
    def attributes(self) -> JsonObject:
        """Always empty."""
        return {}

    @property
    def events(self) -> Sequence[Event]:
        """Always empty."""
        return ()

    @property
    def status(self) -> Status:
        """Not set."""
        return Status(StatusCode.UNSET)

    def get_span_context(self) -> SpanContext:
        """The identity that children and other processes refer to."""
        flags = _SAMPLED if self.sampled else TraceFlags(0)
        return SpanContext(int(self.trace_id, 16), int(self.span_id, 16), self.remote, flags, self.trace_state)

    def attach(self) -> None:
        """Make this the current span, so that spans below inherit trace and sampling."""
        self._previous = current.get()
        self._attached.append((current.set(self), None))

    def is_recording(self) -> bool:
        """Never."""
        return False

    def get_attribute(self, key: str) -> object:
        """Always None."""
        return None

    # without a declaration pyright gives them the narrower signatures of OpenTelemetry's span
    set_attributes: Callable[..., None]
    set_status: Callable[..., None]
    end: Callable[..., None]

    def _nothing(self, *args: object, **kwargs: object) -> None:
        """Record nothing."""

    set_attribute = set_attributes = set_json = set_json_list = set_inputs = set_outputs = set_span_type = _nothing
    add_event = add_link = set_status = record_exception = set_error = update_name = end = _nothing

    def end_with_error(self, error: BaseException) -> None:
        """Record nothing."""

    def __exit__(self, *_: object) -> None:
        return None


class Place(NonRecordingSpan):
    """The place of another's span: a call that takes it has its trace and its parent, and its id while that is free."""

    __slots__ = ("free_id",)

    def __init__(self, span: OpenTelemetrySpan, parent: OpenTelemetrySpan, *, is_free: bool, is_first: bool) -> None:
        context, above = span.get_span_context(), parent.get_span_context()
        super().__init__(
            f"{context.trace_id:032x}",
            f"{above.span_id:016x}" if above.is_valid else "",
            sampled=True,
            remote=above.is_remote,
            trace_state=context.trace_state,
            ours=not is_first,
        )
        self.free_id = f"{context.span_id:016x}" if is_free else None
