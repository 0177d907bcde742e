"""Operations of administrators: projects, keys, and the log of changes to them."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.server.answer import AnswerError
from tracer.server.operation import Call
from tracer.server.projects.projects import Projects

_LIMITS = ("requests_a_minute", "bytes_a_minute")


def list_projects(call: Call) -> JsonObject:
    """The projects, by name."""
    return {"projects": [project.to_dict() for project in _projects(call).catalog.projects()]}


def create_project(call: Call) -> JsonObject:
    """Make a project, with limits or without."""
    name = _text(call.body, ("name", *_LIMITS), "name")
    limits = {limit: call.body.get(limit) for limit in _LIMITS}
    return _projects(call).catalog.create_project(name, by=_who(call), **limits).to_dict()


def change_project(call: Call) -> JsonObject:
    """Give a project other limits; null is none, and a limit that is not named stays."""
    _check_names(call.body, _LIMITS)
    return _projects(call).catalog.change_project(call.path["project"], call.body, by=_who(call)).to_dict()


def delete_project(call: Call) -> None:
    """Delete a project with its keys and everything that it has."""
    _projects(call).delete(call.path["project"], by=_who(call))


def list_keys(call: Call) -> JsonObject:
    """The keys of all projects or of one, without their secrets."""
    return {"keys": [key.to_dict() for key in _projects(call).catalog.keys(call.query["project"])]}


def create_key(call: Call) -> JsonObject:
    """Make a key; its secret is in this answer, and in no other."""
    catalog = _projects(call).catalog
    fields = ("name", "project", "roles")
    name, project = _text(call.body, fields, "name"), _text(call.body, fields, "project")
    roles = call.body.get("roles")
    if not isinstance(roles, list):
        raise InvalidArgumentError("roles is no list of texts")
    key, secret = catalog.create_key(name, project, roles, by=_who(call))
    return {**key.to_dict(), "secret": secret}


def revoke_key(call: Call) -> None:
    """Revoke a key."""
    _projects(call).catalog.revoke_key(call.path["key_id"], by=_who(call))


def list_acts(call: Call) -> JsonObject:
    """Acts of administrators, the newest first."""
    found = _projects(call).catalog.acts(limit=call.query["limit"], before=call.query["before"])
    return {"acts": [act.to_dict() for act in found]}


def _projects(call: Call) -> Projects:
    if not isinstance(call.stores, Projects):
        raise AnswerError(404, "this server has one store and no projects; `tracer server --store FOLDER` has some")
    return call.stores


def _who(call: Call) -> str:
    return f"{call.caller.key_id} {call.caller.key_name!r}"


def _text(body: JsonObject, fields: tuple[str, ...], name: str) -> str:
    _check_names(body, fields)
    value = body.get(name)
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} is missing, or no text")
    return value


def _check_names(body: JsonObject, fields: tuple[str, ...]) -> None:
    unknown = body.keys() - set(fields)
    if unknown:
        raise InvalidArgumentError(f"unknown field {sorted(unknown)[0]!r:.40}; expected {', '.join(fields)}")
