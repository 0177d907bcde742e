"""Patches at the places in an SDK that a provider names, and recordings of the calls that pass there.

Loaded with the SDK, together with all that recording needs: a program that never imports the SDK saves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from tracer import semconv
from tracer._engine import limits
from tracer._engine.context import suppressed
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import guard, report
from tracer.errors import LimitExceededError
from tracer.provider.call_recording import (
    NOT_RECORDED,
    CallObserver,
    CallRecording,
    current_recording,
    not_recorded,
    start_client_span,
    write_request,
)
from tracer.provider.connection_recording import ConnectionRecording, watch_connection
from tracer.provider.doors import ConnectionDoor, Door
from tracer.provider.framework import announced_call, unless_current
from tracer.provider.installed import recorded_names
from tracer.provider.operation import Arguments, Call
from tracer.provider.patch import DoorMovedError, Patch
from tracer.provider.wrappers import closing, connection_opened, hooked, stepped, tapped, through_door
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan
    from tracer.provider import Provider


class Instrumentor:
    """Makes the patches of one provider, and the recordings of its calls."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._scope = f"tracer.{provider.name}"
        self._recorded_names = recorded_names(provider)
        self._stream_classes = frozenset(kind.target for kind in provider.stream_classes)

    def patches(self) -> list[Patch]:
        """A patch for each place, apart from connections."""
        provider = self._provider
        return [
            *(Patch(tap.target, partial(tapped, tap), parameters=tap.parameters) for tap in provider.taps),
            *(
                Patch(door.target, partial(through_door, door, partial(self._begin, door)), parameters=door.parameters)
                for door in provider.doors
            ),
            *self._stream_patches(),
            *self._hook_patches(),
        ]

    def _hook_patches(self) -> Iterator[Patch]:
        for hook in self._provider.hooks:
            patch = Patch(hook.target, partial(hooked, hook), parameters=hook.parameters)
            with suppress(DoorMovedError):
                if hook.is_optional:
                    patch.check()
                yield patch

    def _stream_patches(self) -> Iterator[Patch]:
        for kind in self._provider.stream_classes:
            for method, replacing in (
                ("__next__", partial(stepped, kind)),
                ("__anext__", partial(stepped, kind)),
                ("close", closing),
                ("aclose", closing),
            ):
                patch = Patch(f"{kind.target}.{method}", replacing)
                with suppress(DoorMovedError):  # not every class has all of them
                    patch.check()
                    yield patch

    def connection_patch(self, door: ConnectionDoor) -> Patch:
        """The patch for a class of connections."""
        watch = partial(connection_opened, partial(self._watch, door))
        return Patch(f"{door.target}.__init__", watch, parameters=("connection",))

    def _begin(self, door: Door, arguments: Arguments) -> CallObserver:
        """The observer of a call that passes a door; raises LimitExceededError alone."""
        try:
            if not runtime().recorder.recording and not limits.in_use:
                return NOT_RECORDED
            call = None if suppressed.get() else door.read_call(arguments)
            if call is None:
                return not_recorded()
            return NOT_RECORDED if _is_under_way(call) else self._recording(call, door=door)
        except LimitExceededError:
            raise
        except Exception as fault:
            report(f"reading a call to {self._provider.name}", fault)
            return NOT_RECORDED

    def _recording(self, call: Call, parent: AnySpan | None = None, *, door: Door | None = None) -> CallObserver:
        operation = call.operation
        reader = self._recorded_names.get(id(operation)) if runtime().recorder.reads_later else None
        model = call.body.get("model") if reader is not None and type(call.body) is dict else None
        request = None
        if type(model) is not str:
            reader, request = None, operation.read_request(call.body)
            model = request.model
        announced = announced_call(operation.span_type)
        if announced is not None and parent is None:
            parent = unless_current(announced.parent)
        span = start_client_span(
            operation.name,
            operation.span_type,
            model,
            provider=call.provider or self._provider.name,
            attributes=call.attributes,
            scope=self._scope,
            parent=parent,
            is_call=True,
            subject=call.subject,
        )
        blocks = limits.in_force() if limits.in_use else ()
        if not isinstance(span, LiveSpan):
            return self._counted(span, call, door, blocks) if blocks else NOT_RECORDED
        if announced is not None:
            announced.has_span = True
        span.reader = reader
        try:
            with guard(f"recording a request to {self._provider.name}"):
                write_request(span, operation, call.body, request)
                if call.trace:
                    runtime().recorder.append(
                        {"kind": "trace", "trace_id": span.trace_id, "time": span.start_time_ns, **call.trace}
                    )
            runtime().recorder.write_call(span)
            admission = self._admitted(blocks, span, call, door) if blocks else None
        except BaseException as error:  # a limit, Ctrl-C, or a time limit's signal: the user's call is not made
            span.end_with_error(error)
            raise
        return CallRecording(span, call, self._provider.read_error, door, self._stream_classes, admission)

    def _counted(self, span: AnySpan, call: Call, door: Door | None, blocks: tuple[limits.Block, ...]) -> CallObserver:
        """The observer of a call that is not recorded, and that counts for a limit."""
        operation = call.operation
        request = operation.read_request(call.body)
        name = f"{operation.name} {request.model}" if request.model else operation.name
        counted = limits.CountedSpan(span, name, operation.span_type)
        counted.set_attributes({
            semconv.PROVIDER: call.provider or self._provider.name,
            semconv.REQUEST_MODEL: request.model,
            **call.attributes,
        })  # fmt: skip
        admission = self._admitted(blocks, counted, call, door)
        return CallRecording(counted, call, None, door, self._stream_classes, admission)

    def _admitted(
        self, blocks: tuple[limits.Block, ...], span: LiveSpan, call: Call, door: Door | None
    ) -> limits.Admission | None:
        """The call's place in the counts of its limits; raises the error of one that is reached."""
        # replies over an open connection cannot be refused: they were asked for before
        admission = limits.admit(blocks, span, call.body, may_refuse=door is not None)
        if isinstance(admission, LimitExceededError):
            raise admission
        return admission

    def _watch(self, door: ConnectionDoor, connection: object) -> None:
        """Record an open connection; never raises."""
        try:
            if not runtime().recorder.recording or suppressed.get():
                return
            opened = door.open(connection)
            if opened is None:
                return
            span = start_client_span(
                opened.name,
                SpanType.CHAIN,
                opened.model,
                provider=opened.provider or self._provider.name,
                attributes=opened.attributes,
                scope=self._scope,
            )
            if span.is_recording():
                watch_connection(connection, ConnectionRecording(span, opened, self._recording))
        except Exception as fault:
            report(f"watching a connection to {self._provider.name}", fault)


def _is_under_way(call: Call) -> bool:
    """Whether a door above records this very call already, because a wrapper of ours is there twice."""
    outer = current_recording.get()
    return outer is not None and call.body is not None and outer.call.body is call.body
