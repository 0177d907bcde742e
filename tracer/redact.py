"""Secrets are replaced before anything is written: in the encoded record, so that nothing can be forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Union

import orjson

from tracer._fault import report
from tracer.errors import InvalidArgumentError

REDACTED = "[REDACTED]"
_REDACTED = REDACTED.encode()

Redaction = Union[str, "re.Pattern[str]", Callable[[str], str]]

# names of values that are secret; `token` alone is not among them: log probabilities have it
_SENSITIVE_KEY = (
    rb"[a-z0-9_.-]*(?:authorization|cookie|password|passwd|passphrase|pwd|secret|secret[_-]?key|api[_-]?keys?"
    rb"|private[_-]?key|access[_-]?key(?:[_-]id)?|(?:access|refresh|auth|id|session|api|bearer|secret|security)[_-]?token)"
)
_STRING = rb'"(?:[^"\\]|\\.)*"'
_STRINGS = rb"\[\s*" + _STRING + rb"(?:\s*,\s*" + _STRING + rb")*\s*\]"
_NUMBER = rb"-?\d[\d.eE+-]*"
_KEYED = re.compile(
    rb"(\"(?:b')?" + _SENSITIVE_KEY + rb"'?\"\s*:\s*)(?:" + _STRING + rb"|" + _NUMBER + rb"|" + _STRINGS + rb")",
    re.IGNORECASE,
)
# the same inside JSON that is itself a string, such as a tool call's arguments, however often; it may be cut off
_NESTED_STRING = rb'\1".*?(?:(?<!\\)\1"|(?=(?<!\\)"))'
_KEYED_NESTED = re.compile(
    rb'(?<!\\)(\\+)("'
    + _SENSITIVE_KEY
    + rb')\1"((?:\s|\\n)*:(?:\s|\\n)*)(?:'
    + _NESTED_STRING
    + rb"|"
    + _NUMBER
    + rb")",
    re.IGNORECASE,
)
_HEADER_PAIR = re.compile(rb"(\[\s*\"(?:b')?" + _SENSITIVE_KEY + rb"'?\"\s*,\s*)" + _STRING, re.IGNORECASE)
# in text: a Python dict's repr, a header's line, a shell's assignment
_KEYED_REPR = re.compile(rb"('" + _SENSITIVE_KEY + rb"'\s*:\s*b?')[^'\"]*(?=')", re.IGNORECASE)
_HEADER_LINE = re.compile(
    rb"((?:(?<![a-z])|(?<=\\[nrt]))(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api-key)\s*:\s+)"
    rb"(?![\[{'\"\\])[^\"\\']{4,}",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    rb"((?:[a-z0-9_-]*(?:password|passwd|passphrase|secret|api[_-]?key|private[_-]?key|access[_-]?key|token)"
    rb"|[?&](?:key|sig))=(?:\\?[\"'])?)[^&\s\"'\\#;,)]{6,}",
    re.IGNORECASE,
)

# a token is a long run of these characters; mapped onto one letter, runs are found at the speed of memchr
_RUN = b"x" * 16
_TO_RUNS = bytes(ord("x") if (chr(i).isalnum() and i < 128) or i in b"_-" else ord(" ") for i in range(256))
# at a word's start; the n of an escaped line break is no part of the word that follows it
_START = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u00[0-9a-f][0-9a-f]))"
_TOKEN = re.compile(
    _START + rb"(?:sk-[\w-]{13,}|[srp]k_(?:live|test)_\w{12,}|gsk_\w{12,}|hf_\w{13,}|gh[pousr]_\w{16,}|xai-\w{12,}"
    rb"|github_pat_\w{16,}|glpat-[\w-]{10,}|xox[abeprs]-[\w-]{10,}|pplx-\w{12,}|AIza[\w-]{30,}|A[KS]IA[A-Z0-9]{16}\b"
    rb"|eyJ[\w-]{16,})|sk-(?:proj|ant|svcacct|or)-[\w-]{20,}"  # glued to what stands before: an escape sequence, %3D
)
_TOKEN_REST = re.compile(rb"[\w.~+/=-]*")  # of a bearer token, or the parts of a JSON web token
_BEARER = re.compile(rb"\b(bearer(?:\s|%20)+)[\w.~+/=-]{6,}", re.IGNORECASE)
_BASIC = re.compile(rb"(authorization\W{1,8}basic\s+)[A-Za-z0-9+/]{6,}={0,2}", re.IGNORECASE)
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=\"))")
_URL_PASSWORD = re.compile(rb"(://[^/\s:@\"\\]*:)[^@/\s\"\\]+(?=@)")


def redact_defaults(line: bytes) -> bytes:
    """The encoded record without authorisation and cookie headers, API keys, bearer tokens and passwords in URLs."""
    lowered = line.lower()
    # finding a fixed string is 20 times cheaper than a pattern that starts with a choice
    if (
        b"uthori" in lowered
        or b"key" in lowered
        or b"ookie" in lowered
        or b'token"' in lowered
        or b"token\\" in lowered
        or b"token'" in lowered
        or b"secret" in lowered
        or b"passw" in lowered
        or b"passp" in lowered
        or b"pwd" in lowered
    ):
        line = _KEYED.sub(rb'\1"' + _REDACTED + rb'"', line)
        line = _KEYED_NESTED.sub(rb'\1\2\1"\3\1"' + _REDACTED + rb'\1"', line)
        line = _HEADER_PAIR.sub(rb'\1"' + _REDACTED + rb'"', line)
        line = _KEYED_REPR.sub(rb"\1" + _REDACTED, line)
        line = _HEADER_LINE.sub(rb"\1" + _REDACTED, line)
        line = _BASIC.sub(rb"\1" + _REDACTED, line)
    if b"bearer" in lowered:
        line = _BEARER.sub(rb"\1" + _REDACTED, line)
    if b"=" in line:
        line = _ASSIGNED.sub(rb"\1" + _REDACTED, line)
    if b"@" in line and b"://" in line:
        line = _URL_PASSWORD.sub(rb"\1" + _REDACTED, line)
    if b"PRIVATE KEY-----" in line:
        line = _PRIVATE_KEY.sub(_REDACTED, line)
    return _without_tokens(line)


def _without_tokens(line: bytes) -> bytes:
    runs = line.translate(_TO_RUNS)
    start = runs.find(_RUN)
    if start < 0:
        return line
    kept: list[bytes] = []
    written = 0
    while start >= 0:
        end = runs.find(b" ", start)
        end = len(line) if end < 0 else end
        token = _TOKEN.search(line, start, end)
        if token is not None:
            end = _end_of_token(line, end)
            kept += (line[written : token.start()], _REDACTED)
            written = end
        start = runs.find(_RUN, end)
    return b"".join((*kept, line[written:])) if kept else line


def _end_of_token(line: bytes, end: int) -> int:
    rest = _TOKEN_REST.match(line, end)
    return rest.end() if rest is not None and line[end : end + 1] == b"." else end


class Redactor:
    """Applies the default redaction, then the user's patterns and callables, to encoded records."""

    def __init__(self, redactions: Sequence[Redaction] = ()) -> None:
        self._replacers = [_replacer(redaction) for redaction in redactions]

    def __call__(self, line: bytes) -> bytes:
        try:
            line = redact_defaults(line)
            if self._replacers:
                line = orjson.dumps(self._apply(orjson.loads(line)))
        except Exception as error:
            report("redacting a record", error)
            return _without_payload(line)
        return line

    def _apply(self, record: dict[str, Any]) -> dict[str, Any]:
        return {key: value if key in _SAFE_FIELDS else self._walk(value) for key, value in record.items()}

    def _walk(self, value: Any) -> Any:
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


# what stands in a record but never holds a user's text
_SAFE_FIELDS = frozenset(
    (
        *("kind", "trace_id", "span_id", "parent_id", "type", "status", "id", "owner", "links", "trace_state", "scope"),
        *("start", "end", "time", "otel_kind", "remote_parent", "pid", "dropped"),
    )
)


# attributes whose names are ours or the conventions', whatever a user's pattern says
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


def _without_payload(line: bytes) -> bytes:
    """The record's structure alone: what is left when redaction itself failed."""
    kept = {key: value for key, value in orjson.loads(line).items() if key in _SAFE_FIELDS}
    kept["name"] = "[redaction failed]"
    kept["attributes"] = {"tracer.redaction_failed": True}
    return orjson.dumps(kept)
