"""Files of logged models, beside the store: they are uploaded part by part, and kept if their digests are right.

No code of a model is run here.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer._journal.locations import models_folder_of
from tracer._json import JsonObject
from tracer._tracking.digest import digest_of
from tracer._tracking.logged_model import is_model_id
from tracer.errors import InvalidArgumentError, StoreError
from tracer.server.answer import AnswerError, answer_for
from tracer.server.body import Body, read_body, refuse_if_busy
from tracer.server.operation import Call, Parameter
from tracer.server.served import served
from tracer.server.settings import ServerSettings
from tracer.store import Store

BINARY = "application/octet-stream"
PART_BYTES = 4 << 20
OFFSET = Parameter("offset", "Where in the file, in bytes.", "integer", 0, (0, 2**62))
_FILES_LIMIT = 10_000
_NAME_LIMIT = 1000  # characters of a path
_INCOMING = ".incoming"
_KEPT_SECONDS = 24 * 60 * 60.0  # of unfinished uploads


def list_models_with_files(call: Call) -> JsonObject:
    """Ids of the versions whose files are here."""
    folder = models_folder_of(call.store.url)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return {"model_ids": [name for name in names if is_model_id(name)]}


def list_files(call: Call) -> JsonObject:
    """The files of a version, with their sizes."""
    folder = _kept(call.store, call.path["model_id"])
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    files = [{"path": path.relative_to(folder).as_posix(), "size": path.stat().st_size} for path in found]
    return {"files": [file for file in files if "__pycache__" not in str(file["path"])]}


def get_part(call: Call) -> Response:
    """At most 4 MiB of a file, from an offset on."""
    folder = _kept(call.store, call.path["model_id"])
    file = folder / _checked_name(call.path["file"])
    if not file.is_file() or folder.resolve() not in file.resolve().parents:
        raise AnswerError(404, f"the model has no file {call.path['file'][:100]!r}")
    with file.open("rb") as content:
        content.seek(call.query["offset"])
        return Response(content.read(PART_BYTES), media_type=BINARY)


async def take_part(request: Request) -> Response:
    """Take in a part of a file: the next one, or at the offset 0 the first one of a new upload."""
    state = request.app.state
    try:
        query = dict(request.query_params)
        offset = OFFSET.read(query.pop("offset", None))
        if query:
            raise InvalidArgumentError(f"unknown parameter {next(iter(query))[:40]!r}; this path takes offset")
        if request.headers.get("content-type", "").partition(";")[0].strip() != BINARY:
            raise AnswerError(415, f"expected {BINARY}")
        refuse_if_busy(request)
        with state.bodies.body() as held:
            body = await read_body(request, state.settings, held)
            part = _Part(request.path_params["model_id"], request.path_params["file"], int(offset or 0))
            store = served(request)
            await to_thread.run_sync(_take_in, body, part, store.open_store, state.settings, limiter=store.writers)
    except Exception as error:
        return answer_for(error)
    return Response(status_code=204)


def keep_files(call: Call) -> None:
    """Check the sha256 of the files that were sent, and keep them; the same files may be sent again."""
    model_id, digests = call.path["model_id"], call.body.get("files")
    if not isinstance(digests, dict) or not digests or not all(isinstance(digest, str) for digest in digests.values()):
        raise InvalidArgumentError("files is no object of sha256 by path")
    folder = _folder(call.store, model_id)
    incoming = _incoming(folder)
    place = folder if folder.is_dir() else incoming
    names = _names(place)
    if names != set(digests):
        odd = sorted(names ^ set(digests))
        raise InvalidArgumentError(f"the files of {model_id} are others than those sent: {', '.join(odd)[:200]}")
    wrong = [name for name, digest in digests.items() if digest_of(place / name) != digest]
    if wrong:
        shutil.rmtree(incoming, ignore_errors=True)
        raise InvalidArgumentError(f"the file {wrong[0][:200]!r} did not come as it is: its sha256 is another")
    if place is incoming:
        _moved(incoming, folder)


def delete_files(call: Call) -> None:
    """Delete the files of a version, those that are still coming in, too; without effect if there are none."""
    folder = _folder(call.store, call.path["model_id"])
    for place in (folder, _incoming(folder)):
        shutil.rmtree(place, ignore_errors=True)


@dataclass(frozen=True)
class _Part:
    model_id: str
    name: str
    offset: int


def _take_in(body: Body, part: _Part, open_store: Callable[[], Store], settings: ServerSettings) -> None:
    store = open_store()
    model_id, name = part.model_id, _checked_name(part.name)
    folder = _folder(store, model_id)
    if folder.is_dir():
        raise InvalidArgumentError(f"the model {model_id} has its files already; log it anew")
    if not store.models(model_id=model_id):
        raise AnswerError(404, f"no version has the id {model_id!r}")
    incoming = _incoming(folder)
    if not incoming.is_dir():
        _forget_old(folder.parent)
    content = body.take()
    try:
        _check_room(incoming, len(content), settings)
        _write(incoming / name, content, part.offset)
    except OSError as error:
        raise StoreError(f"cannot keep the files of {model_id}: {error}") from error


def _write(file: Path, content: bytes, offset: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    size = file.stat().st_size if file.exists() else 0
    if offset > size:
        raise InvalidArgumentError(f"offset is {offset}, and {size} bytes of the file are here")
    with file.open("r+b" if file.exists() else "xb") as target:
        target.seek(offset)
        target.write(content)
        target.truncate()  # a part may be sent again


def _check_room(incoming: Path, more: int, settings: ServerSettings) -> None:
    sizes = [path.stat().st_size for path in incoming.rglob("*") if path.is_file()]
    if sum(sizes) + more > settings.max_model_bytes:
        raise AnswerError(413, f"the model has more than {settings.max_model_bytes} bytes")
    if len(sizes) >= _FILES_LIMIT:
        raise AnswerError(413, f"the model has more than {_FILES_LIMIT} files")


def _forget_old(models: Path) -> None:
    for left in models.glob(f".*{_INCOMING}"):
        if time.time() - left.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _folder(store: Store, model_id: str) -> Path:
    if not is_model_id(model_id):
        raise InvalidArgumentError(f"model_id is {model_id[:40]!r}, expected m- and 32 hexadecimal digits")
    return models_folder_of(store.url) / model_id


def _kept(store: Store, model_id: str) -> Path:
    folder = _folder(store, model_id)
    if not folder.is_dir():
        raise AnswerError(404, f"the version {model_id!r} has no files here")
    return folder


def _incoming(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_INCOMING}")


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _moved(incoming: Path, folder: Path) -> None:
    try:
        os.rename(incoming, folder)
    except OSError as error:
        raise StoreError(f"cannot keep the files of {folder.name}: {error}") from error


def _checked_name(name: str) -> str:
    pure = PurePosixPath(name)
    is_inside = not pure.is_absolute() and ".." not in pure.parts and pure.as_posix() == name and bool(pure.parts)
    if not is_inside or "\\" in name or "\0" in name or len(name) > _NAME_LIMIT:
        raise InvalidArgumentError(f"path is {name[:100]!r}, expected that of a file below the model's folder")
    return name
