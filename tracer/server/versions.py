"""One version of an app: what it is, what its files say, and deleting it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import orjson

from tracer._fault import logger
from tracer._journal.locations import models_folder_of
from tracer._json import JsonObject
from tracer._tracking.logged_model import is_model_id
from tracer.server.answer import AnswerError
from tracer.server.operation import Call
from tracer.server.overview import with_ns
from tracer.store import ModelRow, Store


def get_version(call: Call) -> JsonObject:
    """A version with the names that it is registered under, and what the files of a logged model say."""
    row = _row(call.store, call.path["model_id"])
    return {
        "model": with_ns(row._asdict(), "created", "updated"),
        "registered_as": _registered(call.store, row.model_id),
        "code": None,
        "config": None,
        "input_example": None,
        "metadata": {},
        **_described(call.store, row.model_id),
    }


def delete_version(call: Call) -> None:
    """Delete a version with its params, tags, metrics and files; its traces stay, and still name it."""
    row = _row(call.store, call.path["model_id"])
    if row.deleted:
        raise AnswerError(404, f"the version {row.name[:100]!r} was deleted already")
    record = {"kind": "model", "model_id": row.model_id, "time": time.time_ns(), "deleted": True}
    call.store.append([orjson.dumps(record)])
    if is_model_id(row.model_id):
        shutil.rmtree(_folder(call.store, row.model_id), ignore_errors=True)


def _row(store: Store, model_id: str) -> ModelRow:
    rows = store.models(model_id=model_id)
    if not rows:
        raise AnswerError(404, f"no version has the id {model_id[:40]!r}")
    return rows[0]


def _folder(store: Store, model_id: str) -> Path:
    return models_folder_of(store.url) / model_id


def _registered(store: Store, model_id: str) -> list[JsonObject]:
    rows = [row for newest in store.registered("model") for row in store.registered("model", name=newest.name)]
    return [
        {
            "name": row.name,
            "number": row.number,
            "aliases": sorted(alias for alias, number in row.aliases.items() if number == row.number),
        }
        for row in rows
        if row.content.get("model_id") == model_id
    ]


def _described(store: Store, model_id: str) -> JsonObject:
    if not is_model_id(model_id) or not _folder(store, model_id).is_dir():
        return {}
    from tracer.models.described import described

    try:  # the digests of large files take long, and nothing is loaded here
        return described(_folder(store, model_id), is_checked=False)
    except Exception as error:
        logger.warning("tracer server: the files of %s say nothing: %s", model_id, error)
        return {}
