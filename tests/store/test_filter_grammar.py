"""Meaning of filter strings, and messages about invalid ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import FilterSyntaxError, InvalidArgumentError
from tracer.store import TraceQuery, open_store
from tracer.store.clickhouse.compile import compile_expression as compile_for_clickhouse
from tracer.store.filter import And, Comparison, Field, Not, Or, OrderTerm, fields, parse_filter, parse_order

pytestmark = pytest.mark.no_store

NAME, STATE = Field("name", "text"), Field("state", "state")
TEXT, DURATION, TIMESTAMP, TOKENS = (
    Field("text", "fulltext"),
    Field("duration", "duration"),
    Field("timestamp", "timestamp"),
    Field("tokens", "number"),
)


def tag(key: str) -> Field:
    return Field("tag", "any", key)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("name = 'a'", Comparison(NAME, "=", "a")),
        ('name = "it\'s"', Comparison(NAME, "=", "it's")),
        ("name = 'it''s'", Comparison(NAME, "=", "it's")),
        ("NAME <> 'a'", Comparison(NAME, "!=", "a")),
        ("status = ok", Comparison(STATE, "=", "OK")),
        ("status in ('ok', 'Error')", Comparison(STATE, "IN", ("OK", "ERROR"))),
        ("not name like 'a%'", Not(Comparison(NAME, "LIKE", "a%"))),
        ("name NOT LIKE 'a%'", Comparison(NAME, "NOT LIKE", "a%")),
        ("name not in ('a')", Comparison(NAME, "NOT IN", ("a",))),
        ("name not contains 'a'", Not(Comparison(NAME, "CONTAINS", "a"))),
        ("name IS NULL", Comparison(NAME, "IS NULL")),
        ("name is not null", Comparison(NAME, "IS NOT NULL")),
        ("tokens between 1 and 2", And((Comparison(TOKENS, ">=", 1), Comparison(TOKENS, "<=", 2)))),
        ("tokens >= -1.5e3", Comparison(TOKENS, ">=", -1500.0)),
        ("tokens > 1_000", Comparison(TOKENS, ">", 1000)),
        ("duration > 1.5s", Comparison(DURATION, ">", 1500.0)),
        ("latency > 200ms", Comparison(DURATION, ">", 200.0)),
        ("execution_time_ms > 5", Comparison(DURATION, ">", 5)),
        ("duration < 2m", Comparison(DURATION, "<", 120_000.0)),
        ("timestamp_ms > 123", Comparison(TIMESTAMP, ">", 123)),
        ("timestamp > '1970-01-02'", Comparison(TIMESTAMP, ">", 86_400_000)),
        ("timestamp > '1970-01-01T01:00:00Z'", Comparison(TIMESTAMP, ">", 3_600_000)),
        ("timestamp > '1970-01-01T01:00:00+01:00'", Comparison(TIMESTAMP, ">", 0)),
        ("tags.env = 'prod'", Comparison(tag("env"), "=", "prod")),
        ("tag.env = 'prod'", Comparison(tag("env"), "=", "prod")),
        ("tags.`odd key` = 'x'", Comparison(tag("odd key"), "=", "x")),
        ("tags.\"odd key\" = 'x'", Comparison(tag("odd key"), "=", "x")),
        ("tags.`a``b` = 'x'", Comparison(tag("a`b"), "=", "x")),
        ("tags.deep.er.key = 'x'", Comparison(tag("deep.er.key"), "=", "x")),
        ("tags.mlflow.traceName = 'x'", Comparison(NAME, "=", "x")),
        ("metadata.`mlflow.trace.session` = 'x'", Comparison(Field("session", "text"), "=", "x")),
        ("request_metadata.tracer.modelId = 'x'", Comparison(Field("model_id", "text"), "=", "x")),
        ("end_time_ms > 5", Comparison(Field("end", "timestamp"), ">", 5)),
        ("tags.my-key = 'x'", Comparison(tag("my-key"), "=", "x")),
        ("tags.2024 = 3", Comparison(tag("2024"), "=", 3)),
        ("tags.and = 'x'", Comparison(tag("and"), "=", "x")),
        ("metadata.`a.b` = 'x'", Comparison(Field("metadata", "any", "a.b"), "=", "x")),
        ("request_metadata.a = 'x'", Comparison(Field("metadata", "any", "a"), "=", "x")),
        ("attributes.status = 'OK'", Comparison(STATE, "=", "OK")),
        ("attributes.name = 'x'", Comparison(NAME, "=", "x")),
        ("trace.status = 'OK'", Comparison(STATE, "=", "OK")),
        ("trace.text LIKE '%x%'", Comparison(TEXT, "LIKE", "%x%")),
        ("trace.timestamp_ms > 1", Comparison(TIMESTAMP, ">", 1)),
        ("span.name ILIKE '%x%'", Comparison(Field("span.name", "text"), "ILIKE", "%x%")),
        ("span.attributes.k LIKE '%x%'", Comparison(Field("span.attribute", "any", "k"), "LIKE", "%x%")),
        (
            "span.attributes.gen_ai.request.model = 'm'",
            Comparison(Field("span.attribute", "any", "gen_ai.request.model"), "=", "m"),
        ),
        ("feedback.good = 'yes'", Comparison(Field("feedback", "any", "good"), "=", "yes")),
        ("feedback.good = true", Comparison(Field("feedback", "any", "good"), "=", True)),
        ("expectation.answer = 42", Comparison(Field("expectation", "any", "answer"), "=", 42)),
        ("session_id = 's'", Comparison(Field("session", "text"), "=", "s")),
        ("id = 'abc'", Comparison(Field("trace_id", "text"), "=", "abc")),
        ("tokens.input > 1 AND input_tokens > 1", And((Comparison(Field("tokens.input", "number"), ">", 1),) * 2)),
        (
            "name = 'a' OR name = 'b' AND NOT (name = 'c' OR name = 'd')",
            Or(
                (
                    Comparison(NAME, "=", "a"),
                    And(
                        (Comparison(NAME, "=", "b"), Not(Or((Comparison(NAME, "=", "c"), Comparison(NAME, "=", "d")))))
                    ),
                )
            ),
        ),
        ("((name='a'))", Comparison(NAME, "=", "a")),
        ("name\n=\t'a'", Comparison(NAME, "=", "a")),
    ],
)
def test_a_filter_means(source: str, expected: object) -> None:
    assert parse_filter(source) == expected


def test_now_is_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.store.filter.values.time.time", lambda: 10_000.0)

    assert parse_filter("timestamp > now-1h AND timestamp < NOW + 1s AND timestamp <= now") == And(
        (
            Comparison(TIMESTAMP, ">", 6_400_000),
            Comparison(TIMESTAMP, "<", 10_001_000),
            Comparison(TIMESTAMP, "<=", 10_000_000),
        )
    )


@pytest.mark.parametrize("source", [None, "", "   "])
def test_no_filter_means_everything(source: str | None) -> None:
    assert parse_filter(source) is None


@pytest.mark.parametrize(
    ("source", "place", "said"),
    [
        ("nmae = 'a'", "nmae", "unknown field 'nmae'; did you mean name?"),
        ("name == 'a'", "==", "write ="),
        ("name = 'a' && name = 'b'", "&&", "write AND"),
        ("name = 'a", "'a", "never closed; add '"),
        ("tags.`a = 'x'", "`a", "never closed; add `"),
        ("name = ", "", "expected a value here, the filter ends"),
        ("name", "", "expected an operator"),
        ("name = a", "a", "quote a text: 'a'"),
        ("name = 'a' name = 'b'", "name = 'b'", "expected AND, OR or the end"),
        ("name = 'a' AND", "", "the filter ends"),
        ("AND name = 'a'", "AND", "expected a field before AND"),
        ("(name = 'a'", "", "expected ) for the ( at position 0"),
        ("name = 'a')", ")", "this ) closes nothing"),
        ("status = 'FINE'", "'FINE'", "unknown state 'FINE'; states are"),
        ("status > 'OK'", ">", "not ordered"),
        ("duration > 'soon'", "'soon'", "a duration (200ms, 1.5s"),
        ("duration > 5parsecs", "5parsecs", "unknown unit"),
        ("tokens = 'many'", "'many'", "holds a number, got 'many'"),
        ("tokens < 'nan'", "'nan'", "holds a number, got 'nan'"),
        ("tokens LIKE 'x'", "LIKE", "holds numbers"),
        ("timestamp > 1h", "1h", "write now-1h"),
        ("timestamp > 'yesterday'", "'yesterday'", "a time (ms since the epoch"),
        ("timestamp > now-5", "5", "expected a duration such as 1h"),
        ("name = now", "now", "now is a timestamp"),
        ("name LIKE 5", "5", "LIKE needs a quoted text"),
        ("name IN 'a'", "'a'", "expected a list after IN"),
        ("name IN ('a' 'b')", "'b'", "expected , or )"),
        ("name IN ()", ")", "holds a text"),
        ("name IS 'a'", "'a'", "expected NULL or NOT NULL"),
        ("text > 'a'", ">", "text is searched with"),
        ("text IN ('a')", "('a')", "text is searched with"),
        ("tags = 'x'", "tags", "name the key as well"),
        ("tags.env = prod", "prod", "quote a text: 'prod'"),
        ("span.nam = 'x'", "span.nam", "did you mean span.name?"),
        ("'a' = name", "'a'", "a condition starts with a field"),
        ("name ! 'a'", "!", "write NOT"),
        ("name = [1]", "[", "lists are written IN"),
        ("name = \u2018a\u2019", "\u2018", "quote text with"),
        ("tokens between 1 or 2", "or", "expected AND between the two bounds"),
        ("name = ;", ";", "means nothing here"),
        ("name = 5", "5", "name holds a text ('…'); quote a text: '5'"),
        ("model IN ('a', 5s)", "5s", "quote a text: '5s'"),
        ("name = '\ud800'", "\ud800", "'\\ud800' is half a character"),
        (" OR ".join(["name = 'a'"] * 500 + ["model = 'a'"] * 2), "model", "more than 500 conditions"),
        ("id IN ('a'" + ", 'a'" * 10_000 + ", 'b')", "'b'", "more than 10000 values"),
        (" OR ".join(["text LIKE '%a%'"] * 100 + ["text = 'b'"]), "text = 'b'", "text is searched for more than 100"),
        ("name = 'a' AND text = '" + "a." * 101 + "'", "text", "text is searched for more than 100"),
        (f"name LIKE '%{'a_' * 51}%'", "'%a", "a part between two % has at most 100 characters"),
        ("name = '" + "a" * 500_000 + "'", "name", "the filter has 500009 characters"),
        ("name = 'a' OR NOT (" * 10 + "model = 'b'" + ")" * 10, "model", "nested too deep"),
    ],
)
def test_an_error_points_at_its_place_and_says_what_helps(source: str, place: str, said: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(source)

    error = caught.value
    assert said in str(error)
    assert source[error.position :].startswith(place)
    assert str(error).splitlines()[-1].index("^") == 2 + error.position


def test_nesting_is_bounded() -> None:
    with pytest.raises(FilterSyntaxError, match="nested more than 100"):
        parse_filter("(" * 5000 + "name = 'a'" + ")" * 5000)
    with pytest.raises(FilterSyntaxError, match="nested more than 100"):
        parse_filter("NOT " * 5000 + "name = 'a'")


@pytest.mark.parametrize("wrong", [7, ["name = 'a'"], b"x"])
def test_a_filter_is_a_text(wrong: object) -> None:
    with pytest.raises(InvalidArgumentError, match="expected text such as"):
        parse_filter(wrong)  # type: ignore[arg-type]


def check_parses_or_points(source: str) -> None:
    with contextlib.suppress(FilterSyntaxError):
        parse_filter(source)
        return
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(source)
    assert 0 <= caught.value.position <= len(source)


@given(st.text())
def test_any_text_parses_or_is_a_syntax_error(source: str) -> None:
    check_parses_or_points(source)


PIECES = [
    "name",
    "tags",
    ".",
    "`",
    "'",
    '"',
    "=",
    "!=",
    "<",
    "(",
    ")",
    ",",
    "AND",
    "NOT",
    "IN",
    "5",
    "1h",
    "now",
    "-",
    "é",
    " ",
    "text",
    "IS",
    "NULL",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_any_pieces_parse_or_are_a_syntax_error(source: str) -> None:
    check_parses_or_points(source)


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, (OrderTerm("timestamp", True),)),
        ([], (OrderTerm("timestamp", True),)),
        (["timestamp_ms DESC"], (OrderTerm("timestamp", True),)),
        (["cost desc", "name"], (OrderTerm("cost", True), OrderTerm("name", False))),
        ("tokens ASC, duration DESC", (OrderTerm("tokens", False), OrderTerm("duration", True))),
        (["attributes.execution_time_ms ASC"], (OrderTerm("duration", False),)),
    ],
)
def test_order_by(order_by: object, expected: object) -> None:
    assert parse_order(order_by) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [["nothing"], ["name SIDEWAYS"], ["name ASC DESC"], [5], ["tags.a"]])
def test_a_wrong_order_by_names_the_possible_ones(wrong: object) -> None:
    with pytest.raises(InvalidArgumentError, match="order_by="):
        parse_order(wrong)  # type: ignore[arg-type]


def test_a_message_about_half_a_character_can_be_printed() -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter("name = '\udcff'")

    assert str(caught.value).encode()


COMPARED = {
    "text": "= 'a'",
    "number": "> 1",
    "duration": "> 1",
    "timestamp": "> 1",
    "state": "= 'OK'",
    "fulltext": "= 'abc'",
}


@pytest.mark.parametrize("name", fields._PLAIN)
def test_every_field_is_known_to_every_store(name: str, tmp_path: Path) -> None:
    condition = parse_filter(f"{name} {COMPARED[fields._PLAIN[name]]}")
    assert condition is not None

    assert compile_for_clickhouse(condition).text
    with contextlib.closing(open_store(f"sqlite:///{tmp_path / 'tracer.db'}")) as store:
        assert store.count_traces(condition) == 0


@pytest.mark.parametrize("condition", ["span.attributes.k NOT CONTAINS 'a'", "tags.k = 'a'", "text = 'abc'"])
def test_every_filter_that_is_accepted_can_be_run(condition: str, tmp_path: Path) -> None:
    shapes: list[Callable[[int], str]] = [
        lambda depth: "NOT (" * depth + condition + ")" * depth,
        lambda depth: f"{condition} OR (" * depth + condition + ")" * depth,
        lambda depth: f"{condition} OR {condition} AND NOT (" * depth + f"{condition} OR {condition}" + ")" * depth,
        lambda depth: "(" * depth + condition + f" OR NOT {condition} AND {condition})" * depth,
        lambda depth: " OR ".join([condition] * 10 * depth),
    ]
    store = open_store(f"sqlite:///{tmp_path / 'tracer.db'}")
    for shape in shapes:
        accepted = 0
        for depth in range(1, 51):
            with contextlib.suppress(FilterSyntaxError):
                store.find_traces(TraceQuery(filter=parse_filter(shape(depth))))
                accepted = depth
        assert accepted >= 5
    store.close()
