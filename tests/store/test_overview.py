"""What many traces come to: over time, by the values of fields, by session, by version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.store.records import MS, SECOND, START, assessment, said, span
from tests.store.records import found as found_traces
from tracer.errors import InvalidArgumentError
from tracer.semconv import EVALUATION_RUN, TIME_TO_FIRST_CHUNK
from tracer.store import Facet, FeedbackRow, ScoreRow, Store, TraceQuery
from tracer.store.filter import parse_filter

pytestmark = pytest.mark.no_store
MINUTE = 60 * SECOND


def at(number: int, seconds: int, **fields: object) -> bytes:
    """A trace of one span that starts so many seconds after the first."""
    start = START + seconds * SECOND
    return span(f"t{number}", "a", start=start, end=start + number * 100 * MS, **fields)


# --- histogram


def test_a_histogram_counts_in_round_steps(store: Store) -> None:
    store.append([at(1, 0), at(2, 61), at(3, 62, status="ERROR"), at(4, 200)])

    found = store.histogram(buckets=10)

    assert found is not None
    assert (found.step, found.since % found.step, found.until % found.step, found.count) == (30 * SECOND, 0, 0, 4)
    base = START - START % found.step
    assert found.since == base
    places = [((start - base) // found.step, count, errors) for start, count, errors in found.buckets]
    assert sum(count for _, count, _ in places) == 4
    assert [(count, errors) for _, count, errors in places if errors] == [(2, 1)]


def test_a_histogram_of_a_time_and_a_filter(store: Store) -> None:
    store.append([*(at(number, number) for number in range(1, 60)), said("t7", tags={"env": "prod"})])

    narrowed = store.histogram(since_ns=START + 10 * SECOND, until_ns=START + 20 * SECOND, buckets=20)
    filtered = store.histogram(parse_filter("tags.env = 'prod'"))

    assert narrowed is not None
    assert filtered is not None
    assert (narrowed.step, sum(count for _, count, _ in narrowed.buckets)) == (SECOND, 10)
    assert (filtered.count, [count for _, count, _ in filtered.buckets]) == (1, [1])


@pytest.mark.parametrize("buckets", [2, 3, 60, 200])
@pytest.mark.parametrize("seconds", [0, 1, 59, 3601, 86_400 * 400])
def test_there_are_never_more_steps_than_asked_for(seconds: int, buckets: int, store: Store) -> None:
    store.append([at(1, 0), at(2, seconds)])

    found = store.histogram(buckets=buckets)

    assert found is not None
    assert 1 <= (found.until - found.since) // found.step <= buckets
    assert sum(count for _, count, _ in found.buckets) == 2


def test_a_histogram_of_nothing(store: Store) -> None:
    assert store.histogram() is None
    assert store.histogram(since_ns=5, until_ns=5) is None


# --- facets


def test_facets_count_traces_most_frequent_first(store: Store) -> None:
    store.append(
        [
            at(1, 1, name="agent", model="gpt-4o"),
            at(2, 2, name="agent", model="llama"),
            at(3, 3, name="search", status="ERROR"),
            said("t1", user="ann", session_id="s1", model_id="v1", tags={"env": "prod", "zone": "eu"}),
            said("t2", user="ann", experiment="lab"),
            said("t3", tags={"env": "dev"}),
        ]
    )

    fields = ["state", "name", "model", "user", "session", "version", "experiment", "tags.env", "tags.nothing"]
    found = store.facets(None, fields, limit=1)

    assert found.facets == [
        Facet("state", [("OK", 2)], True),
        Facet("name", [("agent", 2)], True),
        Facet("model", [("gpt-4o", 1)], True),
        Facet("user", [("ann", 2)], False),
        Facet("session", [("s1", 1)], False),
        Facet("version", [("v1", 1)], False),
        Facet("experiment", [("Default", 2)], True),
        Facet("tags.env", [("dev", 1)], True),
        Facet("tags.nothing", [], False),
    ]
    assert (found.counted, found.complete, found.tag_keys) == (3, True, ["env", "zone"])
    assert store.facets(parse_filter("user = 'ann'"), ["state"]).facets == [Facet("state", [("OK", 2)], False)]


def failing(trace_id: str, name: str, error: str, *, swallowed: bool = False) -> list[bytes]:
    """A trace whose step raised; the root failed with it unless it swallowed the exception."""
    raised = {"name": "exception", "time": START, "attributes": {"exception.type": error}}
    state = {"status": "UNSET" if swallowed else "ERROR"}
    return [
        span(trace_id, "c", "b", name=name, status="ERROR", events=[raised]),
        span(trace_id, "b", "a", name="turn", **state),
        span(trace_id, "a", name="agent", **state, **({} if swallowed else {"attributes": {"error.type": error}})),
    ]


def test_failed_steps_are_found_and_counted_by_where_they_failed_and_by_exception(store: Store) -> None:
    store.append([*failing("t1", "parse", "ValueError"), *failing("t2", "search", "Timeout", swallowed=True)])
    store.append([*failing("t3", "parse", "KeyError", swallowed=True)])
    store.append([at(4, 4, name="fine")])

    found = store.facets(None, ["failed_step", "exception"])

    assert found.facets == [
        Facet("failed_step", [("parse", 2), ("search", 1)], False),
        Facet("exception", [("KeyError", 1), ("Timeout", 1), ("ValueError", 1)], False),
    ]
    rows = {row.trace_id: row for row in store.find_traces(TraceQuery()).traces}
    assert {trace_id: row.failed_steps for trace_id, row in rows.items()} == {
        "t1": ["parse"],
        "t2": ["search"],
        "t3": ["parse"],
        "t4": [],
    }
    assert sorted(found_traces(store, "failed_step = 'parse'")) == ["t1", "t3"]
    assert found_traces(store, "failed_step = 'parse' AND exception = 'KeyError'") == ["t3"]
    assert found_traces(store, "exception ILIKE 'time%'") == ["t2"]
    assert sorted(found_traces(store, "failed_step IS NULL")) == ["t4"]
    assert found_traces(store, order_by="errors desc")[0] == "t1"


def test_a_step_below_a_failed_one_takes_its_place_when_it_comes_later(store: Store) -> None:
    child, turn, root = failing("t1", "parse", "ValueError")
    for line in (root, turn, child):
        store.append([line])

    [row] = store.find_traces(TraceQuery()).traces
    assert row.failed_steps == ["parse"]


def test_a_models_dated_names_count_under_its_plain_one(store: Store) -> None:
    dated = {"gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06"}
    store.append(
        [
            at(1, 1, attributes=dated),
            at(2, 2, model="gpt-4o"),
            at(3, 3, model="gpt-4o-2024-08-06"),
            at(4, 4, model="gpt-4o-mini"),
            at(5, 5, model="o1-2024-12-17"),
        ]
    )

    [models] = store.facets(None, ["model"]).facets
    assert models == Facet(
        "model",
        [("gpt-4o", 3), ("gpt-4o-mini", 1), ("o1-2024-12-17", 1)],
        False,
        {"gpt-4o": ["gpt-4o-2024-08-06"]},
    )


def test_an_unknown_facet_is_named(store: Store) -> None:
    with pytest.raises(InvalidArgumentError, match="no facet 'mood'"):
        store.facets(None, ["mood"])


# --- sessions


def test_sessions_come_by_their_newest_trace_page_by_page(store: Store) -> None:
    store.append(
        [
            *(at(number, number, usage=(10, 5), model="gpt-4o") for number in range(1, 7)),
            *(said(f"t{number}", session_id=f"s{number % 3}", user=f"u{number}") for number in range(1, 7)),
            at(7, 7),
        ]
    )

    first = store.find_sessions(limit=2)
    second = store.find_sessions(limit=2, page_token=first.next_page_token)

    assert [row.session_id for row in first.sessions] == ["s0", "s2"]
    assert [row.session_id for row in second.sessions] == ["s1"]
    assert second.next_page_token is None
    row = first.sessions[0]
    assert (row.users, row.trace_count, row.error_count, row.models) == (["u3", "u6"], 2, 0, ["gpt-4o"])
    assert (row.start, row.end) == (START + 3 * SECOND, START + 6 * SECOND + 600 * MS)
    assert row.usage == {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
    assert row.cost == pytest.approx(20 * 2.5e-6 + 10 * 10e-6)
    assert store.session("s0") == row
    assert store.session("nobody's") is None
    assert [row.session_id for row in store.find_sessions(parse_filter("user = 'u1'")).sessions] == ["s1"]


def test_a_session_is_made_of_traces_that_are_listed(store: Store) -> None:
    store.append([at(1, 1), said("t1", session_id="s", user="ann"), said("no spans", session_id="s", user="bob")])

    session = store.session("s")

    assert session is not None
    assert (session.trace_count, session.users) == (1, ["ann"])
    assert store.find_sessions().sessions == [session]


@pytest.mark.parametrize(
    ("order_by", "first"),
    [
        ("time", "late"),
        ("traces", "many"),
        ("errors", "bad"),
        ("tokens", "long"),
        ("cost", "long"),
        ("duration", "slow"),
    ],
)
def test_sessions_come_by_what_they_have_most_of_page_by_page(order_by: str, first: str, store: Store) -> None:
    store.append(
        [
            *(at(number, 1) for number in (1, 2, 3)),
            at(4, 1, status="ERROR"),
            at(5, 1, usage=(900, 9), model="gpt-4o"),
            span("t6", "a", start=START, end=START + 500 * SECOND),
            at(7, 99),
            *(said(f"t{number}", session_id="many") for number in (1, 2, 3)),
            *(said(f"t{n}", session_id=name) for n, name in ((4, "bad"), (5, "long"), (6, "slow"), (7, "late"))),
        ]
    )

    found, token = [], None
    while not found or token:
        page = store.find_sessions(limit=2, page_token=token, order_by=order_by)
        found += [row.session_id for row in page.sessions]
        token = page.next_page_token
    assert found[0] == first
    assert sorted(found) == ["bad", "late", "long", "many", "slow"]
    with pytest.raises(InvalidArgumentError, match="expected one of time, traces"):
        store.find_sessions(order_by="mood")


def test_a_page_of_sessions_belongs_to_its_filter(store: Store) -> None:
    store.append([*(at(n, n) for n in range(1, 4)), *(said(f"t{n}", session_id=f"s{n}") for n in range(1, 4))])
    token = store.find_sessions(limit=1).next_page_token

    with pytest.raises(InvalidArgumentError, match="another filter"):
        store.find_sessions(parse_filter("tokens > 1"), page_token=token)
    with pytest.raises(InvalidArgumentError, match="none of ours"):
        store.find_sessions(page_token="x")


# --- versions, experiments


def test_versions_say_what_their_traces_come_to(store: Store) -> None:
    store.append(
        [
            at(1, 1, model="gpt-4o", usage=(10, 5)),
            at(2, 2, status="ERROR"),
            at(3, 3),
            *(said(f"t{number}", model_id="v1") for number in (1, 2)),
            said("t3", model_id="v2"),
            assessment("t1", "good", True),
            assessment("t2", "good", False),
            assessment("t1", "words", "many"),
        ]
    )

    newest, oldest = store.versions()

    assert (newest.model_id, oldest.model_id) == ("v2", "v1")
    assert (oldest.trace_count, oldest.error_count, oldest.models) == (2, 1, ["gpt-4o"])
    assert (oldest.first, oldest.last) == (START + SECOND, START + 2 * SECOND)
    assert (oldest.latency_p50_ms, oldest.latency_p99_ms) == (100.0, 200.0)
    assert oldest.feedback == [
        FeedbackRow("good", 2, 0.5, pytest.approx(0.707, abs=0.001), is_share=True),
        FeedbackRow("words", 1, None, None, {"many": 1}),
    ]
    assert (oldest.trace_name, newest.trace_name) == ("span a", "span a")


def test_versions_say_how_far_their_figures_may_be_chance(store: Store) -> None:
    store.append([*(at(number, number, usage=(number, 0)) for number in range(1, 101))])
    store.append([said(f"t{number}", model_id="v1") for number in range(1, 101)])
    store.append([assessment(f"t{number}", "tone", "curt" if number % 3 else "kind") for number in range(1, 91)])

    [version] = store.versions()

    assert version.uncertainty == pytest.approx(
        {"tokens": 2.90, "cost": 0.0, "latency_p50_ms": 500, "latency_p95_ms": 250, "latency_p99_ms": 50}, rel=0.3
    )
    assert version.feedback == [FeedbackRow("tone", 90, None, None, {"curt": 60, "kind": 30})]


def test_runs_say_what_their_traces_and_the_scores_of_their_evaluation_come_to(store: Store) -> None:
    def score(trace_id: str, name: str, value: Any, run_id: str = "r1", **fields: Any) -> bytes:
        return assessment(trace_id, name, value, metadata={"tracer.evaluation.run": run_id}, **fields)

    store.append([at(1, 1, model="gpt-4o", usage=(10, 5)), at(2, 2, status="ERROR"), at(3, 3), at(4, 4)])
    store.append([said(f"t{number}", run_id="r1", model_id="v1" if number < 3 else "v2") for number in (1, 2, 3)])
    store.append([said("t4", run_id="r2")])
    store.append(
        [
            *(score("t1", name, value) for name, value in (("good", True), ("tone", "kind"))),
            *(score("t2", "good", None, id="a0", error="it broke"), score("t2", "good", "no")),
            score("t3", "good", None, error="it broke"),
            score("t1", "good", 0.1, "r0"),
            assessment("t1", "good", 0.2),
        ]
    )

    [sums] = store.run_sums(["r1", "none"])

    assert (sums.run_id, sums.trace_count, sums.error_count, sums.model_ids) == ("r1", 3, 1, ["v1", "v2"])
    assert sums.usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert (sums.latency_p50_ms, sums.latency_p99_ms) == (200.0, 300.0)
    assert sums.scores == [ScoreRow("good", 2, 0.5, 1), ScoreRow("tone", 1, None, 0)]


def test_experiments_say_how_many_traces_they_have(store: Store) -> None:
    store.append([at(1, 1), at(2, 2), said("t2", experiment="lab")])

    assert [(row.id, row.name, row.trace_count, row.last) for row in store.experiments()] == [
        ("0", "Default", 1, START + SECOND),
        ("1", "lab", 1, START + 2 * SECOND),
    ]


# --- statistics


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("trace_name", [("agent", 2, 0), ("search", 1, 1)]),
        ("version", [("", 2, 1), ("v1", 1, 0)]),
        ("user", [("", 2, 1), ("ann", 1, 0)]),
        ("session", [("", 2, 1), ("s", 1, 0)]),
        ("experiment", [("Default", 2, 1), ("lab", 1, 0)]),
        ("state", [("OK", 2, 0), ("ERROR", 1, 1)]),
        ("all_traces", [("all", 3, 1)]),
    ],
)
def test_statistics_of_traces(group_by: str, expected: list[tuple[str, int, int]], store: Store) -> None:
    store.append(
        [
            at(1, 1, name="agent"),
            at(2, 2, name="agent"),
            at(3, 3, name="search", status="ERROR"),
            said("t1", model_id="v1", user="ann", session_id="s", experiment="lab"),
        ]
    )

    assert [(row.group, row.calls, row.errors) for row in store.statistics(group_by=group_by)] == expected


def test_statistics_step_by_step(store: Store) -> None:
    store.append([at(number, 20 * number, model="gpt-4o", usage=(number, 0)) for number in range(1, 7)])
    base = START - START % MINUTE

    rows = store.statistics(group_by="none", interval_ns=MINUTE)

    assert [row.group for row in rows] == ["all"] * len(rows)
    assert all((row.start or 0) % MINUTE == 0 and (row.start or 0) >= base for row in rows)
    assert sum(row.calls for row in rows) == 6
    assert sum(row.input_tokens for row in rows) == 21
    assert [row.start for row in rows] == sorted(row.start or 0 for row in rows)


def test_statistics_with_a_filter_count_the_spans_of_its_traces(store: Store) -> None:
    store.append(
        [at(1, 1, model="a"), span("t1", "b", "a", model="b"), at(2, 2, model="a"), said("t1", tags={"env": "prod"})]
    )

    rows = store.statistics(filter=parse_filter("tags.env = 'prod' AND duration > 1ms"))

    assert [(row.group, row.calls) for row in rows] == [("a", 1), ("b", 1)]


def test_statistics_of_tools_are_those_of_their_steps(store: Store) -> None:
    store.append(
        [
            at(1, 1, name="agent"),
            span("t1", "b", "a", name="find", type="TOOL", status="ERROR"),
            span("t1", "c", "a", name="find", type="TOOL"),
            span("t1", "d", "a", name="find"),
        ]
    )

    assert [(row.group, row.calls, row.errors) for row in store.statistics(group_by="tool")] == [("find", 2, 1)]


def test_the_time_to_the_first_chunk_is_that_of_streamed_calls(store: Store) -> None:
    streamed = [
        span(f"t{number}", "b", "a", model="gpt-4o", usage=(1, 1), attributes={TIME_TO_FIRST_CHUNK: number / 10})
        for number in (1, 2, 3)
    ]
    store.append([at(1, 1), at(2, 2), at(3, 3, model="gpt-4o"), *streamed, said("t1", user="ann")])

    def first_chunks(group_by: str, **asked: Any) -> list[tuple[str, int, float]]:
        rows = store.statistics(group_by=group_by, latency="first_chunk", **asked)
        return [(row.group, row.calls, row.latency_p50_ms) for row in rows]

    assert first_chunks("model") == [("gpt-4o", 3, 200.0)]
    assert first_chunks("user") == [("", 2, 200.0), ("ann", 1, 100.0)]
    assert first_chunks("all_traces", filter=parse_filter("user = 'ann'"), interval_ns=MINUTE) == [("all", 1, 100.0)]
    with pytest.raises(InvalidArgumentError, match="latency is 'last', expected one of total, first_chunk"):
        store.statistics(latency="last")


def test_feedback_is_summed_by_name(store: Store) -> None:
    store.append([at(1, 1), at(2, 2), said("t1", user="ann")])
    store.append([assessment("t1", "helpful", True), assessment("t2", "helpful", False)])
    store.append([assessment("t1", "quality", 4), assessment("t2", "quality", True), assessment("t2", "tone", "kind")])
    store.append([assessment("t2", "answer", "Lisbon", type="expectation")])

    helpful, quality, tone = store.feedback()
    assert (helpful.name, helpful.count, helpful.mean, helpful.is_share) == ("helpful", 2, 0.5, True)
    assert (quality.name, quality.count, quality.mean, quality.is_share) == ("quality", 2, 2.5, False)
    assert (tone.count, tone.mean, tone.texts, tone.is_share) == (1, None, {"kind": 1}, False)
    assert [(row.name, row.count) for row in store.feedback(parse_filter("user = 'ann'"))] == [
        ("helpful", 1),
        ("quality", 1),
    ]


# --- what else a server asks


# texts, and the numbers that JSON would take them as
TEXTS: list[tuple[str, float | None]] = [
    ("5", 5.0), ("-5", -5.0), ("0", 0.0), ("-0", 0.0), ("5.25", 5.25), ("1e2", 100.0), ("1E+2", 100.0),
    ("1.5e-1", 0.15), ("1e308", 1e308), ("1e-999", 0.0), ("123456789012345678901234567890", 1.2345678901234568e29),
    (" 5", None), ("5 ", None), ("5\n", None), ("\t5", None), ("5\u00a0", None), ("+5", None), (".5", None),
    ("5.", None), ("05", None), ("-05", None), ("--5", None), ("1_000", None), ("1,5", None), ("0x10", None),
    ("\u0661\u0662", None), ("\uff15", None), ("1e", None), ("e5", None), ("-", None), ("", None), ("inf", None),
    ("-inf", None), ("Infinity", None), ("nan", None), ("NaN", None), ("1e999", None), ("-1e999", None),
    ("9" * 400, None), ("5 apples", None), ("1e5.5", None),
]  # fmt: skip
COMPARED: dict[str, Callable[[float], bool]] = {
    "> -1e300": lambda number: True,
    ">= 5": lambda number: number >= 5,
    "< 5": lambda number: number < 5,
    "= 5": lambda number: number == 5,
    "!= 5": lambda number: number != 5,
    "IN (5, 100)": lambda number: number in (5, 100),
    "NOT IN (5, 100)": lambda number: number not in (5, 100),
}


def test_a_text_is_a_number_where_json_would_take_it_as_one(store: Store) -> None:
    for place, (text, _) in enumerate(TEXTS):
        trace_id = f"t{place}"
        store.append([
            span(trace_id, "a", attributes={"k": text}), said(trace_id, 1, tags={"k": text}),
            assessment(trace_id, "n", text), assessment(trace_id, f"n{place}", text),
        ])  # fmt: skip
    numbers = {f"t{place}": number for place, (_, number) in enumerate(TEXTS) if number is not None}

    for field in ("feedback.n", "tags.k", "span.attributes.k"):
        for condition, holds in COMPARED.items():
            expected = sorted(trace_id for trace_id, number in numbers.items() if holds(number))
            assert sorted(found_traces(store, f"{field} {condition}")) == expected, (field, condition)
    rows = {row.name: row for row in store.feedback()}
    for place, (text, number) in enumerate(TEXTS):
        row = rows[f"n{place}"]
        assert (row.mean, row.texts) == (number, {} if number is not None else {text[:200]: 1}), text
    assert rows["n"].count == len(TEXTS)
    assert rows["n"].mean == pytest.approx(sum(numbers.values()) / len(numbers))


@pytest.mark.parametrize("value", ["1e999", "inf", "nan", 1e308, -1e308, 1e200])
def test_sums_of_what_others_sent_are_numbers_or_none(value: str | float, store: Store) -> None:
    costly = {"tracer.cost.total": 1e308}
    traces = ["a", "b", "c"]
    store.append([
        *(span(each, "r", attributes=costly, usage=(2**62, 2**62), model="m") for each in traces),
        *(said(each, 1, model_id="m1", run_id="run", session_id="s") for each in traces),
        *(assessment(each, "n", value, metadata={EVALUATION_RUN: "run"}) for each in traces),
    ])  # fmt: skip

    (feedback,) = store.feedback()
    (version,) = store.versions()
    (sums,) = store.run_sums(["run"])
    assert version.feedback == [feedback]
    mean = value if value == 1e200 else None
    assert (feedback.count, feedback.mean, feedback.deviation) == (3, mean, None)
    assert feedback.texts == ({value: 3} if isinstance(value, str) else {})
    assert sums.scores == [ScoreRow("n", 3, mean, 0)]
    assert (version.cost, sums.cost, version.uncertainty["cost"]) == (None, None, 0.0)
    for group in ("model", "version"):
        assert [row.cost for row in store.statistics(group_by=group)] == [None]
    for order_by in ("cost", "tokens"):
        assert [row.session_id for row in store.find_sessions(order_by=order_by).sessions] == ["s"]


def test_deleted_feedback_is_gone_and_stays_gone(store: Store) -> None:
    given = assessment("t1", "good", True, id="a1", time=5)
    store.append([at(1, 1), given])
    store.append([assessment("t1", "good", None, id="a1", time=6, deleted=True)])
    store.append([given])  # the same record again, from a journal that was not emptied

    stored = store.trace("t1")

    assert stored is not None
    assert stored.row.assessments == []
    assert store.count_traces(parse_filter("feedback.good = true")) == 0
    assert store.count_traces(parse_filter("feedback.good IS NULL")) == 1


def test_the_change_number_moves_with_every_change(store: Store) -> None:
    before = store.change_number()
    store.append([at(1, 1)])
    written = store.change_number()
    store.delete_traces(trace_ids=["t1"])

    assert before < written < store.change_number()
    assert store.change_number() == store.change_number() == store.changes(2**62).seq


def test_spans_after_a_position(store: Store) -> None:
    store.append([at(1, 1)])
    first = store.trace("t1")
    assert first is not None
    store.append([span("t1", "b", "a"), span("t1", "c", "a")])

    later = store.trace("t1", after=first.position)

    assert later is not None
    assert [record["span_id"] for record in later.spans] == ["b", "c"]
    assert (first.position, later.position, later.row.span_count) == (1, 3, 3)
