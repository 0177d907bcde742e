"""Search for versions of apps."""

from __future__ import annotations

from collections.abc import Sequence

from tracer._tracking.experiments import is_in
from tracer._tracking.logged_model import LoggedModel, LoggedModelStatus, model_from_row, model_rows
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Field, parse_filter
from tracer.store.filter.expression import Kind
from tracer.store.filter.matching import is_met

_FIELDS: dict[str, Kind] = {
    "model_id": "text",
    "name": "text",
    "experiment": "text",
    "experiment_id": "text",
    "model_type": "text",
    "status": "text",
    "source_run_id": "text",
    "creation_timestamp": "timestamp",
    "last_updated_timestamp": "timestamp",
}
_GROUPS = {"tags": "tags", "tag": "tags", "params": "params", "param": "params", "metrics": "metrics"}


def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
) -> list[LoggedModel]:
    """The versions that match a filter such as ``"name = 'agent-v1' AND params.llm = 'gpt-4'"``, newest first.

    Fields are name, model_id, model_type, status, source_run_id, experiment, experiment_id, creation_timestamp,
    last_updated_timestamp, tags.<key>, params.<key> and metrics.<key>; ``order_by`` takes terms such as ``"name ASC"``,
    ``experiment_ids`` ids and names.
    """
    expression = parse_filter(filter_string, _find_field, _field_hint)
    pairs = [(model_from_row(row), row.experiment) for row in filter(is_in(experiment_ids), model_rows())]
    found = [
        model for model, experiment in pairs if expression is None or is_met(expression, _Values(model, experiment))
    ]
    for term in reversed(list(order_by or ())):
        _sort(found, term)
    return found[:max_results]


class _Values:
    """The values of a version by field."""

    def __init__(self, model: LoggedModel, experiment: str) -> None:
        self._model = model
        self._experiment = experiment

    def __call__(self, field: Field) -> object:
        if field.key is not None:
            return getattr(self._model, field.name).get(field.key)
        if field.name == "experiment":
            return self._experiment
        value = getattr(self._model, field.name)
        return value.value if isinstance(value, LoggedModelStatus) else value


def _find_field(path: list[str]) -> Field | None:
    head = path[0].lower()
    if head in _GROUPS and len(path) > 1:
        return Field(_GROUPS[head], "any", ".".join(path[1:]))
    if head in ("attributes", "attribute") and len(path) > 1:
        head = path[1].lower()
    kind = _FIELDS.get(head)
    return Field(head, kind) if kind else None


def _field_hint(path: list[str]) -> str:
    return f"fields are {', '.join(_FIELDS)}, tags.<key>, params.<key>, metrics.<key>"


def _sort(models: list[LoggedModel], term: object) -> None:
    words = str(term).split()
    field = _find_field(words[0].split(".")) if words else None
    direction = words[1].upper() if len(words) == 2 else "ASC"
    if field is None or len(words) > 2 or direction not in ("ASC", "DESC"):
        raise InvalidArgumentError(f"order_by: got {term!r}, expected a field and ASC or DESC, such as 'name ASC'.")
    valued = [(value, model) for model in models if (value := _Values(model, "")(field)) is not None]
    valued.sort(key=lambda pair: _sort_key(pair[0]), reverse=direction == "DESC")
    without = [model for model in models if _Values(model, "")(field) is None]
    models[:] = [*(model for _, model in valued), *without]


def _sort_key(value: object) -> tuple[bool, float, str]:
    return (False, float(value), "") if isinstance(value, (int, float)) else (True, 0.0, str(value))
