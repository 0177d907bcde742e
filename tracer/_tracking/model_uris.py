"""The version that a URI names: ``models:/…`` by id, by name with a number or an alias, and ``runs:/…``."""

from __future__ import annotations

from tracer._engine.runtime import runtime
from tracer._tracking.logged_model import (
    LoggedModel,
    has_files,
    is_model_id,
    model_from_row,
    model_rows,
    models_on_server,
)
from tracer._tracking.registry import MODELS, reference
from tracer._tracking.versions import deleted_error, get_logged_model
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.store.rows import NEWEST, ModelRow

MODELS_SCHEME = "models:/"
RUNS_SCHEME = "runs:/"


def model_of_uri(uri: str) -> LoggedModel:
    """The version that ``models:/<id>``, ``models:/<name>[/<number>|@<alias>]`` or ``runs:/<run id>/<name>`` names.

    The numbers of a name that is registered are those of its registered versions, else those of its logged ones, which
    count from the first that was ever made. Raises ModelNotFoundError and InvalidArgumentError.
    """
    if uri.startswith(RUNS_SCHEME):
        return _of_run(uri)
    if not uri.startswith(MODELS_SCHEME):
        raise InvalidArgumentError(
            f"model_uri: got {uri!r}, expected models:/<id>, models:/<name>/<number>, models:/<name>@<alias> "
            "or runs:/<run id>/<name>."
        )
    body = uri.removeprefix(MODELS_SCHEME).strip("/")
    if is_model_id(body):
        return get_logged_model(body)
    name, _, version = body.partition("/")
    if "@" in body or MODELS.has(name):
        row = MODELS.find(reference(body, MODELS_SCHEME))
        return get_logged_model(str(row.content.get("model_id")))
    return _of_name(name, version)


def _of_name(name: str, version: str) -> LoggedModel:
    # counted over all that were ever made, deleted ones too, so that a number never changes its version
    rows = [row for row in model_rows(name=name) if row.status != "FAILED"]
    elsewhere = models_on_server()
    ready = [row for row in rows if _is_ready(row, elsewhere)]
    if not ready:
        near = sorted({row.name for row in model_rows() if _is_ready(row, elsewhere)})
        raise ModelNotFoundError(f"no model is called {name!r}; logged are: {', '.join(near[:20]) or 'none'}")
    if version in ("", NEWEST):
        return model_from_row(min(ready, key=lambda row: row.experiment != runtime().settings.experiment))
    if not version.isdigit() or not 1 <= int(version) <= len(rows):
        raise ModelNotFoundError(
            f"the model {name!r} has no version {version!r}; it has 1 to {len(rows)}, and {NEWEST!r}"
        )
    row = sorted(rows, key=lambda row: (row.created, row.model_id))[int(version) - 1]
    if row.deleted:
        raise deleted_error(row)
    return model_from_row(row)


def _is_ready(row: ModelRow, elsewhere: frozenset[str]) -> bool:
    has_some = row.model_id in elsewhere or has_files(model_from_row(row))
    return row.status == "READY" and not row.deleted and has_some


def _of_run(uri: str) -> LoggedModel:
    run_id, _, name = uri.removeprefix(RUNS_SCHEME).strip("/").partition("/")
    made = [row for row in model_rows() if row.source_run_id == run_id and not row.deleted and row.status != "FAILED"]
    for row in made:
        if row.name == name:
            return model_from_row(row)
    names = ", ".join(sorted({row.name for row in made}))
    raise ModelNotFoundError(f"the run {run_id!r} has no model {name!r}; logged in it are: {names or 'none'}")
