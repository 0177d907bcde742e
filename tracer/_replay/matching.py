"""Whether a request is the recorded one, and where it differs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from tracer._json import JsonMapping, JsonObject
from tracer._redaction.secrets import REDACTED
from tracer._replay.differing import NOTHING, below, differing, first_word, is_same, leaves, short, unified

Match = Literal["strict", "lenient", "ordered"]

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
# texts that differ each time without a meaning: dates with their times, ids
_CHANGING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z\b|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(rf"\b(?:\d{{1,2}}\.? (?:{_MONTHS})[a-z]*|(?:{_MONTHS})[a-z]* \d{{1,2}}),? \d{{4}}\b"), "<date>"),
    (re.compile(r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"), "<date>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?"), "<time>"),
    (re.compile(r"\b1[5-9]\d{8}(?:\d{3})?(?:\.\d+)?\b"), "<time>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b"), "<id>"),
    (re.compile(r"\b[a-z]{2,12}[_-](?=[A-Za-z0-9]*\d)[A-Za-z0-9]{8,}\b"), "<id>"),
)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Matching:
    """The comparison of requests: its strictness, and the fields that it ignores."""

    match: Match = "lenient"
    ignore: tuple[str, ...] = ()  # names of fields at any depth, or paths such as metadata.run_id

    def is_same(self, recorded: JsonMapping, request: JsonMapping) -> bool:
        """Whether two requests have the same method, path and body."""
        return is_same(_place(recorded), _place(request)) and is_same(
            self.comparable(body_of(recorded)), self.comparable(body_of(request))
        )

    def comparable(self, value: object, path: str = "") -> object:
        """A value without the parts that the comparison ignores."""
        if self.match == "strict" and not self.ignore:
            return value
        if isinstance(value, dict):
            return {
                name: self.comparable(item, below(path, name))
                for name, item in value.items()
                if name not in self.ignore and below(path, name) not in self.ignore
            }
        if isinstance(value, list):
            return [self.comparable(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if self.match == "strict":
            return value
        if isinstance(value, str):
            return without_changing(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return without_changing(str(value)) if value > 1_500_000_000 else value
        return value

    def differences(self, recorded: JsonMapping, request: JsonMapping) -> str:
        """The differences between two requests: the place of the first one, then all as a diff."""
        before = {"url": _place(recorded), **_as_object(self.comparable(body_of(recorded)))}
        after = {"url": _place(request), **_as_object(self.comparable(body_of(request)))}
        shown_before = {"url": _place(recorded), **_as_object(body_of(recorded))}
        shown_after = {"url": _place(request), **_as_object(body_of(request))}
        return f"{_first_difference(before, after)}\n{unified(shown_before, shown_after)}"

    def likeness(self, recorded: JsonMapping, request: JsonMapping) -> float:
        """Similarity of two requests, from 0 to 1; 1 if they have the same words."""
        words, wanted = self._words(recorded), self._words(request)
        return 2 * (words & wanted).total() / max(1, words.total() + wanted.total())

    def _words(self, request: JsonMapping) -> Counter[str]:
        shown = {"url": _place(request), **_as_object(self.comparable(body_of(request)))}
        return Counter(word for line in leaves(shown) for word in line.split())


def without_changing(text: str) -> str:
    """A text without ids, dates and the width of its spaces."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return _SPACE.sub(" ", text).strip()


def body_of(request: JsonMapping) -> object:
    """The part of a request that is compared."""
    return next((request[kind] for kind in ("json", "text", "base64") if kind in request), None)


def host_of(request: JsonMapping) -> str:
    """Host and port that a request goes to."""
    return urlsplit(request["url"]).netloc


def path_of(request: JsonMapping) -> str:
    """The path that a request goes to, on whichever host."""
    return urlsplit(request["url"]).path


def _place(request: JsonMapping) -> str:
    url = urlsplit(request["url"])
    return f"{request['method']} {url.path}{'?' if url.query else ''}{url.query}"


def _as_object(body: object) -> JsonObject:
    return body if isinstance(body, dict) else {"body": body}


def _first_difference(recorded: object, value: object) -> str:
    for path, before, after in differing(recorded, value):
        if before is NOTHING:
            return f"{path} is new: {short(after)}"
        if after is NOTHING:
            return f"{path} is missing: {short(before)} was recorded"
        if isinstance(before, str) and isinstance(after, str):
            number, old, new = first_word(before, after)
            return f"{path}, word {number}: {short(old)} was recorded, now it is {short(new)}"
        return f"{path}: {short(before)} was recorded, now it is {short(after)}"
    return "it is the same request, which is answered already"


def holds_redacted(values: Iterable[object]) -> bool:
    """Whether a part of these values was redacted as a secret."""
    return any(REDACTED in json.dumps(value, ensure_ascii=False) for value in values)
