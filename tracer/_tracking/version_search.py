"""Search for versions of apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from tracer._other_keywords import Instead, takes_also
from tracer._tracking.experiments import is_in
from tracer._tracking.logged_model import LoggedModel, LoggedModelStatus, model_from_row, model_rows
from tracer._tracking.search import ALL_GROUPS, Order, OutputFormat, Search, in_format
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Field

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from tracer.store.rows import ModelRow


def _value(row: ModelRow, field: Field) -> object:
    if field.name == "experiment":
        return row.experiment
    model = model_from_row(row)
    value = getattr(model, field.name)
    if field.key is not None:
        return value.get(field.key)
    return value.value if isinstance(value, LoggedModelStatus) else value


_SEARCH: Search[ModelRow] = Search(
    {
        "model_id": "text",
        "name": "text",
        "experiment": "text",
        "experiment_id": "text",
        "model_type": "text",
        "status": "text",
        "source_run_id": "text",
        "creation_timestamp": "timestamp",
        "last_updated_timestamp": "timestamp",
    },
    _value,
    groups=ALL_GROUPS,
)


_COLUMNS = (*LoggedModel.__dataclass_fields__, "model_uri", "artifact_location")


@overload
def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: Order | None = None,
    output_format: Literal["list"] = "list",
) -> list[LoggedModel]: ...
@overload
def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: Order | None = None,
    output_format: Literal["pandas"],
) -> pandas.DataFrame: ...
@takes_also({"datasets": Instead("write tags= of the version, and a filter such as \"tags.dataset = 'v1'\"", ([],))})
def search_logged_models(
    filter_string: str | None = None,
    *,
    experiment_ids: Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: Order | None = None,
    output_format: OutputFormat = "list",
) -> Any:
    """The versions that match a filter such as ``"name = 'my-agent' AND params.llm = 'gpt-4'"``, newest first.

    Fields are name, model_id, model_type, status, source_run_id, experiment, experiment_id, creation_timestamp,
    last_updated_timestamp, tags.<key>, params.<key> and metrics.<key>; ``order_by`` takes terms such as ``"name ASC"``,
    ``experiment_ids`` ids and names. ``output_format="pandas"`` gives a DataFrame.
    """
    if filter_string is not None and not isinstance(filter_string, str):
        raise InvalidArgumentError(
            f"filter_string: got {filter_string!r}, expected a text; write search_logged_models(experiment_ids=…)."
        )
    rows = filter(is_in(experiment_ids), (row for row in model_rows() if not row.deleted))
    models = [model_from_row(row) for row in _SEARCH.find(rows, filter_string, order_by, max_results)]
    return in_format(models, output_format, LoggedModel.to_dictionary, _COLUMNS)
