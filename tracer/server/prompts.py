"""Prompts: new versions and aliases from the page."""

from __future__ import annotations

import time
import uuid

from tracer._json import JsonObject
from tracer._redaction.redactor import REDACT_DEFAULT
from tracer._tracking.checks import checked_texts
from tracer._tracking.registry import checked_alias, checked_name, checked_number
from tracer.config import MAX_VALUE_BYTES
from tracer.errors import InvalidArgumentError, PromptNotFoundError, StoreError
from tracer.genai.prompts import checked_template
from tracer.server.operation import Call
from tracer.server.records import record_line
from tracer.server.shapes import registered_shape
from tracer.store.rows import NEWEST, RegisteredRow

_KIND = "prompt"
_FIELDS = frozenset({"name", "template", "commit_message", "tags"})


def register_prompt(call: Call) -> JsonObject:
    """A new version of a prompt, numbered from 1 in each name."""
    body = call.body
    unknown = body.keys() - _FIELDS
    if unknown:
        raise InvalidArgumentError(f"unknown field {sorted(unknown)[0]!r:.40}; expected {', '.join(sorted(_FIELDS))}")
    message = body.get("commit_message")
    if not isinstance(message, (str, type(None))):
        raise InvalidArgumentError("commit_message is no text")
    name = checked_name(body.get("name"))
    id = uuid.uuid4().hex
    line = record_line(
        {
            "kind": "registered",
            "of": _KIND,
            "name": name,
            "id": id,
            "time": time.time_ns(),
            "tags": checked_texts("tags", body.get("tags")),
            "content": {"template": checked_template(body.get("template")), "commit_message": message or None},
        }
    )
    if len(line) > MAX_VALUE_BYTES:
        raise InvalidArgumentError(f"the prompt is longer than {MAX_VALUE_BYTES:,} bytes")
    if REDACT_DEFAULT(line) != line:
        raise InvalidArgumentError(
            "the prompt holds what looks like a secret, which the store does not keep; put a variable in its place"
        )
    call.store.append([line])
    rows = call.store.registered(_KIND, name=name, id=id)
    if not rows:
        raise StoreError("the prompt was not kept")
    return registered_shape(rows[0])


def set_prompt_alias(call: Call) -> None:
    """Let an alias stand for a version of a prompt."""
    alias = checked_alias(call.path["alias"])
    if alias == NEWEST:
        raise InvalidArgumentError(f"{NEWEST!r} always is the newest version; take another name")
    number = checked_number(call.body.get("version"))
    rows = call.store.registered(_KIND, name=call.path["name"], number=number)
    if not rows:
        raise PromptNotFoundError(f"no prompt is called {call.path['name'][:60]!r} with a version {number}")
    _append_alias(call, rows[0], alias, rows[0].id)


def delete_prompt_alias(call: Call) -> None:
    """Take an alias of a prompt away; without effect where there is none."""
    rows = call.store.registered(_KIND, name=call.path["name"], alias=NEWEST)
    if not rows:
        raise PromptNotFoundError(f"no prompt is called {call.path['name'][:60]!r}")
    if call.path["alias"] in rows[0].aliases:
        _append_alias(call, rows[0], call.path["alias"], None)


def _append_alias(call: Call, row: RegisteredRow, alias: str, id: str | None) -> None:
    record = {"kind": "alias", "of": _KIND, "name": row.name, "alias": alias, "time": time.time_ns()}
    call.store.append([record_line({**record, "id": id} if id else record)])
