"""Retention in any store: the time for which traces are kept, decided from stored data alone.

Each policy gives the traces that meet its filter a time to stay. Where several do, the longest counts; a trace that
meets none stays. Whether a trace is in a sample follows from its id, so that every process always decides the same.
"""

from __future__ import annotations

import hashlib
import time as clock
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.store import Store
from tracer.store.filter import Comparison, Expression, Field, all_of, parse_filter
from tracer.store.filter.expression import Not, Or
from tracer.store.parts import trace_ids_of
from tracer.store.rows import StoredPolicy

CONTENT: Final = ("filter", "keep_seconds", "sample", "after_seconds")  # fields of a policy other than its name
_NAME_LIMIT = 250  # characters
_FILTER_LIMIT = 5000
MOST_SECONDS: Final = 100 * 366 * 86400
_POLICIES_LIMIT = 50
_NS_PER_SECOND = 1_000_000_000
_NS_PER_MS = 1_000_000


def checked_policy(given: JsonMapping, called: Mapping[str, str] = {}) -> JsonObject:
    """A policy as it is written. Raises InvalidArgumentError, FilterSyntaxError.

    :param called: What whoever gave the policy calls its fields, where it is something else.
    """
    names = {name: called.get(name, name) for name in CONTENT}
    unknown = [name for name in given if name not in ("name", *CONTENT)]
    if unknown:
        raise InvalidArgumentError(f"a policy has no {unknown[0]!r:.40}; it may have name, {', '.join(CONTENT)}.")
    name, filter = given.get("name"), given.get("filter") or ""
    keep, after = _seconds(given, "keep_seconds"), _seconds(given, "after_seconds")
    sample = given.get("sample", 1)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _NAME_LIMIT:
        raise InvalidArgumentError(f"name is missing, or no text of 1 to {_NAME_LIMIT} characters")
    if not isinstance(filter, str) or len(filter) > _FILTER_LIMIT:
        raise InvalidArgumentError(f"filter is no text of at most {_FILTER_LIMIT} characters")
    if isinstance(sample, bool) or not isinstance(sample, (int, float)) or not 0 <= sample <= 1:
        raise InvalidArgumentError(f"{names['sample']} is {sample!r:.40}, expected the part that is kept, from 0 to 1")
    if (sample < 1) != (after is not None):
        raise InvalidArgumentError(
            f"{names['sample']} and {names['after_seconds']} belong together: which part is kept, and from when on"
        )
    if after is not None and keep is not None and after > keep:
        raise InvalidArgumentError(f"{names['after_seconds']} is longer than {names['keep_seconds']}")
    parse_filter(filter)
    return {"name": name.strip(), "filter": filter.strip(), "keep_seconds": keep, "sample": float(sample),
            "after_seconds": after}  # fmt: skip


def _seconds(given: JsonMapping, name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SECONDS:
        raise InvalidArgumentError(f"{name} is {value!r:.40}, expected whole seconds, or nothing for ever")
    return value


def stored_policy(content: JsonMapping, created: int, updated: int) -> StoredPolicy:
    """A policy of checked fields; times in ns."""
    return StoredPolicy(content["name"], created, updated, *(content[field] for field in CONTENT))


def share_of(trace_id: str) -> float:
    """The position of a trace between 0 and 1: a sample has the traces below its size."""
    # not the id's own digits: some systems begin them with the time
    return int.from_bytes(hashlib.blake2b(trace_id.encode(), digest_size=6).digest(), "big") / 2**48


class Expired(NamedTuple):
    """Traces whose time is over, and the condition for it, which may hold no longer when they are deleted."""

    trace_ids: list[str]
    condition: Expression


def expired(store: Store, policies: Sequence[StoredPolicy], *, now_ns: int | None = None) -> Iterator[Expired]:
    """The traces whose time is over, the oldest first, at most a hundred at once; never running ones."""
    now = clock.time_ns() if now_ns is None else now_ns
    if len(policies) > _POLICIES_LIMIT:
        raise InvalidArgumentError(f"there are {len(policies)} policies, expected at most {_POLICIES_LIMIT}")
    borders = sorted({0.0, 1.0, *(policy.sample for policy in policies)})
    for low, high in pairwise(borders):
        condition = _expired(policies, high, now)
        if condition is None:
            continue
        for trace_ids in trace_ids_of(store, condition):
            found = [trace_id for trace_id in trace_ids if low <= share_of(trace_id) < high]
            if found:
                yield Expired(found, condition)


def all_over_before(policies: Sequence[StoredPolicy], *, now_ns: int | None = None) -> int | None:
    """The time in ns before which every ended trace's time is over, whichever filters it meets; None if none."""
    now = clock.time_ns() if now_ns is None else now_ns
    keeps = [policy.keep_seconds for policy in policies]
    longest = max((seconds for seconds in keeps if seconds is not None), default=None)
    if longest is None or None in keeps or all(policy.filter for policy in policies):
        return None
    return now - longest * _NS_PER_SECOND


def _expired(policies: Sequence[StoredPolicy], share: float, now: int) -> Expression | None:
    """The condition of the traces up to this share whose time is over; None if no trace can meet it."""
    stays = {policy: policy.keep_seconds if policy.sample >= share else policy.after_seconds for policy in policies}
    ends = [seconds for seconds in stays.values() if seconds is not None]
    filters = {policy: _filter_of(policy) for policy in policies}
    if not ends or any(stays[policy] is None and filters[policy] is None for policy in policies):
        return None
    conditions: list[Expression] = [
        _before(now, min(ends)),
        Not(Comparison(Field("state", "state"), "=", "IN_PROGRESS")),
    ]
    if all(filters.values()):
        meets = tuple(each for each in filters.values() if each is not None)
        conditions.append(meets[0] if len(meets) == 1 else Or(meets))
    for policy, seconds in stays.items():
        still = all_of(filters[policy], None if seconds is None else Not(_before(now, seconds)))
        assert still is not None
        conditions.append(Not(still))
    return all_of(*conditions)


def _filter_of(policy: StoredPolicy) -> Expression | None:
    try:
        return parse_filter(policy.filter)
    except InvalidArgumentError as error:  # such as one that another version wrote
        raise InvalidArgumentError(
            f"the policy {policy.name!r:.80} has a filter that is none, so no policy is kept to; set it anew or remove"
            f" it: {error}"
        ) from None


def _before(now: int, seconds: int) -> Expression:
    border = (now - seconds * _NS_PER_SECOND) // _NS_PER_MS
    return Comparison(Field("timestamp", "timestamp"), "<", border)
