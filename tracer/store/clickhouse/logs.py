"""Joins log records with the spans that they belong to, whichever comes first.

Log records are kept as facts of their trace. The record of their span is written anew together with them,
at a rank above the span's own; of servers that do so at once, the one that reads last finds the records of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tracer import _fault
from tracer._json import JsonObject
from tracer.store.decode import NewSpan, new_span, span_facts
from tracer.store.shape import put_in_shape


@dataclass(slots=True)
class Joined:
    """Changes that log records make in one trace."""

    spans: list[NewSpan] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)  # ids of spans made from log records, which came with other ids
    updates: list[JsonObject] = field(default_factory=list)


def named_spans(logs: Iterable[JsonObject], aliases: Mapping[str, str]) -> set[str]:
    """The ids of all spans whose records are needed to join log records."""
    named = {str(log["span_id"]) for log in logs}
    return named | {aliases[name] for name in named if name in aliases} | set(aliases)


def join(logs: Sequence[JsonObject], aliases: Mapping[str, str], records: Mapping[str, JsonObject]) -> Joined:
    """The spans of a trace that are written anew; ``records`` are those of the spans that ended, as far as named."""
    joined = Joined()
    of: dict[str, list[JsonObject]] = {}
    for alias, span_id in aliases.items():
        made = (records.get(alias) or {}).get("joined") or {}
        if alias != span_id and made.get("made"):  # from log records, before the span itself came
            joined.hidden.append(alias)
            of.setdefault(span_id, []).extend(made["logs"])
    for log in logs:
        name = str(log["span_id"])
        known = (records.get(name) or {}).get("joined") or {}
        is_own = name in records and not known.get("made")
        of.setdefault(name if is_own else aliases.get(name, name), []).append(log)
    for span_id, found in of.items():
        record = records.get(span_id)
        if record is not None or any("span" in log for log in found):
            span = _with_logs(record, found, joined)
            if span is not None:
                joined.spans.append(span)
    return joined


def _with_logs(record: JsonObject | None, logs: Sequence[JsonObject], joined: Joined) -> NewSpan | None:
    """A span with the content of log records; None if nothing is new, or they cannot be read."""
    # imported here: only log records need the dialects
    from tracer.dialects.logs import with_logs

    with _fault.guard("joining log records with a span"):
        found: Any = with_logs(record, logs)
        if found is None:
            return None
        span, about_trace = found
        put_in_shape(span)
        made = new_span(span_facts(span), span, orjson.dumps(span))
        if about_trace is not None:
            joined.updates.append(about_trace)
        return made
    return None
