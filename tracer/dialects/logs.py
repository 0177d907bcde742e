"""Log records that belong to a span, such as the messages of a model's call, or the steps of a coding agent.

Source: OpenTelemetry's GenAI conventions from 2024 on, whose events were log records before and after they were events
of spans; for coding agents see their dialects.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from tracer._fault import guard
from tracer._json import JsonMapping, JsonObject
from tracer.dialects import dialects, translate
from tracer.dialects.dialect import Log

_LOGS_OF_SPAN: Final = 1000  # that become part of it; more are dropped, and more bytes
_BYTES_OF_SPAN: Final = 8 << 20


@functools.cache
def known_words() -> frozenset[str]:
    """The first words of the names of log records that a dialect reads."""
    return frozenset().union(*(dialect.logs for dialect in dialects()))


class LogReader:
    """Reads the log records of one request, which may refer to each other."""

    def __init__(self) -> None:
        self._noted: JsonObject = {}

    def records(self, log: Log) -> Iterator[JsonObject]:
        """The records that a log record becomes; none for one that belongs to no span."""
        word = log.name.partition(".")[0]
        for dialect in dialects():
            if word in dialect.logs and dialect.read_log is not None:
                records: Iterable[JsonObject] = ()
                with guard(f"reading a log record by the dialect {dialect.name}"):
                    records = list(dialect.read_log(log, self._noted))
                yield from records


def with_logs(span: JsonObject | None, logs: Sequence[JsonMapping]) -> tuple[JsonObject, JsonObject | None] | None:
    """A span, stored or new, with the content of log records about it, and a record of its trace's fields.

    None if it has all of it already. Without a span, one is made from the spans in the records; at least one has it.
    The result is the same whether they come in the order of their times or not, all at once or one after another.
    """
    joined = (span or {}).get("joined")
    is_made = span is None or bool((joined or {}).get("made"))
    known: list[JsonObject] = list(joined["logs"]) if joined else []
    alone = joined["span"] if joined else span
    said = [_plain(log) for log in logs if "event" in log]
    new = [log for position, log in enumerate(said) if log not in known and log not in said[:position]]
    whole = _together(alone, logs) if is_made else alone
    room = _BYTES_OF_SPAN - len(orjson.dumps(known))
    new = [log for log in new[: _LOGS_OF_SPAN - len(known)] if (room := room - len(orjson.dumps(log))) > 0]
    if not new and whole == alone:
        return None
    known = sorted([*known, *new], key=lambda log: log.get("time") or 0)
    record: Any = orjson.loads(orjson.dumps(whole))  # a dialect takes it apart
    record["events"] = [*record.get("events", ()), *(orjson.loads(orjson.dumps(log["event"])) for log in known)]
    about_trace = translate(record)
    record["joined"] = {"span": whole, "logs": known, **({"made": True} if is_made else {})}
    return record, about_trace  # type: ignore[return-value]


def _plain(log: JsonMapping) -> JsonObject:
    return {name: value for name, value in log.items() if name not in ("attachments", "span")}


def _together(alone: JsonObject | None, logs: Sequence[JsonMapping]) -> JsonObject:
    """Span made from log records: as long as all of them together, with the attributes of all, the earliest first."""
    spans = [*([alone] if alone else []), *(log["span"] for log in logs if "span" in log)]
    whole: JsonObject = {}
    for span in sorted(spans, key=lambda span: (span["start"], span["end"])):
        whole = {**span, **whole, "attributes": {**span.get("attributes", {}), **whole.get("attributes", {})}}
    ids = {name: logs[0][name] for name in ("trace_id", "span_id")}
    return {**whole, **(ids if alone is None else {}), "end": max(span["end"] for span in spans)}
