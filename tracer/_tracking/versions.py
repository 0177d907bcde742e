"""Versions of an app: make them, find them, and link traces to one. Knows which this process made last."""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from tracer._encoding.shown import shown_text
from tracer._encoding.text import clean_text
from tracer._engine.context import UNSET, active_model, active_run_id
from tracer._engine.runtime import runtime
from tracer._fault import log_once, report
from tracer._readable_names import readable_name
from tracer._tracking.checks import checked_numbers, checked_text, checked_texts
from tracer._tracking.experiments import experiment_name
from tracer._tracking.logged_model import (
    LoggedModel,
    LoggedModelStatus,
    is_model_id,
    model_folder,
    model_from_row,
    model_rows,
    server_store,
)
from tracer.config import MAX_VALUE_BYTES
from tracer.errors import InvalidArgumentError, ModelNotFoundError, StoreError
from tracer.store.rows import ModelRow

_NS_PER_MS = 1_000_000
_ID_PREFIX = "m-"
_NOTEBOOK = "IPython.core.interactiveshell"
_last_made: str | None = None


@dataclass
class ActiveModel(LoggedModel):
    """The active version; ``with`` makes it active inside the block alone."""

    _before: str | None = field(default=UNSET, repr=False, compare=False)
    _before_elsewhere: tuple[str | None, ...] = field(default=(), repr=False, compare=False)

    def __enter__(self) -> LoggedModel:
        for model_id in self._before_elsewhere:  # other threads are not in the block
            runtime().recorder.default_model_id = model_id
        active_model.set(self.model_id)
        return self

    def __exit__(self, *_: object) -> None:
        active_model.set(self._before)


def set_active_model(name: str | None = None, *, model_id: str | None = None) -> ActiveModel:
    """Link traces that start from now on to this version, by name (a new name makes a version) or by id.

    Called at the top of the main program, or in a notebook's cell, it applies to every thread that sets none of its
    own; in a thread, in an asyncio task and as ``with set_active_model("v2"):`` it applies there alone. Raises
    ModelNotFoundError for an unknown id, InvalidArgumentError if neither is given or both do not match.
    """
    model = _model_to_activate(name, model_id)
    fields = {key: getattr(model, key) for key in LoggedModel.__dataclass_fields__}
    before = active_model.get()
    return ActiveModel(**fields, _before=before, _before_elsewhere=_activate(model.model_id))


def clear_active_model() -> None:
    """Link traces that start from now on to no version."""
    _activate(None)


def get_active_model_id() -> str | None:
    """The id of the version that traces which start here link to, or None."""
    return runtime().recorder.active_model_id()


def _activate(model_id: str | None) -> tuple[str | None, ...]:
    """Make it active here and, in the main program, in threads that set none; returns a replaced default."""
    in_cell = _is_in_cell()
    if threading.current_thread() is not threading.main_thread() or (_has_loop() and not in_cell):
        active_model.set(model_id)
        return ()
    active_model.set(UNSET if in_cell else model_id)  # the next cell may run in another context
    before, runtime().recorder.default_model_id = runtime().recorder.default_model_id, model_id
    return (before,)


def _has_loop() -> bool:
    asyncio = sys.modules.get("asyncio")  # only if imported already: without it there is no task
    return asyncio is not None and asyncio._get_running_loop() is not None


def _is_in_cell() -> bool:
    """Whether the caller is a notebook's cell: run in the kernel's loop, but the main program to its user."""
    if _NOTEBOOK not in sys.modules:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module in (_NOTEBOOK, "asyncio.events", "asyncio.runners"):
            return bool(module == _NOTEBOOK)  # else a task of a loop is between the cell and here
        frame = frame.f_back
    return False


def _model_to_activate(name: str | None, model_id: str | None) -> LoggedModel:
    if model_id is None:
        if name is None:
            raise InvalidArgumentError(
                "set_active_model() got neither name nor model_id; write set_active_model('my-agent-v1') or "
                "set_active_model(model_id=model.model_id). To have none, call clear_active_model()."
            )
        return _find_or_make(clean_text(checked_text("name", name)))
    found = _find(clean_text(checked_text("model_id", model_id)))
    if found is None:
        raise _no_model(model_id)
    if name is not None and name != found.name:
        raise InvalidArgumentError(f"name: got {name!r}, but the version {model_id} is called {found.name!r}.")
    return found


def _find(model_id: str) -> LoggedModel | None:
    """A version by id; only the id if the store is down, so that the program goes on."""
    if not runtime().recorder.recording:
        return _unstored(model_id, model_id)
    try:
        rows = model_rows(model_id=model_id)
    except StoreError as error:
        log_once("version", "tracer cannot ask the store for the version %s and uses its id: %s", model_id, error)
        return _unstored(model_id, model_id)
    return _present(rows[0]) if rows else None


def _find_or_make(name: str) -> LoggedModel:
    """The newest version of this name in this experiment. Processes that make it at the same time make one version."""
    experiment = runtime().settings.experiment
    model_id = _ID_PREFIX + hashlib.sha256(f"{experiment}\0{name}".encode()).hexdigest()[:32]
    if not runtime().recorder.recording:
        return _unstored(model_id, name)
    try:
        found = [row for row in model_rows(name=name) if row.experiment == experiment and not row.deleted]
    except StoreError as error:
        log_once("version", "tracer cannot ask the store for the version %s: %s", name, error)
        found = []
    return model_from_row(found[0]) if found else _make(model_id, name)


def default_model_id(given: str) -> str | None:
    """The version that TRACER_ACTIVE_MODEL_ID names, by id or by name; never raises."""
    try:
        name = clean_text(given)
        if is_model_id(name):
            return name
        return _find_or_make(name).model_id
    except Exception as error:
        report("looking for the version that TRACER_ACTIVE_MODEL_ID names", error)
        return None


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Make a version of an app whose code is elsewhere, such as in git; without a name it gets a readable one.

    Inside of a run it links to the run. Raises InvalidArgumentError for params and tags that are not strings.
    """
    return _make_external(name, source_run_id, tags, params, model_type, experiment_id)


def _make_external(
    name: str | None,
    source_run_id: str | None,
    tags: Mapping[str, str] | None,
    params: Mapping[str, str] | None,
    model_type: str | None,
    experiment_id: str | None,
    *,
    status: str = "READY",
) -> LoggedModel:
    return make_model(
        readable_name() if name is None else clean_text(checked_text("name", name)),
        status=status,
        source_run_id=source_run_id,
        tags=checked_texts("tags", tags),
        params=checked_texts("params", params),
        model_type=model_type,
        experiment_id=experiment_id,
    )


def make_model(name: str, *, status: str = "READY", experiment_id: str | None = None, **fields: Any) -> LoggedModel:
    """A new version, from checked arguments."""
    experiment = runtime().settings.experiment if experiment_id is None else experiment_name(experiment_id)
    return _make(_ID_PREFIX + uuid.uuid4().hex, name, status=status, experiment=experiment, **fields)


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Make a version that is PENDING until ``finalize_logged_model``; else as `create_external_model`."""
    return _make_external(name, source_run_id, tags, params, model_type, experiment_id, status="PENDING")


def last_logged_model() -> LoggedModel | None:
    """The version that this process made last, or None; not one that was deleted since."""
    if _last_made is None:
        return None
    rows = [row for row in model_rows(model_id=_last_made) if not row.deleted]
    return model_from_row(rows[0]) if rows else None


def make_model_once(key: str, name: str, tags: Mapping[str, str]) -> LoggedModel:
    """The version of a key, such as a state of the code; the first caller makes it."""
    model_id = _ID_PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]
    return _make(model_id, name, tags=dict(tags))


def _make(
    model_id: str,
    name: str,
    *,
    status: str = "READY",
    experiment: str | None = None,
    even_if_off: bool = False,
    **fields: Any,
) -> LoggedModel:
    global _last_made
    fields = {key: value for key, value in fields.items() if value}
    fields.setdefault("source_run_id", active_run_id())
    now = time.time_ns()
    local = replace(_unstored(model_id, name, now), status=LoggedModelStatus(status), **fields)
    if not (runtime().recorder.recording or even_if_off):
        return local
    record = {"name": name, "experiment": experiment or runtime().settings.experiment, "created": now, "status": status}
    _append(
        model_id, now, **record, deleted=False, **{key: value for key, value in fields.items() if value is not None}
    )
    _last_made = model_id
    try:
        rows = model_rows(model_id=model_id)
    except StoreError as error:
        log_once("version", "tracer keeps the version %s in its journal until the store takes it: %s", name, error)
        return local
    return model_from_row(rows[0]) if rows else local


def _unstored(model_id: str, name: str, now: int | None = None) -> LoggedModel:
    milliseconds = (now or time.time_ns()) // _NS_PER_MS
    return LoggedModel(model_id, name, "", milliseconds, milliseconds)


def get_logged_model(model_id: str) -> LoggedModel:
    """The version with this id. Raises ModelNotFoundError, also for one that was deleted."""
    rows = model_rows(model_id=checked_text("model_id", model_id))
    if not rows:
        raise _no_model(model_id)
    return _present(rows[0])


def delete_logged_model(model_id: str) -> None:
    """Delete a version with its params, tags, metrics, and the files that log_model wrote here and on the server.

    Its traces stay, and still name it: ``search_traces(model_id=…)`` finds them. Raises ModelNotFoundError.
    """
    model = get_logged_model(model_id)
    _append(model.model_id, time.time_ns(), deleted=True)
    runtime().sync()
    if is_model_id(model.model_id):
        shutil.rmtree(model_folder(model.model_id), ignore_errors=True)
        server = server_store()
        if server is not None:
            server.delete_model_files(model.model_id)


def log_model_params(params: Mapping[str, str], model_id: str | None = None) -> None:
    """Add params to a version, by default the active one. Raises InvalidArgumentError unless they are strings."""
    checked = checked_texts("params", params)
    _append(_id_or_active("log_model_params", model_id), time.time_ns(), params=checked)


def set_logged_model_tags(model_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a version. Raises InvalidArgumentError unless they are strings, ModelNotFoundError."""
    checked = checked_texts("tags", tags)
    _append(get_logged_model(model_id).model_id, time.time_ns(), tags=checked)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a version; without effect if it has no such tag."""
    _append(get_logged_model(model_id).model_id, time.time_ns(), tags={checked_text("key", key): None})


def log_model_metrics(metrics: Mapping[str, float], model_id: str | None = None) -> None:
    """Add metrics, such as scores, to a version, by default the active one."""
    _append(_id_or_active("log_model_metrics", model_id), time.time_ns(), metrics=checked_numbers("metrics", metrics))


def finalize_logged_model(
    model_id: str, status: LoggedModelStatus | str = LoggedModelStatus.READY, status_message: str | None = None
) -> LoggedModel:
    """Mark a version as READY or FAILED, and say why; returns the updated version."""
    text = status.value if isinstance(status, LoggedModelStatus) else str(status).upper()
    if text not in ("READY", "FAILED"):
        raise InvalidArgumentError(f"status: got {status!r}, expected 'READY' or 'FAILED'.")
    message = None if status_message is None else shown_text(status_message, MAX_VALUE_BYTES)
    _append(get_logged_model(model_id).model_id, time.time_ns(), status=text, status_message=message)
    return get_logged_model(model_id)


def _id_or_active(function: str, model_id: str | None) -> str:
    if model_id is not None:
        return get_logged_model(model_id).model_id
    active = get_active_model_id()
    if active is None:
        raise InvalidArgumentError(f"{function}() got no model_id and no version is active; call set_active_model()")
    return active


def _append(model_id: str, now: int, **fields: object) -> None:
    runtime().recorder.append({"kind": "model", "model_id": model_id, "time": now, **fields})


def _no_model(model_id: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"no version has the id {model_id!r}; search_logged_models() lists them, and "
        f"create_external_model(name=…) or set_active_model('name') makes one"
    )


def deleted_error(row: ModelRow) -> ModelNotFoundError:
    """The error for a version that was deleted."""
    return ModelNotFoundError(
        f"the version {row.name!r} ({row.model_id}) was deleted; its traces stay, "
        f"search_traces(model_id={row.model_id!r}) lists them"
    )


def _present(row: ModelRow) -> LoggedModel:
    if row.deleted:
        raise deleted_error(row)
    return model_from_row(row)
