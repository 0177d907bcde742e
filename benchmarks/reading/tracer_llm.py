"""tracer's store, filled as its drainer fills it, read through the public functions."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import tracer
from benchmarks.reading import MODELS, RARE, SPANS, question_of
from tracer.store import open_store

HOUR_NS = 3_600_000_000_000
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
    return len(store.statistics(group_by="model", interval_ns=HOUR_NS))


QUESTIONS = {
    "newest 50": lambda: len(tracer.search_traces(max_results=50, include_spans=False)),
    "filter": lambda: len(
        tracer.search_traces("status = 'ERROR' AND model = 'gpt-4o'", max_results=50, include_spans=False)
    ),
    "full text": lambda: len(tracer.search_traces(f"text CONTAINS '{RARE}'", max_results=50, include_spans=False)),
    "usage by model and hour": _ask_usage,
    "longest trace": lambda: len(tracer.get_trace(LONG).data.spans),  # type: ignore[union-attr]
}


def _records(spans: int, longest: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)
    now = time.time_ns()
    for number in range((spans - longest) // SPANS):
        yield from _trace(chance, f"{chance.getrandbits(128):032x}", now - number * 6_000_000_000, number, SPANS)
    yield from _trace(chance, LONG, now - 86_400_000_000_000, 1, longest)


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
            record["attributes"] = {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": MODELS[number % len(MODELS)],
                "gen_ai.usage.input_tokens": chance.randrange(2_000),
                "gen_ai.usage.output_tokens": chance.randrange(800),
            }
        yield record
