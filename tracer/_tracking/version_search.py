"""Search for versions of apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, overload

from tracer._tracking.experiments import is_in
from tracer._tracking.logged_model import LoggedModel, LoggedModelStatus, model_from_row, model_rows
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Field, parse_filter
from tracer.store.filter.expression import Kind
from tracer.store.filter.matching import is_met

OrderBy = Sequence[Union[str, Mapping[str, Any]]]
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
_COLUMNS = (*LoggedModel.__dataclass_fields__, "model_uri", "artifact_location")
_GROUPS = {"tags": "tags", "tag": "tags", "params": "params", "param": "params", "metrics": "metrics"}


@overload
def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: OrderBy | None = None,
    output_format: Literal["list"] = "list",
) -> list[LoggedModel]: ...


@overload
def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: OrderBy | None = None,
    output_format: Literal["pandas"],
) -> Any: ...


def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: OrderBy | None = None,
    output_format: Literal["list", "pandas"] = "list",
) -> Any:
    """The versions that match a filter such as ``"name = 'agent-v1' AND params.llm = 'gpt-4'"``, newest first.

    Fields are name, model_id, model_type, status, source_run_id, experiment, experiment_id, creation_timestamp,
    last_updated_timestamp, tags.<key>, params.<key> and metrics.<key>; ``order_by`` takes terms such as ``"name ASC"``
    and ``{"field_name": "name", "ascending": True}``, ``experiment_ids`` ids and names. ``output_format="pandas"``
    gives a DataFrame, a row a version, which needs pandas.
    """
    if filter_string is not None and not isinstance(filter_string, str):
        raise InvalidArgumentError(
            f"filter_string: got {filter_string!r}, expected a text; write search_logged_models(experiment_ids=…)."
        )
    if output_format not in ("list", "pandas"):
        raise InvalidArgumentError(f"output_format: got {output_format!r}, expected 'list' or 'pandas'.")
    expression = parse_filter(filter_string, _find_field, _field_hint)
    rows = [row for row in model_rows() if not row.deleted]
    pairs = [(model_from_row(row), row.experiment) for row in filter(is_in(experiment_ids), rows)]
    found = [
        model for model, experiment in pairs if expression is None or is_met(expression, _Values(model, experiment))
    ]
    for term in reversed(list(order_by or ())):
        _sort(found, term)
    return found[:max_results] if output_format == "list" else _table(found[:max_results])


def _table(models: Sequence[LoggedModel]) -> Any:
    try:
        import pandas  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError("output_format='pandas' needs pandas: pip install pandas") from error
    return pandas.DataFrame([model.to_dictionary() for model in models], columns=_COLUMNS)


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
    field, is_descending = _order_term(term)
    valued = [(value, model) for model in models if (value := _Values(model, "")(field)) is not None]
    valued.sort(key=lambda pair: _sort_key(pair[0]), reverse=is_descending)
    without = [model for model in models if _Values(model, "")(field) is None]
    models[:] = [*(model for _, model in valued), *without]


def _sort_key(value: object) -> tuple[bool, float, str]:
    return (False, float(value), "") if isinstance(value, (int, float)) else (True, 0.0, str(value))


def _order_term(term: object) -> tuple[Field, bool]:
    if isinstance(term, Mapping) and set(term) <= {"field_name", "ascending"}:
        words = [str(term.get("field_name", "")), "ASC" if term.get("ascending", True) else "DESC"]
    else:
        words = str(term).split()
    field = _find_field(words[0].split(".")) if words else None
    direction = words[1].upper() if len(words) == 2 else "ASC"
    if field is None or len(words) > 2 or direction not in ("ASC", "DESC"):
        raise InvalidArgumentError(
            f"order_by: got {term!r}, expected a field and ASC or DESC, such as 'name ASC', or "
            "{'field_name': 'name', 'ascending': True}."
        )
    return field, direction == "DESC"
