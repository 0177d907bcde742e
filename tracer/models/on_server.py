"""Files of logged models on the server that is the store: sent when a model is logged, fetched when it is loaded."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path, PurePosixPath

from tracer._fault import logger
from tracer._tracking.digest import digest_of
from tracer._tracking.logged_model import server_store
from tracer.errors import StoreError
from tracer.models.errors import ModelError
from tracer.models.manifest import MANIFEST, files_in, read_manifest
from tracer.models.signing import SIGNATURE
from tracer.store.remote import RemoteStore


def upload_model(model_id: str, folder: Path) -> None:
    """Send the files of a model to the store if it is a server. Raises StoreError."""
    server = server_store()
    if server is None:
        return
    if server.models_with_files() is None:
        logger.warning("tracer: %s is older and takes no files of models: they stay in %s", server.url, folder)
        return
    send_files(server, model_id, folder)


def send_files(server: RemoteStore, model_id: str, folder: Path) -> None:
    """Send the files of a model to a server. Raises StoreError."""
    names = [*files_in(folder), *(name for name in (MANIFEST, SIGNATURE) if (folder / name).is_file())]
    for name in names:
        server.send_model_file(model_id, name, folder / name)
    server.finish_model(model_id, {name: digest_of(folder / name) for name in names})


def fetch_model(model_id: str, folder: Path) -> bool:
    """Get a model's files from the server into a folder; False if it has none.

    Whether they may be run is another question. Raises ModelError if they are not as they were logged.
    """
    server = server_store()
    return server is not None and get_files(server, model_id, folder)


def get_files(server: RemoteStore, model_id: str, folder: Path) -> bool:
    """Get a model's files from a server into a folder; False if it has none. Raises StoreError, ModelError."""
    files = server.model_files(model_id)
    if not files:
        return False
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    beside.mkdir(mode=0o700)
    try:
        for name, size in files.items():
            target = beside / _checked(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            server.fetch_model_file(model_id, name, size, target)
        _check(beside, model_id)
        if not folder.exists():  # else another process was faster
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return True


def _checked(name: str) -> str:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name or not pure.parts:
        raise StoreError(f"the server names the file {name!r:.100}, which is outside of the model's folder")
    return name


def _check(folder: Path, model_id: str) -> None:
    """Raise ModelError unless the manifest is this model's, and has every file with its digest."""
    manifest = read_manifest(folder)
    if manifest.model_id != model_id:
        raise ModelError(f"the server gave the files of {manifest.model_id} for the model {model_id}")
    unlisted = [name for name in files_in(folder) if name not in manifest.files]
    if unlisted:
        raise ModelError(f"the server gave the file {unlisted[0]}, which is not part of the model {model_id}")
