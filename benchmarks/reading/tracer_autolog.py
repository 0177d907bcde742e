"""tracer's store, filled as its drainer fills it; read by its public functions, statistics by the store's own."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import tracer
from benchmarks.reading import HOUR_SECONDS, MODELS, RARE, SPANS, WEEK_NS, Question, question_of, starts, tokens_of
from tracer.store import open_store

LONG = "f" * 32
BATCH = 2_000


def fill(folder: Path, spans: int, longest: int) -> None:
    """Write the records, and make everything ready for full-text search."""
    url = f"sqlite:///{folder / 'tracer.db'}"
    store = open_store(url)
    records = (json.dumps(record).encode() for record in _records(spans, longest))
    while lines := list(islice(records, BATCH)):
        store.append(lines)
    while store.index_more():
        pass
    store.close()
    tracer.configure(store=url)


def _ask_usage() -> int:
    store = open_store(tracer.get_tracking_uri())
    now = time.time_ns()
    found = store.statistics(
        group_by="model", since_ms=(now - WEEK_NS) / 1e6, until_ms=now / 1e6, interval_ns=HOUR_SECONDS * 10**9
    )
    return len(found)


def _search(filter: str | None = None) -> int:
    return len(tracer.search_traces(filter, max_results=50, include_spans=False))


_FILTER = "status = 'ERROR' AND model = 'gpt-4o'"
_TEXT = f"text CONTAINS '{RARE}'"
QUESTIONS = {
    "newest 50": Question("`search_traces()`", _search),
    "filter": Question(f"`search_traces` of `{_FILTER}`", lambda: _search(_FILTER)),
    "full text": Question(f"`search_traces` of `{_TEXT}`", lambda: _search(_TEXT)),
    "usage by model and hour": Question(
        "calls, errors, tokens, cost and latency by model and hour of the week; not a public function", _ask_usage
    ),
    "longest trace": Question(
        "`get_trace`",
        lambda: len(tracer.get_trace(LONG).data.spans),  # type: ignore[union-attr]
    ),
}


def _records(spans: int, longest: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)
    now = time.time_ns()
    for number, start in enumerate(starts(now, (spans - longest) // SPANS)):
        yield from _trace(chance, f"{chance.getrandbits(128):032x}", start, number, SPANS)
    yield from _trace(chance, LONG, now - WEEK_NS // 2, 1, longest)


def _trace(chance: random.Random, trace_id: str, start: int, number: int, spans: int) -> Iterator[dict[str, Any]]:
    """A root, and below it calls of a model in turn with other steps."""
    root = f"{chance.getrandbits(64):016x}"
    for place in range(spans):
        is_call = place % 2 == 1
        record: dict[str, Any] = {
            "kind": "span",
            "trace_id": trace_id,
            "span_id": f"{chance.getrandbits(64):016x}" if place else root,
            "name": "chat" if is_call else "step" if place else "support agent",
            "type": "CHAT_MODEL" if is_call else "CHAIN",
            "start": start + place * 10**6,
            "end": start + chance.randrange(10**7, 10**9),
            "status": "ERROR" if number % 50 == 7 and place in (0, 1) else "OK",
            "json": {
                "tracer.inputs": {"question": question_of(number)},
                "tracer.outputs": f"Case {number}, step {place}: it is on page {chance.randrange(900)}.",
            },
        }
        if place:
            record["parent_id"] = root
        if is_call:
            tokens_in, tokens_out = tokens_of(number, place)
            record["attributes"] = {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": MODELS[number % len(MODELS)],
                "gen_ai.usage.input_tokens": tokens_in,
                "gen_ai.usage.output_tokens": tokens_out,
            }
        yield record
