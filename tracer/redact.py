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

_SENSITIVE_KEY = (
    rb"(?:proxy[-_])?authorization|(?:set-)?cookie|(?:[a-z0-9_-]*[-_])?api[-_]?key|(?:access|refresh|auth)[-_]token"
    rb"|client[-_]secret|passw(?:or)?d"
)
_KEYED = re.compile(rb'("(?:' + _SENSITIVE_KEY + rb')"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
# the same inside JSON that is itself a string, such as a tool call's arguments
_KEYED_NESTED = re.compile(
    rb'(\\"(?:' + _SENSITIVE_KEY + rb')\\"\s*:\s*)\\"(?:[^"\\]|\\\\\\.|\\[^"\\])*\\"', re.IGNORECASE
)
_HEADER_PAIR = re.compile(rb'(\[\s*"(?:' + _SENSITIVE_KEY + rb')"\s*,\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_QUERY = re.compile(rb"((?:api[-_]?key|access_token|[?&]key|[?&]token|[?&]sig)=)[^&\s\"\\#]{6,}", re.IGNORECASE)

# a token is a long run of these characters; mapped onto one letter, runs are found at the speed of memchr
_RUN = b"x" * 16
_TO_RUNS = bytes(ord("x") if (chr(i).isalnum() and i < 128) or i in b"_-" else ord(" ") for i in range(256))
_TOKEN = re.compile(
    rb"sk-[\w-]{13,}|[srp]k_live_\w{12,}|gsk_\w{12,}|hf_\w{13,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{10,}"
    rb"|xox[abeprs]-[\w-]{10,}|xai-\w{12,}|pplx-\w{12,}|AIza[\w-]{30,}|AKIA[A-Z0-9]{16}$|ASIA[A-Z0-9]{16}$|eyJ[\w-]{16,}"
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
        or b'key"' in lowered
        or b"key\\" in lowered
        or b"ookie" in lowered
        or b'token"' in lowered
        or b"token\\" in lowered
        or b"secret" in lowered
        or b"passw" in lowered
    ):
        line = _KEYED.sub(rb'\1"' + _REDACTED + rb'"', line)
        line = _KEYED_NESTED.sub(rb'\1\\"' + _REDACTED + rb'\\"', line)
        line = _HEADER_PAIR.sub(rb'\1"' + _REDACTED + rb'"', line)
        line = _BASIC.sub(rb"\1" + _REDACTED, line)
    if b"bearer" in lowered:
        line = _BEARER.sub(rb"\1" + _REDACTED, line)
    if b"=" in line and (b"key=" in lowered or b"token=" in lowered or b"sig=" in lowered):
        line = _QUERY.sub(rb"\1" + _REDACTED, line)
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
        # the n of an escaped line break is no part of the token that follows it
        begin = start + 1 if line[start - 1 : start] == b"\\" else start
        if _TOKEN.match(line, begin, end):
            end = _end_of_token(line, end)
            kept += (line[written:begin], _REDACTED)
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
            return {key: self._walk(item) for key, item in value.items()}
        return value


# what stands in a record but never holds a user's text
_SAFE_FIELDS = frozenset(
    (
        *("kind", "trace_id", "span_id", "parent_id", "type", "status", "id", "owner", "links", "trace_state", "scope"),
        *("start", "end", "time", "otel_kind", "remote_parent", "pid", "dropped"),
    )
)


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
