"""Runs of chains, graphs, tools and retrievers: as LangChain reports their begin and end, their spans begin and end."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from tracer import semconv
from tracer._api.tracing import update_current_trace
from tracer._engine.context import restore
from tracer._json import JsonObject
from tracer.provider import FrameworkSpans, SpanType, Step, set_failure
from tracer.provider.framework import make_current, unless_current
from tracer.provider.streams import keep_until_dropped

from .._values import Arguments
from .content import about_trace, interrupts_of, result_of, session_of
from .graphs import Kind, kind_of_chain, name_of

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

steps = FrameworkSpans("tracer.langchain")
# runs that LangChain itself hides, and the runs above them
_hidden: dict[UUID, UUID | None] = {}
_method: ContextVar[_Method | None] = ContextVar("tracer_langchain_method", default=None)

_TOOL_CALL = "gen_ai.tool.call.id"
_HIDDEN = "langsmith:hidden"


class RunManager(Protocol):
    """LangChain's object for a run, by whose methods it reports the end."""

    run_id: UUID
    parent_run_id: UUID | None
    tags: list[str]
    metadata: dict[str, Any]


def span_of(run_id: object) -> AnySpan | None:
    """The span of a run, or of the nearest one above it that has one."""
    while isinstance(run_id, UUID) and run_id in _hidden:
        run_id = _hidden[run_id]
    step = steps.get(run_id)
    return None if step is None else step.span


# ---- begin ----


class _Start:
    """The begin of a run: LangChain then gives its manager, with its id."""

    def __init__(self, kind: Kind, inputs: object) -> None:
        self._kind = kind
        self._inputs = inputs

    def returned(self, result: RunManager) -> None:
        """The run has begun."""
        manager = result
        run_id, parent_id = manager.run_id, manager.parent_run_id
        step = steps.get(run_id)
        if step is not None:  # begun a second time: with inputs as they are to be recorded
            step.span.set_inputs(self._inputs)
            return
        if _HIDDEN in manager.tags:
            _hidden[run_id] = parent_id
            keep_until_dropped(manager, _Hidden(run_id))
            return
        kind, above = self._kind, span_of(parent_id)
        step = steps.start(
            run_id,
            kind.name,
            span_type=kind.span_type,
            owner=_Root(session_of(manager.metadata)) if above is None else None,
            parent=unless_current(above),
            attributes=kind.attributes,
            is_current=False,
        )
        if step is None:
            return
        keep_until_dropped(manager, _Dropped(run_id))
        if self._inputs is not None and not _comes_later(self._inputs):
            step.span.set_inputs(self._inputs)
        if above is None:
            _describe(step, about_trace(manager.metadata, manager.tags))
        method = _method.get()
        if method is not None:
            method.begins(run_id, step)

    def raised(self, error: BaseException) -> None:
        """A callback of the program's has raised: the run does not begin."""


def _comes_later(inputs: object) -> bool:
    """Whether these are the inputs of a run whose input is streamed."""
    return type(inputs) is dict and len(inputs) == 1 and type(inputs.get("input")) is str and not inputs["input"]


class _Root:
    """The owner of a run with none above it."""

    def __init__(self, session_id: str | None) -> None:
        self.session_id = session_id


class _Dropped:
    """Ends a run whose end can no longer be reported: its manager is gone."""

    def __init__(self, run_id: UUID) -> None:
        self._run_id = run_id

    def dropped(self) -> None:
        """The manager is held nowhere any more: end its run."""
        step = steps.leave(self._run_id)
        if step is not None:
            step.span.set_attribute(semconv.INCOMPLETE, "dropped")
            step.span.end()


class _Hidden(_Dropped):
    def dropped(self) -> None:
        """The manager is held nowhere any more: forget its run."""
        _hidden.pop(self._run_id, None)


def chain_starts(arguments: Arguments) -> _Start:
    """A chain, a graph or a node begins."""
    return _Start(kind_of_chain(arguments), arguments.get("inputs"))


def tool_starts(arguments: Arguments) -> _Start:
    """A tool begins."""
    name = name_of(arguments, "tool")
    serialized = arguments.get("serialized") or {}
    attributes = {
        semconv.OPERATION: "execute_tool",
        semconv.TOOL_NAME: serialized.get("name") or name,
        _TOOL_CALL: arguments.get("tool_call_id"),
    }
    inputs = arguments.get("inputs")
    return _Start(Kind(name, SpanType.TOOL, attributes), arguments.get("input_str") if inputs is None else inputs)


def retrieval_starts(arguments: Arguments) -> _Start:
    """A retriever begins."""
    kind = Kind(name_of(arguments, "retriever"), SpanType.RETRIEVER, {semconv.OPERATION: "retrieval"})
    return _Start(kind, {"query": arguments.get("query")})


def _describe(step: Step, about: JsonObject) -> None:
    if about:
        with step.span.attached():
            update_current_trace(**about)


# ---- where the code of a step runs ----


def context_is_set(arguments: Arguments) -> None:
    """LangChain prepares the context in which the code of a step runs."""
    config = arguments["config"]
    run_id = getattr(config.get("callbacks"), "parent_run_id", None)
    span = unless_current(span_of(run_id))
    if span is not None:
        make_current(span)
    root = steps.get(run_id)
    if root is not None and isinstance(root.owner, _Root) and root.owner.session_id is None:
        root.owner.session_id = session_of(config.get("configurable") or {})
        _describe(root, {"session_id": root.owner.session_id} if root.owner.session_id else {})


class _Method:
    """A method in progress that makes a run, and for whose code LangChain prepares no context."""

    def __init__(self) -> None:
        self._run_id: UUID | None = None
        self._span: AnySpan | None = None
        self._token = _method.set(self)

    def begins(self, run_id: UUID, step: Step) -> None:
        """A run begins: the first one is the method's, the others are inside it."""
        if self._span is None:
            self._run_id, self._span = run_id, step.span
            step.span.attach()

    def returned(self, result: object) -> None:
        """The method has ended."""
        restore(_method, self._token, self)
        if self._span is not None:
            self._span.detach()

    def raised(self, error: BaseException) -> None:
        """The method has ended; a cancelled one is not reported."""
        self.returned(None)
        _end_failed(self._run_id, error)


def method_begins(arguments: Arguments) -> _Method:
    """A retriever is called, or a chain of LangChain's old kind."""
    return _Method()


# ---- end ----


def chain_ends(arguments: Arguments) -> None:
    """A chain, a graph or a node has ended."""
    _end(arguments, arguments.get("outputs"))


def tool_ends(arguments: Arguments) -> None:
    """A tool has ended."""
    output = arguments.get("output")
    step = steps.get(arguments["self"].run_id)
    if step is not None:
        step.span.set_attribute(_TOOL_CALL, getattr(output, "tool_call_id", None))
    _end(arguments, *result_of(output))


def documents_come(arguments: Arguments) -> None:
    """A retriever has ended."""
    _end(arguments, arguments.get("documents"))


def run_fails(arguments: Arguments) -> None:
    """A run has ended with an exception."""
    manager = arguments["self"]
    _end_failed(manager.run_id, arguments["error"], arguments.get("inputs"))


def _end(arguments: Arguments, outputs: object, error: str | None = None) -> None:
    step = _leave(arguments["self"].run_id, arguments.get("inputs"))
    if step is not None:
        set_failure(step.span, None, error)
        step.span.end(outputs=outputs)


def _end_failed(run_id: UUID | None, error: BaseException, inputs: object = None) -> None:
    step = _leave(run_id, inputs)
    if step is not None:
        set_failure(step.span, error)
        interrupts = interrupts_of(error)
        step.span.end(outputs=None if interrupts is None else {"interrupts": interrupts})


def _leave(run_id: UUID | None, inputs: object) -> Step | None:
    """The step of a run that ends; of one whose input was streamed, the inputs come only now."""
    if run_id is not None and run_id in _hidden:
        del _hidden[run_id]
        return None
    step = steps.leave(run_id)
    if step is not None and inputs is not None:
        step.span.set_inputs(inputs)
    return step
