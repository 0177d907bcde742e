"""Prompts with versions: registered, loaded by alias or number, filled in, and found again by traces that used them.

The last version that each reference gave is remembered in this process, for when the store cannot be reached.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from tracer._api.tracing import get_active_trace_id, update_current_trace
from tracer._engine.runtime import runtime
from tracer._fault import log_once
from tracer._json import JsonMapping, JsonObject, encode, loads
from tracer._other_keywords import OF_LOAD_PROMPT, OF_REGISTER_PROMPT, takes_also
from tracer._tracking.registry import (
    PROMPTS,
    Reference,
    aliases_of,
    checked_number,
    created_ms,
    matching,
    reference,
)
from tracer.errors import InvalidArgumentError, StoreError
from tracer.semconv import PROMPT
from tracer.store.rows import RegisteredRow

_SCHEME = "prompts:/"
_VARIABLE = re.compile(r"\{\{\s*([^\W\d]\w*)\s*\}\}")
_REMEMBERED = 1000
_last_known: dict[tuple[str, Reference], RegisteredRow] = {}


@dataclass
class PromptVersion:
    """A version of a prompt: a text, or chat messages, with ``{{variables}}``. ``creation_timestamp`` is in ms."""

    name: str
    version: int
    template: str | list[JsonObject]
    commit_message: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    creation_timestamp: int = 0
    _asked: str = field(default="", repr=False, compare=False)
    _linked_to: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def uri(self) -> str:
        """The URI that ``load_prompt`` takes."""
        return f"{_SCHEME}{self.name}/{self.version}"

    @property
    def variables(self) -> set[str]:
        """The names of its variables."""
        return {name for text in _texts(self.template) for name in _VARIABLE.findall(text)}

    def format(self, /, **variables: object) -> Any:
        """The template with values in place of its variables: a text, or a list of messages as chat APIs take them.

        The trace that this is called in, if any, is linked to the version. Raises InvalidArgumentError where a variable
        gets no value.
        """
        missing = self.variables - variables.keys()
        if missing:
            names = sorted(self.variables)
            raise InvalidArgumentError(
                f"the prompt {self.name}/{self.version} got no value for {', '.join(sorted(missing))}; "
                f"write prompt.format({', '.join(f'{name}=…' for name in names)})."
            )
        self._link()
        return _filled(self.template, lambda found: str(variables[found[1]]))

    def diff(self, other: PromptVersion) -> str:
        """The changes in another version: a unified diff of the templates, empty where they are the same."""
        if not isinstance(other, PromptVersion):
            raise InvalidArgumentError(f"other: got {other!r}, expected a version, as load_prompt() gives it.")
        before, after = _lines(self.template), _lines(other.template)
        names = (f"{self.name}/{self.version}", f"{other.name}/{other.version}")
        return "\n".join(difflib.unified_diff(before, after, *names, lineterm=""))

    def _link(self) -> None:
        trace_id = get_active_trace_id()
        if trace_id is not None and trace_id != self._linked_to:
            update_current_trace(metadata={f"{PROMPT}{self.name}/{self.version}": self._asked})
            self._linked_to = trace_id


@takes_also(OF_REGISTER_PROMPT)
def register_prompt(
    name: str,
    template: str | Sequence[JsonMapping],
    commit_message: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> PromptVersion:
    """A new version of a prompt: a text, or chat messages with ``role`` and ``content``, with ``{{variables}}``.

    Each call makes a version, numbered from 1 in each name. Raises InvalidArgumentError for an invalid template and for
    one that holds a secret, StoreError where the store cannot be reached (the version is made once it can).
    """
    content = {"template": checked_template(template), "commit_message": commit_message}
    return _version(PROMPTS.register(name, content, tags))


@takes_also(OF_LOAD_PROMPT)
def load_prompt(name_or_uri: str, version: int | str | None = None) -> PromptVersion:
    """A prompt by ``name`` (its newest version), ``name@alias``, ``name/2`` or ``prompts:/…``; or name and version.

    The trace that this is called in, if any, is linked to the version. Where the store cannot be reached, it is the
    last version that this reference gave. Raises PromptNotFoundError and StoreError.
    """
    wanted = _reference(name_or_uri, version)
    prompt = _version(_find(wanted), str(wanted))
    prompt._link()
    return prompt


def search_prompts(filter_string: str | None = None, max_results: int | None = None) -> list[PromptVersion]:
    """The newest version of each prompt, by name; a filter takes name, version, creation_timestamp and tags.<key>."""
    return matching(PROMPTS.newest(), filter_string, max_results, _version)


def search_prompt_versions(name: str) -> list[PromptVersion]:
    """All versions of a prompt, newest first. Raises PromptNotFoundError."""
    return [_version(row) for row in PROMPTS.versions(name)]


def set_prompt_alias(name: str, alias: str, version: int | str) -> None:
    """Let ``name@alias`` be this version from now on. Raises PromptNotFoundError."""
    PROMPTS.set_alias(name, alias, version)


def delete_prompt_alias(name: str, alias: str) -> None:
    """Take an alias away; without effect where there is none. Raises PromptNotFoundError."""
    PROMPTS.delete_alias(name, alias)


def _reference(name_or_uri: object, version: object) -> Reference:
    if not isinstance(name_or_uri, str) or not name_or_uri.strip():
        raise InvalidArgumentError(f"name_or_uri: got {name_or_uri!r}, expected 'name', 'name@alias' or 'name/2'.")
    wanted = reference(name_or_uri, _SCHEME)
    if version is None:
        return wanted
    if wanted.number is not None or wanted.alias is not None:
        raise InvalidArgumentError(f"load_prompt() got {name_or_uri!r} and version={version!r}; one of them tells it.")
    return Reference(wanted.name, checked_number(version))


def _find(wanted: Reference) -> RegisteredRow:
    key = (runtime().store_url(), wanted)
    try:
        row = PROMPTS.find(wanted)
    except StoreError as error:
        known = _last_known.get(key)
        if known is None:
            raise
        log_once("prompt", "tracer cannot ask the store for the prompt %s and uses what it last was: %s", wanted, error)
        return known
    if len(_last_known) >= _REMEMBERED:
        _last_known.clear()
    _last_known[key] = row
    return row


def _version(row: RegisteredRow, asked: str | None = None) -> PromptVersion:
    message = row.content.get("commit_message")
    return PromptVersion(
        row.name,
        row.number,
        row.content.get("template", ""),
        message if isinstance(message, str) else None,
        row.tags,
        aliases_of(row),
        created_ms(row),
        _asked=asked or f"{row.name}/{row.number}",
    )


def checked_template(template: object) -> str | list[JsonObject]:
    """A text or chat messages, as the store keeps them; else an InvalidArgumentError."""
    if isinstance(template, str) and template.strip():
        return template
    if isinstance(template, Sequence) and not isinstance(template, (str, bytes)) and template:
        messages = [dict(message) if isinstance(message, Mapping) else {} for message in template]
        if all(isinstance(message.get("role"), str) and "content" in message for message in messages):
            return cast("list[JsonObject]", loads(encode(messages)))
    raise InvalidArgumentError(
        f"template: got {template!r:.200}, expected a text, or messages such as "
        "[{'role': 'user', 'content': 'Answer {{question}}'}]."
    )


def _filled(value: Any, replace: Callable[[re.Match[str]], str]) -> Any:
    """A template, or a part of one, with its variables replaced; variables inside of values are not replaced."""
    if isinstance(value, str):
        return _VARIABLE.sub(replace, value)
    if isinstance(value, dict):
        return {key: _filled(item, replace) for key, item in value.items()}
    return [_filled(item, replace) for item in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _lines(template: str | list[JsonObject]) -> list[str]:
    """A template as the lines that a diff compares."""
    if isinstance(template, str):
        return template.splitlines()
    lines: list[str] = []
    for message in template:
        content = message.get("content")
        text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
        lines += [f"{message.get('role')}:", *(f"  {line}" for line in text.splitlines())]
    return lines
