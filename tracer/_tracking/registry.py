"""Names with numbered versions and aliases: how prompts and models are registered and found."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tracer._encoding.text import clean_text
from tracer._engine.runtime import runtime
from tracer._json import JsonObject, encode
from tracer._tracking.checks import checked_text, checked_texts
from tracer.config import MAX_VALUE_BYTES
from tracer.errors import InvalidArgumentError, ModelNotFoundError, PromptNotFoundError, StoreError
from tracer.store.filter import Field, parse_filter
from tracer.store.filter.expression import Kind
from tracer.store.filter.matching import is_met
from tracer.store.rows import NEWEST, RegisteredRow

_NS_PER_MS = 1_000_000
_FIELDS: dict[str, Kind] = {"name": "text", "version": "number", "creation_timestamp": "timestamp"}
Version = TypeVar("Version")


@dataclass(frozen=True)
class Reference:
    """A version by its name, and by its number or an alias; the newest without either."""

    name: str
    number: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        if self.alias is not None:
            return f"{self.name}@{self.alias}"
        return self.name if self.number is None else f"{self.name}/{self.number}"


@dataclass(frozen=True)
class Registry:
    """All that is registered of one kind."""

    kind: str
    word: str
    how: str  # to register one
    not_found: type[PromptNotFoundError | ModelNotFoundError]

    def register(self, name: str, content: JsonObject, tags: Mapping[str, str] | None) -> RegisteredRow:
        """A new version, with the number that the store gave it. Raises StoreError if it did not arrive there."""
        record = {
            "kind": "registered",
            "of": self.kind,
            "name": checked_name(name),
            "id": uuid.uuid4().hex,
            "time": time.time_ns(),
            "tags": checked_texts("tags", tags),
            "content": content,
        }
        encoded = encode(record)
        if len(encoded) > MAX_VALUE_BYTES:
            raise InvalidArgumentError(f"the {self.word} {name!r} is longer than {MAX_VALUE_BYTES:,} bytes.")
        if runtime().recorder.holds_secret(encoded):
            raise InvalidArgumentError(
                f"the {self.word} {name!r} holds what looks like a secret, which the store does not keep; "
                "leave it out, or put a variable in its place."
            )
        runtime().recorder.append(record)
        try:
            runtime().sync()
            rows = self._rows(clean_text(name), id=str(record["id"]))
        except StoreError as error:
            raise StoreError(
                f"the {self.word} {name!r} waits in the journal and has no number until the store takes it: {error}"
            ) from error
        if not rows:
            raise StoreError(f"the {self.word} {name!r} was not written down; the log says why")
        return rows[0]

    def find(self, wanted: Reference) -> RegisteredRow:
        """The version. Raises PromptNotFoundError or ModelNotFoundError, and StoreError."""
        alias = NEWEST if wanted.number is None and wanted.alias is None else wanted.alias
        rows = self._rows(wanted.name, number=wanted.number, alias=alias)
        if not rows:
            raise self._missing(wanted)
        return rows[0]

    def versions(self, name: str) -> list[RegisteredRow]:
        """The versions of a name, newest first. Raises PromptNotFoundError or ModelNotFoundError."""
        rows = self._rows(clean_text(checked_text("name", name)))
        if not rows:
            raise self._missing(Reference(name))
        return rows

    def newest(self) -> list[RegisteredRow]:
        """The newest version of each name, by name."""
        return runtime().store().registered(self.kind)

    def has(self, name: str) -> bool:
        """Whether anything is registered under a name."""
        return bool(self._rows(name, alias=NEWEST))

    def set_alias(self, name: str, alias: str, version: int | str) -> None:
        """Set an alias of a version. Raises PromptNotFoundError or ModelNotFoundError."""
        if checked_alias(alias) == NEWEST:
            raise InvalidArgumentError(f"alias: {NEWEST!r} always is the newest version; take another name.")
        number = checked_number(version)
        row = self.find(Reference(clean_text(checked_text("name", name)), number))
        self._append_alias(row.name, alias, row.id)

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away; without effect where there is none. Raises PromptNotFoundError or ModelNotFoundError."""
        row = self.find(Reference(clean_text(checked_text("name", name))))
        if checked_alias(alias) in row.aliases:
            self._append_alias(row.name, alias, None)

    def _append_alias(self, name: str, alias: str, id: str | None) -> None:
        record = {"kind": "alias", "of": self.kind, "name": name, "alias": clean_text(alias), "time": time.time_ns()}
        runtime().recorder.append({**record, "id": id} if id else record)
        runtime().sync()

    def _rows(self, name: str, **which: Any) -> list[RegisteredRow]:
        return runtime().store().registered(self.kind, name=name, **which)

    def _missing(self, wanted: Reference) -> PromptNotFoundError | ModelNotFoundError:
        rows = self._rows(wanted.name, alias=NEWEST)
        if not rows:
            names = ", ".join(row.name for row in self.newest()[:20])
            return self.not_found(f"no {self.word} is called {wanted.name!r}; there are: {names or 'none'}. {self.how}")
        if wanted.alias is None:
            return self.not_found(
                f"the {self.word} {wanted.name!r} has no version {wanted.number}; its newest is {rows[0].number}"
            )
        aliases = ", ".join(rows[0].aliases)
        return self.not_found(
            f"the {self.word} {wanted.name!r} has no alias {wanted.alias!r}; its aliases are: {aliases or 'none'}"
        )


PROMPTS = Registry("prompt", "prompt", "tracer.register_prompt(name, template) registers one.", PromptNotFoundError)
MODELS = Registry(
    "model", "registered model", "tracer.register_model('models:/m-…', name) registers one.", ModelNotFoundError
)


def reference(text: str, scheme: str) -> Reference:
    """The reference in ``name``, ``name/2`` or ``name@alias``, also with a scheme such as ``prompts:/`` before it."""
    body = clean_text(text).strip().removeprefix(scheme).strip("/")
    name, at, alias = body.partition("@")
    if at:
        return Reference(name, alias=None if alias == NEWEST else checked_alias(alias))
    name, _, version = body.partition("/")
    return Reference(name, None if version in ("", NEWEST) else checked_number(version))


def checked_name(name: object) -> str:
    """A name that a URI can hold; else an InvalidArgumentError."""
    if not isinstance(name, str) or not name.strip() or set("/:@") & set(name) or name.startswith("."):
        raise InvalidArgumentError(f"name: got {name!r}, expected a text such as 'support-answer' without / : and @.")
    return clean_text(name)


def checked_number(version: object) -> int:
    """The number of a version; else an InvalidArgumentError."""
    if isinstance(version, (int, str)) and not isinstance(version, bool) and str(version).isascii():
        text = str(version).strip()
        if text.isdigit() and 0 < len(text) < 10 and int(text) > 0:
            return int(text)
    raise InvalidArgumentError(f"version: got {version!r}, expected a number such as 2.")


def checked_alias(alias: object) -> str:
    """A name for a version, which a URI can hold; else an InvalidArgumentError."""
    if not isinstance(alias, str) or not alias.strip() or set("/:@") & set(alias):
        raise InvalidArgumentError(f"alias: got {alias!r}, expected a text such as 'production' without / : and @.")
    return alias


def aliases_of(row: RegisteredRow) -> list[str]:
    """The aliases of a version."""
    return [alias for alias, number in row.aliases.items() if number == row.number]


def created_ms(row: RegisteredRow) -> int:
    """When a version was registered, in ms since the epoch."""
    return row.created // _NS_PER_MS


def matching(
    rows: Sequence[RegisteredRow],
    filter_string: str | None,
    max_results: int | None,
    as_version: Callable[[RegisteredRow], Version],
) -> list[Version]:
    """The versions that meet a filter over name, version, creation_timestamp and tags.<key>."""
    expression = parse_filter(filter_string, _find_field, _field_hint)
    found = [row for row in rows if expression is None or is_met(expression, _values(row))]
    return [as_version(row) for row in found[:max_results]]


def _values(row: RegisteredRow) -> Callable[[Field], Any]:
    plain = {"name": row.name, "version": row.number, "creation_timestamp": created_ms(row)}
    return lambda field: row.tags.get(field.key) if field.key is not None else plain[field.name]


def _find_field(path: list[str]) -> Field | None:
    head = path[0].lower()
    if head in ("tags", "tag") and len(path) > 1:
        return Field("tags", "any", ".".join(path[1:]))
    return Field(head, _FIELDS[head]) if head in _FIELDS and len(path) == 1 else None


def _field_hint(path: list[str]) -> str:
    return f"fields are {', '.join(_FIELDS)}, tags.<key>"
