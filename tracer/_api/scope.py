"""Settings of a block of code that apply to the traces started inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Token

from tracer._api.tracing import trace_updates
from tracer._engine.context import about_traces, suppressed, switched_off
from tracer._engine.nonrecording import NonRecordingSpan
from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError


@contextmanager
def context(
    *,
    tags: JsonMapping | None = None,
    metadata: JsonMapping | None = None,
    session_id: str | None = None,
    user: str | None = None,
    enabled: bool | None = None,
) -> Iterator[None]:
    """Give every trace that starts inside the block these tags, metadata, session and user: ``with context(…): …``

    Blocks within each other add up; the inner one's value of a key holds. With ``enabled=False`` nothing is recorded
    inside, and everything outside goes on.
    """
    if enabled is not None and not isinstance(enabled, bool):
        raise InvalidArgumentError(f"enabled: got {enabled!r}, expected True or False.")
    if enabled and switched_off.get():
        raise InvalidArgumentError("enabled=True does not take back the enabled=False of a block around it.")
    about = merged(about_traces.get(), trace_updates({"session_id": session_id, "user": user}, tags, metadata))
    tokens: list[Token[JsonObject] | Token[bool]] = [about_traces.set(about)]
    if enabled is False:
        tokens += [switched_off.set(True), suppressed.set(True)]
    try:
        if enabled is False:
            with NonRecordingSpan().attached():
                yield
        else:
            yield
    finally:
        for token in reversed(tokens):
            with suppress(ValueError):  # a generator that another context closes, which has not these values
                token.var.reset(token)  # type: ignore[arg-type]


def merged(outer: JsonObject, inner: JsonObject) -> JsonObject:
    """Fields of a trace record, the inner ones in the place of the outer ones, tags and metadata key by key."""
    groups: JsonObject = {
        name: {**outer.get(name, {}), **inner.get(name, {})}
        for name in ("tags", "metadata")
        if name in outer or name in inner
    }
    return {**outer, **inner, **groups}
