"""Experiments: names that group traces, versions and runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer._engine.context import about_traces
from tracer._engine.runtime import runtime
from tracer._other_keywords import Instead, takes_also
from tracer._tracking.checks import checked_text
from tracer._tracking.search import Search
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.store.rows import ModelRow, RunRow

_ALL = Instead("leave it out: experiments are not deleted", (1, 3))  # MLflow's ViewType.ACTIVE_ONLY and ALL
_OTHER_STORE = Instead("write tracer.set_tracking_uri(…)")


@dataclass(frozen=True)
class Experiment:
    """An experiment by its name."""

    name: str

    @property
    def experiment_id(self) -> str:
        """Its id in the store, or its name until something is stored in it; both are accepted as an id."""
        return _ids_by_name().get(self.name, self.name)


_SEARCH: Search[tuple[str, str]] = Search(
    {"name": "text", "experiment_id": "text"}, lambda item, field: item[0] if field.name == "name" else item[1]
)


@takes_also({"experiment_name": "name", "trace_location": _OTHER_STORE})
def set_experiment(name: str | None = None, *, experiment_id: str | None = None) -> Experiment:
    """Let traces, versions and runs that start from now on belong to this experiment, given by name or by id."""
    if name is None and experiment_id is None:
        raise InvalidArgumentError("name: got None, expected a string.")
    runtime().configure(experiment=experiment_name(experiment_id) if name is None and experiment_id else name)
    return Experiment(runtime().settings.experiment)


def set_destination(destination: object, *, context_local: bool = False) -> None:
    """Let traces that start from now on belong to another experiment: an `Experiment`, or its id or name.

    With ``context_local=True`` it holds for traces of this thread or task alone, and not for versions and runs.
    """
    given = getattr(destination, "experiment_id", destination)
    if not isinstance(given, str):
        raise InvalidArgumentError(f"destination: got {destination!r}, expected an experiment, or its id or name.")
    name = getattr(destination, "name", None) or experiment_name(given)
    if context_local:
        about_traces.set({**about_traces.get(), "experiment": name})
    else:
        runtime().configure(experiment=name)


@takes_also(
    {
        "artifact_location": Instead("leave it out: files are kept beside the store"),
        "tags": Instead("write tags= of tracer.start_run() or of tracer.tracing.context()", ({},)),
        "trace_location": _OTHER_STORE,
    }
)
def create_experiment(name: str) -> str:
    """Make an experiment before anything is recorded in it; returns its id. Raises InvalidArgumentError if it exists.

    `set_experiment` needs none that exists.
    """
    if checked_text("name", name) in _ids_by_name():
        raise InvalidArgumentError(f"name: there is an experiment {name!r}; tracer.set_experiment({name!r}) uses it.")
    runtime().recorder.append({"kind": "experiment", "name": name, "time": time.time_ns()})
    return Experiment(name).experiment_id


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment with this id or name. Raises InvalidArgumentError."""
    return Experiment(experiment_name(experiment_id))


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, None if nothing was recorded in it."""
    return Experiment(name) if checked_text("name", name) in _ids_by_name() else None


@takes_also({"view_type": _ALL})
def search_experiments(
    filter_string: str | None = None, *, max_results: int | None = None, order_by: Sequence[str] | None = None
) -> list[Experiment]:
    """The experiments that match a filter over ``name`` and ``experiment_id``, oldest first."""
    items = list(_ids_by_name().items())
    return [Experiment(name) for name, _ in _SEARCH.find(items, filter_string, order_by, max_results)]


def experiment_name(given: str) -> str:
    """The name of an experiment by its id or name. Raises InvalidArgumentError."""
    names = {identity: name for name, identity in _ids_by_name().items()}
    if str(given) in names:
        return names[str(given)]
    if given not in (*names.values(), runtime().settings.experiment):
        known = ", ".join(f"{identity} ({name})" for identity, name in names.items())
        raise InvalidArgumentError(f"experiment_id: got {given!r}, expected one of {known or 'none'}.")
    return given


def is_in(
    experiment_ids: Sequence[str] | None, names: Sequence[str] | None = None
) -> Callable[[ModelRow | RunRow], bool]:
    """A test whether a row of the store belongs to one of these experiments, given by id or name."""
    if experiment_ids is None and names is None:
        return lambda row: True
    for name, given in (("experiment_ids", experiment_ids), ("experiment_names", names)):
        if isinstance(given, str):
            raise InvalidArgumentError(f"{name}: got {given!r}, expected a list: [{given!r}].")
    wanted = {str(identity) for identity in (*(experiment_ids or ()), *(names or ()))}
    return lambda row: row.experiment_id in wanted or row.experiment in wanted


def _ids_by_name() -> dict[str, str]:
    runtime().sync()
    return {row.name: row.id for row in runtime().store().experiments()}
