"""Objects under one place of S3-compatible storage, or of a folder, over obstore."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from tracer._late import load
from tracer.errors import StoreError

FOLDER = "file://"
_AT_ONCE = 8  # requests of one batch that wait side by side
_CONNECT_SECONDS, _ANSWER_SECONDS, _RETRY_SECONDS, _RETRIES = 5, 60, 30, 3

T = TypeVar("T")
_process = 0  # that which obstore runs in


class Objects:
    """Objects by their paths. Every method raises StoreError where the storage refuses or does not answer."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._store: Any = None  # of obstore

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep objects; when it returns, all are there."""
        store = self._get()
        self._all(lambda each: store.put(each[0], each[1], use_multipart=False), contents.items())

    def get(self, path: str) -> bytes:
        """The content of an object."""
        store = self._get()
        try:
            return bytes(store.get(path).bytes())
        except FileNotFoundError:
            raise StoreError(f"the attachment is missing in its storage: there is no {self.place}/{path}") from None
        except _errors() as error:
            raise self._store_error(error) from error

    def paths(self, folders: Iterable[str]) -> list[str]:
        """The paths of the objects that are in these folders."""
        store = self._get()
        listed = self._all(lambda folder: [each["path"] for part in store.list(f"{folder}/") for each in part], folders)
        return [path for of_folder in listed for path in of_folder]

    def delete(self, paths: list[str]) -> None:
        """Delete objects; without effect for one that is not there."""
        store = self._get()
        try:
            store.delete(paths)
        except FileNotFoundError:  # somebody was faster
            return
        except _errors() as error:
            raise self._store_error(error) from error

    def clear(self) -> None:
        """Delete all objects of the place."""
        store = self._get()
        try:
            for part in store.list():
                if part:
                    self.delete([each["path"] for each in part])
        except _errors() as error:
            raise self._store_error(error) from error

    def _all(self, action: Callable[[Any], T], each_of: Iterable[Any]) -> list[T]:
        todo = list(each_of)
        try:
            if len(todo) > 1:
                try:
                    with ThreadPoolExecutor(min(_AT_ONCE, len(todo))) as pool:
                        return list(pool.map(action, todo))
                except RuntimeError:  # no thread can be started when the program ends
                    pass
            return list(map(action, todo))
        except _errors() as error:
            raise self._store_error(error) from error

    def _get(self) -> Any:
        global _process
        if _process not in (0, os.getpid()):
            # its threads are not there any more: a call would never return
            raise StoreError(
                f"attachments cannot be kept in {self.place} by a process that was forked after its parent did so:"
                " send to a tracer server, or start processes with `spawn`"
            )
        _process = os.getpid()
        if self._store is None:  # no lock, which a fork could leave locked: one store too many does no harm
            try:
                self._store = _opened(self.place)
            except _errors() as error:
                raise self._store_error(error) from error
        return self._store

    def _store_error(self, error: Exception) -> StoreError:
        text = " ".join(str(error).partition("\n\nDebug source")[0].split())
        return StoreError(f"the storage of attachments {self.place} refused or did not answer: {text:.500}")


def _opened(place: str) -> Any:
    if place.startswith(FOLDER):
        folder = Path(place.removeprefix(FOLDER))
        return load("obstore.store", "LocalStore")(folder, mkdir=True, automatic_cleanup=True)
    return load("obstore.store", "S3Store").from_url(
        place,
        # only where the variable for the address of the storage has http:// in it
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            "timeout": timedelta(seconds=_ANSWER_SECONDS),
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
    )


def _errors() -> tuple[type[Exception], ...]:
    return load("obstore.exceptions", "BaseError"), OSError
