"""Recording of a traced function's calls: the span with inputs, result and the items of a generator."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol

from tracer._encoding.bounds import item_weight
from tracer._engine.arguments import AnyFunction, ArgumentNames
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import is_interruption, log_once, report, reraise_interruption
from tracer._json import encode_within
from tracer.semconv import FUNCTION

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan
    from tracer._engine.recorder import Recorder

_RETURN_VALUE = "tracer.generator.return_value"
_LEFT_OUT = "tracer.generator.items_left_out"
watchers: list[Callable[[Step], None]] = []  # called with each function that is traced from now on
_known: weakref.WeakValueDictionary[int, Step] = weakref.WeakValueDictionary()


@dataclass
class Step:
    """A traced function, and the settings by which its calls are recorded."""

    function: AnyFunction
    name: str
    span_type: str
    attributes: dict[str, object]
    output_reducer: Callable[[list[Any]], object] | None
    capture_inputs: bool
    capture_outputs: bool
    arguments: ArgumentNames = field(init=False)
    recorder: Recorder = field(init=False)
    switch: Switch = field(init=False)  # whether calls are recorded
    whole: type = field(init=False, default=NoneType)  # of results with which a call is over

    def __post_init__(self) -> None:
        self.arguments = ArgumentNames(self.function)
        self.recorder = runtime().recorder
        self.switch = self.recorder
        _known[id(self)] = self
        for watcher in watchers:
            watcher(self)

    def __reduce__(self) -> tuple[object, ...]:
        given = (self.name, self.span_type, self.attributes, self.output_reducer)
        return Step, (self.function, *given, self.capture_inputs, self.capture_outputs)

    def start(self, args: tuple[object, ...], kwargs: dict[str, object], called_in: AnySpan | None = None) -> AnySpan:
        """A started span with the call's inputs, below ``called_in`` where no span is current; never raises."""
        span = self.recorder.start_span(
            self.name, span_type=self.span_type, attributes=self.attributes, called_in=called_in
        )
        try:
            if self.capture_inputs and type(span) is LiveSpan:
                span.set_inputs(self.arguments.bind(args, kwargs))
        except RecursionError:  # the function's own call is about to fail as well, and ends the span
            pass
        except BaseException as error:
            if is_interruption(error):  # the function is not called
                span.end_with_error(error)
            report("recording a function's inputs", error)
        return span

    def end(self, span: AnySpan, result: object) -> None:
        """End the span with the call's result; never raises."""
        try:
            if self.capture_outputs and result is not None:
                span.set_outputs(result)
        except RecursionError:  # no room on the stack for them
            pass
        except Exception as error:
            report("recording a function's outputs", error)
        finally:
            span.end()


def known_steps() -> list[Step]:
    """The functions of this program that are traced."""
    return list(_known.values())


class Switch(Protocol):
    """Tells whether calls are recorded."""

    @property
    def recording(self) -> bool: ...


class Yielded:
    """Items that a generator has yielded: snapshots bounded in size, or for an output reducer the items themselves."""

    def __init__(self, step: Step, span: AnySpan) -> None:
        self._step = step
        self._span = span
        self._items: list[Any] = []
        self._size = 0
        self._limit = step.recorder.max_value_bytes - 2  # the brackets
        self._least = item_weight(self._limit)
        self._left_out = 0
        self._keep = step.capture_outputs and type(span) is LiveSpan

    def add(self, item: object) -> None:
        if not self._keep:
            return
        if self._step.output_reducer is not None:
            self._items.append(item)
            return
        if self._left_out:
            self._left_out += 1
            return
        encoded = encode_within(item, self._limit)[0]  # a snapshot: the caller may change the item later
        self._size += max(len(encoded) + 1, self._least)
        if self._items and self._size > self._limit:
            self._left_out = 1
            return
        self._items.append(encoded)

    def end(self, result: object = None, error: BaseException | None = None) -> None:
        try:
            self._record(result)
        except Exception as fault:
            report("recording what a generator yielded", fault)
        finally:
            if error is not None:
                self._span.end_with_error(error)
            else:
                self._span.end()

    def _record(self, result: object) -> None:
        if not self._keep:
            return
        reducer = self._step.output_reducer
        if reducer is None:
            self._span.set_json_list(self._items)
        else:
            try:
                self._span.set_outputs(reducer(self._items))
            except Exception as fault:
                reraise_interruption(fault)
                name = self._step.name
                log_once(f"reducer {name}", "tracer records the items: the output_reducer of %s raised %r", name, fault)
                self._span.set_outputs(self._items)
        if self._left_out:
            self._span.set_attribute(_LEFT_OUT, self._left_out)
        if result is not None:
            self._span.set_json(_RETURN_VALUE, result)


def code_attributes(function: AnyFunction) -> dict[str, str]:
    """The attribute with module and qualified name of a function."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    return {FUNCTION: f"{module}.{name}"} if name and module else {}
