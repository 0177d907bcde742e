"""Settings and life cycle: configure, flush, shut down."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from tracer._engine.runtime import runtime
from tracer.config import Redaction
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import TracerProvider

    from tracer._api.limits import limit
    from tracer._engine.span import LiveSpan

T = TypeVar("T")


def configure(
    *,
    store: str | os.PathLike[str] | None = None,
    token: str | None = None,
    experiment: str | None = None,
    enabled: bool | None = None,
    sample_rate: float | None = None,
    capture_content: bool | None = None,
    redact: Redaction | Sequence[Redaction] | None = None,
    span_processors: Sequence[SpanProcessor | Callable[[LiveSpan], object]] | None = None,
    exporters: Sequence[SpanExporter] | None = None,
    tracer_provider: TracerProvider | None = None,
    service_name: str | None = None,
    judge_model: str | None = None,
    limit: limit | str | Literal[False] | None = None,
    max_value_bytes: int | None = None,
    journal_max_bytes: int | None = None,
) -> None:
    """Change settings; those not given stay. An argument wins over ``TRACER_*``, which wins over the default.

    :param store: URL or path of the store, or URL of a tracer server; default ``sqlite:///tracer.db``.
    :param token: access token of a tracer server.
    :param experiment: name of the experiment that traces belong to.
    :param enabled: False records nothing.
    :param sample_rate: share of traces that are recorded, 0.0 to 1.0, decided by trace.
    :param capture_content: False keeps structure, tokens and timing, without prompts, replies, inputs and outputs.
    :param redact: patterns (replaced by ``[REDACTED]``) or functions from str to str, or a list of them, applied to
        every string of a record after the built-in redaction, before anything is written.
    :param span_processors: OpenTelemetry SpanProcessors, or functions called with each span that ends.
    :param exporters: OpenTelemetry SpanExporters; each gets every span, at its own pace, from the journal.
    :param tracer_provider: an application's own OpenTelemetry TracerProvider to join.
    :param service_name: OpenTelemetry's ``service.name``.
    :param judge_model: model that judges ask unless they name another, such as ``ollama:/llama3.2``.
    :param limit: what calls may spend, everywhere, such as ``tracer.limit(cost=5.00, per="day")``; False: no limit.
    :param max_value_bytes: limit of one recorded value; a longer one is cut, with a note of how much is missing.
    :param journal_max_bytes: limit of the journal, which keeps records on disk for a sink that is down.
    :raises InvalidArgumentError: for an invalid value; no setting has changed then.
    """
    runtime().configure(
        store=store, token=token, experiment=experiment, enabled=enabled, sample_rate=sample_rate,
        capture_content=capture_content, redact=redact, span_processors=span_processors, exporters=exporters,
        tracer_provider=tracer_provider, service_name=service_name, judge_model=judge_model, limit=limit,
        max_value_bytes=max_value_bytes, journal_max_bytes=journal_max_bytes,
    )  # fmt: skip


def set_tracking_uri(uri: str | os.PathLike[str]) -> None:
    """Keep traces in this store from now on: a file, or a tracer server such as ``http://host:5000``.

    While a server is down, records wait in a journal on this machine.
    """
    runtime().configure(store=_given("uri", uri))


def get_tracking_uri() -> str:
    """The URL of the store or the server that traces go to."""
    return runtime().store_url()


def _given(name: str, value: T | None) -> T:
    if value is None:
        raise InvalidArgumentError(f"{name}: got None, expected a string.")
    return value


def flush(timeout: float = 30.0) -> bool:
    """Deliver all records so far to the store and the exporters; False if ``timeout`` seconds were not enough."""
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise InvalidArgumentError(f"timeout: got {timeout!r}, expected a number of seconds.")
    return runtime().flush(timeout)


def shutdown() -> None:
    """Flush, stop tracer's threads and close the store; nothing is recorded until :func:`enable`."""
    runtime().shutdown()


def enable() -> None:
    """Record again after :func:`disable` or :func:`shutdown`."""
    runtime().switch(True)


def disable() -> None:
    """Record nothing until :func:`enable`; calls go straight through."""
    runtime().switch(False)


def reset() -> None:
    """Flush and go back to the settings of the environment, as if tracer had just been imported."""
    runtime().reset()
