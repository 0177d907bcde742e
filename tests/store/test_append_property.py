"""Records in any order, in any batches, repeated at will, come to what a naive roll-up of them comes to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import MS, START, new_store, said, span, start

pytestmark = pytest.mark.no_store

IDS = ["a", "b", "c", "d", "e"]


@st.composite
def traces(draw: st.DrawFn) -> list[bytes]:
    """The records of one trace: a forest of spans, some carrying tokens, some started, some tags."""
    lines = []
    for number, span_id in enumerate(IDS[: draw(st.integers(1, 5))]):
        parents = [None, "elsewhere", *IDS[:number]]
        usage = draw(st.sampled_from([None, None, (1, 2), (10, 0), (0, 0)]))
        begin = START + draw(st.integers(0, 5)) * MS
        end = begin + draw(st.integers(0, 5)) * MS
        status = draw(st.sampled_from(["UNSET", "OK", "ERROR"]))
        lines.append(
            span("t", span_id, draw(st.sampled_from(parents)), usage=usage, start=begin, end=end, status=status)
        )
        if draw(st.booleans()):
            lines.append(start("t", span_id, start=begin))
        if draw(st.booleans()):
            lines.append(start("t", span_id, start=begin, json={"tracer.inputs": "asked"}))
    for time in range(draw(st.integers(0, 3))):
        lines.append(said("t", time, tags={draw(st.sampled_from("xy")): draw(st.sampled_from(["1", "2", None]))}))
    return lines


def naive(lines: list[bytes]) -> dict[str, Any]:
    records = [orjson.loads(line) for line in lines]
    spans = {r["span_id"]: r for r in records if r["kind"] == "span"}

    def tokens(span_id: str) -> int | None:
        attributes = spans[span_id].get("attributes", {})
        return sum(attributes.values()) if attributes else None

    def is_topmost(span_id: str) -> bool:
        parent = spans[span_id].get("parent_id")
        return parent not in spans or (tokens(parent) is None and is_topmost(parent))

    counted = [tokens(i) for i in spans if tokens(i) is not None and is_topmost(i)]
    roots = sorted(
        spans.values(), key=lambda r: ("parent_id" in r, r.get("parent_id") in spans, r["start"], r["span_id"])
    )
    tags: dict[str, str | None] = {}
    for record in sorted((r for r in records if r["kind"] == "trace"), key=lambda r: r["time"]):
        tags |= record["tags"]
    return {
        "spans": sorted(spans),
        "tokens": sum(counted) if counted else None,  # type: ignore[arg-type]
        "root": roots[0]["span_id"],
        "state": "ERROR" if roots[0]["status"] == "ERROR" else "OK",
        "errors": sum(r["status"] == "ERROR" for r in spans.values()),
        "tags": {key: value for key, value in tags.items() if value is not None},
    }


@settings(max_examples=60)
@given(lines=traces(), data=st.data())
def test_any_order_and_any_repetition_come_to_the_same(lines: list[bytes], data: st.DataObject) -> None:
    order = data.draw(st.permutations(lines)) + data.draw(st.lists(st.sampled_from(lines), max_size=6))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
            store.append(order[begin:end], owner="o")
        stored = store.trace("t")
        store.close()

    assert stored is not None
    row = stored.row
    assert {
        "spans": sorted(record["span_id"] for record in stored.spans),
        "tokens": row.usage["total_tokens"] if row.usage else None,
        "root": row.root_span_id,
        "state": row.state,
        "errors": row.error_count,
        "tags": row.tags,
    } == naive(lines)
