"""Replaces secrets in an encoded record, recognised by their name or their shape.

This runs in the user's thread for every recorded span. The search is therefore for fixed strings, which Python finds 20
times faster than a pattern that starts with a choice; patterns are only matched beside a hit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracer._redaction.seen import where_new

REDACTED = "[REDACTED]"
_REDACTED = REDACTED.encode()

# Required before the end of a name whose value is secret. `token` alone does not count, since log probabilities have
# it, and neither does `key`.
_ANYTHING = ("",)
_KEY_OF = tuple(f"{name}{mark}" for name in ("api", "private", "access", "subscription") for mark in ("", "_", "-"))
_TOKEN_FOR = tuple(
    f"{name}{mark}"
    for name in (
        *("access", "refresh", "auth", "authorization", "private", "id", "session", "api", "bearer"),
        *("secret", "security"),
    )
    for mark in ("", "_", "-")
)
_PARAMETER = ("?", "&")

_STRING = rb'"(?:[^"\\]|\\.)*"'
_NUMBER = rb"-?\d[\d.eE+-]*"
_SPACE = rb"(?:\s|\\n)*"
# after the found part of a name: the rest of the name, and then the value
_REST = rb"(?:ord|d|[_-]?key|s|[_-]id)?"
_AND_VALUE = (
    _REST
    + rb"(?:'?\"\s*:\s*(?P<json>"  # "name": "value", a number, or a list of strings
    + rb"|".join((_STRING, _NUMBER, rb"\[\s*" + _STRING + rb"(?:\s*,\s*" + _STRING + rb")*\s*\]"))
    # the same in JSON within a string, such as a tool call's arguments, at any depth; it may be cut off
    + rb')|(?P<quote>\\(?:\\\\)*)"' + _SPACE + rb":" + _SPACE
    + rb'(?P<nested>(?P=quote)".*?(?:(?<!\\)(?P=quote)"|(?=(?<!\\)"))|' + _NUMBER + rb")"
    + rb"|'\s*:\s*b?'(?P<repr>[^'\"]*)(?=')"  # a Python dict in text
    + rb"|=(?:\\*'|\\(?:\\\\)*\")?(?P<assigned>[^&\s\"'\\#;,)]{6,}))"  # a shell's assignment, a query's parameter
)  # fmt: skip
_VALUE = re.compile(_AND_VALUE, re.IGNORECASE)
_VALUE_OF_PASS = re.compile(rb"(?:w|phrase)" + _AND_VALUE, re.IGNORECASE)
_HEADER_VALUE = re.compile(
    rb"'?\"\s*,\s*(?P<json>" + _STRING + rb")\s*\]"  # ["name", "value"]
    rb"|\s*:\s+(?![\[{'\"\\])(?P<text>[^\"\\']{4,})",  # a header's line in text
    re.IGNORECASE,
)
_PARAMETER_VALUE = re.compile(rb"(?P<text>[^&\s\"'\\#;,)]{6,})")

Found = tuple[int, int, bytes]  # start, end, replacement
_Rules = tuple[tuple[tuple[str, ...], re.Pattern[bytes]], ...]  # text before the name, pattern of the value
_NAMES: tuple[tuple[str, _Rules], ...] = (
    ("pass", ((_ANYTHING, _VALUE_OF_PASS),)),
    ("pwd", ((_ANYTHING, _VALUE),)),
    ("secret", ((_ANYTHING, _VALUE),)),
    ("key", ((_KEY_OF, _VALUE), (("api-", "api_"), _HEADER_VALUE))),
    ("token", ((_TOKEN_FOR, _VALUE),)),
    ("authorization", ((_ANYTHING, _VALUE), (_ANYTHING, _HEADER_VALUE))),
    ("cookie", ((_ANYTHING, _VALUE), (_ANYTHING, _HEADER_VALUE))),
)
_NAMES_AND_PARAMETERS: tuple[tuple[str, _Rules], ...] = (
    *_NAMES,
    ("token=", (((*_PARAMETER, "_", "-"), _PARAMETER_VALUE),)),
    ("key=", ((_PARAMETER, _PARAMETER_VALUE),)),
    ("sig=", ((_PARAMETER, _PARAMETER_VALUE),)),
)

# A token is a long run of these characters; mapped onto one letter, runs are found at the speed of memchr.
_RUN = b"x" * 16
_TO_RUNS = bytes(ord("x") if (chr(i).isalnum() and i < 128) or i in b"_-" else ord(" ") for i in range(256))
# at a word's start; the n of an escaped line break is not part of the next word
_START = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u00[0-9a-f][0-9a-f]))"
# Alternatives start with plain characters, which makes the search fast. Whether a match is at the start of a word is
# checked afterwards; a `glued` one may follow other characters directly, such as an escape sequence or %3D. A token
# ends with its run.
_TOKEN = re.compile(
    rb"(?P<glued>sk-(?:proj|ant|svcacct|or)-[\w-]{20})"
    rb"|sk-[\w-]{13}|sk_(?:live|test)_\w{12}|rk_(?:live|test)_\w{12}|pk_(?:live|test)_\w{12}|gsk_\w{12}|hf_\w{13}"
    rb"|gh[pousr]_\w{16}|xai-\w{12}|github_pat_\w{16}|glpat-[\w-]{10}|xox[abeprs]-[\w-]{10}|pplx-\w{12}"
    rb"|AIza[\w-]{30}|A[KS]IA[A-Z0-9]{16}\b|eyJ[\w-]{16}"
)
# one of these is in each of them
_WITH_UNDERSCORE = (b"sk_", b"rk_", b"pk_", b"hf_", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"_pat_")
_WITH_HYPHEN = (b"sk-", b"xai-", b"glpat-", b"xox", b"pplx-")
_AT_START = re.compile(_START)
# runs without a token, such as names of fields, models and kinds, which are frequent
_harmless: set[bytes] = set()
_HARMLESS_LIMIT = 1_000
_LONGEST_NAME = 48
_TOKEN_REST = re.compile(rb"[\w.~+/=-]*")  # of a bearer token, or the parts of a JSON web token
_BEARER = re.compile(rb"\b(bearer(?:\s|%20)+)[\w.~+/=-]{6,}", re.IGNORECASE)
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?<!\\)(?=\\*\"))")
_URL_PASSWORD = re.compile(rb"(://[^/\s:@\"\\]*:)[^@/\s\"\\]+(?=@)")


def without_secrets(line: bytes) -> bytes:
    """The encoded record without authorisation and cookie headers, API keys, passwords and tokens."""
    return where_new(line, _without_secrets)


def _without_secrets(line: bytes) -> bytes:
    text = line.decode("latin-1").lower()  # text is searched four times faster than bytes
    found: list[Found] = []
    for name, rules in _NAMES if "=" not in text else _NAMES_AND_PARAMETERS:
        if name in text:
            found += _beside(line, text, name, rules)
    if found:
        line = _replaced(line, sorted(found))
    if "bearer" in text:
        line = _BEARER.sub(rb"\1" + _REDACTED, line)
    if "@" in text and "://" in text:
        line = _URL_PASSWORD.sub(rb"\1" + _REDACTED, line)
    if "private key-----" in text:
        line = _PRIVATE_KEY.sub(_REDACTED, line)
    return _without_tokens(line)


def _beside(line: bytes, text: str, name: str, rules: _Rules) -> Iterator[Found]:
    """Values beside a name of a secret, none within another; ``text`` is the line in lower case."""
    position = text.find(name)
    while position >= 0:
        end = position + len(name)
        for before, value in rules:
            if text.endswith(before, 0, position):
                match = value.match(line, end)
                if match is not None:
                    yield _replacement(match)
                    end = match.end()
                    break
        position = text.find(name, end)


def _replacement(match: re.Match[bytes]) -> Found:
    kind = match.lastgroup or ""
    if kind == "json":
        return *match.span(kind), b'"%s"' % _REDACTED
    if kind == "nested":
        quote = match["quote"]
        return *match.span(kind), b'%s"%s%s"' % (quote, _REDACTED, quote)
    return *match.span(kind), _REDACTED


def _replaced(line: bytes, found: list[Found]) -> bytes:
    kept: list[bytes] = []
    written = 0
    for start, end, replacement in found:
        if start >= written:  # not within a value that is already replaced
            kept += (line[written:start], replacement)
            written = end
    return b"".join((*kept, line[written:]))


def _without_tokens(line: bytes) -> bytes:
    """The record without text that looks like a key or token by itself."""
    runs = line.translate(_TO_RUNS)
    start = runs.find(_RUN)
    if start < 0:
        return line
    found: list[Found] = []
    while start >= 0:
        end = runs.find(b" ", start)
        end = len(line) if end < 0 else end
        token = _token_in(line, start, end)
        if token is not None:
            end = _end_of_token(line, end)
            found.append((token, end, _REDACTED))
        start = runs.find(_RUN, end)
    return _replaced(line, found) if found else line


def _token_in(line: bytes, start: int, end: int) -> int | None:
    """Start of the first token in a run of characters, if any."""
    run = line[start:end]
    if run in _harmless:
        return None
    token = _TOKEN.search(line, start, end) if _may_hold_token(run) else None
    if token is None and len(run) <= _LONGEST_NAME:
        if len(_harmless) >= _HARMLESS_LIMIT:
            _harmless.clear()
        _harmless.add(run)
    while token is not None:
        if token["glued"] or _AT_START.match(line, token.start()):
            return token.start()
        token = _TOKEN.search(line, token.start() + 1, end)
    return None


def _may_hold_token(run: bytes) -> bool:
    """Whether a run of characters may contain the start of a token: rules out most hashes, ids and code."""
    if b"_" in run and any(map(run.__contains__, _WITH_UNDERSCORE)):
        return True
    if b"-" in run and any(map(run.__contains__, _WITH_HYPHEN)):
        return True
    return b"eyJ" in run or b"AIza" in run or b"AKIA" in run or b"ASIA" in run


def _end_of_token(line: bytes, end: int) -> int:
    rest = _TOKEN_REST.match(line, end)
    return rest.end() if rest is not None and line[end : end + 1] == b"." else end
