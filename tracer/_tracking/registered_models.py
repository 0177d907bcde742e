"""Registered models: versions that were logged, under a name with numbers and aliases of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer._other_keywords import DONE, takes_also
from tracer._tracking.logged_model import LoggedModel
from tracer._tracking.model_uris import model_of_uri
from tracer._tracking.registry import MODELS, aliases_of, created_ms, matching
from tracer.errors import InvalidArgumentError
from tracer.store.rows import RegisteredRow


@dataclass(frozen=True)
class ModelVersion:
    """A numbered version of a registered model. ``creation_timestamp`` is in ms, ``model_id`` that of what it loads."""

    name: str
    version: int
    model_id: str
    source: str
    run_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    creation_timestamp: int = 0

    @property
    def model_uri(self) -> str:
        """The URI that ``tracer.models.load_model`` takes."""
        return f"models:/{self.name}/{self.version}"


@takes_also({"await_registration_for": DONE})
def register_model(model_uri: str | LoggedModel, name: str, *, tags: Mapping[str, str] | None = None) -> ModelVersion:
    """Register a logged model under a name: ``models:/<id>``, ``runs:/<run id>/<name>``, or what log_model gave.

    Each call makes a version, numbered from 1 in each name: ``models:/<name>/<version>``. Raises ModelNotFoundError,
    InvalidArgumentError, and StoreError where the store cannot be reached.
    """
    if not isinstance(model_uri, (str, LoggedModel)):
        raise InvalidArgumentError(f"model_uri: got {model_uri!r}, expected the model_uri of what log_model() gave.")
    model = model_of_uri(model_uri) if isinstance(model_uri, str) else model_uri
    source = model_uri if isinstance(model_uri, str) else model.model_uri
    content = {"model_id": model.model_id, "source": source, "run_id": model.source_run_id}
    return _version(MODELS.register(name, content, tags))


def set_registered_model_alias(name: str, alias: str, version: int | str) -> None:
    """Let ``models:/<name>@<alias>`` be this version from now on. Raises ModelNotFoundError."""
    MODELS.set_alias(name, alias, version)


def delete_registered_model_alias(name: str, alias: str) -> None:
    """Take an alias away; without effect where there is none. Raises ModelNotFoundError."""
    MODELS.delete_alias(name, alias)


def search_registered_models(filter_string: str | None = None, max_results: int | None = None) -> list[ModelVersion]:
    """The newest version of each registered model, by name; a filter as that of search_model_versions."""
    return matching(MODELS.newest(), filter_string, max_results, _version)


def search_model_versions(filter_string: str | None = None, max_results: int | None = None) -> list[ModelVersion]:
    """Versions of registered models, by name, newest first: ``"name = 'agent'"``.

    Fields of the filter are name, version, creation_timestamp and tags.<key>.
    """
    rows = [row for newest in MODELS.newest() for row in MODELS.versions(newest.name)]
    return matching(rows, filter_string, max_results, _version)


def _version(row: RegisteredRow) -> ModelVersion:
    model_id, source, run_id = (row.content.get(name) for name in ("model_id", "source", "run_id"))
    return ModelVersion(
        row.name,
        row.number,
        str(model_id),
        str(source),
        run_id if isinstance(run_id, str) else None,
        row.tags,
        aliases_of(row),
        created_ms(row),
    )
