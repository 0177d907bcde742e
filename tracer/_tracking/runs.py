"""Runs: units of work, such as an evaluation, that link traces and versions made in them."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, overload

from tracer._encoding.shown import shown_text
from tracer._engine.context import active_runs, last_run_id
from tracer._engine.runtime import runtime
from tracer._fault import log_once
from tracer._journal.locations import journal_folder, without_password
from tracer._json import JsonObject
from tracer._other_keywords import DONE, Instead, takes_also
from tracer._readable_names import readable_name
from tracer._tracking.checks import checked_numbers
from tracer._tracking.experiments import experiment_name, is_in
from tracer._tracking.search import ALL_GROUPS, Order, OutputFormat, Search, in_format
from tracer.config import MAX_VALUE_BYTES
from tracer.errors import InvalidArgumentError, RunNotFoundError, StoreError
from tracer.store.filter import Field
from tracer.store.rows import RunRow

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

_NS_PER_MS = 1_000_000
_STATES = ("FINISHED", "FAILED", "KILLED")
_DESCRIPTION = "tracer.note.content"  # the tag of a run's description
_OF_VALUES = {
    "synchronous": DONE,
    "model_id": Instead("write tracer.log_model_metrics({…}, model_id=…)"),
    "dataset": Instead("write tracer.set_tag('dataset', 'name')"),
}


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

    @property
    def artifact_uri(self) -> str:
        """The folder of its files, beside the store. Raises InvalidArgumentError where the store is a server."""
        return str(run_folder(self.run_id))


class Measured(NamedTuple):
    """A value of a metric at a step."""

    step: int
    value: float


@dataclass
class RunData:
    """Tags, params and metrics of a run; ``metric_history`` has those that were logged with a step, by step."""

    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    metric_history: dict[str, list[Measured]] = field(default_factory=dict)


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


@takes_also(
    {
        "parent_run_id": Instead("write nested=True inside of the outer run's block"),
        "log_system_metrics": Instead("write tracer.log_metric('cpu', …)", (False,)),
    }
)
def start_run(
    run_id: str | None = None,
    *,
    run_name: str | None = None,
    nested: bool = False,
    tags: Mapping[str, object] | None = None,
    params: Mapping[str, object] | None = None,
    experiment_id: str | None = None,
    description: str | None = None,
) -> ActiveRun:
    """Start a run, or continue the run of an id: ``with tracer.start_run() as run: … run.info.run_id``.

    Traces and versions that start inside belong to it. A run inside of another one needs ``nested=True``. Like the
    active version it is active in this thread or task alone. It belongs to the experiment of ``experiment_id`` (an id
    or a name), or else to the present one. Tags and params become texts; ``description`` is the tag
    ``tracer.note.content``.
    """
    outer = _open_runs()
    if outer and not nested:
        raise InvalidArgumentError(
            f"the run {outer[-1].info.run_name!r} ({outer[-1].info.run_id}) still goes on. "
            "Call tracer.end_run() first, or start_run(nested=True) for a run inside of it."
        )
    checked_tags, checked_params = _texts("tags", tags), _texts("params", params)
    if description is not None:
        checked_tags[_DESCRIPTION] = str(description)
    if run_id is not None:
        run = ActiveRun(**vars(get_run(run_id)))
        run.info.status, run.info.end_time = "RUNNING", None
        _append(run.info.run_id, status="RUNNING", tags=checked_tags, params=checked_params)
    else:
        parent = outer[-1].info.run_id if outer else None
        experiment = runtime().settings.experiment if experiment_id is None else experiment_name(experiment_id)
        run = _make(run_name or readable_name(), experiment, parent, checked_tags, checked_params)
    active_runs.set((*outer, run))
    last_run_id.set(run.info.run_id)
    return run


def _make(name: str, experiment: str, parent: str | None, tags: dict[str, str], params: dict[str, str]) -> ActiveRun:
    now = time.time_ns()
    run_id = uuid.uuid4().hex
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


def last_active_run() -> Run | None:
    """The active run, or the one that was started last in this thread or task; None if there was none."""
    run_id = last_run_id.get()
    return active_run() or (None if run_id is None else get_run(run_id))


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


def _value(row: RunRow, field: Field) -> object:
    run = _from_row(row)
    if field.key is not None:
        return getattr(run.data, field.name).get(field.key)
    return row.experiment if field.name == "experiment" else getattr(run.info, field.name)


RUN_SEARCH: Search[RunRow] = Search(
    {
        "run_id": "text",
        "run_name": "text",
        "status": "text",
        "experiment": "text",
        "experiment_id": "text",
        "parent_run_id": "text",
        "start_time": "timestamp",
        "end_time": "timestamp",
    },
    _value,
    groups=ALL_GROUPS,
)


@overload
def search_runs(
    *,
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Order | None = None,
    experiment_names: Sequence[str] | None = None,
    output_format: Literal["list"] = "list",
) -> list[Run]: ...
@overload
def search_runs(
    *,
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Order | None = None,
    experiment_names: Sequence[str] | None = None,
    output_format: Literal["pandas"],
) -> pandas.DataFrame: ...
@takes_also(
    {
        "run_view_type": Instead("leave it out: runs that were deleted are gone", (1, 3)),
        "search_all_experiments": Instead("write experiment_names=['name']; without it all are searched", (True,)),
    }
)
def search_runs(
    *,
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Order | None = None,
    experiment_names: Sequence[str] | None = None,
    output_format: OutputFormat = "list",
) -> Any:
    """The runs that match a filter such as ``"metrics.accuracy > 0.9 AND tags.env = 'ci'"``, newest first.

    Fields are run_id, run_name, status, experiment, experiment_id, parent_run_id, start_time, end_time, tags.<key>,
    params.<key> and metrics.<key>; ``order_by`` takes terms such as ``"metrics.accuracy DESC"``, ``experiment_ids`` ids
    and names. ``output_format="pandas"`` gives a DataFrame.
    """
    runtime().sync()
    rows = filter(is_in(experiment_ids, experiment_names), runtime().store().runs())
    runs = [_from_row(row) for row in RUN_SEARCH.find(rows, filter_string, order_by, max_results)]
    return in_format(runs, output_format, _table_row)


def _table_row(run: Run) -> JsonObject:
    groups = {name: getattr(run.data, name) for name in ("metrics", "params", "tags")}
    keyed = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
    return {**vars(run.info), **keyed}


def delete_run(run_id: str) -> None:
    """Delete a run with its files; its traces and versions stay. Raises RunNotFoundError."""
    found = get_run(run_id).info.run_id
    _append(found, deleted=True)
    with contextlib.suppress(InvalidArgumentError):  # a server's store has no files
        shutil.rmtree(run_folder(found), ignore_errors=True)


@takes_also({"synchronous": DONE})
def log_param(key: str, value: object, *, run_id: str | None = None) -> None:
    """Log a param, as text, to the active run or the one of an id."""
    log_params({key: value}, run_id=run_id)


@takes_also({"synchronous": DONE})
def log_params(params: Mapping[str, object], *, run_id: str | None = None) -> None:
    """Log params, as texts, to the active run or the one of an id."""
    _append(chosen_run(run_id), params=_texts("params", params))


@takes_also(_OF_VALUES)
def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    *,
    timestamp: int | None = None,
    run_id: str | None = None,
) -> None:
    """Log a metric to the active run or the one of an id; a later value of the same name replaces it.

    With a ``step`` the value is kept in ``run.data.metric_history`` as well; ``timestamp`` is in ms since the epoch.
    """
    log_metrics({key: value}, step, timestamp=timestamp, run_id=run_id)


@takes_also(_OF_VALUES)
def log_metrics(
    metrics: Mapping[str, float], step: int | None = None, *, timestamp: int | None = None, run_id: str | None = None
) -> None:
    """Log metrics to the active run or the one of an id, as `log_metric` does."""
    numbers = checked_numbers("metrics", metrics)
    if step is not None and (isinstance(step, bool) or not isinstance(step, int)):
        raise InvalidArgumentError(f"step: got {step!r}, expected a whole number.")
    fields: JsonObject = {} if timestamp is None else {"time": int(timestamp) * _NS_PER_MS}
    if step is not None:
        fields["steps"] = {name: {str(step): value} for name, value in numbers.items()}
    _append(chosen_run(run_id), metrics=numbers, **fields)


@takes_also({"synchronous": DONE})
def set_tag(key: str, value: object, *, run_id: str | None = None) -> None:
    """Set a tag, as text, of the active run or the one of an id."""
    set_tags({key: value}, run_id=run_id)


@takes_also({"synchronous": DONE})
def set_tags(tags: Mapping[str, object], *, run_id: str | None = None) -> None:
    """Set tags, as texts, of the active run or the one of an id."""
    _append(chosen_run(run_id), tags=_texts("tags", tags))


def _texts(name: str, values: Mapping[str, object] | None) -> dict[str, str]:
    if values is not None and not isinstance(values, Mapping):
        raise InvalidArgumentError(f"{name}: got {values!r}, expected a dict such as {{'temperature': 0.7}}.")
    return {str(key): shown_text(value, MAX_VALUE_BYTES) for key, value in (values or {}).items()}


def run_folder(run_id: str) -> Path:
    """Folder of a run's files. Raises InvalidArgumentError where the store is a server."""
    url = runtime().store_url()
    if not url.startswith("sqlite:"):
        raise InvalidArgumentError(
            "files of runs are kept beside a store that is a file; this one is the server "
            f"{without_password(url)}. Set the text as a tag or an output of a span, or keep the file where the "
            "server's users can read it."
        )
    if not run_id.replace("-", "").isalnum():  # the content of a store must not choose where files are written
        raise InvalidArgumentError(f"run_id: got {run_id!r}, expected letters and digits.")
    journal = journal_folder(url)
    return journal.with_name(journal.name.removesuffix(".journal") + ".runs") / run_id


def chosen_run(run_id: str | None) -> str:
    """The id of the run that a call is about: a given one, else the active one. Raises InvalidArgumentError."""
    if run_id is not None:
        return get_run(run_id).info.run_id
    run = active_run()
    if run is None:
        raise InvalidArgumentError("called outside of a run; write `with tracer.start_run(): …`, or run_id=… for one")
    return run.info.run_id


def _append(run_id: str, **fields: object) -> None:
    if not runtime().recorder.recording:
        log_once("run off", "tracer is off: the run is not recorded", level=10)
        return
    given = {key: value for key, value in fields.items() if value not in (None, {})}
    runtime().recorder.append({"kind": "run", "run_id": run_id, "time": time.time_ns(), **given})


def _from_row(row: RunRow) -> Run:
    ended = None if row.status == "RUNNING" or row.ended is None else row.ended // _NS_PER_MS
    info = RunInfo(row.run_id, row.name, row.experiment_id, row.status, row.started // _NS_PER_MS, ended, row.parent_id)
    history = {
        name: sorted(Measured(int(step), value) for step, value in values.items()) for name, values in row.steps.items()
    }
    return Run(info, RunData(row.tags, row.params, row.metrics, history))
