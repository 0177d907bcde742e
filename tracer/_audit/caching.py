"""Prompts that a provider's cache could have held, and the place that prevented it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from tracer._audit.calls import Call, Segment
from tracer._audit.findings import Waste

KIND = "prompt cache miss"
_LEAST_CACHED = 1024  # tokens of the shortest prompt that providers cache
_WORTH = 256  # tokens
_LOOKED_BACK = 8  # calls of the same step
_KEPT_NS = 300_000_000_000  # 5 minutes, the usual life of a cached prompt
_SHOWN = 60
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_DATE = r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{4}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w* \d{1,2}"
_TIME = re.compile(rf"{_DATE}|{_CLOCK}|\b1[0-9]{{9}}(?:\d{{3}})?\b", re.IGNORECASE)
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{16,}\b", re.IGNORECASE)


class _Change(NamedTuple):
    """The difference from an earlier call, and the numbers of equal characters before and after it."""

    reason: str
    place: str
    before: int
    behind: int


def cache_misses(calls: Sequence[Call]) -> Iterator[Waste]:
    """For each call, the reason why it did not use the cache that an earlier call of the same step had filled."""
    steps: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        earlier = steps.setdefault((call.root, call.parent), [])
        found = [_miss(call, other) for other in reversed(earlier)]
        if found and all(found):  # nothing was missed if one of the earlier calls gives no miss
            yield max((waste for waste in found if waste is not None), key=lambda waste: waste.tokens)
        if not call.has_failed:
            earlier.append(call)
            del earlier[:-_LOOKED_BACK]


def _miss(call: Call, earlier: Call) -> Waste | None:
    change = _change(call, earlier)
    if call.tokens_of(change.before + change.behind) < _LEAST_CACHED:
        return None
    lost = call.tokens_of(change.before + change.behind) - call.cached_tokens
    if change.behind:
        lost = min(lost, call.tokens_of(change.behind))
    if lost < _WORTH:
        return None
    saved = call.saved_by_cache(lost)
    if not saved and (saved is not None or "cache_read_input_tokens" not in call.usage):
        return None  # a model without a cache, or without a known one
    return Waste(KIND, change.reason, change.place, call, lost, saved)


def _change(call: Call, earlier: Call) -> _Change:
    before, after = earlier.segments, call.segments
    same = len(list(takewhile(lambda pair: pair[0].text == pair[1].text, zip(before, after))))
    equal = sum(len(segment.text) for segment in after[:same])
    if call.model != earlier.model:
        return _Change(f"another model: {earlier.model}, then {call.model}", "model", equal, 0)
    is_new_tools = bool(earlier.tools) != bool(call.tools)
    if same == len(before) or same == len(after):
        return _Change(_unchanged(call, earlier), "the whole prefix", equal, 0)
    old, new = before[same], after[same]
    behind = _equal_later(before[same + 1 :], after[same + 1 :])
    if is_new_tools or old.place == "tools":
        rest = _equal_later(before, [segment for segment in after[same:] if segment.place != "tools"])
        return _Change(_tools_changed(earlier, call), "tools", equal, rest)
    head = _common(old.text, new.text)
    tail = _common(old.text[head:][::-1], new.text[head:][::-1])
    if not tail + behind:
        return _Change(_unchanged(call, earlier), f"the prefix up to {new.place}", equal + head, 0)
    return _Change(*_text_changed(old, new, head, tail), equal + head, tail + behind)


def _unchanged(call: Call, earlier: Call) -> str:
    waited = call.start - earlier.end
    if waited > _KEPT_NS:
        return f"expired: more than {_KEPT_NS // 60_000_000_000} minutes after the call before"
    provider = str((call.record.get("attributes") or {}).get("gen_ai.provider.name", ""))
    if not call.marks_cache and ("anthropic" in provider or "bedrock" in provider):
        return "not marked: the request has no cache_control"
    if waited < 0:
        return "sent at the same time as the call with the same prefix"
    return "the same prefix was not found in the provider's cache"


def _tools_changed(earlier: Call, call: Call) -> str:
    old, new = dict(earlier.tools), dict(call.tools)
    if sorted(earlier.tools) == sorted(call.tools):
        return "tools in another order"
    added, removed = [name for name in new if name not in old], [name for name in old if name not in new]
    if not added and not removed:
        changed = [name for name in new if new[name] != old[name]]
        return f"other tools: the definition of {', '.join(changed)} changed"
    return f"other tools: {', '.join([f'+{name}' for name in added] + [f'-{name}' for name in removed])}"


def _text_changed(old: Segment, new: Segment, head: int, tail: int) -> tuple[str, str]:
    where = f"{new.place}, character {head}"
    named = "the system prompt" if new.role == "system" else new.place
    for pattern, what in ((_TIME, "a timestamp"), (_ID, "an id")):
        found = _around(pattern, new.text, head)
        if found is not None and _around(pattern, old.text, head) is not None:
            return f"{what} in {named}", f"{new.place}, character {found}"
    reason = f"a changed prefix at {new.place} ({new.role})"
    return reason, where


def _around(pattern: re.Pattern[str], text: str, place: int) -> int | None:
    """The start of the pattern's match at a place of the text; None without a match there."""
    start = max(0, place - _SHOWN)
    for found in pattern.finditer(text, start, place + _SHOWN):
        if found.start() <= place <= found.end():
            return found.start()
    return None


def _equal_later(before: Sequence[Segment], after: Sequence[Segment]) -> int:
    """Characters of the later pieces that both have."""
    texts = {segment.text for segment in before}
    return sum(len(segment.text) for segment in after if segment.text in texts)


def _common(one: str, other: str) -> int:
    """Length of the common beginning."""
    if one == other:
        return len(one)
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
