"""Aggregates over traces: histogram, facets, statistics, sessions, versions, experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, TraceNotFoundError
from tracer.server.conversation import turn_messages
from tracer.server.operation import Call
from tracer.server.shapes import registered_shape, trace_shape
from tracer.store import Facet, FeedbackRow, ModelRow, SessionRow, StatisticsRow, TraceQuery, VersionRow
from tracer.store.filter import Comparison, Field, OrderTerm, parse_filter

DEFAULT_FACETS = "state,model,name,user,session,version,experiment,provider"
_NS_PER_MS = 1_000_000
_SECOND_NS = 1_000_000_000
_STEPS_LIMIT = 1000
_GROUPS_LIMIT = 100
_GROUPS_WITH_SERIES = 20
_REGISTERED = ("prompt", "model")
_COUNTED = {"model": "calls", "provider": "calls", "none": "calls", "type": "spans", "name": "spans", "tool": "spans"}


def histogram(call: Call) -> JsonObject:
    """Number of traces by time of their start."""
    query = call.query
    seq = call.store.change_number()
    found = call.store.histogram(
        call.selection, since_ns=query["since_ns"], until_ns=query["until_ns"], buckets=query["buckets"]
    )
    if found is None:
        return {"since_ns": None, "until_ns": None, "step_ns": None, "count": 0, "buckets": [], "seq": seq}
    counts = {start: (count, errors) for start, count, errors in found.buckets}
    starts = range(found.since, found.until, found.step)
    buckets = [(start, *counts.get(start, (0, 0))) for start in starts]
    return {
        "since_ns": found.since,
        "until_ns": found.until,
        "step_ns": found.step,
        "count": found.count,
        "buckets": [{"start_ns": start, "count": count, "errors": errors} for start, count, errors in buckets],
        "seq": seq,
    }


def facets(call: Call) -> JsonObject:
    """The most frequent values of fields."""
    fields = [name.strip() for name in call.query["fields"].split(",") if name.strip()]
    seq = call.store.change_number()
    found = call.store.facets(call.selection, fields, limit=call.query["limit"])
    return {
        "facets": [_facet(facet) for facet in found.facets],
        "counted": found.counted,
        "complete": found.complete,
        "tag_keys": found.tag_keys,
        "seq": seq,
    }


def _facet(facet: Facet) -> JsonObject:
    values = [{"value": value, "count": count, "folded": facet.folded.get(value, [])} for value, count in facet.values]
    return {"field": facet.field, "values": values, "more": facet.more}


def statistics(call: Call) -> JsonObject:
    """Calls, errors, tokens, cost and latency by group, as a whole and over time."""
    query = call.query
    group_by, interval_ns, latency = query["group_by"], query["interval_ns"], query["latency"]
    seq = call.store.change_number()
    since_ms, until_ms = _ms(query["since_ns"]), _ms(query["until_ns"])
    filter = parse_filter(query["filter"])
    asked = partial(
        call.store.statistics,
        group_by=group_by,
        filter=filter,
        since_ms=since_ms,
        until_ms=until_ms,
        latency=latency,
    )
    groups = asked()
    groups = groups[:_GROUPS_LIMIT]
    series: list[StatisticsRow] = []
    if interval_ns is not None:
        _check_interval(interval_ns)
        series = asked(interval_ns=interval_ns)
        _check_steps(series, interval_ns)
    charted = {row.group for row in groups[:_GROUPS_WITH_SERIES]}
    return {
        "group_by": group_by,
        "counts": "calls" if latency == "first_chunk" else _COUNTED.get(group_by, "traces"),
        "since_ns": query["since_ns"],
        "until_ns": query["until_ns"],
        "interval_ns": interval_ns,
        "exact": all(row.exact for row in (*groups, *series)),
        "groups": [statistics_shape(row) for row in groups],
        "series": [{"start_ns": row.start, **statistics_shape(row)} for row in series if row.group in charted],
        "seq": seq,
    }


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / _NS_PER_MS


def _check_interval(interval_ns: int) -> None:
    if interval_ns % _SECOND_NS:
        raise InvalidArgumentError(f"interval_ns is {interval_ns}, expected a multiple of one second ({_SECOND_NS})")


def _check_steps(series: Sequence[StatisticsRow], interval_ns: int) -> None:
    starts = [row.start for row in series if row.start is not None]
    if starts and (max(starts) - min(starts)) // interval_ns >= _STEPS_LIMIT:
        raise InvalidArgumentError(
            f"more than {_STEPS_LIMIT} steps of interval_ns={interval_ns}; ask for longer steps or a shorter time"
        )


def statistics_shape(row: StatisticsRow) -> JsonObject:
    """The numbers of one group."""
    return {
        "group": row.group,
        "calls": row.calls,
        "errors": row.errors,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost": row.cost,
        "priced": row.priced,
        "unmeasured": row.unmeasured,
        "latency_ns": _latency(row),
    }


def _latency(row: StatisticsRow | VersionRow) -> dict[str, int]:
    percentiles = {"p50": row.latency_p50_ms, "p95": row.latency_p95_ms, "p99": row.latency_p99_ms}
    return {name: round(ms * _NS_PER_MS) for name, ms in percentiles.items()}


def list_sessions(call: Call) -> JsonObject:
    """One page of sessions."""
    seq = call.store.change_number()
    query = call.query
    page = call.store.find_sessions(
        call.selection, limit=query["limit"], page_token=query["page_token"], order_by=query["order_by"]
    )
    return {
        "sessions": [_session(row) for row in page.sessions],
        "next_page_token": page.next_page_token,
        "seq": seq,
    }


def get_session(call: Call) -> JsonObject:
    """A session as a conversation over its traces."""
    session_id = call.path["session_id"]
    seq = call.store.change_number()
    session = call.store.session(session_id)
    if session is None:
        raise TraceNotFoundError(f"no trace belongs to a session {session_id[:100]!r}")
    belongs = Comparison(Field("session", "text"), "=", session_id)
    oldest_first = (OrderTerm("timestamp", False),)
    page = call.store.find_traces(TraceQuery(belongs, oldest_first, call.query["limit"], call.query["page_token"]))
    turns = [{"trace": trace_shape(row), "messages": turn_messages(call.store, row)} for row in page.traces]
    return {"session": _session(session), "turns": turns, "next_page_token": page.next_page_token, "seq": seq}


def _session(row: SessionRow) -> JsonObject:
    return {
        "session_id": row.session_id,
        "users": row.users,
        "trace_count": row.trace_count,
        "error_count": row.error_count,
        "start_ns": row.start,
        "end_ns": row.end,
        "usage": row.usage,
        "cost": _cost(row.cost),
        "models": row.models,
        "first_request_preview": row.first_request_preview,
        "last_response_preview": row.last_response_preview,
    }


def _cost(total: float | None) -> dict[str, float] | None:
    return None if total is None else {"total_cost": total}


def list_versions(call: Call) -> JsonObject:
    """The versions of apps that traces name."""
    seq = call.store.change_number()
    models = {row.model_id: row for row in call.store.models()}
    rows = call.store.versions(call.selection)
    return {"versions": [_version(row, models.get(row.model_id)) for row in rows], "seq": seq}


def _version(row: VersionRow, model: ModelRow | None) -> JsonObject:
    return {
        "model_id": row.model_id,
        "name": _version_name(row, model),
        "created_ns": model.created if model else None,
        "trace_count": row.trace_count,
        "error_count": row.error_count,
        "first_ns": row.first,
        "last_ns": row.last,
        "usage": row.usage,
        "cost": _cost(row.cost),
        "latency_ns": _latency(row),
        "models": row.models,
        "feedback": [_feedback(given) for given in row.feedback],
        "trace_name": row.trace_name,
        "uncertainty": dict(row.uncertainty),
    }


def list_feedback(call: Call) -> JsonObject:
    """Feedback on traces by name."""
    seq = call.store.change_number()
    return {"feedback": [_feedback(row) for row in call.store.feedback(call.selection)], "seq": seq}


def _feedback(row: FeedbackRow) -> JsonObject:
    texts = [{"text": text, "count": count} for text, count in row.texts.items()]
    return {**asdict(row), "texts": texts}


def _version_name(row: VersionRow, model: ModelRow | None) -> str:
    if model is None:
        return row.model_id
    return f"{model.name} (deleted)" if model.deleted else model.name


def list_models(call: Call) -> JsonObject:
    """Versions of apps with their names, tags, parameters and metrics, also without traces, newest first."""
    rows = call.store.models(model_id=call.query["model_id"], name=call.query["name"])
    longest = call.query["longest"]
    if longest is not None:
        rows = [row._replace(tags=_cut(row.tags, longest), params=_cut(row.params, longest)) for row in rows]
    return {"models": [with_ns(row._asdict(), "created", "updated") for row in rows]}


def _cut(texts: dict[str, str], longest: int) -> dict[str, str]:
    return {name: text[:longest] for name, text in texts.items()}


def list_registered(call: Call) -> JsonObject:
    """Versions of prompts or registered models."""
    query = call.query
    if query["kind"] not in _REGISTERED:
        raise InvalidArgumentError(f"kind is {query['kind']!r:.40}, expected one of {', '.join(_REGISTERED)}")
    wanted = {name: query[name] for name in ("name", "number", "alias", "id")}
    rows = call.store.registered(query["kind"], **wanted)
    return {"registered": [registered_shape(row) for row in rows]}


def list_runs(call: Call) -> JsonObject:
    """The runs, newest first."""
    rows = call.store.runs(run_id=call.query["run_id"])
    return {"runs": [with_ns(row._asdict(), "started", "ended") for row in rows]}


def with_ns(shape: JsonObject, *times: str) -> JsonObject:
    """The fields, with the unit in the names of times."""
    return {f"{name}_ns" if name in times else name: value for name, value in shape.items()}


def list_experiments(call: Call) -> JsonObject:
    """The experiments that traces belong to."""
    return {
        "experiments": [
            {"experiment_id": row.id, "name": row.name, "trace_count": row.trace_count, "last_ns": row.last}
            for row in call.store.experiments()
        ]
    }


def changes(call: Call) -> JsonObject:
    """The traces that changed after a change number."""
    found = call.store.changes(call.query["since"], limit=call.query["limit"])
    return {"seq": found.seq, "trace_ids": found.trace_ids, "has_more": found.has_more}
