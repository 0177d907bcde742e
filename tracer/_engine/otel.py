"""The process in OpenTelemetry's terms: resource, scopes, and the application's own provider if one is joined."""

from __future__ import annotations

import os
import sys
import uuid
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.version import __version__

from tracer._engine.context import current
from tracer._engine.nonrecording import NonRecordingSpan, Place
from tracer._engine.span import LiveSpan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from tracer._engine.bridge import Bridge
    from tracer._engine.context import AnySpan


class OpenTelemetryIdentity:
    """The service's resource, the scopes of its spans, and the application's spans above them."""

    def __init__(self) -> None:
        self.bridge: Bridge | None = None
        self.describe(None, None)

    def describe(self, service_name: str | None, joined: TracerProvider | None) -> None:
        """Set the service's name and the provider to join."""
        self.joined = joined
        self.shares_context = self.bridge is not None or joined is not None
        self._service_name = service_name
        self._resource: Resource | None = None
        self._scopes: dict[str, InstrumentationScope] = {}

    def share_context(self, bridge: Bridge | None) -> None:
        """Set the recorder of the spans of any provider: they and ours then find each other as parents."""
        self.bridge = bridge
        self.shares_context = bridge is not None or self.joined is not None

    def resource(self) -> Resource:
        """OpenTelemetry's description of this service."""
        if self._resource is None:
            shared: Resource | None = getattr(self.joined, "resource", None)
            self._resource = shared or _own_resource(self._service_name)
        return self._resource

    def forget_resource(self) -> None:
        """After a fork: this process is an instance of its own."""
        self._resource = None

    def scope(self, name: str) -> InstrumentationScope:
        """OpenTelemetry's object for the part of tracer that recorded a span."""
        if name not in self._scopes:
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope

            self._scopes[name] = InstrumentationScope(name)
        return self._scopes[name]

    def attach(self, span: otel_trace.Span) -> object:
        """Make a span current for OpenTelemetry too, where an application's provider is joined or bridged."""
        if not self.shares_context:
            return None
        return otel_context.attach(otel_trace.set_span_in_context(span))

    def detach(self, token: object) -> None:
        """Undo :meth:`attach`."""
        try:
            # the public detach() logs an error for a token of another context, which is no fault here
            otel_context._RUNTIME_CONTEXT.detach(token)  # type: ignore[arg-type]
        except Exception:
            return

    def joined_root(self, name: str) -> tuple[str, str, bool]:
        """Trace id and span id of a root as the joined provider makes them, and whether it samples the trace."""
        ids, sampler = self.joined.id_generator, self.joined.sampler  # type: ignore[union-attr]
        trace_id = ids.generate_trace_id()
        is_sampled = sampler.should_sample(None, trace_id, name).decision.is_sampled()
        return f"{trace_id:032x}", f"{ids.generate_span_id():016x}", is_sampled

    def shared_parent(self, *, call: Mapping[str, object] | None = None) -> AnySpan | None:
        """The span that is current for OpenTelemetry, ours or the application's.

        Of a call to a provider with these attributes, the one above the spans that others make of the same call.
        """
        span = otel_trace.get_current_span()
        if self.bridge is not None and not (call is None and isinstance(span, LiveSpan)):
            span = self.bridge.above_covered(span) if call is None else self.bridge.above_call(span, call)
            if isinstance(span, Place):
                return span
        if isinstance(span, LiveSpan):
            return span
        context = span.get_span_context()
        ours = current.get()
        if ours is not None and int(ours.span_id, 16) == context.span_id:
            return ours  # a tracer that records nothing has replaced ours by a span with the same id
        if not context.is_valid or (self.joined is None and not context.trace_flags.sampled):
            return ours  # of a provider that is only watched, a trace left out does not leave out ours
        return NonRecordingSpan(
            f"{context.trace_id:032x}",
            f"{context.span_id:016x}",
            sampled=context.trace_flags.sampled,
            remote=context.is_remote,
            trace_state=context.trace_state,
            ours=getattr(span, "_tracer_records", False),
        )


def _own_resource(service_name: str | None) -> Resource:
    """The result of `Resource.create`, without its threads: a fork while they run leaves locks held for ever."""
    named = Resource({"service.name": service_name} if service_name else {})
    if os.environ.get("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "").strip():
        return Resource.create(dict(named.attributes))
    process = Resource(
        {
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": __version__,
            "service.instance.id": str(uuid.uuid4()),
            "service.name": f"unknown_service:{os.path.basename(sys.executable or 'python')}",
        }
    )
    return process.merge(OTELResourceDetector().detect()).merge(named)
