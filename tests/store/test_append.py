"""What a trace becomes of the records that come in."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.store.records import MS, SECOND, START, assessment, found, new_store, restore, said, span, start
from tracer import semconv
from tracer.store import Store, TraceRow
from tracer.store.sqlite.known import in_parts


def row(store: Store, trace_id: str = "t") -> TraceRow:
    stored = store.trace(trace_id)
    assert stored is not None
    return stored.row


def dump(path: Path) -> list[str]:
    """Everything the tables hold, but for change numbers."""
    connection = sqlite3.connect(path)
    tables = [
        "traces",
        "spans",
        "chunks",
        "running",
        "labels",
        "assessments",
        "hours",
        "attachments",
        "attachment_uses",
    ]
    lines = []
    for table in tables:
        columns = [c[1] for c in connection.execute(f"PRAGMA table_info({table})") if c[1] != "seq"]
        lines += [f"{table} {r}" for r in connection.execute(f"SELECT {','.join(columns)} FROM {table} ORDER BY 1, 2")]
    connection.close()
    return lines


def test_an_id_may_be_any_text(store: Store) -> None:
    ids = ["it's", "back\\slash", "a','b", "line\nend", "{p0:String}", "ü", "?", "-", "0123abc"]

    store.append([span(trace_id, "s") for trace_id in ids])
    store.append([span(trace_id, "later") for trace_id in ids])

    assert {trace_id: len(store.spans(trace_id)) for trace_id in ids} == dict.fromkeys(ids, 2)
    assert store.delete_traces(trace_ids=ids[:-1]) == len(ids) - 1
    assert found(store) == [ids[-1]]


def test_tags_and_metadata_come_by_their_names(store: Store) -> None:
    names = ["zebra", "ant", "Émile", "ape"]

    store.append([span("t", "s"), said("t", tags=dict.fromkeys(names, "1"), metadata=dict.fromkeys(names, "2"))])

    assert [list(row(store).tags), list(row(store).metadata)] == [sorted(names), sorted(names)]


def test_a_whole_trace_comes_back_as_it_was_recorded(store: Store) -> None:
    root = span("t", "r", status="OK", json={"tracer.inputs": {"q": "hi"}, "tracer.outputs": [1, None, "ü"]})
    child = span(
        "t", "c", "r", start=START + MS, events=[{"name": "e", "time": 5}], links=[{"trace_id": "x", "span_id": "y"}]
    )

    store.append([root, child])

    stored = store.trace("t")
    assert stored is not None
    assert stored.spans == [orjson.loads(root), orjson.loads(child)]
    assert (stored.row.state, stored.row.name, stored.row.span_count, stored.row.duration) == (
        "OK",
        "span r",
        2,
        SECOND,
    )


def test_spans_without_payload_are_enough_for_a_tree(store: Store) -> None:
    store.append(
        [span("t", "r", model="m", usage=(1, 2)), span("t", "c", "r", start=START + MS, status="ERROR", message="no")]
    )

    root, child = store.spans("t", payload=False)

    assert root["usage"] == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert (child["span_id"], child["parent_id"], child["status"], child["message"]) == ("c", "r", "ERROR", "no")
    assert store.payload("t", "c") == orjson.loads(span("t", "c", "r", start=START + MS, status="ERROR", message="no"))
    assert store.payload("t", "none") is None
    assert store.payload("none", "c") is None


def test_an_unknown_trace_is_none(store: Store) -> None:
    assert store.trace("nothing") is None
    assert store.spans("nothing") == []


@pytest.mark.sqlite_only("looks into the tables")
def test_the_same_records_again_change_nothing(store: Store, tmp_path: Path) -> None:
    lines = [
        start("t", "r"),
        said("t", 5, tags={"a": "1", "b": None}, session_id="s"),
        span("t", "c", "r", model="gpt-4o", usage=(10, 5)),
        span("t", "r", status="ERROR"),
        assessment("t", "good", True),
        span("u", "r", model="gpt-4o", usage=(1, 1)),
    ]
    store.append(lines, owner="o")
    before, changed = dump(tmp_path / "traces.db"), store.changes(0).seq

    store.append(lines, owner="o")
    store.append(lines[:3], owner="o")
    store.append(lines * 3)
    for line in reversed(lines):
        store.append([line])

    assert dump(tmp_path / "traces.db") == before
    assert store.changes(changed).trace_ids == []


def test_every_order_of_records_comes_to_the_same(tmp_path: Path) -> None:
    lines = [
        start("t", "r"),
        said("t", 5, tags={"a": "1"}, user="ann"),
        said("t", 6, tags={"a": "2"}, experiment="lab"),
        span("t", "c", "r", start=START + MS, model="gpt-4o", usage=(10, 5)),
        span("t", "r", status="ERROR", json={"tracer.inputs": "in", "tracer.outputs": "out"}),
    ]
    outcomes = set()
    for number, order in enumerate(itertools.permutations(lines)):
        store = new_store(tmp_path, f"{number}.db")
        if number % 2:
            store.append(order)
        else:
            for line in order:
                store.append([line])
        stored = store.trace("t")
        assert stored is not None
        outcome = {key: value for key, value in stored.row._asdict().items() if key != "seq"}
        outcomes.add(repr(outcome) + repr(stored.spans))
        store.close()

    assert len(outcomes) == 1
    assert "'state': 'ERROR'" in outcomes.pop()


def lines_of(trace_id: str, kinds: Sequence[str]) -> list[bytes]:
    """Records of one trace by their names; each has a request of its own."""
    made = {
        "root runs": start(trace_id, "r"),
        "root asks": start(trace_id, "r", json={"tracer.inputs": "root"}),
        "root ends": span(trace_id, "r", type="LLM", json={"tracer.outputs": "out"}),
        "first": start(trace_id, "a", parent_id="r", type="LLM", start=START + 1, json={"tracer.inputs": "first"}),
        "second": start(trace_id, "b", parent_id="r", type="LLM", start=START + 2, json={"tracer.inputs": "second"}),
        "first ends as a tool": span(trace_id, "a", "r", type="TOOL", start=START + 1, json={"tracer.inputs": "tool"}),
        "first ends": span(trace_id, "a", "r", type="LLM", start=START + 1, json={"tracer.inputs": "first"}),
    }
    return [made[kind] for kind in kinds]


@pytest.mark.parametrize(
    ("kinds", "asked"),
    [
        (["root ends", "first"], "first"),
        (["root ends", "first", "second"], "first"),
        (["root runs", "first", "second"], "first"),
        (["root runs", "root asks", "first"], "root"),
        (["root runs", "first", "second", "first ends as a tool"], "second"),
        (["root ends", "first", "second", "first ends as a tool"], "second"),
        (["root ends", "second", "first ends"], "first"),
    ],
)
def test_the_request_of_a_trace_does_not_depend_on_the_order_of_arrival(
    kinds: list[str], asked: str, store: Store
) -> None:
    orders = list(itertools.permutations(kinds))
    for number, order in enumerate(orders):
        store.append(lines_of(f"batch{number}", order))
        for line in lines_of(f"alone{number}", order):
            store.append([line])

    previews = {trace_id: row(store, trace_id).request_preview for trace_id in found(store)}

    assert previews == {f"{way}{number}": asked for number in range(len(orders)) for way in ("batch", "alone")}


def test_tokens_count_once_where_a_span_and_its_children_carry_them(store: Store) -> None:
    store.append(
        [
            span("t", "r"),
            span("t", "agent", "r", usage=(100, 50)),
            span("t", "step", "agent"),
            span("t", "llm", "step", usage=(100, 50)),
            span("t", "other", "r", usage=(7, 3)),
        ]
    )

    assert row(store).usage == {"input_tokens": 107, "output_tokens": 53, "total_tokens": 160}


def test_tokens_are_told_anew_when_a_parent_comes_late(store: Store) -> None:
    store.append([span("t", "llm", "step", usage=(10, 5))])
    assert row(store).usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    store.append([span("t", "agent", None, usage=(11, 6))])
    assert row(store).usage == {"input_tokens": 21, "output_tokens": 11, "total_tokens": 32}

    store.append([span("t", "step", "agent")])

    assert row(store).usage == {"input_tokens": 11, "output_tokens": 6, "total_tokens": 17}


def test_parents_in_a_circle_do_not_hang(store: Store) -> None:
    store.append(
        [span("t", "a", "b", usage=(1, 1)), span("t", "b", "a", usage=(1, 1)), span("t", "c", "c", usage=(1, 1))]
    )

    assert row(store).span_count == 3
    assert row(store).root_span_id in ("a", "b", "c")


def test_usage_keeps_its_details_and_ignores_nonsense(store: Store) -> None:
    attributes = {
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2.0,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": -1,
        "gen_ai.usage.audio.input_tokens": "many",
        "gen_ai.usage.image.input_tokens": True,
    }
    store.append([span("t", "r", attributes=attributes)])

    expected = {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 4, "total_tokens": 12}
    assert row(store).usage == expected
    assert store.spans("t", payload=False)[0]["usage"] == expected


def test_a_running_trace_is_visible_and_ends(store: Store) -> None:
    store.append([start("t", "r")], owner="o")
    running = row(store)
    assert (running.state, running.name, running.duration, running.start) == ("IN_PROGRESS", "span r", None, START)
    assert store.spans("t") == [
        {"kind": "start", "trace_id": "t", "span_id": "r", "name": "span r", "type": "UNKNOWN", "start": START}
    ]

    store.append([span("t", "r", status="OK")], owner="o")

    assert (row(store).state, row(store).duration) == ("OK", SECOND)


def test_a_start_that_comes_again_after_the_end_does_not_reopen(store: Store) -> None:
    store.append([start("t", "r"), span("t", "r")], owner="o")

    store.append([start("t", "r")], owner="o")
    store.owner_gone("o")

    assert row(store).state == "OK"


@pytest.mark.parametrize("trace_id", ["a" * 32, "a", "a" * 100])
@pytest.mark.parametrize("is_start_first", [True, False])
def test_a_span_that_starts_and_ends_in_one_batch_never_runs(store: Store, trace_id: str, is_start_first: bool) -> None:
    ended, runs = "1" * 16, "1" * 15 + "2"
    lines = [start(trace_id, ended), span(trace_id, ended)]

    store.append([start(trace_id, runs), *(lines if is_start_first else lines[::-1])], owner="o")

    stored = store.trace(trace_id)
    assert stored is not None
    assert stored.row.state == "IN_PROGRESS"
    assert sorted((record["kind"], record["span_id"]) for record in stored.spans) == [("span", ended), ("start", runs)]


def when_it_first_begins(store: Store, act: Callable[[], object]) -> list[str]:
    """Have something done before the store's first transaction begins, between plan and lock; all that begin."""
    begun: list[str] = []

    def meanwhile(statement: str) -> None:
        if statement.startswith("BEGIN IMMEDIATE"):
            begun.append(statement)
            if len(begun) == 1:
                act()

    store._connections.get().set_trace_callback(meanwhile)  # type: ignore[attr-defined]
    return begun


@pytest.mark.sqlite_only("intercepts a transaction")
def test_a_trace_that_another_process_creates_meanwhile_gets_the_spans_of_both(tmp_path: Path) -> None:
    store, other = new_store(tmp_path), new_store(tmp_path)
    begun = when_it_first_begins(store, lambda: other.append([span("t", "theirs")], owner="them"))

    store.append([span("t", "ours"), span("u", "ours")], owner="us")

    assert len(begun) == 2
    assert [record["span_id"] for record in store.spans("t")] == ["ours", "theirs"]
    assert row(store).span_count == 2
    assert row(store, "u").span_count == 1
    assert store.statistics(group_by="type")[0].calls == 3
    store.close()
    other.close()


@pytest.mark.sqlite_only("intercepts a transaction")
@pytest.mark.parametrize("beside", [[], [said("t", user="ann")]])
def test_a_trace_that_another_process_deletes_meanwhile_does_not_come_back(tmp_path: Path, beside: list[bytes]) -> None:
    store, other = new_store(tmp_path), new_store(tmp_path)

    def record_and_delete() -> None:
        other.append([span("t", "theirs")])
        other.delete_traces(trace_ids=["t"])

    when_it_first_begins(store, record_and_delete)
    store.append([span("t", "late"), span("u", "ours"), *beside])

    assert found(store) == ["u"]
    store.close()
    other.close()


def test_what_a_dead_process_left_running_is_interrupted(store: Store) -> None:
    store.append([start("t", "r"), span("t", "c", "r"), start("u", "r")], owner="dead")
    store.append([start("v", "r"), start("u", "r2")], owner="alive")
    seq = store.changes(0).seq

    store.owner_gone("dead")
    store.owner_gone("dead")

    assert {i: row(store, i).state for i in "tuv"} == {"t": "INTERRUPTED", "u": "IN_PROGRESS", "v": "IN_PROGRESS"}
    assert store.changes(seq).trace_ids == ["t", "u"]
    assert found(store, "status = 'INTERRUPTED'") == ["t"]


def test_an_interrupted_trace_whose_end_turns_up_is_whole(store: Store) -> None:
    store.append([start("t", "r")], owner="dead")
    store.owner_gone("dead")

    store.append([span("t", "r")], owner="dead")

    assert row(store).state == "OK"


@pytest.mark.parametrize(
    ("said_state", "status", "state"), [("ERROR", "OK", "ERROR"), ("OK", "ERROR", "OK"), (None, "UNSET", "OK")]
)
def test_a_said_state_wins(store: Store, said_state: str | None, status: str, state: str) -> None:
    store.append([span("t", "r", status=status), said("t", state=said_state)])

    assert row(store).state == state


def test_an_error_below_the_root_is_counted_but_is_not_the_traces_state(store: Store) -> None:
    store.append([span("t", "r", status="OK"), span("t", "c", "r", status="ERROR")])

    assert (row(store).state, row(store).error_count) == ("OK", 1)


def test_a_span_with_a_remote_parent_is_the_root_until_the_parent_comes(store: Store) -> None:
    store.append([span("t", "server", "client", remote_parent=True, start=START + MS)])
    assert row(store).root_span_id == "server"

    store.append([span("t", "client", json={"tracer.inputs": "asked", "tracer.outputs": "told"})])

    assert (row(store).root_span_id, row(store).request_preview, row(store).response_preview) == (
        "client",
        "asked",
        "told",
    )


def test_the_preview_follows_the_root_also_to_a_span_stored_earlier(store: Store) -> None:
    store.append([span("t", "a", "x", start=START, json={"tracer.inputs": "a in"})])
    store.append([span("t", "b", "y", start=START + MS, json={"tracer.inputs": "b in"})])
    assert row(store).request_preview == "a in"

    store.append([span("t", "x", "z", start=START + 2 * MS)])

    assert (row(store).root_span_id, row(store).request_preview) == ("b", "b in")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
@pytest.mark.parametrize("at_once", [True, False])
def test_where_the_root_says_nothing_the_preview_is_that_of_its_calls(
    order: tuple[int, ...], at_once: bool, store: Store
) -> None:
    def call(number: int) -> bytes:
        values = {"tracer.inputs": f"question {number}", "tracer.outputs": f"answer {number}"}
        times = {"start": START + number * MS, "end": START + 2 * number * MS}
        return span("t", f"c{number}", "r", type="CHAT_MODEL", json=values, **times)

    lines = [span("t", "r"), call(1), call(2)]
    for part in [[lines[n] for n in order]] if at_once else [[lines[n]] for n in order]:
        store.append(part)

    assert (row(store).root_span_id, row(store).request_preview, row(store).response_preview) == (
        "r",
        "question 1",
        "answer 2",
    )


def test_what_the_root_says_goes_before_what_its_calls_say(store: Store) -> None:
    asked = {"tracer.inputs": "asked"}
    store.append([span("t", "r", json=asked)])
    store.append([span("t", "c", "r", type="LLM", json={"tracer.inputs": "inner", "tracer.outputs": "told"})])

    assert (row(store).request_preview, row(store).response_preview) == ("asked", "told")


def test_the_preview_has_the_last_reply_that_there_is_also_where_the_last_call_failed(store: Store) -> None:
    times = ({"start": START + number * MS, "end": START + 2 * number * MS} for number in (1, 2, 3))
    answered, silent, failed = times
    replied = {"tracer.outputs": {"messages": [{"type": "ai", "data": {"content": "told"}}]}}
    store.append([span("t", "c", "r", type="LLM", json={"tracer.inputs": "asked"} | replied, **answered)])
    store.append([span("t", "d", "r", type="LLM", json={"tracer.inputs": "again"}, **silent)])
    store.append([span("t", "e", "r", type="LLM", json={"tracer.inputs": "again"}, status="ERROR", **failed)])

    store.append([span("t", "r")])

    assert (row(store).request_preview, row(store).response_preview) == ("asked", "told")


_CALLED = {"name": "weather", "arguments": {"city": "Oslo"}}


@pytest.mark.parametrize(
    "values",
    [
        {
            "tracer.outputs": {"id": "r1"},
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", **_CALLED}]}],
        },
        {
            "tracer.outputs": {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "content": None,
                            "tool_calls": [
                                {"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
                            ],
                        }
                    }
                ]
            }
        },
    ],
)
def test_the_preview_of_a_reply_without_text_is_the_tools_that_it_calls(
    store: Store, values: dict[str, object]
) -> None:
    store.append([span("t", "r", type="CHAT_MODEL", json=values)])

    assert row(store).response_preview == 'weather({"city":"Oslo"})'


def test_tags_before_their_spans_wait_unlisted(store: Store) -> None:
    store.append([said("t", tags={"k": "v"}), assessment("t", "good", 1)])
    assert store.trace("t") is None
    assert found(store) == []
    assert store.changes(0).trace_ids == []

    store.append([span("t", "r")])

    assert (row(store).tags, [a.value for a in row(store).assessments]) == ({"k": "v"}, [1])
    assert found(store, "tags.k = 'v'") == ["t"]


def test_later_words_win_and_removed_tags_stay_removed(store: Store) -> None:
    store.append([span("t", "r"), said("t", 2, tags={"a": "2", "b": "x"}, user="two"), said("t", 3, tags={"b": None})])

    store.append([said("t", 1, tags={"a": "1", "b": "old", "c": "new"}, user="one")])

    assert row(store).tags == {"a": "2", "c": "new"}
    assert row(store).user == "two"
    assert found(store, "tags.b IS NULL AND tags.c = 'new'") == ["t"]


def test_a_later_assessment_of_the_same_id_replaces_it(store: Store) -> None:
    store.append([span("t", "r"), assessment("t", "n", 1, id="a", time=5)])
    store.append([assessment("t", "n", 2, id="a", time=6), assessment("t", "n", 3, id="a", time=4)])

    assert [(a.value, a.time) for a in row(store).assessments] == [(2, 6)]


@pytest.mark.swallow_faults
def test_lines_that_cannot_be_read_do_not_harm_the_others(store: Store) -> None:
    bad = [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"kind":"span"}',
        b'{"kind":"span","trace_id":1}',
        b'{"kind":"what","trace_id":"t"}',
        b"\xff",
    ]
    store.append([*bad, span("t", "r"), b'{"kind":"span","trace_id":"t","span_id":""}', b'{"trace_id":"t"}'])

    assert [s["span_id"] for s in store.spans("t")] == ["r"]


def test_what_orjson_refuses_is_kept_as_well_as_can_be(store: Store) -> None:
    line = (
        b'{"kind":"span","trace_id":"t","span_id":"r","name":"a\\ud800b","start":1,"end":2,"attributes":{"x":NaN,"y":%d}}'
        % 10**30
    )
    store.append([line])

    record = store.spans("t")[0]
    assert (record["name"], record["attributes"]) == ("a?b", {"x": "NaN", "y": str(10**30)})


def test_hostile_values_are_stored_as_text(store: Store) -> None:
    odd = "\x00'\"`;--🙂\u202e%_\\"
    store.append(
        [span(odd, odd, name=odd, type=odd, model=odd), said(odd, tags={odd: odd}, session_id=odd, experiment=odd)]
    )

    stored = store.trace(odd)
    assert stored is not None
    assert (stored.row.tags, stored.row.session_id, stored.row.models, stored.row.name) == ({odd: odd}, odd, [odd], odd)


@pytest.mark.sqlite_only("blocks of payloads")
def test_a_block_is_split_at_64_kb(store: Store, tmp_path: Path) -> None:
    store.append([span("t", f"s{i}", "r", json={"tracer.inputs": f"{i} " + "x" * 20_000}) for i in range(20)])

    connection = sqlite3.connect(tmp_path / "traces.db")
    assert connection.execute("SELECT count(*), max(length(content)) < 65536 FROM chunks").fetchone() == (7, 1)
    connection.close()
    assert [s["json"]["tracer.inputs"][:3] for s in sorted(store.spans("t"), key=lambda s: int(s["span_id"][1:]))] == [
        f"{i} x"[:3] for i in range(20)
    ]


def test_attachments_are_kept_once_and_go_with_the_last_trace_that_uses_them(store: Store) -> None:
    digest = hashlib.sha256(b"hi").hexdigest()
    attachment = orjson.dumps({"kind": "attachment", "id": digest, "mime": "image/png", "content": "aGk="})
    uses = {"tracer.inputs": f"see tracer-attachment:{digest};image/png;2"}
    store.append([attachment, span("t", "r", json=uses), attachment, span("u", "r", json=uses)])

    assert store.attachment(digest) == ("image/png", b"hi")
    assert store.delete_traces(trace_ids=["t"]) == 1
    assert store.attachment(digest) == ("image/png", b"hi")
    assert store.delete_traces(trace_ids=["u"]) == 1
    assert store.attachment(digest) is None


def test_an_attachment_that_came_before_the_end_of_a_deleted_traces_step_goes(store: Store) -> None:
    lines = {
        content: {
            "kind": "attachment",
            "id": hashlib.sha256(content).hexdigest(),
            "mime": "image/png",
            "content": base64,
        }
        for content, base64 in ((b"hi", "aGk="), (b"ho", "aG8="))
    }
    mine, other = (line["id"] for line in lines.values())
    store.append(
        [start("t", "r"), orjson.dumps(lines[b"ho"]), span("u", "r", json={"k": f"tracer-attachment:{other}"})]
    )
    store.delete_traces(trace_ids=["t"])

    store.append([orjson.dumps(lines[b"hi"])])
    store.append([span("t", "r", json={"k": f"tracer-attachment:{mine} tracer-attachment:{other}"})])

    assert (store.attachment(mine), store.attachment(other)) == (None, ("image/png", b"ho"))


def test_what_arrives_after_a_trace_was_deleted_does_not_bring_it_back(store: Store) -> None:
    digest = hashlib.sha256(b"hi").hexdigest()
    attachment = orjson.dumps({"kind": "attachment", "id": digest, "mime": "image/png", "content": "aGk="})
    late = span("t", "r", json={"tracer.inputs": f"tracer-attachment:{digest};image/png;2"})
    store.append([start("t", "r"), span("t", "a", "r"), span("u", "r")])
    store.delete_traces(trace_ids=["t"])

    store.append([attachment, late, said("t", tags={"k": "v"}), assessment("t", "good", True)])
    store.append([span("t", "b", "r"), span("v", "r")])

    assert sorted(found(store)) == ["u", "v"]
    assert (store.trace("t"), store.attachment(digest), store.feedback()) == (None, None, [])
    assert [row.calls for row in store.statistics(group_by="all_traces")] == [2]


def test_a_trace_that_was_deleted_comes_again_with_a_restore_record(store: Store) -> None:
    store.append([span("t", "r"), span("t", "a", "r")])
    store.delete_traces(trace_ids=["t"])

    store.append([restore("t"), span("t", "r")])
    store.append([span("t", "b", "r")])

    assert sorted(each["span_id"] for each in store.spans("t")) == ["b", "r"]


def test_the_resource_of_the_process_is_kept(store: Store) -> None:
    process = orjson.dumps({"kind": "process", "owner": "o", "pid": 1, "time": 1, "resource": {"service.name": "shop"}})
    store.append([process, start("t", "r"), span("t", "r")])

    stored = store.trace("t")
    assert stored is not None
    assert stored.resource == {"service.name": "shop"}


def test_changes_name_what_changed_since(store: Store) -> None:
    store.append([span("t", "r"), span("u", "r")])
    first = store.changes(0)
    store.append([span("u", "c", "r")])
    second = store.changes(first.seq)

    assert (first.trace_ids, second.trace_ids, store.changes(second.seq).trace_ids) == (["t", "u"], ["u"], [])


def test_changes_come_in_pieces_without_leaving_any_out(store: Store) -> None:
    for number in range(10):
        store.append([span(f"t{number}", "r"), span(f"u{number}", "r")])
    seen: list[str] = []
    since, more = 0, True
    while more:
        changes = store.changes(since, limit=3)
        seen += changes.trace_ids
        since, more = changes.seq, changes.has_more

    assert sorted(seen) == sorted(f"{kind}{number}" for number in range(10) for kind in "tu")


def test_a_trace_of_5000_spans_in_pieces(store: Store) -> None:
    lines = [
        span("t", f"{i}", "r" if i % 10 == 0 else f"{i - i % 10}", start=START + i, usage=(1, 1)) for i in range(5000)
    ]
    for at in range(0, 5000, 500):
        store.append(lines[at : at + 500])
    store.append([span("t", "r", start=START - 1)])

    trace = row(store)
    assert (trace.span_count, trace.usage) == (5001, {"input_tokens": 500, "output_tokens": 500, "total_tokens": 1000})
    assert len(store.spans("t")) == 5001


def test_batches_of_any_size_need_few_statements(store: Store) -> None:
    sizes = (1, 3, 9, 51, 70, 499, 501, 1100)
    for size in sizes:
        store.append([span(f"{size}-{number}", "r") for number in range(size)])

    assert store.count_traces() == sum(sizes)
    assert {len(part) for size in sizes for part in in_parts(range(size))} == {1, 8, 64, 128, 500}
    assert list(in_parts(range(503)))[1] == [500, 501, 502, 502, 502, 502, 502, 502]


def running_record(store: Store, span_id: str = "c") -> dict[str, Any]:
    stored = store.trace("t")
    assert stored is not None
    return next(record for record in stored.spans if record["span_id"] == span_id)


ASKED = start("t", "c", parent_id="r", type="CHAT_MODEL", json={"tracer.inputs": {"q": "hi"}}, attributes={"n": 1})


BARE = start("t", "c", parent_id="r")


@pytest.mark.parametrize("batches", [[[ASKED]], [[BARE, ASKED]], [[BARE], [ASKED]]])
def test_a_running_span_has_the_values_of_its_start(store: Store, batches: list[list[bytes]]) -> None:
    for batch in batches:
        store.append(batch, owner="o")
    store.append([BARE], owner="o")

    record = running_record(store)
    assert (record["kind"], record["json"], record["attributes"]) == ("start", {"tracer.inputs": {"q": "hi"}}, {"n": 1})
    assert store.payload("t", "c") == record
    assert [set(r) & {"json", "attributes"} for r in store.spans("t", payload=False)] == [set()]
    assert (row(store).state, row(store).request_preview) == ("IN_PROGRESS", '{"q":"hi"}')


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("at_once", [True, False])
def test_an_ended_span_is_not_shown_as_running_in_any_order(
    store: Store, order: tuple[int, ...], at_once: bool
) -> None:
    lines = [start("t", "c"), ASKED, span("t", "c", status="OK", json={"tracer.inputs": {"q": "hi"}})]
    given = [lines[number] for number in order]
    for batch in [given] if at_once else [[line] for line in given]:
        store.append(batch, owner="o")
    store.append([ASKED], owner="another, which took the journal over")
    store.owner_gone("o")

    stored = store.trace("t")
    assert stored is not None
    assert [record["kind"] for record in stored.spans] == ["span"]
    assert (stored.row.state, stored.row.span_count, stored.row.request_preview) == ("OK", 1, '{"q":"hi"}')


def test_a_trace_below_whose_ended_root_a_call_runs_has_the_calls_request(store: Store) -> None:
    store.append([start("t", "r")], owner="o")
    store.append([ASKED], owner="o")
    assert row(store).request_preview == '{"q":"hi"}'
    store.append([span("t", "r", status="OK")], owner="o")

    assert (row(store).state, row(store).request_preview) == ("IN_PROGRESS", '{"q":"hi"}')


def test_what_a_dead_process_asked_stays(store: Store) -> None:
    store.append([ASKED], owner="o")
    store.owner_gone("o")
    store.append([ASKED, start("t", "c")], owner="o")

    record = running_record(store)
    assert (row(store).state, record["gone"], record["json"]) == ("INTERRUPTED", True, {"tracer.inputs": {"q": "hi"}})


def test_a_running_span_of_odd_shape_is_shown_without_what_is_odd(store: Store) -> None:
    store.append([start("t", "c", attributes=[1], json={"tracer.inputs": 1}, events="none")], owner="o")

    record = running_record(store)
    assert ("attributes" in record, record["json"], "events" in record) == (False, {"tracer.inputs": 1}, False)


def test_an_attachment_of_a_running_span_is_deleted_with_it(store: Store) -> None:
    digest = hashlib.sha256(bytes(3)).hexdigest()
    attachment = {"kind": "attachment", "id": digest, "mime": "image/png", "content": "AAAA"}
    asked = start("t", "c", json={"tracer.inputs": f"tracer-attachment:{digest}"})
    store.append([orjson.dumps(attachment), asked], owner="o")
    assert store.attachment(digest) is not None

    store.delete_traces(trace_ids=["t"])

    assert store.attachment(digest) is None


@pytest.mark.parametrize("value", ["", 5, None, ["x"]])
def test_a_running_span_has_a_model_and_a_provider_where_an_ended_one_would(value: Any, store: Store) -> None:
    names = {semconv.PROVIDER: value, semconv.RESPONSE_MODEL: value, semconv.REQUEST_MODEL: "m"}
    store.append([start("runs", "a", attributes=names), span("ended", "a", attributes=names)])
    store.append([start("runs", "b"), start("ended", "b")])  # of what is stored

    for condition in ("span.provider IS NULL", "model = 'm'", "span.model = 'm'", "provider IS NULL"):
        assert sorted(found(store, condition)) == ["ended", "runs"], condition
    for condition in ("span.provider != 'x'", "span.provider IN ('', '5')", "span.model = ''", "provider = ''"):
        assert found(store, condition) == [], condition
