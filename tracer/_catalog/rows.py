"""Rows of a catalogue, as its methods return them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tracer._catalog.keys import Role
from tracer._json import JsonObject


class Project(NamedTuple):
    """A project; of the limits None is none. Times are ns since the epoch."""

    id: str
    name: str
    created: int
    requests_a_minute: int | None
    bytes_a_minute: int | None

    def limited(self, limits: Mapping[str, int | None]) -> Project:
        """The project with these limits; one that is not given stays."""
        requests = limits.get("requests_a_minute", self.requests_a_minute)
        return self._replace(
            requests_a_minute=requests, bytes_a_minute=limits.get("bytes_a_minute", self.bytes_a_minute)
        )

    def to_dict(self) -> JsonObject:
        """The project as the API gives it."""
        return {
            "name": self.name,
            "created_ns": self.created,
            "requests_a_minute": self.requests_a_minute,
            "bytes_a_minute": self.bytes_a_minute,
        }


class Key(NamedTuple):
    """A key, without its secret; a key that expires is the sign-in of a person. Times are ns since the epoch."""

    id: str
    name: str
    project: str
    roles: tuple[Role, ...]
    created: int
    last_used: int | None
    revoked: int | None
    expires: int | None

    def to_dict(self) -> JsonObject:
        """The key as the API gives it."""
        return {
            "id": self.id,
            "name": self.name,
            "project": self.project,
            "roles": list(self.roles),
            "created_ns": self.created,
            "last_used_ns": self.last_used,
            "revoked_ns": self.revoked,
            "expires_ns": self.expires,
        }


class Act(NamedTuple):
    """An act of an administrator; ``time`` in ns since the epoch."""

    number: int
    time: int
    who: str
    did: str
    what: str

    def to_dict(self) -> JsonObject:
        """The act as the API gives it."""
        return {"number": self.number, "time_ns": self.time, "who": self.who, "did": self.did, "what": self.what}


class Caller(NamedTuple):
    """The key of a request, and its project."""

    key_id: str
    key_name: str
    roles: tuple[Role, ...]
    project: Project
