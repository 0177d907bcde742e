"""A chunk of a stream as compact JSON. This runs once a chunk, in the user's thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from tracer._encoding.foreign import one_step
from tracer._json import JsonObject, encode, loads


class ChunkEncoder:
    """Encodes a chunk's fields that are not null; repeated fields only when they change."""

    __slots__ = ("_known", "_repeated")

    def __init__(self, repeated: frozenset[str]) -> None:
        self._repeated = repeated
        self._known: JsonObject = {}

    def __call__(self, chunk: Any) -> bytes:
        """The chunk's JSON, whatever it is."""
        try:
            if type(chunk) is not dict:
                extra = chunk.__pydantic_extra__
                chunk = {**chunk.__dict__, **extra} if extra else chunk.__dict__
            return orjson.dumps(self.new_fields(chunk), _fields_of)
        except (TypeError, AttributeError):
            return encode(chunk)

    def sent(self, text: str) -> tuple[Any, bytes]:
        """The new fields of a chunk that was sent as this JSON, and their JSON."""
        try:
            chunk = orjson.loads(text)
            new = self.new_fields(chunk)
            return new, orjson.dumps(new)
        except (TypeError, ValueError):  # no strict JSON, but accepted by Python's own reader, as by SDKs
            encoded = self(loads(text))
            return loads(encoded), encoded

    def new_fields(self, chunk: Any) -> Any:
        """The fields of a chunk that are not null, without repeated ones that have not changed."""
        new = self.unknown_fields(chunk)
        if self.has_new_envelope(new):
            self._known.update((name, new[name]) for name in self._repeated.intersection(new))
        return new

    def has_new_envelope(self, new: Any) -> bool:
        """Whether repeated fields are among the new ones."""
        return type(new) is dict and not self._repeated.isdisjoint(new)

    def unknown_fields(self, chunk: Any) -> Any:
        """The same, without counting the chunk as received."""
        if type(chunk) is not dict:
            return chunk
        repeated, known = self._repeated, self._known
        return {
            name: value
            for name, value in chunk.items()
            if value is not None and not (name in repeated and known.get(name) == value)
        }


def _fields_of(value: Any) -> object:
    """The fields of a model that were sent, explicit nulls among them: a whole reply may be part of a chunk."""
    try:
        sent, extra = value.__pydantic_fields_set__, value.__pydantic_extra__
    except AttributeError:
        return one_step(value)
    fields = {name: field for name, field in value.__dict__.items() if name in sent}
    if extra:
        fields.update(extra)
    return fields


def joined_texts(chunks: Iterable[object]) -> dict[str, str]:
    """The texts at the same place of each chunk, joined; without texts that only the provider can read."""
    found: dict[str, list[str]] = {}
    for chunk in chunks:
        _collect_texts(chunk, "", found)
    return {place: "".join(pieces) for place, pieces in found.items() if not place.endswith(".encrypted_content")}


def _collect_texts(value: object, place: str, found: dict[str, list[str]]) -> None:
    if isinstance(value, str):
        found.setdefault(place, []).append(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _collect_texts(inner, f"{place}.{name}", found)
    elif isinstance(value, list):
        for inner in value:
            _collect_texts(inner, place, found)
