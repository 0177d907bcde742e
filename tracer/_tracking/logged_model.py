"""Versions of an app, as they are read from the store."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tracer._api.traces import notebook_html
from tracer._encoding.text import clean_text
from tracer._engine.runtime import runtime
from tracer._journal.locations import is_remote, models_folder_of
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.store.remote.store import RemoteStore
from tracer.store.rows import ModelRow

_NS_PER_MS = 1_000_000
_ID = re.compile(r"m-[0-9a-f]{32}")


class LoggedModelStatus(str, Enum):
    """Status of a version."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    def __str__(self) -> str:
        return self.value


@dataclass
class LoggedModel:
    """A version of an app, which its traces link to. Times in ms since the epoch."""

    model_id: str
    name: str
    experiment_id: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str | None = None
    source_run_id: str | None = None
    status: LoggedModelStatus = LoggedModelStatus.READY
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    status_message: str | None = None

    def to_dictionary(self) -> JsonObject:
        """Its fields with ``model_uri`` and ``artifact_location``, as JSON can hold them."""
        fields: JsonObject = {name: getattr(self, name) for name in LoggedModel.__dataclass_fields__}
        location = str(self.artifact_location) if is_model_id(self.model_id) else None
        return {**fields, "status": str(self.status), "model_uri": self.model_uri, "artifact_location": location}

    def __eq__(self, other: object) -> bool:  # also to one with more fields, such as the result of log_model()
        names = LoggedModel.__dataclass_fields__
        return isinstance(other, LoggedModel) and all(getattr(self, name) == getattr(other, name) for name in names)

    @property
    def model_uri(self) -> str:
        """The URI that ``tracer.models.load_model`` takes."""
        return f"models:/{self.model_id}"

    @property
    def artifact_location(self) -> Path:
        """The folder of a model that was logged with ``log_model``, beside the store."""
        return model_folder(self.model_id)

    def _repr_html_(self) -> str | None:
        return notebook_html(self)


def model_folder(model_id: str) -> Path:
    """Folder of a logged model. Raises InvalidArgumentError for an invalid id."""
    if not is_model_id(model_id):  # the content of a store must not choose where code is loaded from
        raise InvalidArgumentError(f"model_id: got {model_id!r}, expected m- and 32 hexadecimal digits.")
    return models_folder() / model_id


def models_folder() -> Path:
    """Folder of all logged models: beside the store, or beside the journal of a remote store."""
    return models_folder_of(runtime().store_url())


def has_files(model: LoggedModel) -> bool:
    """Whether a version was logged with ``log_model`` and its folder exists."""
    return is_model_id(model.model_id) and model_folder(model.model_id).is_dir()


def server_store() -> RemoteStore | None:
    """The store, if it is a server, which keeps files of models, too."""
    if not is_remote(runtime().store_url()):
        return None
    store = runtime().store()
    return store if isinstance(store, RemoteStore) else None


def models_on_server() -> frozenset[str]:
    """Ids of the versions whose files the server has; none if the store is a file."""
    server = server_store()
    return frozenset() if server is None else frozenset(server.models_with_files() or ())


def is_model_id(text: str) -> bool:
    """Whether a string has the form of a version's id."""
    return _ID.fullmatch(text) is not None


def model_rows(model_id: str | None = None, name: str | None = None) -> list[ModelRow]:
    """Rows of versions in the store, newest first, those just made included. Raises StoreError."""
    runtime().sync()
    return (
        runtime()
        .store()
        .models(
            model_id=None if model_id is None else clean_text(model_id), name=None if name is None else clean_text(name)
        )
    )


def model_from_row(row: ModelRow) -> LoggedModel:
    """The public form of a version's row."""
    try:
        status = LoggedModelStatus(row.status)
    except ValueError:  # a newer version of tracer may have more
        status = LoggedModelStatus.UNSPECIFIED
    return LoggedModel(
        model_id=row.model_id,
        name=row.name,
        experiment_id=row.experiment_id,
        creation_timestamp=row.created // _NS_PER_MS,
        last_updated_timestamp=max(row.updated, row.created) // _NS_PER_MS,
        model_type=row.model_type,
        source_run_id=row.source_run_id,
        status=status,
        tags=row.tags,
        params=row.params,
        metrics=row.metrics,
        status_message=row.status_message,
    )
