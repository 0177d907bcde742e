"""Roles that a key of a project needs for each route."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from tracer._catalog.keys import Role
from tracer._json import JsonObject

# "nothing": no key; "key": a key with any roles; "either" and "both" are of read and write
Needs = Literal["nothing", "key", "read", "write", "either", "both", "metrics", "admin"]

_ALTERNATIVES: Final[dict[Needs, tuple[frozenset[Role], ...]]] = {
    "nothing": (frozenset(),),
    "key": (frozenset(),),
    "read": (frozenset({"read"}),),
    "write": (frozenset({"write"}),),
    "either": (frozenset({"read"}), frozenset({"write"})),
    "both": (frozenset({"read", "write"}),),
    "metrics": (frozenset({"metrics"}),),
    "admin": (frozenset({"admin"}),),
}

# of the routes without an operation, by the names of their endpoints
OTHER_NEEDS: Final[dict[str, Needs]] = {
    "server": "nothing",
    "sign_in": "nothing",
    "sign_out": "nothing",
    "begin_sign_in": "nothing",
    "end_sign_in": "nothing",
    "page": "nothing",
    "health": "nothing",
    "ready": "nothing",
    "metrics": "metrics",
    "openapi": "key",
    "list_alerts": "read",
    "try_channel": "admin",
    "nothing_here": "key",
    "events": "read",
    "model_servers_of": "read",
    "try_again": "both",
    "take_records": "write",
    "take_part": "write",
    "take_spans": "write",
    "take_logs": "write",
    "drop_metrics": "write",
}


def is_allowed(needs: Needs, roles: Collection[Role]) -> bool:
    """Whether a key with these roles is enough; an administrator may read and write in the key's own project."""
    return "admin" in roles or any(alternative <= set(roles) for alternative in _ALTERNATIVES[needs])


def security(needs: Needs) -> list[JsonObject]:
    """The same in OpenAPI's form; the last alternative is a server without a token, or an open route."""
    if needs == "nothing":
        return []
    return [*({"token": sorted(roles)} for roles in _ALTERNATIVES[needs]), {}]


def in_words(needs: Needs) -> str:
    """The roles that are needed, for a message."""
    return {"either": "read or write", "both": "read and write"}.get(needs, needs)
