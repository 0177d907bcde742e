"""Replaces secrets in an encoded record, recognised by their name, their shape or the text around them.

This runs in the user's thread for every recorded span. The record is searched once for all the fixed strings at which
a secret may begin (``anchors.py``); a rule looks only at the text beside such a string. A rule either finds a secret,
behind which the search goes on, or gives up after a bounded number of characters: the whole takes time in proportion
to the text. Looks in vain are bounded, too: behind the last one, a text full of places is a secret as a whole.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import orjson

from tracer._redaction import names, places, shapes
from tracer._redaction.anchors import Hit, search_for
from tracer._redaction.names import Found
from tracer._redaction.seen import where_new

REDACTED = names.REDACTED.decode()


_Rule = Callable[[bytes, int, int], "list[Found] | None"]  # None where a quick check finds none


class _Anchor(NamedTuple):
    """A fixed string in lower case, and the rule for its part ``literal[first:last]``."""

    literal: bytes
    first: int
    last: int
    rule: _Rule
    in_word: bool = False


def _token(beginning: bytes, line: bytes, start: int, end: int) -> list[Found]:
    place = shapes.token(line, start, beginning)
    return [] if place is None else [Found(*place)]


def _strong(line: bytes, start: int, end: int) -> list[Found] | None:
    return names.beside(line, start, end, True)


_COUNT = re.compile(rb'[\w-]{0,32}":[\d-]')  # as each reply has some: prompt_tokens


def _weak(line: bytes, start: int, end: int) -> list[Found] | None:
    if _COUNT.match(line, end) is not None:
        return None
    return names.beside(line, start, end, False)


def _headers(line: bytes, start: int, end: int) -> list[Found]:
    return names.in_headers(line, end)


def _data_url(line: bytes, start: int, end: int) -> list[Found]:
    """Short text in base64; long one is kept as an attachment, and searched there."""
    match = _BASE64.match(line, end)
    if match is None or _TEXT_TYPE.search(line, max(0, start - 80), start) is None:
        return []
    try:
        text = base64.b64decode(match.group() + b"=" * (-len(match.group()) % 4)).decode()
    except ValueError:
        return []
    encoded = orjson.dumps(text)
    return [Found(*match.span())] if _without_secrets(encoded) != encoded else []


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,1024}={0,2}")
_TEXT_TYPE = re.compile(rb"data:(?:text/|application/)[\w.+-]{1,40}(?:;[\w=.+-]{1,40}){0,2}\Z")
_PLACES: tuple[tuple[_Rule, tuple[str, ...]], ...] = (
    (_data_url, (";base64,",)),
    (places.bearer, ("bearer ", "bearer%20", "bearer+")),
    (places.basic, ("basic ", "basic%20")),
    (places.private_key, ("-----begin",)),
    (places.putty_key, ("putty-user-key-file-",)),
    (places.user_argument, (" -u", '"-u', "'-u", "--user", "-user")),
    (places.sshpass, ("sshpass -p", "-passin pass:", "-passout pass:")),
    (places.unzip, ("zip -p",)),
    (places.net_use, ("net use ",)),
    (places.short_option, ("mysql", "redis-cli")),
    (places.login, ("docker login", "podman login", "helm registry login", "az login")),
    (
        places.user_and_password,
        ("auth=(", "auth': (", "auth':(", "auth=[", 'auth":[', 'auth": [', "basicauth(", ".login("),
    ),
    *((partial(places.option, pattern), programs) for pattern, programs in places.OPTIONS),
    (places.quoted, ("identified by ", "convertto-securestring ")),
    (places.password_file, (":54", ":6432:", ":*:")),
    (
        places.webhook,
        (
            *("hooks.slack.com/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "webhook.office.com/"),
            *("hooks.zapier.com/hooks/catch/", "api.telegram.org/bot"),
        ),
    ),
    (places.telegram, (":aa",)),
    (places.mailchimp, ("-us",)),
    (places.azure_secret, ("q~",)),
    (_headers, ("headers",)),
)


def _all_anchors() -> list[_Anchor]:
    found = [_Anchor(name.encode(), 0, len(name), _strong) for name in names.STRONG]
    for text in names.WEAK:
        name = text.encode()
        endings = (*names.ENDINGS, *names.LONGER_ENDINGS) if text in ("token", "key") else names.ENDINGS
        found += [_Anchor(name + ending, 0, len(name), _weak) for ending in endings]
        found += [_Anchor(mark + name + b" ", len(mark), len(mark) + len(name), _weak) for mark in (b"-", b"_")]
    found += [_Anchor(name.encode(), 0, len(name) - 1, _weak) for name in names.IN_ADDRESSES]
    for rule, literals in _PLACES:
        found += [_Anchor(literal.encode(), 0, len(literal), rule) for literal in literals]
    for beginning in shapes.BEGINNINGS:
        rule = partial(_token, beginning)
        if beginning in shapes.COMMON:
            found += [
                _Anchor(before + beginning, len(before), len(before + beginning), rule, True)
                for before in shapes.COMMON[beginning]
            ]
        else:
            in_word = beginning not in shapes.OUTSIDE_WORDS
            found.append(_Anchor(beginning, 0, len(beginning), rule, in_word))
    return found


_ANCHORS = _all_anchors()
_COUNTED_AT_ONCE = 1 << 16  # bytes; a place is a tuple of a hundred


def _make_search(line: bytes) -> list[Hit]:
    """The first search: makes the function for all later ones, which takes some milliseconds."""
    global _hits
    numbered = [(anchor.literal, number) for number, anchor in enumerate(_ANCHORS)]
    _hits = search_for(
        [anchor.literal for anchor in _ANCHORS],
        [each for each in numbered if not _ANCHORS[each[1]].in_word],
        [each for each in numbered if _ANCHORS[each[1]].in_word],
    )
    return _hits(line)


_hits: Callable[[bytes], list[Hit]] = _make_search


def without_secrets(line: bytes) -> bytes:
    """The encoded record without authorisation and cookie headers, API keys, passwords and tokens."""
    return where_new(line, _without_secrets)


def has_more_places(content: bytes, limit: int) -> bool:
    """Whether a content has more places at which a secret may begin: each takes some microseconds to look at."""
    count = 0
    for start in range(0, len(content), _COUNTED_AT_ONCE):
        count += len(_hits(content[start : start + _COUNTED_AT_ONCE]))
        if count > limit:
            return True
    return False


def _without_secrets(line: bytes) -> bytes:
    hits = _hits(line)
    found = _found_at(line, hits, _LOOKS + len(line) // _BYTES_FOR_A_LOOK) if hits else []
    if 0x40 in line:  # @
        found += places.in_addresses(line)
    return _replaced(line, sorted(found)) if found else line


def _found_at(line: bytes, hits: list[Hit], looks: int) -> list[Found]:
    """Secrets found by the rules at these places; after ``looks`` vain ones strings full of places count too."""
    found: list[Found] = []
    done = 0
    for index, (end, number) in enumerate(hits):
        literal, first, last, rule, _ = _ANCHORS[number]
        start = end - len(literal)
        if start < done:
            continue  # within a secret that was found
        secrets = rule(line, start + first, start + last)
        if secrets:
            found += secrets
            done = max(done, *(secret.end for secret in secrets))
        elif secrets is not None:
            looks -= 1
            if looks == 0:
                full, others = _full_texts(line, hits[index + 1 :])
                return [*found, *full, *_found_at(line, others, len(others) + 1)]
    return found


def _full_texts(line: bytes, hits: list[Hit]) -> tuple[list[Found], list[Hit]]:
    """Strings of the record with many of these places, and the other places; the last in a string may go beyond it."""
    full: list[Found] = []
    others: list[Hit] = []
    index = 0
    for text in _TEXT.finditer(line):
        first = index
        while index < len(hits) and hits[index][0] <= text.end():
            index += 1
        if index - first > _MANY:
            full.append(Found(text.start() + 1, text.end("inner")))
            first = index - 1
        others += hits[first:index]
    return full, others + hits[index:]


# A look at a place takes some microseconds; texts made of beginnings have many places, ordinary records few.
_LOOKS = 4_096  # and one more for each
_BYTES_FOR_A_LOOK = 64
_MANY = 16
_TEXT = re.compile(rb'"(?P<inner>[^"\\]*(?:\\.[^"\\]*)*)"?', re.DOTALL)


def _replaced(line: bytes, found: list[Found]) -> bytes:
    kept: list[bytes] = []
    written = 0
    for start, end, replacement in found:
        if start >= written:
            kept += (line[written:start], replacement)
        written = max(written, end)
    return b"".join((*kept, line[written:]))
