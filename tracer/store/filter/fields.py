"""The names that a filter may use, ours and those that users of MLflow know, and the kind of value of each."""

from __future__ import annotations

from tracer._records.other_keys import METADATA, TAGS
from tracer.store.filter.expression import Field, Kind

_PLAIN: dict[str, Kind] = {
    "trace_id": "text",
    "client_request_id": "text",
    "name": "text",
    "state": "state",
    "timestamp": "timestamp",
    "end": "timestamp",
    "duration": "duration",
    "tokens": "number",
    "tokens.input": "number",
    "tokens.output": "number",
    "spans": "number",
    "errors": "number",
    "failed_step": "text",
    "exception": "text",
    "cost": "number",
    "model": "text",
    "provider": "text",
    "session": "text",
    "user": "text",
    "experiment": "text",
    "experiment_id": "text",
    "run_id": "text",
    "model_id": "text",
    "version": "text",
    "prompt": "text",
    "feedbacks": "number",
    "request": "text",
    "response": "text",
    "text": "fulltext",
    "span.name": "text",
    "span.type": "text",
    "span.status": "state",
    "span.model": "text",
    "span.provider": "text",
    "span.duration": "duration",
    "span.tokens": "number",
    "span.cost": "number",
    "span.error": "text",
    "span.inputs": "text",
    "span.outputs": "text",
    "span.id": "text",
}

_ALIASES = {
    "id": "trace_id",
    "request_id": "trace_id",
    "status": "state",
    "trace_status": "state",
    "timestamp_ms": "timestamp",
    "request_time": "timestamp",
    "time": "timestamp",
    "start": "timestamp",
    "start_time": "timestamp",
    "end_time": "end",
    "end_time_ms": "end",
    "execution_time": "duration",
    "execution_time_ms": "duration",
    "execution_duration": "duration",
    "duration_ms": "duration",
    "latency": "duration",
    "latency_ms": "duration",
    "total_tokens": "tokens",
    "tokens.total": "tokens",
    "input_tokens": "tokens.input",
    "output_tokens": "tokens.output",
    "total_cost": "cost",
    "cost.total": "cost",
    "session_id": "session",
    "user_id": "user",
    "experiment_name": "experiment",
    "request_preview": "request",
    "response_preview": "response",
    "span_count": "spans",
    "fulltext": "text",
    "content": "text",
    "span.content": "text",
    "span.span_type": "span.type",
    "span.state": "span.status",
    "span.latency": "span.duration",
    "span.duration_ms": "span.duration",
    "span.execution_time_ms": "span.duration",
    "span.span_id": "span.id",
    "span.input": "span.inputs",
    "span.output": "span.outputs",
    "span.status_message": "span.error",
}

_KEYED: dict[str, tuple[str, Kind]] = {
    "tag": ("tag", "any"),
    "tags": ("tag", "any"),
    "metadata": ("metadata", "any"),
    "request_metadata": ("metadata", "any"),
    "trace_metadata": ("metadata", "any"),
    "feedback": ("feedback", "any"),
    "feedbacks": ("feedback", "any"),
    "expectation": ("expectation", "any"),
    "expectations": ("expectation", "any"),
    "reviewer": ("reviewer", "text"),
    "reviewers": ("reviewers", "number"),
}

_OTHER_KEYS = {"metadata": METADATA, "tag": TAGS}

_PREFIXES = ("trace", "traces", "attribute", "attributes", "attr", "info")
_STATES = {"OK", "ERROR", "IN_PROGRESS", "INTERRUPTED"}


def find_field(path: list[str]) -> Field | None:
    """The field that a dotted path names, or None."""
    if len(path) > 1 and path[0].lower() in _PREFIXES:
        path = path[1:]
    head = path[0].lower()
    if head in _KEYED and len(path) > 1:
        name, kind = _KEYED[head]
        other = _OTHER_KEYS.get(name, {}).get(".".join(path[1:]))
        if other is not None:
            return _plain_field([other])
        return Field(name, kind, ".".join(path[1:]))
    if head in ("span", "spans") and len(path) > 2 and path[1].lower() in ("attributes", "attribute", "attr"):
        return Field("span.attribute", "any", ".".join(path[2:]))
    return _plain_field(path)


def _plain_field(path: list[str]) -> Field | None:
    name = ".".join(part.lower() for part in path)
    if len(path) > 1 and name.startswith("spans."):
        name = "span." + name[6:]
    name = _ALIASES.get(name, name)
    kind = _PLAIN.get(name)
    return Field(name, kind) if kind else None


def field_hint(path: list[str]) -> str:
    """A hint for a name that is no field."""
    written = ".".join(path)
    head = path[0].lower()
    if head in _KEYED and len(path) == 1:
        return f"name the key as well, e.g. {head}.my_key = 'value' or {head}.`odd key` = 'value'"
    candidates = [*_PLAIN, *_ALIASES, "tags.", "metadata.", "feedback.", "expectation.", "span.attributes."]
    import difflib  # for the message alone

    near = difflib.get_close_matches(written.lower(), candidates, n=1, cutoff=0.6)
    if near:
        suggestion = near[0] if not near[0].endswith(".") else near[0] + "<key>"
        return f"did you mean {suggestion}?"
    return (
        "fields are "
        + ", ".join(n for n in _PLAIN if "." not in n)
        + ", tags.<key>, metadata.<key>, feedback.<name>, span.<field>"
    )


_DETAILS: dict[Kind, str] = {
    "text": "text",
    "number": "number",
    "duration": "duration: 200ms, 1.5s, 2min, 1h",
    "timestamp": "time: now-1h, '2026-11-21'",
    "state": "state",
    "fulltext": "everything that was said",
}


def described_fields() -> list[tuple[str, str]]:
    """The fields that a filter may begin with, each with its description; aliases come last."""
    ours = [(name, _DETAILS[kind]) for name, kind in _PLAIN.items()]
    keyed = [(f"{name}.", "of this key") for name in ("tags", "metadata", "feedback", "expectation", "span.attributes")]
    keyed += [("reviewer.", "person that gave this feedback"), ("reviewers.", "number of people that gave it")]
    return [*ours, *keyed, *((name, f"same as {known}") for name, known in _ALIASES.items())]


def known_states(field: Field) -> list[str]:
    """The states that a trace, or a span, can be in."""
    return sorted({*_STATES, "UNSET"} if field.name.startswith("span.") else _STATES)
