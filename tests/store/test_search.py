"""Finding: full text, labels, order and pages, statistics, and deleting."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.store.records import MS, SECOND, START, assessment, found, restore, said, span
from tracer.errors import InvalidArgumentError
from tracer.store import Snippet, Store, TraceQuery
from tracer.store.filter import parse_filter
from tracer.store.limits import time_limit
from tracer.store.sqlite import fulltext, indexing, statistics

pytestmark = pytest.mark.no_store


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def test_only_what_is_new_in_a_conversation_is_searched(store: Store) -> None:
    history = [message("system", "be kind"), message("user", "first question"), message("assistant", "first answer")]
    later = {"gen_ai.input.messages": [*history, message("user", "second question")]}
    first = {"gen_ai.input.messages": history[:2], "gen_ai.output.messages": [history[2]]}
    store.append([span("first", "r", json=first), span("later", "r", json=later)])

    assert found(store, "text = 'second'") == ["later"]
    assert found(store, "text = 'kind'") == ["first"]
    assert found(store, "text = 'answer'") == ["first"]
    assert found(store, "text = 'assistant'") == []


def test_parts_of_any_number_and_length_are_searched(store: Store) -> None:
    passage = ("wx", "y" * 70_000, *(f"w{number}é" for number in range(3000)))
    store.append([span("t", "r", json={"tracer.inputs": " ".join(passage)})])

    assert found(store, "text CONTAINS '" + " ".join(passage) + "'") == ["t"]
    assert found(store, "text CONTAINS '" + "y" * 60_000 + "'") == ["t"]
    assert found(store, "text CONTAINS '" + "y" * 80_000 + "'") == []
    assert found(store, "text LIKE '%w1%" + "%".join(f"w{number}" for number in range(2, 3000)) + "%'") == ["t"]
    assert found(store, "text LIKE '%" + "%".join(f"w{number}" for number in range(3001)) + "%'") == []


def test_errors_are_searched(store: Store) -> None:
    event = {"name": "exception", "time": 1, "attributes": {"exception.message": "quota exhausted"}}
    store.append([span("t", "r", status="ERROR", message="RateLimitError: slow down", events=[event])])

    assert found(store, "text = 'quota' OR text = 'nothing'") == ["t"]
    assert found(store, "text = 'slow down'") == ["t"]


@pytest.mark.parametrize(
    ("search", "is_found"),
    [
        ("text = 'refund'", True),
        ("text = 'REFUND please'", True),
        ("text = 'please refund'", True),
        ("text = '\"please refund\"'", False),
        ("text = '\"refund, please\"'", True),
        ("text = 'ref'", False),
        ("text = 'ref*'", True),
        ("text = 'cafe'", True),
        ("text = '退款'", True),
        ("text CONTAINS '请退'", True),
        ("text CONTAINS 'fund, PL'", True),
        ("text LIKE '%fund, pl%'", True),
        ("text LIKE '%FUND%'", False),
        ("text ILIKE '%FUND%'", True),
        ("text NOT LIKE '%fund%'", False),
        ("text LIKE '%🙂%'", True),
        ("text != 'refund'", False),
        ("text = '🙂'", False),
        ("text = ''", False),
    ],
)
@pytest.mark.parametrize("rare", [0, 2000])
def test_full_text(store: Store, monkeypatch: pytest.MonkeyPatch, search: str, is_found: bool, rare: int) -> None:
    monkeypatch.setattr(fulltext, "_RARE", rare)  # both ways of looking into the index
    store.append(
        [span("t", "r", json={"tracer.inputs": {"q": "Refund, please! 🙂"}, "tracer.outputs": "Café 请退款吧"})]
    )

    assert found(store, search) == (["t"] if is_found else [])


@pytest.mark.sqlite_only("an index that is made later")
def test_the_fts_index_follows_writes_and_deletions(store: Store, tmp_path: Path) -> None:
    store.append([span("t", "r", json={"tracer.inputs": "alpha"}), span("u", "r", json={"tracer.inputs": "alpha"})])
    assert sorted(found(store, "text = 'alpha'")) == ["t", "u"]
    store.append([span("v", "r", json={"tracer.inputs": "alpha"}), span("t", "c", "r", json={"tracer.inputs": "beta"})])
    assert sorted(found(store, "text = 'alpha'")) == ["t", "u", "v"]
    store.append([span("w", "r", json={"tracer.inputs": "alpha"})])  # deleted before anybody searched

    assert store.delete_traces(trace_ids=["t", "w"]) == 2

    assert sorted(found(store, "text = 'alpha'")) == ["u", "v"]
    assert found(store, "text = 'beta'") == []
    database = sqlite3.connect(tmp_path / "traces.db")
    assert database.execute("SELECT term FROM words").fetchall() == [("alpha",)]
    database.execute("INSERT INTO texts(texts) VALUES ('integrity-check')")
    database.close()


@pytest.mark.sqlite_only("an index that is made later")
def test_writing_does_not_wait_for_the_index(store: Store, tmp_path: Path) -> None:
    store.append([span("t", "r", json={"tracer.inputs": "alpha"})])

    database = sqlite3.connect(tmp_path / "traces.db")
    assert database.execute("SELECT count(*) FROM words").fetchone() == (0,)
    database.close()


@pytest.mark.parametrize(
    ("condition", "traces"),
    [
        ("version = 'shop-v1'", "ab"),
        ("version = 'm-2'", "b"),
        ("version = 'no-name'", "d"),
        ("version IN ('shop-v2', 'm-1')", "ac"),
        ("version LIKE 'shop-%'", "abc"),
        ("version != 'shop-v1'", "cd"),
        ("NOT version = 'shop-v1'", "cde"),
        ("version NOT IN ('shop-v1', 'no-name')", "c"),
        ("version IS NULL", "e"),
    ],
)
def test_a_version_is_found_by_its_name_and_by_its_id(store: Store, condition: str, traces: str) -> None:
    names = {"m-1": "shop-v1", "m-2": "shop-v1", "m-3": "shop-v2"}
    versions = [{"kind": "model", "model_id": model_id, "name": name, "time": 1} for model_id, name in names.items()]
    store.append([
        *map(orjson.dumps, versions),
        *(span(trace_id, "r") for trace_id in "abcde"),
        *(said(trace_id, model_id=model_id) for trace_id, model_id in zip("abcd", [*names, "no-name"])),
    ])  # fmt: skip

    assert sorted(found(store, condition)) == list(traces)


@pytest.mark.sqlite_only("plans of queries")
@pytest.mark.parametrize(
    ("condition", "index"),
    [
        (None, "traces_start"),
        ("status = 'ERROR'", "traces_state"),
        ("session = 's1'", "traces_session"),
        ("user = 'u1'", "traces_user"),
        ("model_id = 'm1'", "traces_model_id"),
        ("run_id = 'r1'", "traces_run"),
        ("experiment = 'lab'", "traces_experiment"),
        ("tags.env = 'e1'", "labels_find"),
        ("metadata.k = 'v'", "labels_find"),
        ("model = 'gpt-4o' AND tokens > 0", "labels_find"),
        ("timestamp > 5 AND timestamp <= 10", "traces_start"),
    ],
)
def test_filter_and_order_come_from_one_index(store: Store, condition: str | None, index: str) -> None:
    connection = store._connections.get()  # type: ignore[attr-defined]
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    found(store, condition)
    connection.set_trace_callback(None)

    [listing] = [statement for statement in statements if "ORDER BY" in statement and "assessments" not in statement]
    plan = " | ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + listing))
    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_a_page_token_is_a_cursor_that_stays_while_traces_come_in(store: Store) -> None:
    store.append([span(f"t{n}", "r", start=START + n * SECOND) for n in range(10)])
    first = store.find_traces(TraceQuery(limit=4))
    store.append([span(f"new{n}", "r", start=START + (20 + n) * SECOND) for n in range(5)])
    store.delete_traces(trace_ids=["t6"])

    second = store.find_traces(TraceQuery(limit=4, page_token=first.next_page_token))
    third = store.find_traces(TraceQuery(limit=4, page_token=second.next_page_token))

    ids = [[row.trace_id for row in page.traces] for page in (first, second, third)]
    assert ids == [["t9", "t8", "t7", "t6"], ["t5", "t4", "t3", "t2"], ["t1", "t0"]]
    assert third.next_page_token is None


@pytest.mark.parametrize("token", ["", "x", "🙂", "W10", "bnVsbA", "eyJhIjoxfQ", "WyJhIiwxLDJd"])
def test_a_page_token_of_somebody_else_is_refused(store: Store, token: str) -> None:
    with pytest.raises(InvalidArgumentError, match="page_token"):
        store.find_traces(TraceQuery(page_token=token))


def test_a_page_token_of_another_filter_is_refused(store: Store) -> None:
    store.append([span(f"t{n}", "r") for n in range(5)])
    token = store.find_traces(TraceQuery(limit=2)).next_page_token

    with pytest.raises(InvalidArgumentError, match="another filter or order"):
        store.find_traces(TraceQuery(parse_filter("name = 'x'"), limit=2, page_token=token))


def test_order_by_sorts_traces(store: Store) -> None:
    store.append(
        [
            span("a", "r", name="z", start=START, end=START + 3 * SECOND, usage=(5, 0)),
            span("b", "r", name="y", start=START + MS, end=START + SECOND, usage=(50, 0), model="gpt-4o"),
            span("c", "r", name="y", start=START + 2 * MS, end=START + 2 * SECOND),
        ]
    )

    orders = {
        order: "".join(found(store, order_by=order))
        for order in (
            "timestamp",
            "timestamp DESC",
            "duration",
            "tokens DESC",
            "cost DESC",
            "name, timestamp DESC",
            "name DESC",
        )
    }
    assert orders == {
        "timestamp": "abc",
        "timestamp DESC": "cba",
        "duration": "bca",
        "tokens DESC": "bac",
        "cost DESC": "bca",
        "name, timestamp DESC": "cba",
        "name DESC": "acb",
    }


def numbered_calls(count: int) -> list[bytes]:
    return [
        span(
            f"t{n}",
            "r",
            name="chat",
            start=START + n * SECOND,
            end=START + n * SECOND + (n + 1) * MS,
            model="gpt-4o-mini",
            usage=(10, 1),
            status="ERROR" if n % 10 == 0 else "OK",
            attributes={"gen_ai.provider.name": "openai"},
        )
        for n in range(count)
    ]


def test_statistics_by_model_and_by_name(store: Store) -> None:
    store.append(
        [
            *numbered_calls(100),
            span("x", "r", name="tool", model="nobody-knows", usage=(1, 1)),
            span("y", "r", name="chat"),
        ]
    )

    by_model = {row.group: row for row in store.statistics()}
    known, unknown = by_model["gpt-4o-mini"], by_model["nobody-knows"]
    assert (known.calls, known.errors, known.input_tokens, known.output_tokens, known.total_tokens) == (
        100,
        10,
        1000,
        100,
        1100,
    )
    assert (known.latency_p50_ms, known.latency_p95_ms, known.latency_p99_ms) == (50.0, 95.0, 99.0)
    assert known.cost == pytest.approx(100 * (10 * 0.15 + 1 * 0.6) / 1e6)
    assert (unknown.calls, unknown.cost, unknown.priced) == (1, None, 0)
    assert [(row.group, row.calls) for row in store.statistics(group_by="name")] == [("chat", 101), ("tool", 1)]
    assert [(row.group, row.calls) for row in store.statistics(group_by="provider")] == [
        ("openai", 100),
        ("unknown", 1),
    ]
    assert [row.group for row in store.statistics(group_by="type")] == ["CHAIN"]


def test_statistics_of_a_part(store: Store) -> None:
    store.append([*numbered_calls(100), said("t3", tags={"env": "prod"})])
    start_ms = START / MS

    assert [row.calls for row in store.statistics(since_ms=start_ms + 50_000, until_ms=start_ms + 60_000)] == [10]
    assert [row.calls for row in store.statistics(filter=parse_filter("tags.env = 'prod'"))] == [1]
    assert store.statistics(filter=parse_filter("name = 'nothing'")) == []
    with pytest.raises(InvalidArgumentError, match="expected one of model, provider, name, type"):
        store.statistics(group_by="mood")


@pytest.mark.sqlite_only("an hourly roll-up")
def test_percentiles_from_the_roll_up_are_within_five_percent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(numbered_calls(300))
    store.delete_traces(trace_ids=["t0", "t299"])
    for group in ("model", "provider"):
        [exact] = store.statistics(group_by=group)
        monkeypatch.setattr(statistics, "_EXACT_UP_TO_SPANS", 0)
        [rolled] = store.statistics(group_by=group)
        monkeypatch.undo()

        assert (exact.exact, rolled.exact) == (True, False)
        for name in ("group", "calls", "errors", "input_tokens", "output_tokens", "priced"):
            assert getattr(rolled, name) == getattr(exact, name)
        for name in ("cost", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms"):
            assert getattr(rolled, name) == pytest.approx(getattr(exact, name), rel=0.05)


@pytest.mark.sqlite_only("looks into the tables")
def test_deleting_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    lines = [
        span("t", "r", model="gpt-4o", usage=(1, 1), json={"tracer.inputs": "x"}),
        said("t", tags={"a": "b"}),
        assessment("t", "good", True),
        orjson.dumps({"kind": "start", "trace_id": "t", "span_id": "c", "start": START}),
    ]
    store.append(lines)
    found(store, "text = 'x'")

    assert store.delete_traces(filter=parse_filter("tags.a = 'b'")) == 1

    assert (store.trace("t"), found(store), store.statistics()) == (None, [], [])
    database = sqlite3.connect(tmp_path / "traces.db")
    for table in ("traces", "spans", "chunks", "running", "labels", "assessments", "hours"):
        assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    database.close()


def test_deleting_takes_ids_and_filter_together_oldest_first(store: Store) -> None:
    store.append(
        [span(f"t{n}", "r", name="even" if n % 2 == 0 else "odd", start=START + n * SECOND) for n in range(10)]
    )

    assert store.delete_traces(trace_ids=["t1", "t2", "none"], filter=parse_filter("name = 'even'")) == 1
    assert store.delete_traces(filter=parse_filter("name = 'odd'"), limit=2) == 2

    assert sorted(found(store)) == ["t0", "t4", "t5", "t6", "t7", "t8", "t9"]


def test_many_traces_are_deleted_in_short_transactions(store: Store) -> None:
    store.append([span(f"t{n}", "r") for n in range(450)])

    assert store.delete_traces(trace_ids=[f"t{n}" for n in range(449)]) == 449
    assert found(store) == ["t449"]


def test_a_deleted_trace_that_is_restored_is_found_again(store: Store) -> None:
    store.append([span("t", "r")])
    store.delete_traces(trace_ids=["t"])
    store.append([restore("t"), span("t", "r", model="gpt-4o")])

    assert found(store, "model = 'gpt-4o'") == ["t"]


def test_experiments_are_made_when_first_named(store: Store) -> None:
    store.append([span("t", "r"), said("t", experiment="lab"), span("u", "r")])

    assert [(row.id, row.name) for row in store.experiments()] == [("0", "Default"), ("1", "lab")]
    assert found(store, "experiment = 'lab'") == ["t"]
    assert found(store, "experiment_id = '0'") == ["u"]
    assert sorted(found(store, "experiment IN ('lab', 'Default')")) == ["t", "u"]


@pytest.mark.sqlite_only("an index that is made later")
def test_a_search_does_not_wait_for_an_index_that_is_far_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fulltext, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(indexing, "_BLOCKS_AT_ONCE", 2)

    def search() -> tuple[list[str], bool]:
        with time_limit(60):
            page = store.find_traces(TraceQuery(parse_filter("text CONTAINS 'lph'")))
        return sorted(row.trace_id for row in page.traces), page.complete

    def write(*trace_ids: str) -> None:
        store.append([span(trace_id, "r", json={"tracer.inputs": f"alpha {trace_id}"}) for trace_id in trace_ids])

    write("t0", "t1", "t2", "t3", "t4")
    assert search() == ([], False)
    store.index_more()
    assert search() == (["t3", "t4"], False)  # the newest first
    write("t5", "t6", "t7")
    store.index_more()
    assert search() == (["t3", "t4", "t6", "t7"], False)
    store.delete_traces(trace_ids=["t0", "t3", "t5"])
    while store.index_more():
        pass

    assert search() == (["t1", "t2", "t4", "t6", "t7"], True)
    database = sqlite3.connect(tmp_path / "traces.db")
    assert database.execute("SELECT term, doc FROM words WHERE term = 'alpha'").fetchall() == [("alpha", 5)]
    assert database.execute("SELECT * FROM unindexed").fetchall() == []
    database.execute("INSERT INTO texts(texts) VALUES ('integrity-check')")
    database.close()


@pytest.mark.parametrize("word", ["alpha", "omega", "nothing"])
def test_frequent_words_are_counted_and_listed_alike(store: Store, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    store.append([span(f"t{n}", "r", json={"tracer.inputs": "alpha" + " omega" * (n == 3)}) for n in range(9)])
    condition = parse_filter(f"text CONTAINS '{word}'")
    expected = {"alpha": 9, "omega": 1, "nothing": 0}[word]
    for rare, frequent in ((0, 0), (0, 100), (100, 0)):
        monkeypatch.setattr(fulltext, "_RARE", rare)
        monkeypatch.setattr(fulltext, "_FREQUENT", frequent)

        assert len(found(store, f"text CONTAINS '{word}'")) == expected
        assert len(found(store, f"text CONTAINS '{word}'", order_by="duration desc")) == expected
        assert store.count_traces(condition) == expected
        assert sum(row.calls for row in store.statistics(group_by="name", filter=condition)) == expected


def test_calls_that_failed_or_sent_no_counts_are_not_those_without_a_known_price(store: Store) -> None:
    store.append(
        [
            span("x", "r", model="gpt-4o-mini", usage=(10, 1), attributes={"gen_ai.provider.name": "openai"}),
            span("x", "unknown", model="nobody-knows", usage=(10, 1)),
            span("x", "failed", model="gpt-4o-mini", status="ERROR"),
            span("x", "uncounted stream", model="gpt-4o-mini"),
        ]
    )

    (total,) = store.statistics(group_by="none")
    assert (total.calls, total.priced, total.unpriced, total.unmeasured) == (4, 1, 1, 2)


def test_snippets_say_where_a_text_is(store: Store) -> None:
    long = "word " * 100
    store.append(
        [
            span("t1", "b", "a", json={"tracer.outputs": f"{long}It isn't in the System, sorry. {long}"}),
            span("t1", "a"),
            span("t2", "r", json={"tracer.inputs": "who isn't in\nthe system"}),
            span("t3", "r", json={"tracer.inputs": "somebody else"}),
        ]
    )

    first = store.snippets(["t1", "t3", "t4"], "isn't in the system")
    assert list(first) == ["t1"]
    assert (first["t1"].span_id, first["t1"].words) == ("b", "isn't in the System")
    assert first["t1"].before.startswith("…word")
    assert first["t1"].before.endswith("It ")
    assert first["t1"].after.startswith(", sorry. word")
    assert first["t1"].after.endswith("…")
    assert store.snippets(["t2"], "in\nthe") == {"t2": Snippet("r", "who isn't ", "in the", " system")}
    assert store.snippets(["t1"], "") == store.snippets([], "word") == {}
