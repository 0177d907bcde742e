"""The byte layout of the journal's lines: functions that write them, and marks by which readers find their parts.

The line of a start or of a span is written in two parts. The head holds kind, ids and times, which look like secrets
and are none: it needs no redaction. The body is a JSON object of its own, which is redacted and then continues the head
without its first brace. The fields are described in record.py; the layout stays as it is, since journals of dead
processes and of other versions are read too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import orjson

from tracer._fault import reraise_interruption
from tracer._json import Fragment, JsonMapping, JsonObject, loads, to_jsonable, to_plain

if TYPE_CHECKING:
    from opentelemetry.trace import Link, TraceState

    from tracer._records.record import ChunksRecord, EventRecord, LinkRecord

RECORD_START = b'{"kind":"'  # of every record
_START = b'{"kind":"start","trace_id":"'
_SPAN = b'{"kind":"span","trace_id":"'
_IDS = b"%032x" % 0 + b'","span_id":"' + b"%016x" % 0 + b'"'
_BETWEEN_IDS = slice(32, -17)
_READER = b',"reader":"'
_LONGEST_HEAD = 400  # bytes


def start_head(trace_id: str, span_id: str, parent_id: str | None, remote_parent: bool, start: int) -> bytes:
    """The head of a start record; name and type follow."""
    parent = ""
    if parent_id is not None:
        remote = "true" if remote_parent else "false"
        parent = f',"parent_id":"{parent_id}","remote_parent":{remote}'
    return f'{{"kind":"start","trace_id":"{trace_id}","span_id":"{span_id}"{parent},"start":{start},'.encode()


def span_head(
    trace_id: str, span_id: str, parent_id: str | None, reader: str | None, start: int, end: int | None
) -> bytes:
    """The head of a span's record; its body follows."""
    parent = "" if parent_id is None else f',"parent_id":"{parent_id}"'
    reads = "" if reader is None else f',"reader":"{reader}"'
    return (
        f'{{"kind":"span","trace_id":"{trace_id}","span_id":"{span_id}"{parent}{reads},"start":{start},"end":{end},'
    ).encode()


def span_body(
    name: str,
    span_type: str,
    status: str,
    message: str | None,
    scope: str,
    remote_parent: bool,
    otel_kind: int | None,
    attributes: JsonMapping,
    structured: Mapping[str, bytes],
    events: Sequence[tuple[str, int, JsonObject | None]],
    chunks: ChunksRecord | None,
    links: Sequence[Link],
    trace_state: TraceState | None,
    dropped_attributes: int,
    dropped_events: int,
) -> bytes:
    """The body of a span's record; ``structured`` holds values that are JSON already."""
    record: JsonObject = {"name": name, "type": span_type, "status": status, "scope": scope}
    if remote_parent:
        record["remote_parent"] = True
    if message is not None:
        record["message"] = message
    if otel_kind is not None:
        record["otel_kind"] = otel_kind
    if attributes:
        record["attributes"] = attributes
    if structured:
        record["json"] = {key: Fragment(value) for key, value in structured.items()}
    if events:
        record["events"] = [_event_record(*event) for event in events]
    if chunks is not None:
        record["chunks"] = chunks
    if links:
        record["links"] = [_link_record(link) for link in links]
    if trace_state:
        record["trace_state"] = trace_state.to_header()
    if dropped_attributes or dropped_events:
        record["dropped"] = {"attributes": dropped_attributes, "events": dropped_events}
    try:
        return orjson.dumps(record, to_jsonable)
    except Exception as error:
        reraise_interruption(error)
        if structured:
            record["json"] = {key: loads(value) for key, value in structured.items()}
        return orjson.dumps(to_plain(record))


def _event_record(name: str, time: int, attributes: JsonObject | None) -> EventRecord:
    return {"name": name, "time": time, "attributes": attributes} if attributes else {"name": name, "time": time}


def _link_record(link: Link) -> LinkRecord:
    record: LinkRecord = {"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"}
    if link.attributes:
        record["attributes"] = to_plain(dict(link.attributes))
    return record


def encode_record(record: Mapping[str, object]) -> bytes:
    """A whole record as JSON, whatever its values are."""
    try:
        return orjson.dumps(record, to_jsonable)
    except Exception as error:
        reraise_interruption(error)  # else a lone surrogate, an integer beyond 64 bits: the slow way takes everything
        return orjson.dumps(to_plain(record))


def has_reader(line: bytes) -> bool:
    """Whether the record names a reader for its inputs and outputs (derive.py)."""
    return line.find(_READER, 0, _LONGEST_HEAD) >= 0


def without_ended_starts(lines: Sequence[bytes]) -> list[bytes]:
    """The lines without the starts of spans that also end among them, which need not be read.

    The ids are at the same place of every line that tracer writes; lines with ids elsewhere are kept and read.
    """
    first = len(_SPAN)
    ended = {line[first : first + len(_IDS)] for line in lines if line.startswith(_SPAN)}
    return [line for line in lines if not (line.startswith(_START) and _ids_of_start(line) in ended)]


def _ids_of_start(line: bytes) -> bytes | None:
    ids = line[len(_START) : len(_START) + len(_IDS)]
    return ids if ids[_BETWEEN_IDS] == _IDS[_BETWEEN_IDS] and ids[-1:] == b'"' else None
