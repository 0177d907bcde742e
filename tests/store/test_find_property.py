"""Any filter finds what a naive evaluation of it over the same traces finds."""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.records import MS, START, assessment, found, new_store, said, span, start
from tracer.store import Store
from tracer.store.filter import And, Comparison, Expression, Field, Not, Or, parse_filter

pytestmark = pytest.mark.no_store

START_MS = START // MS


@dataclass
class Step:
    """The span of a plain trace."""

    name: str
    type: str = "CHAIN"
    status: str = "UNSET"
    model: str | None = None
    duration_ms: int = 1000
    attribute: Any = None
    inputs: Any = None
    is_running: bool = False


@dataclass
class PlainTrace:
    """A trace in few fields; its first step is the root span."""

    id: str
    steps: list[Step]
    start_ms: int = START_MS
    tags: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    feedback: list[tuple[str, Any]] = field(default_factory=list)
    tokens: int | None = None

    def lines(self) -> list[bytes]:
        lines = [said(self.id, tags=self.tags, user=self.user)]
        for number, step in enumerate(self.steps):
            begin = self.start_ms * MS + 123 + number
            if step.is_running:
                lines.append(self.start_line(step, f"s{number}", begin))
                continue
            lines.append(
                span(
                    self.id,
                    f"s{number}",
                    "s0" if number else None,
                    name=step.name,
                    type=step.type,
                    status=step.status,
                    start=begin,
                    end=begin + step.duration_ms * MS,
                    model=step.model,
                    usage=(self.tokens, 0) if self.tokens is not None and number == 0 else None,
                    attributes={} if step.attribute is None else {"k": step.attribute},
                    json={} if step.inputs is None else {"tracer.inputs": step.inputs},
                )
            )
        return lines + [assessment(self.id, name, value) for name, value in self.feedback]

    def start_line(self, step: Step, span_id: str, begin: int) -> bytes:
        attributes = {"gen_ai.request.model": step.model} if step.model else {}
        return start(
            self.id,
            span_id,
            parent_id="s0" if span_id != "s0" else None,
            name=step.name,
            type=step.type,
            start=begin,
            attributes=attributes if step.attribute is None else {**attributes, "k": step.attribute},
            json={} if step.inputs is None else {"tracer.inputs": step.inputs},
        )


TRACES = [
    PlainTrace(
        "t0",
        [Step("agent", "AGENT"), Step("chat", "CHAT_MODEL", model="gpt-4o", inputs="Refund the order")],
        tags={"env": "prod"},
        tokens=10,
    ),
    PlainTrace(
        "t1",
        [Step("agent", "AGENT", "ERROR", inputs="order refund_now")],
        START_MS + 1,
        {"env": "dev"},
        "ann",
        tokens=0,
    ),
    PlainTrace(
        "t2",
        [Step("Agent X", inputs={"a": ["unrefunded", {"b": "ORDER"}]})],
        START_MS + 2,
        {"env": "prod", "v": "2"},
        "bob",
    ),
    PlainTrace(
        "t3",
        [Step("chat", "CHAT_MODEL", model="gpt-4o-mini", duration_ms=2500, attribute=5)],
        START_MS + 2,
        {"v": "10"},
        tokens=200,
    ),
    PlainTrace(
        "t4",
        [Step("tool", "TOOL", "ERROR", attribute="x5"), Step("chat", model="gpt-4o")],
        START_MS + 5,
        feedback=[("good", True)],
    ),
    PlainTrace(
        "t5",
        [Step("tool", "TOOL", "OK", attribute=[1, "x"])],
        START_MS + 9,
        {"v": "x"},
        feedback=[("good", False), ("good", True)],
    ),
    PlainTrace(
        "t6",
        [Step("é🙂_%", inputs="退款 café Straße 100% a_b")],
        START_MS + 9,
        {"odd key": "it's"},
        feedback=[("score", 0.5)],
    ),
    PlainTrace(
        "t7",
        [Step("agent", status="OK", inputs=""), Step("agent"), Step("agent", status="ERROR")],
        START_MS + 20,
        {"env": ""},
        "",
    ),
    PlainTrace(
        "t8",
        [Step("plain", duration_ms=0, inputs=[None, 5, True])],
        START_MS + 30,
        feedback=[("score", 3), ("good", "yes")],
        tokens=10,
    ),
    PlainTrace("t9", [Step("chat", "CHAT_MODEL", model="gpt-4o", inputs="Refund the order 退款", is_running=True)]),
    PlainTrace(
        "u0",
        [Step("agent", inputs="a café"), Step("tool", "TOOL", attribute=5, inputs={"b": "Order b"}, is_running=True)],
        START_MS + 40,
        {"env": "dev"},
    ),
]


def texts(trace: PlainTrace) -> list[str]:
    def leaves(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                yield from leaves(item)

    joined = ("\n".join(text for text in leaves(step.inputs) if text) for step in trace.steps)
    return [text for text in joined if text]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def assessed(trace: PlainTrace, name: str | None) -> list[Any]:
    return [as_text(value) for key, value in trace.feedback if key == name]


VALUES: dict[str, Callable[[PlainTrace, str | None], list[Any]]] = {
    "trace_id": lambda t, k: [t.id],
    "name": lambda t, k: [t.steps[0].name],
    "state": lambda t, k: [
        "IN_PROGRESS" if any(s.is_running for s in t.steps) else "ERROR" if t.steps[0].status == "ERROR" else "OK"
    ],
    "timestamp": lambda t, k: [t.start_ms],
    "duration": lambda t, k: [t.steps[0].duration_ms] if not t.steps[0].is_running else [],
    "tokens": lambda t, k: [t.tokens] if t.tokens is not None else [],
    "spans": lambda t, k: [len(t.steps)],
    "user": lambda t, k: [t.user] if t.user is not None else [],
    "model": lambda t, k: [s.model for s in t.steps if s.model],
    "tag": lambda t, k: [t.tags[k]] if k in t.tags else [],
    "feedback": assessed,
    "span.name": lambda t, k: [s.name for s in t.steps],
    "span.type": lambda t, k: [s.type for s in t.steps],
    "span.status": lambda t, k: ["IN_PROGRESS" if s.is_running else s.status for s in t.steps],
    "span.model": lambda t, k: [s.model for s in t.steps if s.model],
    "span.duration": lambda t, k: [s.duration_ms for s in t.steps if not s.is_running],
    "span.attribute": lambda t, k: [s.attribute for s in t.steps if s.attribute is not None] if k == "k" else [],
    "span.inputs": lambda t, k: [s.inputs for s in t.steps if s.inputs is not None],
}
COMPARE = {"=": op.eq, "!=": op.ne, "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge}


def holds(expression: Expression, trace: PlainTrace) -> bool:
    if isinstance(expression, And):
        return all(holds(part, trace) for part in expression.parts)
    if isinstance(expression, Or):
        return any(holds(part, trace) for part in expression.parts)
    if isinstance(expression, Not):
        return not holds(expression.part, trace)
    if expression.field.name == "text":
        return text_holds(expression, trace)
    values = VALUES[expression.field.name](trace, expression.field.key)
    if expression.operator in ("IS NULL", "IS NOT NULL"):
        return bool(values) == (expression.operator == "IS NOT NULL")
    return any(value_holds(expression, value) for value in values)


def value_holds(comparison: Comparison, value: Any) -> bool:
    operator, wanted = comparison.operator, comparison.value
    if operator in ("IN", "NOT IN"):
        assert isinstance(wanted, tuple)
        numeric = comparison.field.kind == "any" and all(isinstance(w, (int, float)) for w in wanted)
        if comparison.field.kind == "any" and not numeric:
            wanted = tuple(as_text(w) for w in wanted)
        plain = to_comparable(comparison.field, value, wanted[0])
        return plain is not None and (plain in wanted) == (operator == "IN")
    if operator in COMPARE:
        plain = to_comparable(comparison.field, value, wanted)
        return plain is not None and COMPARE[operator](plain, wanted)
    return pattern_holds(operator, as_text(value), str(wanted))


def to_comparable(kind: Field, value: Any, wanted: Any) -> Any:
    if kind.kind != "any":
        return as_text(value) if kind.kind == "text" else value
    if isinstance(wanted, str):
        return as_text(value)
    try:
        return float(value) if not isinstance(value, (list, dict, bool)) else None
    except ValueError:
        return None


def pattern_holds(operator: str, value: str, wanted: str) -> bool:
    if operator.startswith("NOT "):
        return not pattern_holds(operator[4:], value, wanted)
    if operator == "CONTAINS":
        return wanted.lower() in value.lower()
    if operator == "ILIKE":
        value, wanted = value.lower(), wanted.lower()
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in wanted)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def text_holds(comparison: Comparison, trace: PlainTrace) -> bool:
    operator, wanted = comparison.operator, str(comparison.value)
    if operator == "!=" or operator.startswith("NOT "):
        positive = "=" if operator == "!=" else operator[4:]
        return not text_holds(Comparison(comparison.field, positive, wanted), trace)  # type: ignore[arg-type]
    if operator != "=":
        return any(pattern_holds(operator, text, wanted) for text in texts(trace))
    words = re.findall(r"[^\W_]+", wanted.lower())
    return bool(words) and any(set(words) <= set(re.findall(r"[^\W_]+", text.lower())) for text in texts(trace))


WORDS = [
    "agent",
    "chat",
    "Agent X",
    "gpt-4o",
    "prod",
    "x",
    "",
    "5",
    "10",
    "it's",
    'q"q',
    "é🙂_%",
    "true",
    "ann",
    "t3",
    "TOOL",
    "0.5",
]
PATTERNS = ["%", "a%", "%4o%", "A%", "_gent", "%x", "", "100%", "%\\%", "%🙂%", "%[a-z]%", "*"]
PARTS = [
    "refund",
    "Order",
    "und",
    "fund the",
    "D_n",
    "退款",
    "退",
    "caf",
    "café",
    "ße",
    "100% a",
    "a_b",
    "🙂",
    " ",
    "unref",
    "nothing",
    "\n",
    "%",
]
TEXT_PATTERNS = ["%" + part + "%" for part in PARTS] + ["Refund%", "%order", "%fund%order", "_efund the%", "%"]
SEARCHES = [
    "refund",
    "ORDER refund",
    "refunded",
    "order",
    "now",
    "nothing",
    "...",
    '"',
    "a AND b",
    "NEAR(",
    "* -x ^y",
    "café",
    "100",
    "b",
]
NUMBERS = [0, 1, 5, 10, 200, 0.5, 1000, 2500.0, -1, 10**30]


def comparison(name: str, kind: Any, key: str | None = None) -> st.SearchStrategy[Comparison]:
    target = Field(name, kind, key)
    scalars: st.SearchStrategy[Any]
    if kind == "text":
        scalars = st.sampled_from(WORDS)
    elif kind == "any":
        scalars = st.sampled_from([*WORDS, *NUMBERS])
    elif kind == "state":
        scalars = st.sampled_from(["OK", "ERROR", "INTERRUPTED", "IN_PROGRESS"])
    elif kind == "timestamp":
        scalars = st.sampled_from([START_MS + d for d in (-1, 0, 1, 2, 3, 9, 30)] + [0])
    else:
        scalars = st.sampled_from(NUMBERS)
    ordered = kind != "state"
    operators = ["=", "!=", "<", "<=", ">", ">="] if ordered else ["=", "!="]
    choices = [
        st.builds(Comparison, st.just(target), st.sampled_from(operators), scalars),
        st.builds(
            Comparison,
            st.just(target),
            st.sampled_from(["IN", "NOT IN"]),
            st.lists(scalars, min_size=1, max_size=3).map(tuple),
        ),
        st.builds(Comparison, st.just(target), st.sampled_from(["IS NULL", "IS NOT NULL"])),
    ]
    if kind in ("text", "any"):
        likes = st.sampled_from(["LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE", "CONTAINS"])
        choices.append(st.builds(Comparison, st.just(target), likes, st.sampled_from(PATTERNS)))
    return st.one_of(choices)


def text_comparison() -> st.SearchStrategy[Comparison]:
    text = st.just(Field("text", "fulltext"))
    return st.one_of(
        st.builds(Comparison, text, st.sampled_from(["=", "!="]), st.sampled_from(SEARCHES)),
        st.builds(Comparison, text, st.just("CONTAINS"), st.sampled_from(PARTS)),
        st.builds(
            Comparison,
            text,
            st.sampled_from(["LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE"]),
            st.sampled_from(TEXT_PATTERNS),
        ),
    )


COMPARISONS = st.one_of(
    *(
        comparison(n, "text")
        for n in ("trace_id", "name", "user", "model", "span.name", "span.type", "span.model", "span.inputs")
    ),
    *(comparison(n, "number") for n in ("tokens", "spans")),
    *(comparison(n, "duration") for n in ("duration", "span.duration")),
    *(comparison(n, "state") for n in ("state", "span.status")),
    comparison("timestamp", "timestamp"),
    *(comparison("tag", "any", key) for key in ("env", "v", "odd key", "none")),
    *(comparison("feedback", "any", key) for key in ("good", "score", "none")),
    *(comparison("span.attribute", "any", key) for key in ("k", "none")),
    text_comparison(),
)
EXPRESSIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=6,
)


def written(expression: Expression) -> str:
    """The filter string of an expression."""
    if isinstance(expression, Not):
        return f"NOT ({written(expression.part)})"
    if isinstance(expression, (And, Or)):
        word = " AND " if isinstance(expression, And) else " or "
        return word.join(f"({written(part)})" for part in expression.parts)
    name = {"tag": "tags", "span.attribute": "span.attributes"}.get(expression.field.name, expression.field.name)
    if expression.field.key is not None:
        name += f".`{expression.field.key}`"
    if expression.value is None:
        return f"{name} {expression.operator}"
    if isinstance(expression.value, tuple):
        return f"{name} {expression.operator} ({', '.join(literal(item) for item in expression.value)})"
    return f"{name} {expression.operator} {literal(expression.value)}"


def literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


@pytest.fixture(scope="module")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("find")
    store = new_store(folder)
    for trace in TRACES:
        store.append(trace.lines())
    yield store
    store.close()


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=EXPRESSIONS)
def test_any_filter_finds_what_a_naive_evaluation_finds(full_store: Store, expression: Expression) -> None:
    source = written(expression)
    parsed = parse_filter(source)
    assert parsed is not None

    assert sorted(found(full_store, source)) == [trace.id for trace in TRACES if holds(parsed, trace)]
    assert full_store.count_traces(parsed) == len(found(full_store, source))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), operator=st.sampled_from(["=", "CONTAINS", "LIKE", "ILIKE"]))
def test_any_text_can_be_searched_for(full_store: Store, text: str, operator: str) -> None:
    found(full_store, f"text {operator} {literal(text)}")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    expression=st.one_of(st.none(), COMPARISONS),
    order=st.lists(
        st.sampled_from(
            ["timestamp DESC", "timestamp", "tokens DESC", "tokens", "cost", "duration DESC", "name", "state DESC"]
        ),
        max_size=3,
    ),
    limit=st.integers(1, 4),
)
def test_pages_together_are_the_whole_in_order(
    full_store: Store, expression: Any, order: list[str], limit: int
) -> None:
    from tracer.store import TraceQuery
    from tracer.store.filter import parse_order

    source = written(expression) if expression is not None else None
    whole = found(full_store, source, order_by=order)
    paged: list[str] = []
    token = None
    while True:
        page = full_store.find_traces(TraceQuery(parse_filter(source), parse_order(order), limit, token))
        assert len(page.traces) <= limit
        paged += [row.trace_id for row in page.traces]
        token = page.next_page_token
        if token is None:
            break

    assert paged == whole
