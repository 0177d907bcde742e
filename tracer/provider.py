"""What a provider is written with: doors into its SDK, operations, and `autolog` made of them.

A provider module names the methods of an SDK through which every call passes (doors), says for a call which operation
it is, and gives for each operation pure functions that read its requests and replies. Patching, sync and async,
streams, errors, nesting and safety are the kit's. A framework above such SDKs tells of its steps by hooks.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import Any

from opentelemetry.trace import SpanKind

from tracer import semconv
from tracer._call import NOT_RECORDED, Recording, current_recording, not_recorded, suppressed, write_request
from tracer._doors import (
    ChunkTap,
    Door,
    Hook,
    HookEnd,
    Tap,
    Wire,
    chunk_tapped,
    hooked,
    tapped,
    through_door,
    watched_wire,
)
from tracer._fault import guard, log_once, report
from tracer._operation import Accumulator, Call, Operation, ReadError, Reply, ReplyOf, Request
from tracer._patch import DoorMovedError, Patch, when_imported
from tracer._runtime import runtime
from tracer._session import Session, SessionReader, SessionRecording, watch_connection
from tracer._steps import Step, Steps, Told, door_records, set_failure
from tracer.semconv import SpanType
from tracer.span import LiveSpan

__all__ = [
    "Accumulator",
    "Call",
    "ChunkTap",
    "Door",
    "Hook",
    "HookEnd",
    "Operation",
    "Provider",
    "Reply",
    "Request",
    "Session",
    "SessionReader",
    "SessionRecording",
    "SpanType",
    "Step",
    "Steps",
    "Tap",
    "Told",
    "Wire",
    "autolog_all",
    "find_provider_module",
    "names",
    "set_failure",
    "suppress_tracing",
]

ENTRY_POINT_GROUP = "tracer.providers"
BUILT_IN = ("anthropic", "gemini", "mistral", "ollama", "openai", "openai_agents")


@dataclass(frozen=True)
class Provider:
    """An LLM provider's SDK and how its calls are read; its ``autolog`` is what users call."""

    name: str  # gen_ai.provider.name, and the name of the module in tracer
    module: str  # the SDK's top-level module: patched when it is imported, never imported by us
    doors: tuple[Door, ...] = ()
    taps: tuple[Tap, ...] = ()
    chunk_taps: tuple[ChunkTap, ...] = ()
    wires: tuple[Wire, ...] = ()
    hooks: tuple[Hook, ...] = ()
    supported: str = ""  # range of versions, for people
    distribution: str | None = None  # name on PyPI, where it differs from the module's
    shown_by: str | None = None  # a module that it always imports: others' packages of its name are left alone
    read_error: ReadError | None = None
    _state: _State = field(default_factory=lambda: _State(), repr=False, compare=False)

    @property
    def options(self) -> Mapping[str, Any]:
        """What the last `autolog` was given beside ``disable``, for the functions that read calls."""
        return self._state.options

    def autolog(self, *, disable: bool = False, **options: Any) -> None:
        """Record every call that the program makes through this SDK; ``disable=True`` puts the SDK back as it was.

        May be called before or after the SDK is imported, and any number of times; ``options`` are the provider's own.
        """
        state = self._state
        with state.lock:
            state.wanted = not disable
            state.options = options
            if disable:
                for patch in [*state.patches, *state.wires.values()]:
                    patch.remove()
                return
            first_time, state.watching = not state.watching, True
        if first_time:
            when_imported(self.module, self._patch_if_wanted)
        else:
            self._patch_if_wanted(only_if_imported=True)
        for wire in self.wires:
            if first_time:
                when_imported(wire.module, partial(self._patch_wire_if_wanted, wire))
            elif _is_imported(wire.module):
                self._patch_wire_if_wanted(wire)

    def _patch_if_wanted(self, only_if_imported: bool = False) -> None:
        if not self._state.wanted or (only_if_imported and not _is_imported(self.module)):
            return
        if self.shown_by is not None and not _is_imported(self.shown_by):
            return
        try:
            # outside the lock: it may wait for another thread's import of the SDK, which ends here too
            patches = self._checked_patches()
        except DoorMovedError as error:
            self._warn(error)
            return
        with self._state.lock:
            if self._state.wanted:
                for patch in patches:
                    patch.install()

    def _patch_wire_if_wanted(self, wire: Wire) -> None:
        state = self._state
        if not hasattr(sys.modules.get(wire.module), wire.target.partition(":")[2]):
            return  # an older SDK, which has no such connections yet
        with state.lock:
            if not state.wanted:
                return
            patch = state.wires.get(wire.target)
            if patch is None:
                watch = partial(watched_wire, partial(self._watch, wire))
                patch = Patch(f"{wire.target}.__init__", watch, parameters=("connection",))
                state.wires[wire.target] = patch
        try:
            patch.check()
        except DoorMovedError as error:
            self._warn(error)
            return
        with state.lock:
            if state.wanted:
                patch.install()

    def _checked_patches(self) -> list[Patch]:
        with self._state.lock:
            patches = self._state.patches = self._state.patches or self._make_patches()
        for patch in patches:
            patch.check()
        return patches

    def _make_patches(self) -> list[Patch]:
        return [
            *(Patch(tap.target, partial(tapped, tap), parameters=tap.parameters) for tap in self.taps),
            *(
                Patch(door.target, partial(through_door, partial(self._begin, door)), parameters=door.parameters)
                for door in self.doors
            ),
            *self._chunk_patches(),
            *(Patch(hook.target, partial(hooked, hook), parameters=hook.parameters) for hook in self.hooks),
        ]

    def _chunk_patches(self) -> Iterator[Patch]:
        for tap in self.chunk_taps:
            patch = Patch(tap.target, chunk_tapped, parameters=tap.parameters)
            with suppress(DoorMovedError):  # chunks are then taken from the objects that are made of them
                patch.check()
                yield patch

    def _warn(self, error: DoorMovedError) -> None:
        distribution = self.distribution or self.module
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            version = "of an unknown version"
        log_once(
            f"door {self.name}",
            "tracer does not record %s: %s %s has no door that it knows (%s); supported: %s",
            self.name,
            distribution,
            version,
            error,
            self.supported or "unknown",
        )

    def _begin(self, door: Door, arguments: Mapping[str, Any]) -> Any:
        """The recording of a call that passes a door; never raises."""
        try:
            rt = runtime()
            if not rt.recording:
                return NOT_RECORDED
            call = None if suppressed.get() else door.read_call(arguments)
            if call is None:
                return not_recorded()
            return NOT_RECORDED if _is_under_way(call) else self._start(door, call)
        except Exception as fault:
            report(f"reading a call to {self.name}", fault)
            return NOT_RECORDED

    def _start(self, door: Door, call: Call) -> Any:
        recording = self._recording(call, reply_of=door.reply_of)
        if recording is not NOT_RECORDED:
            with guard("making a span current"):
                recording.enter()
        return recording

    def _recording(self, call: Call, parent: Any = None, *, reply_of: ReplyOf | None = None) -> Any:
        operation, rt = call.operation, runtime()
        reader = operation.reader if rt.reads_later else None
        model = call.body.get("model") if reader is not None and type(call.body) is dict else None
        request = None
        if type(model) is not str:
            reader, request = None, operation.read_request(call.body)
            model = request.model
        span = rt.start_span(
            f"{operation.name} {model}" if model else operation.name,
            span_type=operation.span_type,
            attributes={
                semconv.OPERATION: operation.name,
                semconv.PROVIDER: call.provider or self.name,
                semconv.REQUEST_MODEL: model,
                **call.attributes,
            },
            otel_kind=SpanKind.CLIENT,
            parent=parent,
            scope=f"tracer.{self.name}",
        )
        if not isinstance(span, LiveSpan):
            return NOT_RECORDED
        door_records(operation.span_type)
        span.reader = reader
        with guard(f"recording a request to {self.name}"):
            write_request(span, operation, call.body, request)
        return Recording(span, call, self.read_error, reply_of)

    def _watch(self, wire: Wire, connection: Any) -> None:
        """Record a connection that has been opened; never raises."""
        try:
            rt = runtime()
            if not rt.recording or suppressed.get():
                return
            session = wire.open(connection)
            if session is None:
                return
            span = rt.start_span(
                f"{session.name} {session.model}" if session.model else session.name,
                span_type=SpanType.CHAIN,
                attributes={
                    semconv.OPERATION: session.name,
                    semconv.PROVIDER: session.provider or self.name,
                    semconv.REQUEST_MODEL: session.model,
                    **session.attributes,
                },
                otel_kind=SpanKind.CLIENT,
                scope=f"tracer.{self.name}",
            )
            if span.is_recording():
                watch_connection(connection, SessionRecording(span, session, self._recording))
        except Exception as fault:
            report(f"watching a connection to {self.name}", fault)


class _State:
    """What a provider's autolog has done in this process."""

    __slots__ = ("lock", "options", "patches", "wanted", "watching", "wires")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.options: Mapping[str, Any] = {}
        self.patches: list[Patch] = []
        self.wires: dict[str, Patch] = {}  # by target
        self.wanted = False
        self.watching = False


def _is_imported(module: str) -> bool:
    return module in sys.modules


def _is_under_way(call: Call) -> bool:
    """Whether this very call is being recorded by a door above, because a wrapper of ours stands twice in the way."""
    outer = current_recording.get()
    return outer is not None and call.body is not None and outer.call.body is call.body


@contextmanager
def suppress_tracing() -> Iterator[None]:
    """Inside this block no provider's calls are recorded, for whoever records them already in another way."""
    token = suppressed.set(True)
    try:
        yield
    finally:
        suppressed.reset(token)


def names() -> list[str]:
    """The names of all providers, built in and installed."""
    return sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=ENTRY_POINT_GROUP))})


def find_provider_module(name: str) -> Any:
    """What ``tracer.<name>`` is: a provider's module, or what an installed package registered; None for other names."""
    if name in BUILT_IN:
        return importlib.import_module(f"tracer.{name}")
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        return point.load()
    return None


def autolog_all(*, disable: bool = False) -> None:
    """Record every call through any SDK that tracer has a provider for; ``disable=True`` puts all of them back."""
    for name in names():
        try:
            find_provider_module(name).autolog(disable=disable)
        except Exception as fault:
            report(f"setting up the provider {name}", fault)
