"""Experiments: names that group traces, versions and runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer._engine.runtime import runtime
from tracer._tracking.checks import checked_text
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.store.rows import ModelRow, RunRow


@dataclass(frozen=True)
class Experiment:
    """An experiment by its name."""

    name: str

    @property
    def experiment_id(self) -> str:
        """Its id in the store, or its name until something is stored in it; both are accepted as an id."""
        return _ids_by_name().get(self.name, self.name)


def set_experiment(name: str) -> Experiment:
    """Let traces, versions and runs that start from now on belong to this experiment."""
    if name is None:
        raise InvalidArgumentError("name: got None, expected a string.")
    runtime().configure(experiment=name)
    return Experiment(runtime().settings.experiment)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, None if nothing was recorded in it."""
    return Experiment(name) if checked_text("name", name) in _ids_by_name() else None


def experiment_name(given: str) -> str:
    """The name of an experiment by its id or name. Raises InvalidArgumentError."""
    names = {identity: name for name, identity in _ids_by_name().items()}
    if str(given) in names:
        return names[str(given)]
    if given not in (*names.values(), runtime().settings.experiment):
        known = ", ".join(f"{identity} ({name})" for identity, name in names.items())
        raise InvalidArgumentError(f"experiment_id: got {given!r}, expected one of {known or 'none'}.")
    return given


def is_in(experiment_ids: Sequence[str] | None) -> Callable[[ModelRow | RunRow], bool]:
    """A test whether a row of the store belongs to one of these experiments, given by id or name."""
    if experiment_ids is None:
        return lambda row: True
    if isinstance(experiment_ids, str):
        raise InvalidArgumentError(f"experiment_ids: got {experiment_ids!r}, expected a list: [{experiment_ids!r}].")
    wanted = {str(identity) for identity in experiment_ids}
    return lambda row: row.experiment_id in wanted or row.experiment in wanted


def _ids_by_name() -> dict[str, str]:
    runtime().sync()
    return {row.name: row.id for row in runtime().store().experiments()}
