"""A chunk of a stream as compact JSON: every microsecond here is one a chunk."""

from __future__ import annotations

from typing import Any

import orjson

from tracer._json import encode, to_jsonable


class ChunkEncoder:
    """Encodes a chunk's fields that are not null; those that repeat themselves only when they change."""

    __slots__ = ("_known", "_repeated")

    def __init__(self, repeated: frozenset[str]) -> None:
        self._repeated = repeated
        self._known: dict[str, Any] = {}

    def __call__(self, chunk: Any) -> bytes:
        """The chunk's JSON, whatever it is."""
        try:
            return orjson.dumps(self._new_fields(chunk), _fields_of)
        except (TypeError, AttributeError):
            return encode(chunk)

    def _new_fields(self, chunk: Any) -> dict[str, Any]:
        if type(chunk) is dict:
            fields = chunk
        else:
            extra = chunk.__pydantic_extra__
            fields = {**chunk.__dict__, **extra} if extra else chunk.__dict__
        repeated, known, new = self._repeated, self._known, {}
        for name, value in fields.items():
            if value is None:
                continue
            if name in repeated:
                if known.get(name) == value:
                    continue
                known[name] = value
            new[name] = value
        return new


def _fields_of(value: Any) -> Any:
    """The fields of a model that were sent, explicit nulls among them: a whole reply may be part of a chunk."""
    try:
        sent, extra = value.__pydantic_fields_set__, value.__pydantic_extra__
    except AttributeError:
        return to_jsonable(value)
    fields = {name: field for name, field in value.__dict__.items() if name in sent}
    if extra:
        fields.update(extra)
    return fields
