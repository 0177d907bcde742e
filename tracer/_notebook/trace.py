"""A trace and a list of traces as HTML."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tracer._api.traces import Trace, TraceInfo
from tracer._notebook.content import content
from tracer._notebook.html import Html, Room, element, joined, page
from tracer.cli import wording
from tracer.cli.pairs import Conversations
from tracer.cli.steps import Step, steps_of

_CHARACTERS = 500_000
_STEPS_SHOWN = 200
_TRACES_SHOWN = 10
_DEEPEST_INDENT = 12
_WORDS = {"OK": "ok", "ERROR": "error", "IN_PROGRESS": "running", "INTERRUPTED": "interrupted"}


def trace_html(trace: Trace) -> str:
    """A trace: its question and answer, and its steps as a tree that opens step by step."""
    return page(_whole(trace, Room(_CHARACTERS)))


def traces_html(traces: Sequence[Trace], *, how_many: int | None = None) -> str:
    """The newest of some traces (in all ``how_many``), each of which opens."""
    total = len(traces) if how_many is None else how_many
    room = Room(_CHARACTERS)
    lines = [
        element("details", element("summary", _headline(trace.info)), _steps(trace, room))
        for trace in traces[:_TRACES_SHOWN]
    ]
    more = total - len(lines)
    left_out = element("div", f"and {wording.how_many(more, 'more trace')}", class_="t-faint") if more > 0 else None
    return page(joined([element("div", wording.how_many(total, "trace"), class_="t-name"), *lines, left_out]))


def _whole(trace: Trace, room: Room) -> Html:
    previews = (
        element("div", f"{sign} {wording.clean_line(text)}", class_="t-preview t-faint")
        for sign, text in (("→", trace.info.request_preview), ("←", trace.info.response_preview))
        if text
    )
    return joined([_headline(trace.info), *previews, _steps(trace, room)])


def _headline(info: TraceInfo) -> Html:
    usage = info.token_usage or {}
    tokens = [usage.get(name) for name in ("input_tokens", "output_tokens")]
    facts = [
        wording.duration(None if info.execution_duration is None else info.execution_duration * 1e6),
        wording.how_many(info.span_count, "step"),
        f"{_arrow(*tokens)} tokens" if any(tokens) else "",
        wording.money((info.cost or {}).get("total_cost")),
    ]
    return element(
        "span",
        element("span", wording.clean_line(info.name or "(no name)"), class_="t-name"),
        element("span", _WORDS.get(info.state, info.state), class_="t-bad" if info.state == "ERROR" else None),
        *(element("span", fact, class_="t-faint") for fact in facts if fact),
        element("span", info.trace_id, class_="t-faint"),
        class_="t-head",
    )


def _steps(trace: Trace, room: Room) -> Html:
    steps = steps_of([span.to_dict() for span in trace.data.spans])
    conversations = Conversations(steps)
    axis = _Axis(steps)
    opened = steps[0].span_id if len(steps) == 1 else None
    rows = [_step(step, conversations, axis, room, is_open=step.span_id == opened) for step in steps[:_STEPS_SHOWN]]
    more = len(steps) - len(rows)
    if room.is_full:
        told = f"(contents of later steps are left out: tracer show {trace.trace_id} --full)"
        rows.append(element("div", told, class_="t-faint"))
    if more > 0:
        told = f"and {wording.how_many(more, 'more step')}: tracer show {trace.trace_id}"
        rows.append(element("div", told, class_="t-faint"))
    return joined(rows)


def _step(step: Step, conversations: Conversations, axis: _Axis, room: Room, *, is_open: bool) -> Html:
    label = element("span", step.label, class_="t-bad" if step.failed else None, title=step.label[:200])
    facts = [step.type.lower(), _arrow(*step.tokens), wording.money(step.cost), _time(step)]
    indent = f"margin-left:{min(step.depth, _DEEPEST_INDENT) * 1.2:.1f}em"
    inside = joined(content(step, conversations, room)) if not room.is_full else Html("")
    return element(
        "details",
        element("summary", label, *(element("span", fact, class_="t-faint") for fact in facts), axis.bar(step)),
        element("div", inside, class_="t-inside") if inside else None,
        class_="t-step",
        style=indent,
        open=is_open,
    )


def _arrow(given: int | None, produced: int | None) -> str:
    if given is None and produced is None:
        return ""
    return f"{wording.count(given or 0)} → {wording.count(produced or 0)}"


def _time(step: Step) -> str:
    if step.end is not None:
        return wording.duration(step.end - step.start)
    return "running" if step.is_running else "interrupted"


class _Axis:
    """The period of a trace, in ns since the epoch."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._start = min((step.start for step in steps), default=0)
        ends = [step.end for step in steps if step.end is not None]
        self._end = max([*ends, self._start + 1] if all(step.end for step in steps) else [*ends, time.time_ns()])

    def bar(self, step: Step) -> Html:
        """The bar of a step, at its place on the axis."""
        total = self._end - self._start
        left = 100 * (step.start - self._start) / total
        width = 100 * ((step.end if step.end is not None else self._end) - step.start) / total
        place = f"margin-left:{min(max(left, 0), 99):.1f}%;width:{min(max(width, 0), 100 - left):.1f}%"
        return element(
            "span", element("span", style=place, class_="t-failed" if step.failed else None), class_="t-axis"
        )
