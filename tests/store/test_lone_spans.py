"""A trace of one span is planned by a shorter way, and comes to the same rows."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import START, new_store, said, span, start
from tracer import semconv
from tracer.store.sqlite import plan

pytestmark = [pytest.mark.no_store, pytest.mark.sqlite_only("its tables")]

TEXTS = st.sampled_from(["", "Where is my order?", "a" * 600, "b" * 5_000, f"tracer-attachment:{'0' * 64};image/png;9"])


@st.composite
def spans(draw: st.DrawFn, trace_id: str) -> bytes:
    """Any ended span."""
    fields: dict[str, Any] = {
        "status": draw(st.sampled_from(["OK", "ERROR", "UNSET"])),
        "type": draw(st.sampled_from(["CHAT_MODEL", "CHAIN"])),
        "end": START + draw(st.integers(-1, 3)),
        "usage": draw(st.sampled_from([None, (1, 2), (10, 0)])),
        "model": draw(st.sampled_from([None, "gpt-4o-mini", "none-such"])),
    }
    if draw(st.booleans()):
        fields["attributes"] = {semconv.PROVIDER: "openai", semconv.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18"}
    if draw(st.booleans()):
        fields["events"] = [{"name": "exception", "time": START, "attributes": {"exception.type": "ValueError"}}]
    if draw(st.booleans()):
        fields["json"] = {"tracer.inputs": draw(TEXTS), "tracer.outputs": draw(TEXTS)}
    return span(trace_id, "a", draw(st.sampled_from([None, "elsewhere"])), **fields)


def tables(path: Path) -> dict[str, list[Any]]:
    """All rows of a store's file."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


@settings(max_examples=80)
@given(data=st.data())
def test_the_rows_are_those_of_any_other_trace(data: st.DataObject) -> None:
    batches: list[list[bytes]] = [[], []]
    for trace_id in "abcde":
        beside = [said(trace_id, user="ann"), span(trace_id, "b", "a"), start(trace_id, "e")]
        batch = data.draw(st.sampled_from(batches))
        batch += [data.draw(spans(trace_id)), *data.draw(st.lists(st.sampled_from(beside), max_size=1))]
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                with closing(new_store(Path(folder))) as store:
                    for batch in [*batches, batches[0], [span("b", "later", "a")]]:
                        store.append(batch, owner="o")
                found.append(tables(Path(folder) / "traces.db"))
            patch.setattr(plan, "plan_lone", lambda decoded: None)

    assert found[0] == found[1]


def test_a_span_of_its_own_is_planned_by_itself_and_none_beside_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[str] = []
    plan_lone = plan.plan_lone

    def noted(decoded: Any) -> Any:
        lone = plan_lone(decoded)
        planned.extend([decoded.trace_id] if lone else [])
        return lone

    monkeypatch.setattr(plan, "plan_lone", noted)
    with closing(new_store(tmp_path)) as store:
        store.append([span("alone", "a"), span("two", "a"), span("two", "b", "a"), span("told", "a"), said("told")])
        store.append([span("alone", "a"), span("alone", "b", "a"), span("running", "a"), start("running", "b")])

    assert planned == ["alone"]
