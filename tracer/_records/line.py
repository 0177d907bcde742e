"""The byte layout of the journal's lines: functions that write them, and marks by which readers find their parts.

The line of a start or of a span is written in two parts. The head holds kind, ids and times, which look like secrets
and are none: it needs no redaction. The body is a JSON object of its own, which is redacted and then continues the head
without its first brace. The fields are described in record.py; the layout stays as it is, since journals of dead
processes and of other versions are read too.

The start of a call has its request, and the record of its end leaves out what the start has. Where both are in one
segment, it has the place of that instead, as ``"started":[position,length]`` in front of everything else; whoever reads
the segment puts it back (``with_started``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Union

import orjson

from tracer._encoding.foreign import one_step
from tracer._fault import reraise_interruption
from tracer._json import Fragment, JsonMapping, JsonObject, loads, to_plain

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
_KIND_SPAN = b'{"kind":"span",'
_STARTED_AT = b'{"kind":"span","started":['


StartFields = tuple[str, str, str, Union[int, None], JsonObject, dict[str, bytes]]  # the arguments of `start_body`


class Started(NamedTuple):
    """A start record whose fields the record of the end leaves out, and its place in the journal."""

    segment: object
    end: int
    length: int  # of the body, without its first brace
    fields: StartFields
    redacted: bytes | None  # the body, where redaction has changed it

    def body(self) -> bytes:
        """The body as it was written, without its first brace."""
        return start_body(*self.fields)[1:] if self.redacted is None else self.redacted


def with_started(line: bytes, part: Callable[[int, int], bytes]) -> bytes:
    """The line with what its start has, if it has the place of it; ``part`` reads from a position so many bytes."""
    if not line.startswith(_STARTED_AT):
        return line
    end = line.index(b"]", len(_STARTED_AT))
    position, length = map(int, line[len(_STARTED_AT) : end].split(b","))
    return b"".join((_KIND_SPAN, line[end + 2 : -1], b',"started":{', part(position, length), b"}"))


def self_contained(line: bytes, started: Started) -> bytes:
    """The line with what its start has, for another segment."""
    return with_started(line, lambda position, length: started.body())


def start_head(
    trace_id: str, span_id: str, parent_id: str | None, remote_parent: bool, start: int, reader: str | None = None
) -> bytes:
    """The head of a start record; name and type follow."""
    parent = ""
    if parent_id is not None:
        remote = "true" if remote_parent else "false"
        parent = f',"parent_id":"{parent_id}","remote_parent":{remote}'
    reads = "" if reader is None else f',"reader":"{reader}"'
    return f'{{"kind":"start","trace_id":"{trace_id}","span_id":"{span_id}"{parent}{reads},"start":{start},'.encode()


def start_body(
    name: str,
    span_type: str,
    scope: str,
    otel_kind: int | None,
    attributes: JsonMapping,
    structured: Mapping[str, bytes],
) -> bytes:
    """The body of a start record; ``structured`` holds values that are JSON already."""
    record: JsonObject = {"name": name, "type": span_type, "scope": scope}
    if otel_kind is not None:
        record["otel_kind"] = otel_kind
    if attributes:
        record["attributes"] = attributes
    return _encoded(record, structured)


def span_head(
    trace_id: str,
    span_id: str,
    parent_id: str | None,
    reader: str | None,
    start: int,
    end: int | None,
    started: Started | None = None,
) -> bytes:
    """The head of a span's record; its body follows, without the fields that ``started`` has."""
    parent = "" if parent_id is None else f',"parent_id":"{parent_id}"'
    reads = "" if reader is None else f',"reader":"{reader}"'
    earlier = "" if started is None else f'"started":[{started.end - started.length},{started.length}],'
    return (
        f'{{"kind":"span",{earlier}"trace_id":"{trace_id}","span_id":"{span_id}"{parent}{reads},"start":{start},"end":{end},'
    ).encode()


def span_body(
    name: str | None,
    span_type: str | None,
    status: str,
    message: str | None,
    scope: str | None,
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
    """The body of a span's record; ``structured`` holds values that are JSON already.

    Name, type and scope are None where the record of the start has them.
    """
    record: JsonObject = {"status": status}
    if name is not None:
        record["name"] = name
    if span_type is not None:
        record["type"] = span_type
    if scope is not None:
        record["scope"] = scope
    if remote_parent:
        record["remote_parent"] = True
    if message is not None:
        record["message"] = message
    if otel_kind is not None:
        record["otel_kind"] = otel_kind
    if attributes:
        record["attributes"] = attributes
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
    return _encoded(record, structured)


def _encoded(record: JsonObject, structured: Mapping[str, bytes]) -> bytes:
    if structured:
        record["json"] = {key: Fragment(value) for key, value in structured.items()}
    try:
        return orjson.dumps(record, one_step)
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
        return orjson.dumps(record, one_step)
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
