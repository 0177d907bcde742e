"""Validation and completion of filters."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.errors import FilterSyntaxError
from tracer.server.operation import Call
from tracer.store.filter import parse_filter
from tracer.store.filter.complete import Completion, complete


def check_filter(call: Call) -> JsonObject:
    """Whether a filter is valid, or else the position and the reason of the error."""
    try:
        parse_filter(call.query["filter"])
    except FilterSyntaxError as error:
        return {"valid": False, "error": {"message": error.reason, "position": error.position}}
    return {"valid": True, "error": None}


def complete_filter(call: Call) -> JsonObject:
    """Completions at the cursor."""
    text = call.query["filter"] or ""
    cursor = len(text) if call.query["cursor"] is None else min(call.query["cursor"], len(text))
    found: Completion = complete(text, cursor, lambda field: known_values(call, field))
    items = [{"text": item.text, "kind": item.kind, "detail": item.detail} for item in found.items]
    return {"start": found.start, "end": found.end, "items": items}


def known_values(call: Call, field: str) -> list[str]:
    """Values that a field has among the newest traces; for ``tags`` the keys of tags."""
    if field == "tags":
        return call.store.facets(None, [], limit=1).tag_keys
    names = {"span.model": "model", "span.provider": "provider", "model_id": "version"}
    [facet] = call.store.facets(None, [names.get(field, field)], limit=30).facets
    if field == "version":
        known = {row.model_id: row.name for row in call.store.models()}
        return list(dict.fromkeys(known.get(value, value) for value, _ in facet.values))
    return [name for value, _ in facet.values for name in (value, *facet.folded.get(value, ()))]
