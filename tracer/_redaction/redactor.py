"""Replaces secrets before a record is written: in its encoded form, so that no field is forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import orjson

from tracer._fault import report
from tracer._json import JsonObject
from tracer._redaction.secrets import REDACTED, without_secrets
from tracer.config import Redaction
from tracer.errors import InvalidArgumentError


class Redactor:
    """Applies the default redaction, then the user's patterns and callables, to encoded records."""

    def __init__(self, redactions: Sequence[Redaction] = ()) -> None:
        self._replacers = [_replacer(redaction) for redaction in redactions]

    def __call__(self, line: bytes) -> bytes:
        try:
            return self.redacted(line)
        except Exception as error:
            report("redacting a record", error)
            return _without_payload(line)

    def redacted(self, line: bytes) -> bytes:
        """The record without secrets; raises what a redaction raises."""
        line = without_secrets(line)
        return orjson.dumps(self._apply(orjson.loads(line))) if self._replacers else line

    def _apply(self, record: JsonObject) -> JsonObject:
        return {key: value if key in _SAFE_FIELDS else self._walk(value) for key, value in record.items()}

    def _walk(self, value: object) -> object:
        if isinstance(value, str):
            for replace in self._replacers:
                value = replace(value)
            return value
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return {
                key if key.startswith(_OWN_KEYS) else self._walk(key): self._walk(item) for key, item in value.items()
            }
        return value


REDACT_DEFAULT = Redactor()  # for records whose process may have other settings, or is none of ours

# fields of a record that never contain a user's text
_SAFE_FIELDS = frozenset(
    (
        *("kind", "trace_id", "span_id", "parent_id", "type", "status", "id", "owner", "links", "trace_state", "scope"),
        *("start", "end", "time", "otel_kind", "remote_parent", "pid", "dropped"),
    )
)


# attribute names of tracer's and of the conventions: kept even if a user's pattern matches
_OWN_KEYS = ("gen_ai.", "tracer.", "openai.", "server.", "http.", "error.", "exception.", "code.")


def _replacer(redaction: Redaction) -> Callable[[str], str]:
    if callable(redaction):
        return _checked(redaction)
    try:
        pattern = re.compile(redaction)
    except (re.error, TypeError) as error:
        raise InvalidArgumentError(
            f"redact: {redaction!r} is neither a regular expression ({error}) nor a function. "
            'Give a pattern such as r"\\d{16}", or a function from str to str, or a list of them.'
        ) from None
    return lambda text: pattern.sub(REDACTED, text)


def _checked(function: Callable[[str], str]) -> Callable[[str], str]:
    def replace(text: str) -> str:
        replaced = function(text)
        if not isinstance(replaced, str):
            raise TypeError(f"the redact function returned {type(replaced).__name__}, expected str")
        return replaced

    return replace


_FAILED = b'"attributes":{"tracer.redaction_failed":true}}'


def has_failed(line: bytes) -> bool:
    """Whether redaction failed on this record, which is left without its content."""
    return line.endswith(_FAILED)


def _without_payload(line: bytes) -> bytes:
    """The record's structure without content, for when redaction itself failed."""
    kept = {key: value for key, value in orjson.loads(line).items() if key in _SAFE_FIELDS}
    kept["name"] = "[redaction failed]"
    kept["attributes"] = {"tracer.redaction_failed": True}
    return orjson.dumps(kept)
