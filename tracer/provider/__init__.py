"""The kit for providers: doors into an SDK, operations, and `autolog` made of them.

A provider module names the methods of an SDK through which every call passes (doors), maps a call to an operation, and
has for each operation pure functions that read its requests and replies. Patching, sync and async, streams, errors,
nesting and safety are the kit's. A framework above such SDKs reports its steps by hooks.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tracer._engine.context import covered_scopes, suppressed
from tracer._fault import guard, log_once, report
from tracer._late import load
from tracer._other_keywords import OF_AUTOLOG, Keywords, takes_also
from tracer.errors import check_flags
from tracer.provider.connection import Connection, ConnectionReader
from tracer.provider.doors import ConnectionDoor, Door, Hook, HookEnd, StreamClass, Tap
from tracer.provider.import_hook import is_imported, when_imported
from tracer.provider.installed import BUILT_IN as BUILT_IN
from tracer.provider.installed import find_provider_module, names, show_traces_of_cells
from tracer.provider.operation import Accumulator, Call, Operation, ReadError, Reply, Request, varying_values
from tracer.provider.patch import DoorMovedError, Patch
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer.provider.connection_recording import ConnectionRecording
    from tracer.provider.framework import FrameworkSpans, ReportedCall, Step, set_failure

__all__ = [
    "Accumulator",
    "Call",
    "Connection",
    "ConnectionDoor",
    "ConnectionReader",
    "ConnectionRecording",
    "Door",
    "FrameworkSpans",
    "Hook",
    "HookEnd",
    "Operation",
    "Provider",
    "Reply",
    "ReportedCall",
    "Request",
    "SpanType",
    "Step",
    "StreamClass",
    "Tap",
    "set_failure",
    "suppress_tracing",
    "varying_values",
]

F = TypeVar("F", bound=Callable[..., Any])

# Homes of the names that load all that recording needs; each is loaded at its first use.
_HOME_OF = {
    "ConnectionRecording": "tracer.provider.connection_recording",
    "Step": "tracer.provider.framework",
    "FrameworkSpans": "tracer.provider.framework",
    "ReportedCall": "tracer.provider.framework",
    "set_failure": "tracer.provider.framework",
}
# journals have these names between quotes, without escapes
_RECORDED_NAME = re.compile(r"[\w.-]+\.\w+", re.ASCII)


@dataclass(frozen=True)
class Provider:
    """An LLM provider's SDK and how its calls are read; users call its ``autolog``."""

    name: str  # gen_ai.provider.name, and the name of the module in tracer
    module: str  # the SDK's top-level module: patched when it is imported, never imported by us
    doors: tuple[Door, ...] = ()
    taps: tuple[Tap, ...] = ()
    connection_doors: tuple[ConnectionDoor, ...] = ()
    stream_classes: tuple[StreamClass, ...] = ()
    hooks: tuple[Hook, ...] = ()
    covers: tuple[str, ...] = ()  # instrumentations of this framework that make spans of the same steps, by their scope
    supported: str = ""  # range of the SDK's versions, as text
    distribution: str | None = None  # name on PyPI, where it differs from the module's
    shown_by: str | None = None  # a module that the SDK always imports: other packages of its name are left alone
    read_error: ReadError | None = None
    # operations whose bodies are read where spans are stored, not in the user's call, by the name that records have for
    # them for ever: "<name of the provider>.<operation>"; their bodies are plain dicts with the model under "model"
    read_later: Mapping[str, Operation] = field(default_factory=dict, compare=False)
    _state: _State = field(default_factory=lambda: _State(), repr=False, compare=False)

    def __post_init__(self) -> None:
        for recorded_name in self.read_later:
            if _RECORDED_NAME.fullmatch(recorded_name) is None:
                raise ValueError(
                    f"read_later={{{recorded_name!r}: …}}: an operation is recorded under a name such as "
                    f"{f'{self.name}.chat'!r}, of letters, digits, '_' and one dot after the provider's name"
                )

    @property
    def options(self) -> Mapping[str, object]:
        """Options of the last `autolog` other than ``disable``, for the functions that read calls."""
        return self._state.options

    def autolog(self, *, disable: bool = False, **options: object) -> None:
        """Record every call that the program makes through this SDK; ``disable=True`` puts the SDK back as it was.

        May be called before or after the SDK is imported, and any number of times; ``options`` are the provider's own.
        """
        state = self._state
        with state.lock:
            state.wanted = not disable
            state.options = options
            if disable:
                for patch in [*state.patches, *state.connection_doors.values()]:
                    patch.remove()
                covered_scopes.difference_update(self.covers)
                return
            first_time, state.watching = not state.watching, True
        if first_time:
            when_imported(self.module, self._patch_if_wanted)
        else:
            self._patch_if_wanted(only_if_imported=True)
        for door in self.connection_doors:
            if first_time:
                when_imported(door.module, partial(self._patch_connection_door_if_wanted, door))
            elif is_imported(door.module):
                self._patch_connection_door_if_wanted(door)
        show_traces_of_cells()

    def _patch_if_wanted(self, only_if_imported: bool = False) -> None:
        if not self._state.wanted or (only_if_imported and not is_imported(self.module)):
            return
        if self.shown_by is not None and not is_imported(self.shown_by):
            return
        try:
            # outside the lock: it may wait for another thread's import of the SDK, which calls this too
            patches = self._checked_patches()
        except DoorMovedError as error:
            self._warn(error)
            return
        with self._state.lock:
            if self._state.wanted:
                for patch in patches:
                    patch.install()
                covered_scopes.update(self.covers)
        self._warn_of_hiding(patches)

    def _patch_connection_door_if_wanted(self, door: ConnectionDoor) -> None:
        state = self._state
        if not hasattr(sys.modules.get(door.module), door.target.partition(":")[2]):
            return  # an older SDK, without such connections
        from tracer.provider.instrumentor import Instrumentor  # loaded with the SDK, not before

        made = Instrumentor(self).connection_patch(door)  # outside the lock: it may import a provider's module
        with state.lock:
            if not state.wanted:
                return
            patch = state.connection_doors.setdefault(door.target, made)
        try:
            patch.check()
        except DoorMovedError as error:
            self._warn(error)
            return
        with state.lock:
            if state.wanted:
                patch.install()

    def _checked_patches(self) -> list[Patch]:
        from tracer.provider.instrumentor import Instrumentor  # as above

        made = self._state.patches or Instrumentor(self).patches()
        with self._state.lock:
            patches = self._state.patches = self._state.patches or made
        for patch in patches:
            patch.check()
        return patches

    def _warn(self, error: DoorMovedError) -> None:
        from importlib import metadata  # only here: loading it takes milliseconds that `autolog()` saves

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

    def _warn_of_hiding(self, patches: list[Patch]) -> None:
        targets = {*(door.target for door in self.doors), *(hook.target for hook in self.hooks)}
        hiding = sorted({
            method
            for patch in patches
            if not targets.isdisjoint((patch.places, *patch.places))
            for method in patch.hidden_by()
        })  # fmt: skip
        if hiding:
            log_once(
                f"hidden {self.name}",
                "tracer does not record what passes %s, which does not lead to the SDK's own method. Where another "
                "package has put it there, call tracer.%s.autolog() before that; in a class of yours call super().",
                ", ".join(hiding),
                self.name,
            )


class _State:
    """State of a provider's autolog in this process."""

    __slots__ = ("connection_doors", "lock", "options", "patches", "wanted", "watching")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.options: Mapping[str, object] = {}
        self.patches: list[Patch] = []
        self.connection_doors: dict[str, Patch] = {}  # by target
        self.wanted = False
        self.watching = False


@contextmanager
def suppress_tracing() -> Iterator[None]:
    """Record no provider's calls inside this block, for code that records them in another way."""
    token = suppressed.set(True)
    try:
        yield
    finally:
        with suppress(ValueError):  # a generator that another context closes, where nothing is suppressed
            suppressed.reset(token)


def autolog_of(*packages: str, also: Keywords | None = None) -> Callable[[F], F]:
    """Decorate a provider's ``autolog``: it takes MLflow's keywords, and says once if none of the SDKs is installed."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def autolog(*args: Any, **kwargs: Any) -> None:
            check_flags(disable=kwargs.get("disable", False))
            function(*args, **kwargs)
            if not kwargs.get("disable") and not any(map(_is_installed, packages)):
                from tracer._distribution import install_advice

                name = function.__module__.rpartition(".")[2]
                log_once(
                    f"missing {packages[0]}",
                    "tracer.%s.autolog() has nothing to record: the package %s is not installed here%s",
                    name,
                    packages[0],
                    f" ({install_advice(_EXTRAS.get(name, name))})" if name in BUILT_IN else "",
                )

        autolog.quietly = function  # type: ignore[attr-defined]  # for `autolog_all`
        return cast("F", takes_also({**OF_AUTOLOG, **(also or {})})(autolog))

    return decorate


_EXTRAS = {"openai_agents": "agents", "claude_agent_sdk": "claude-agent"}  # others have their provider's name


def _is_installed(package: str) -> bool:
    try:
        return package in sys.modules or importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # no package above it, or one without a place
        return False


def autolog_until() -> Callable[[], None]:
    """Record as `autolog_all` does; what is returned puts those SDKs back that were not recorded before."""
    before = {name for name in names() if _is_recorded(name)}
    autolog_all()

    def put_back() -> None:
        for name in names():
            if name not in before:
                with guard(f"putting {name} back"):
                    find_provider_module(name).autolog(disable=True)

    return put_back


def _is_recorded(name: str) -> bool:
    with guard(f"looking at the provider {name}"):
        provider = getattr(find_provider_module(name), "provider", None)
        return not isinstance(provider, Provider) or provider._state.wanted
    return False


def autolog_all(*, disable: bool = False) -> None:
    """Record every call through any SDK that tracer has a provider for; ``disable=True`` restores all SDKs."""
    for name in names():
        try:
            autolog = find_provider_module(name).autolog
            getattr(autolog, "quietly", autolog)(disable=disable)
        except Exception as fault:
            report(f"setting up the provider {name}", fault)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = load(_HOME_OF[name], name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
