"""Display in a notebook: of a trace, an evaluation or a version on request, of the traces of a cell automatically."""

from __future__ import annotations

import sys
from typing import Any

from tracer._api.queries import get_trace
from tracer._api.traces import Trace
from tracer._engine.runtime import runtime
from tracer._fault import guard
from tracer._late import load
from tracer._notebook.trace import trace_html, traces_html
from tracer.errors import TracerError

_TRACES_SHOWN = 10
_RENDERED_BY = {
    "Trace": ("tracer._notebook.trace", "trace_html"),
    "TraceList": ("tracer._notebook.trace", "traces_html"),
    "EvaluationResult": ("tracer._notebook.results", "evaluation_html"),
    "LoggedModel": ("tracer._notebook.results", "version_html"),
}


def enable_notebook_display() -> None:
    """Show traces, evaluations and versions in notebooks as they are, and below a cell the traces that it made."""
    _cells.is_on = True


def disable_notebook_display() -> None:
    """Show them as one line of text, and no traces below cells."""
    _cells.is_on = False


def notebook_html(value: Any) -> str | None:
    """A trace, a list of them, an evaluation or a version as HTML; None where that is switched off. Never raises."""
    if not _cells.is_on:
        return None
    with guard("showing a trace in a notebook"):
        kind = next(kind.__name__ for kind in type(value).__mro__ if kind.__name__ in _RENDERED_BY)
        if isinstance(value, Trace):
            _cells.shown.add(value.trace_id)
        return str(load(*_RENDERED_BY[kind])(value))
    return None


def show_traces_of_cells(*, disable: bool = False) -> None:
    """Show below each cell of a notebook, from this one on, the traces that it made; elsewhere nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is not None:
        _cells.watch(None if disable else shell)


class _Cells:
    """The traces that ended while a cell ran."""

    def __init__(self) -> None:
        self.is_on = True
        self.shown: set[str] = set()  # by the cell itself
        self._shell: Any = None
        self._before: tuple[str, ...] = ()

    def watch(self, shell: Any) -> None:
        """Watch the cells of this shell, of no other one."""
        if shell is self._shell:
            return
        for watched, act in ((self._shell, "unregister"), (shell, "register")):
            if watched is not None:
                getattr(watched.events, act)("pre_run_cell", self._begin)
                getattr(watched.events, act)("post_run_cell", self._end)
        self._shell = shell
        self._begin()

    def _begin(self, *_: object) -> None:
        self.shown.clear()
        self._before = runtime().recorder.ended_traces()

    def _end(self, *_: object) -> None:
        if not self.is_on:
            return
        with guard("showing the traces of a cell"):
            ended = dict.fromkeys(runtime().recorder.ended_traces())
            new = [trace_id for trace_id in ended if trace_id not in self._before and trace_id not in self.shown]
            try:
                found = [get_trace(trace_id) for trace_id in new[-_TRACES_SHOWN:]]
            except TracerError:  # a store that cannot be reached; the traces wait in the journal
                return
            traces = [trace for trace in reversed(found) if trace is not None]
            if traces:
                _display(trace_html(traces[0]) if len(new) == 1 else traces_html(traces, how_many=len(new)))


def _display(html: str) -> None:
    from IPython import display

    display.publish_display_data({"text/html": html, "text/plain": ""})  # type: ignore[no-untyped-call]


_cells = _Cells()
