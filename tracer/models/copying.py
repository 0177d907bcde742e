"""Copies the files of logged models from one store to another: files here, or those of a server."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracer._journal.locations import models_folder_of
from tracer._tracking.logged_model import is_model_id
from tracer.models.on_server import get_files, send_files
from tracer.store import Store
from tracer.store.remote import RemoteStore


def copy_model_files(source: Store, target: Store) -> int:
    """Copy the files of the models that the target has none of; returns of how many. Raises StoreError, ModelError."""
    there = _with_files(target)
    if there is None:  # an older server
        return 0
    wanted = [model_id for model_id in _with_files(source) or () if model_id not in there]
    for model_id in wanted:
        with _files_of(source, model_id) as folder:
            if isinstance(target, RemoteStore):
                send_files(target, model_id, folder)
            else:
                _put(folder, models_folder_of(target.url) / model_id)
    return len(wanted)


def _with_files(store: Store) -> list[str] | None:
    if isinstance(store, RemoteStore):
        return store.models_with_files()
    folder = models_folder_of(store.url)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [name for name in names if is_model_id(name)]


@contextmanager
def _files_of(store: Store, model_id: str) -> Iterator[Path]:
    if not isinstance(store, RemoteStore):
        yield models_folder_of(store.url) / model_id
        return
    with tempfile.TemporaryDirectory(prefix="tracer-copy-") as place:
        get_files(store, model_id, Path(place) / model_id)
        yield Path(place) / model_id


def _put(folder: Path, target: Path) -> None:
    """A folder is there whole or not at all: a copy may be ended at any moment."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(folder, beside)
        if not target.exists():
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
