"""Calls that were made again: identical ones, retries, and loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracer._audit.calls import Call
from tracer._audit.findings import Waste

_A_LOOP = 3  # so many identical requests, or calls of a tool, in one trace


def repeated(calls: Sequence[Call]) -> Iterator[Waste]:
    """Identical requests: after a failure retries, many in one trace a loop, else identical calls."""
    first: dict[bytes, Call] = {}
    in_trace: dict[tuple[str, bytes], list[Call]] = {}
    for call in calls:
        if call.retries:
            reason = "the SDK sent a call again, which failed or was refused before"
            yield Waste("retry", reason, "the request", call, 0, None)
        earlier = in_trace.setdefault((call.trace_id, call.digest), [])
        original = first.setdefault(call.digest, call)
        if earlier and earlier[-1].has_failed:
            reason = "the same request was sent again after it had failed"
            yield Waste("retry", reason, "the request", call, call.tokens, call.cost)
        elif len(earlier) + 1 >= _A_LOOP:
            reason = f"the same request {_A_LOOP} times or more in one trace"
            yield Waste("loop", reason, "the request", call, call.tokens, call.cost)
        elif original is not call and not original.has_failed:
            where = "in the same trace" if original.trace_id == call.trace_id else "in other traces"
            yield Waste("identical calls", f"the same request was answered before, {where}", "the request", call,
                        call.tokens, call.cost)  # fmt: skip
        earlier.append(call)


def loops(calls: Sequence[Call]) -> Iterator[Waste]:
    """Turns of one trace that call a tool with the same arguments again and again."""
    turns: dict[tuple[str, str, str], int] = {}
    for call in calls:
        for tool in dict.fromkeys(call.called):
            key = (call.trace_id, tool.name, tool.arguments)
            turns[key] = turns.get(key, 0) + 1
            if turns[key] >= _A_LOOP:
                reason = f"{tool.name} was called with the same arguments {_A_LOOP} times or more in one trace"
                yield Waste("loop", reason, f"tool {tool.name}", call, call.tokens, call.cost)
