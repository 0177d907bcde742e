"""Runs: units of work, such as an evaluation, that link traces and versions made in them."""

from __future__ import annotations

import atexit
import contextlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import cast

from tracer._engine.context import active_runs
from tracer._engine.runtime import runtime
from tracer._fault import log_once
from tracer._readable_names import readable_name
from tracer._tracking.checks import checked_numbers, checked_texts
from tracer._tracking.experiments import is_in
from tracer.errors import InvalidArgumentError, RunNotFoundError, StoreError
from tracer.store.rows import RunRow

_NS_PER_MS = 1_000_000
_STATES = ("FINISHED", "FAILED", "KILLED")


@dataclass
class RunInfo:
    """Summary of a run; times in ms since the epoch, ``end_time`` is None while it runs."""

    run_id: str
    run_name: str
    experiment_id: str
    status: str
    start_time: int
    end_time: int | None = None
    parent_run_id: str | None = None


@dataclass
class RunData:
    """Tags, params and metrics of a run."""

    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class Run:
    """A stored run."""

    info: RunInfo
    data: RunData


@dataclass
class ActiveRun(Run):
    """The active run; ``with`` ends it with the block: FINISHED, or FAILED if the block raised."""

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        killed = isinstance(error, (KeyboardInterrupt, SystemExit))
        _end(self, "FINISHED" if error is None else "KILLED" if killed else "FAILED")


def start_run(
    run_id: str | None = None,
    *,
    run_name: str | None = None,
    nested: bool = False,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> ActiveRun:
    """Start a run, or continue the run of an id: ``with tracer.start_run() as run: … run.info.run_id``.

    Traces and versions that start inside belong to it. A run inside of another one needs ``nested=True``. Like the
    active version it is active in this thread or task alone.
    """
    outer = _open_runs()
    if outer and not nested:
        raise InvalidArgumentError(
            f"the run {outer[-1].info.run_name!r} ({outer[-1].info.run_id}) still goes on. "
            "Call tracer.end_run() first, or start_run(nested=True) for a run inside of it."
        )
    checked_tags, checked_params = checked_texts("tags", tags), checked_texts("params", params)
    if run_id is not None:
        run = ActiveRun(**vars(get_run(run_id)))
        run.info.status, run.info.end_time = "RUNNING", None
        _append(run.info.run_id, status="RUNNING", tags=checked_tags, params=checked_params)
    else:
        parent = outer[-1].info.run_id if outer else None
        run = _make(run_name or readable_name(), parent, checked_tags, checked_params)
    active_runs.set((*outer, run))
    return run


def _make(name: str, parent: str | None, tags: dict[str, str], params: dict[str, str]) -> ActiveRun:
    now = time.time_ns()
    run_id = uuid.uuid4().hex
    experiment = runtime().settings.experiment
    _append(
        run_id, name=name, experiment=experiment, parent_id=parent, status="RUNNING", started=now, tags=tags,
        params=params,
    )  # fmt: skip
    info = RunInfo(run_id, name, "", "RUNNING", now // _NS_PER_MS, None, parent)
    with contextlib.suppress(RunNotFoundError, StoreError):
        info = get_run(run_id).info
    return ActiveRun(info, RunData(tags, params))


def _open_runs() -> tuple[ActiveRun, ...]:
    return cast("tuple[ActiveRun, ...]", active_runs.get())


def active_run() -> ActiveRun | None:
    """The active run, or None."""
    stack = _open_runs()
    return stack[-1] if stack else None


def end_run(status: str = "FINISHED") -> None:
    """End the active run, the innermost of nested ones; without effect if there is none."""
    run = active_run()
    if run is not None:
        _end(run, status)


def _end(run: ActiveRun, status: str) -> None:
    if status not in _STATES:
        raise InvalidArgumentError(f"status: got {status!r}, expected one of {', '.join(_STATES)}.")
    stack = _open_runs()
    if run not in stack:
        return  # ended already, or the block is left in another context than it was entered in
    outer = stack[: stack.index(run)]
    for inner in reversed(stack[len(outer) :]):
        now = time.time_ns()
        inner.info.status, inner.info.end_time = status, now // _NS_PER_MS
        _append(inner.info.run_id, status=status, ended=now)
    active_runs.set(outer)


def _end_open_runs() -> None:
    """End a run that is still open at exit, as in a script that only calls start_run()."""
    for run in _open_runs()[:1]:
        _end(run, "FINISHED")


atexit.register(_end_open_runs)


def get_run(run_id: str) -> Run:
    """The run with this id. Raises RunNotFoundError."""
    if not isinstance(run_id, str):
        raise InvalidArgumentError(f"run_id: got {run_id!r}, expected a text such as run.info.run_id.")
    runtime().sync()
    rows = runtime().store().runs(run_id=run_id)
    if not rows:
        raise RunNotFoundError(f"no run has the id {run_id!r}; search_runs() lists them")
    return _from_row(rows[0])


def search_runs(*, experiment_ids: list[str] | None = None, max_results: int | None = None) -> list[Run]:
    """The runs, newest first; of experiments by id or name."""
    runtime().sync()
    return [_from_row(row) for row in filter(is_in(experiment_ids), runtime().store().runs())][:max_results]


def log_param(key: str, value: str) -> None:
    """Log a param to the active run."""
    log_params({key: value})


def log_params(params: Mapping[str, str]) -> None:
    """Log params to the active run."""
    _append(_required_run("log_params").info.run_id, params=checked_texts("params", params))


def log_metric(key: str, value: float) -> None:
    """Log a metric to the active run; a later value of the same name replaces it."""
    log_metrics({key: value})


def log_metrics(metrics: Mapping[str, float]) -> None:
    """Log metrics to the active run."""
    _append(_required_run("log_metrics").info.run_id, metrics=checked_numbers("metrics", metrics))


def set_tag(key: str, value: str) -> None:
    """Set a tag of the active run."""
    _append(_required_run("set_tag").info.run_id, tags=checked_texts("tags", {key: value}))


def _required_run(function: str) -> ActiveRun:
    run = active_run()
    if run is None:
        raise InvalidArgumentError(f"{function}() was called outside of a run; write `with tracer.start_run(): …`")
    return run


def _append(run_id: str, **fields: object) -> None:
    if not runtime().recorder.recording:
        log_once("run off", "tracer is off: the run is not recorded", level=10)
        return
    given = {key: value for key, value in fields.items() if value not in (None, {})}
    runtime().recorder.append({"kind": "run", "run_id": run_id, "time": time.time_ns(), **given})


def _from_row(row: RunRow) -> Run:
    ended = None if row.status == "RUNNING" or row.ended is None else row.ended // _NS_PER_MS
    info = RunInfo(row.run_id, row.name, row.experiment_id, row.status, row.started // _NS_PER_MS, ended, row.parent_id)
    return Run(info, RunData(row.tags, row.params, row.metrics))
