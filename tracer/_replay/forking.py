"""`tracer.fork`: a recorded run up to a step, and live from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tracer import semconv
from tracer._api.spans import Span
from tracer._api.traces import Trace
from tracer._engine.runtime import runtime
from tracer._replay.cassette import Recorded
from tracer._replay.changes import changes_of
from tracer._replay.matching import Match, Matching
from tracer._replay.replaying import Replay, Step
from tracer._replay.session import Session
from tracer._replay.sources import trace_of
from tracer._replay.span_tree import in_order, step_named
from tracer._replay.steps import replaced_when_known
from tracer._replay.traced_calls import BedrockCall, calls_of
from tracer._replay.uses import Uses
from tracer.errors import CassetteError
from tracer.semconv import SpanType


class ForkedTrace:
    """The calls of a trace that began before a step; those from it on are made."""

    def __init__(self, trace: Trace, at: Span) -> None:
        self.name = f"trace {trace.trace_id}"
        self.trace = trace
        self.at = at

    @property
    def tools(self) -> list[str]:
        """The names of the tools that ran before the step."""
        spans = self.trace.data.spans
        return list(
            dict.fromkeys(span.name for span in spans if span.span_type == SpanType.TOOL and self._is_before(span))
        )

    def calls(self, session: Session) -> list[Recorded]:
        """The calls before the step; the session gets those after it."""
        before = Trace(self.trace.info, type(self.trace.data)([*filter(self._is_before, self.trace.data.spans)]))
        after = [span for span in self.trace.data.spans if not self._is_before(span)]
        session.later = calls_of([Trace(self.trace.info, type(self.trace.data)(after))], session.steps, is_whole=False)
        calls = calls_of([before], session.steps)
        if session.changes and any(isinstance(call, BedrockCall) for call in [*calls, *session.later]):
            raise CassetteError(f"{self.name} has calls of Bedrock, which are signed before set= could change them")
        return calls

    def _is_before(self, span: Span) -> bool:
        return span.start_time_ns < self.at.start_time_ns and span is not self.at

    def write(self, lines: Iterable[str]) -> None:
        """Do nothing: a fork writes no cassette, its calls are recorded as a trace."""


class Fork(Replay):
    """A block in which a trace is replayed up to a step, and calls are real from there on."""

    def __init__(self, source: ForkedTrace, session: Session, steps: Sequence[Step] | None) -> None:
        super().__init__(source, session, steps or ())
        self.at = source.at.span_id
        self._tools = source.tools if steps is None else None
        self._link = {
            semconv.FORKED_TRACE: source.trace.trace_id,
            semconv.FORKED_SPAN: source.at.span_id,
        }

    def share(self, file: Path) -> None:
        """Go through the trace together with the program's other processes that name this file."""
        self._session.uses = Uses(file)

    def _replaced(self, session: Session) -> list[Callable[[], bool]]:
        return super()._replaced(session) if self._tools is None else replaced_when_known(self._tools, session)

    def __enter__(self) -> Fork:
        super().__enter__()
        runtime().recorder.metadata_of_all = self._link
        return self

    def __exit__(self, *raised: object) -> None:
        runtime().recorder.metadata_of_all = {}
        super().__exit__(*raised)  # type: ignore[arg-type]


def fork(
    trace: Trace | str,
    *,
    at: str | int,
    set: Mapping[str, object] | None = None,
    match: Match = "lenient",
    ignore: str | Iterable[str] = (),
    steps: Iterable[Step] | None = None,
) -> Fork:
    """Go through a recorded run again up to a step, and live from there: ``with tracer.fork(trace, at=4): agent()``.

    Calls to models that began before the step are answered from the trace, without cost; tools are, too (steps of
    type TOOL with `@tracer.trace`; ``steps`` names others). From the step on everything is real. ``at`` is the step's
    number in ``tracer show``, its id, or its name if only one step has that.

    ``set`` changes the requests that are made: ``{"model": "gpt-4o", "messages[0]": "Be brief."}``; a text in the
    place of a message is the message's content. The new trace links to the old one: ``tracer.diff(old, new)``.
    ``match`` and ``ignore`` are those of `tracer.replay`. Raises `tracer.errors.ReplayMismatchError` where the
    program asks something else before the step, and `tracer.errors.CassetteError` if the trace lacks what it takes.
    """
    found = trace if isinstance(trace, Trace) else trace_of(trace)
    step = step_named(in_order(found.data.spans), at, argument="at", shown_by=f"tracer show {found.trace_id}")
    source = ForkedTrace(found, step)
    matching = Matching(match, (ignore,) if isinstance(ignore, str) else tuple(ignore))
    session = Session(source.name, matching=matching, changes=changes_of(set or {}), later=[])
    return Fork(source, session, None if steps is None else list(steps))
