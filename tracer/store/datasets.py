"""Datasets in any store: the identity of a dataset and its rows, how rows are merged, and the fields of their filters.

A dataset is identified by its name and a row by its inputs, so that processes that add the same at once make one, and
what is imported into another store meets what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

import orjson

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Expression, Field, parse_filter
from tracer.store.filter.expression import Kind
from tracer.store.rows import StoredRow, StoredTrace

ROW_BYTES: Final = 3_000_000  # of one row as JSON: with others it has to fit into a request
NAME_LIMIT: Final = 250  # characters
ROW_FIELDS: Final = ("inputs", "outputs", "expectations", "tags", "split", "trace_id", "source")

_DIGITS = 32
_NS_PER_MS = 1_000_000
_FIELDS: dict[str, Kind] = {
    "id": "text",
    "split": "text",
    "trace_id": "text",
    "inputs": "any",
    "outputs": "any",
    "text": "text",
    "created_time": "timestamp",
    "last_update_time": "timestamp",
}
_GROUPS = {
    "tags": "tags", "tag": "tags", "expectations": "expectations", "expectation": "expectations", "inputs": "inputs",
    "outputs": "outputs",
}  # fmt: skip


def dataset_id_of(name: str) -> str:
    """The id of the dataset with a name."""
    return f"d-{_digest(name.encode())}"


def row_id_of(inputs: object) -> str:
    """The id of the row with these inputs; the order of keys does not count."""
    return f"r-{_digest(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS))}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def checked_dataset(given: JsonMapping) -> JsonObject:
    """Name, tags, experiments and time (ns) of a dataset as they are written. Raises InvalidArgumentError."""
    name, tags, experiments = given.get("name"), given.get("tags") or {}, given.get("experiments")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= NAME_LIMIT:
        raise InvalidArgumentError(f"name is missing, or no text of 1 to {NAME_LIMIT} characters")
    if not isinstance(tags, dict) or not all(isinstance(value, (str, type(None))) for value in tags.values()):
        raise InvalidArgumentError("tags is no object of texts")
    if experiments is not None and not is_list_of_texts(experiments):
        raise InvalidArgumentError("experiments is no list of texts")
    if not _is_time(given.get("time")):
        raise InvalidArgumentError(f"time is {given['time']!r:.40}, expected ns since the epoch")
    return {"name": name.strip(), "tags": tags, "experiments": experiments, "time": given.get("time")}


def is_list_of_texts(value: object) -> TypeGuard[list[str]]:
    """Whether the value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_time(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63)


def checked_row(row: object, place: str) -> JsonObject:
    """A row with the fields that it has, if it is one. Raises InvalidArgumentError."""
    if not isinstance(row, Mapping):
        raise InvalidArgumentError(f"{place}: got {row!r:.80}, expected a dict with inputs.")
    unknown = [name for name in row if name not in (*ROW_FIELDS, "time")]
    if unknown:
        raise InvalidArgumentError(f"{place}: has {unknown[0]!r:.40}; a row may have {', '.join(ROW_FIELDS)}.")
    if row.get("inputs") is None:
        raise InvalidArgumentError(f"{place}: has no inputs, expected such as {{'inputs': {{'question': '…'}}}}.")
    for name in ("expectations", "tags", "source"):
        group = row.get(name)
        if group is not None and not (isinstance(group, Mapping) and all(map(_is_name, group))):
            raise InvalidArgumentError(f"{place}.{name}: got {group!r:.80}, expected a dict such as {{'answer': …}}.")
    for key, value in (row.get("tags") or {}).items():
        if not isinstance(value, (str, type(None))):
            raise InvalidArgumentError(f"{place}.tags: {key!r:.40} is {value!r:.40}, expected a text.")
    for name in ("split", "trace_id"):
        if not isinstance(row.get(name), (str, type(None))):
            raise InvalidArgumentError(f"{place}.{name}: got {row[name]!r:.40}, expected a text.")
    if not _is_time(row.get("time")):
        raise InvalidArgumentError(f"{place}.time: got {row['time']!r:.40}, expected ns since the epoch.")
    return {name: value for name, value in row.items() if value is not None}


def _is_name(key: object) -> bool:
    return isinstance(key, str) and bool(key.strip())


def row_of_trace(trace_id: str, root: JsonMapping | None, expectations: JsonMapping) -> JsonObject | None:
    """The row that a trace makes of its root's record: inputs and outputs; None where it has no inputs.

    A root that others recorded, with a conversation alone, gives that: ``{"messages": […]}``, and the reply's text.
    """
    inputs, outputs = _value(root or {}, semconv.INPUTS), _value(root or {}, semconv.OUTPUTS)
    if inputs is None:
        asked = [_chat_message(message) for message in _messages(root or {}, semconv.INPUT_MESSAGES)]
        replied = [_chat_message(message) for message in _messages(root or {}, semconv.OUTPUT_MESSAGES)]
        inputs = {"messages": asked} if asked else None
        outputs = replied[-1].get("content", replied[-1]) if replied and outputs is None else outputs
    if inputs is None:
        return None
    row = {"inputs": inputs, "outputs": outputs, "expectations": dict(expectations), "trace_id": trace_id}
    return {name: value for name, value in row.items() if value not in (None, {})}


def _messages(span: JsonMapping, key: str) -> list[JsonObject]:
    found = _value(span, key)
    return [message for message in found if isinstance(message, dict)] if isinstance(found, list) else []


def _chat_message(message: JsonObject) -> JsonObject:
    """A message of text alone as a program sends it; any other in the conventions' schema."""
    parts = message.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return message
    content = "\n".join(str(part.get("content", "")) for part in parts)
    return {"role": message.get("role", "user"), "content": content}


def row_of_stored(stored: StoredTrace) -> JsonObject | None:
    """The row that a stored trace makes; of expectations with one name the newest counts."""
    root = next((span for span in stored.spans if span["span_id"] == stored.row.root_span_id), None)
    newest_last = sorted(stored.row.assessments, key=lambda given: given.time)
    expectations = {given.name: given.value for given in newest_last if given.type == "expectation"}
    return row_of_trace(stored.row.trace_id, root, expectations)


def row_of_span(stored: StoredTrace, span_id: str) -> JsonObject | None:
    """The row that a step of a trace makes; its source names the step."""
    span = next((span for span in stored.spans if span["span_id"] == span_id), None)
    newest_last = sorted(stored.row.assessments, key=lambda given: given.time)
    expectations = {
        given.name: given.value for given in newest_last if given.type == "expectation" and given.span_id == span_id
    }
    row = row_of_trace(stored.row.trace_id, span, expectations)
    source = {"trace_id": stored.row.trace_id, "span_id": span_id, "name": (span or {}).get("name", "")}
    return row and {**row, "source": {"source_type": "TRACE", "source_data": source}}


def _value(span: JsonMapping, key: str) -> Any:
    structured = span.get("json") or {}
    return structured[key] if key in structured else (span.get("attributes") or {}).get(key)


def merged(old: StoredRow, row: JsonMapping, time: int) -> StoredRow:
    """A stored row with what a row of the same inputs brings; of two that differ the newer one counts.

    Expectations and tags are merged by name, and one of None is removed; other fields keep what is not given anew.
    """
    is_newer = time >= old.updated
    fields: JsonObject = {}
    for name in ("outputs", "split", "trace_id", "source"):
        given, had = row.get(name), getattr(old, name)
        fields[name] = given if given is not None and (is_newer or had is None) else had
    for name in ("expectations", "tags"):
        given, had = row.get(name) or {}, getattr(old, name)
        both = {**had, **given} if is_newer else {**given, **had}
        fields[name] = {key: value for key, value in both.items() if value is not None}
    found = old._replace(**fields)
    return found if found == old else found._replace(updated=max(time, old.updated))


def checked_changes(changes: object) -> JsonObject:
    """Fields of a row that are to have other values; None empties one. Raises InvalidArgumentError."""
    if not isinstance(changes, Mapping) or not changes or "time" in changes:
        raise InvalidArgumentError(f"row: got {changes!r:.80}, expected a dict with some of {', '.join(ROW_FIELDS)}.")
    checked_row({"inputs": {}, **changes}, "row")
    return dict(changes)


def edited(old: StoredRow, changes: JsonMapping, time: int) -> StoredRow:
    """A stored row with other values in some fields; with other inputs it has another id."""
    fields = dict(changes)
    for name in ("expectations", "tags"):
        if name in fields:
            fields[name] = {key: value for key, value in (fields[name] or {}).items() if value is not None}
    found = old._replace(**fields)
    if found == old:
        return old
    return found._replace(row_id=row_id_of(found.inputs), updated=max(time, old.updated + 1))


def new_row(row_id: str, row: JsonMapping, time: int) -> StoredRow:
    """A row that was not there before."""
    empty = StoredRow(row_id, row["inputs"], None, {}, {}, None, None, None, time, time)
    return merged(empty, row, time)


def parse_row_filter(source: str | None) -> Expression | None:
    """The expression of a filter for rows. Raises FilterSyntaxError."""
    return parse_filter(source, _find_field, _field_hint)


def _find_field(path: list[str]) -> Field | None:
    head = path[0].lower()
    if len(path) > 1:
        return Field(_GROUPS[head], "any", ".".join(path[1:])) if head in _GROUPS else None
    kind = _FIELDS.get(head)
    return Field(head, kind) if kind else None


def _field_hint(path: list[str]) -> str:
    return f"fields are {', '.join(_FIELDS)}, tags.<key>, expectations.<name>, inputs.<key>, outputs.<key>"


def row_value(row: StoredRow, field: Field) -> Any:
    """The value of a field of a filter; of anything but a text or a number its JSON."""
    if field.name in ("created_time", "last_update_time"):
        return (row.created if field.name == "created_time" else row.updated) // _NS_PER_MS
    if field.name == "text":
        return "\n".join(_texts([row.inputs, row.outputs, row.expectations]))
    value = row.row_id if field.name == "id" else getattr(row, field.name)
    if field.key is not None:
        value = _below(value, field.key)
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value


def _texts(value: object) -> Iterator[str]:
    """Every text and number in a value."""
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def _below(value: Any, key: str) -> Any:
    """The value under a key, which may lead through dicts: ``a.b``."""
    if not isinstance(value, dict):
        return None
    if key in value:
        return value[key]
    head, _, rest = key.partition(".")
    return _below(value.get(head), rest) if rest else None
