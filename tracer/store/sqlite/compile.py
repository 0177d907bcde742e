"""From a checked filter expression to SQL over the tables, with every value a bound parameter.

``t`` is the row of ``traces``. A comparison with something absent is NULL or 0 in SQL, both of which select nothing;
NOT makes it ``IS NOT TRUE``, so that logic stays two-valued.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tracer.store.filter import And, Comparison, Expression, Field, Not, Or
from tracer.store.filter.expression import Value
from tracer.store.named_versions import version_is
from tracer.store.sql import Cell, Fragment, Sql, fill, join, marks
from tracer.store.sqlite.blocks import PACKED
from tracer.store.sqlite.functions import RUNNING_MODEL, RUNNING_PROVIDER, SPAN_KEYS
from tracer.store.sqlite.schema import (
    LABEL_EXCEPTION,
    LABEL_FAILED_STEP,
    LABEL_METADATA,
    LABEL_MODEL,
    LABEL_PROMPT,
    LABEL_PROVIDER,
    LABEL_TAG,
    POSITION_BITS,
    POSITION_MASK,
)

_COLUMNS = {
    "trace_id": "t.trace_id",
    "client_request_id": "t.client_request_id",
    "name": "t.name",
    "state": "t.state",
    "timestamp": "t.start",
    "duration": "t.duration",
    "tokens": "t.total_tokens",
    "tokens.input": "t.input_tokens",
    "tokens.output": "t.output_tokens",
    "spans": "t.spans",
    "errors": "t.errors",
    "cost": "t.cost",
    "session": "t.session",
    "user": "t.user",
    "run_id": "t.run_id",
    "model_id": "t.model_id",
    "version": "t.model_id",  # to order by
    "experiment_id": "CAST(t.experiment AS TEXT)",
    "experiment": "(SELECT name FROM experiments WHERE id = t.experiment)",
    "request": "t.request_preview",
    "response": "t.response_preview",
    "feedbacks": "(SELECT count(*) FROM assessments f WHERE f.trace = t.num AND f.type = 'feedback' AND NOT f.deleted)",
}
# for programs only
_COLUMNS.update({"start_ns": "t.start", "seq": "t.seq"})
_TIMES = {"timestamp": "t.start", "end": "(t.start + t.duration)"}
_EXPERIMENT_COLUMNS = {"experiment": "name", "experiment_id": "CAST(id AS TEXT)"}
_SPAN_COLUMNS = {
    "span.id": "s.span_id",
    "span.name": "s.name",
    "span.type": "s.type",
    "span.status": "s.status",
    "span.provider": "s.provider",
    "span.duration": "s.duration",
    "span.tokens": "s.total_tokens",
    "span.cost": "s.cost",
    "span.error": "s.message",
}
_RUNNING_COLUMNS = {
    "span.id": "r.span_id",
    "span.name": "r.name",
    "span.type": "r.type",
    "span.status": "CASE WHEN r.gone THEN 'INTERRUPTED' ELSE 'IN_PROGRESS' END",
    "span.model": RUNNING_MODEL.format("r.record"),
    "span.provider": RUNNING_PROVIDER.format("r.record"),
}
LABELS = {
    "tag": LABEL_TAG,
    "metadata": LABEL_METADATA,
    "model": LABEL_MODEL,
    "provider": LABEL_PROVIDER,
    "prompt": LABEL_PROMPT,
    "failed_step": LABEL_FAILED_STEP,
    "exception": LABEL_EXCEPTION,
}
_ONE_LABEL = "l.kind = ? AND l.key = ? AND l.value = ? AND l.start = t.start AND l.trace = t.num"
_NS_PER_MS = 1_000_000
_FAR_MS = 9_000_000_000_000  # the farthest that ns in 64 bits reach
SPANS_OF_TRACE = f"s.id BETWEEN (t.num << {POSITION_BITS}) AND (t.num << {POSITION_BITS}) + {POSITION_MASK}"
BLOCK_OF_SPAN = "JOIN chunks c ON c.id = s.chunk"
_POSITION_IN_BLOCK = f"(s.id & {POSITION_MASK}) - c.first"

Matcher = Callable[[Comparison], Fragment]


def compile_expression(expression: Expression, fulltext: Matcher) -> Fragment:
    """The condition of a filter; ``fulltext`` compiles comparisons of the field ``text``."""
    if isinstance(expression, Not):
        return fill("(({}) IS NOT TRUE)", compile_expression(expression.part, fulltext))
    if isinstance(expression, (And, Or)):
        parts = [compile_expression(part, fulltext) for part in expression.parts]
        return fill("({})", join("AND" if isinstance(expression, And) else "OR", parts))
    return _comparison(expression, fulltext)


def _comparison(comparison: Comparison, fulltext: Matcher) -> Fragment:
    name = comparison.field.name
    if name == "text":
        return fulltext(comparison)
    if name in _TIMES:
        return _timestamp(comparison, _TIMES[name])
    if name == "state" and comparison.operator == "=" and comparison.value != "OK":
        # in the words of the partial index, which a parameter does not match
        return Fragment("(t.state <> 'OK' AND t.state = ?)", [parameter(comparison.field, comparison.value)])
    if name in _EXPERIMENT_COLUMNS and comparison.operator in ("=", "IN"):
        word = "=" if comparison.operator == "=" else "IN"
        named = compare(_EXPERIMENT_COLUMNS[name], comparison)
        return fill(f"t.experiment {word} (SELECT id FROM experiments WHERE {{}})", named)
    if name == "version":
        versions = Sql("models m", "TRUE")
        return version_is(compare, comparison, column="t.model_id", versions=versions, id="m.model_id", name="m.name")
    if name in _COLUMNS:
        return compare(_COLUMNS[name], comparison)
    if name in LABELS:
        return _label(comparison)
    if name in ("feedback", "expectation"):
        return _assessment(comparison)
    if name in ("reviewer", "reviewers"):
        return _reviewers(comparison)
    return _span(comparison)


def compare(column: str | Fragment, comparison: Comparison) -> Fragment:
    """One comparison of a column, in the unit that the column holds."""
    operator = comparison.operator
    if operator in ("IS NULL", "IS NOT NULL"):
        return fill(f"{{}} {operator}", column)
    value = comparison.value
    if operator in ("IN", "NOT IN"):
        values = [parameter(comparison.field, item) for item in (value if isinstance(value, tuple) else ())]
        return fill(f"{{}} {operator} ({marks(values)})", column, parameters=values)
    given = [parameter(comparison.field, value)]
    function = {"LIKE": "tracer_like", "ILIKE": "tracer_ilike", "CONTAINS": "tracer_contains"}.get(
        operator.replace("NOT ", "")
    )
    if function and operator.startswith("NOT "):
        return fill(f"({{}} IS NOT NULL AND NOT {function}({{}}, ?))", column, column, parameters=given)
    if function:
        return fill(f"({function}({{}}, ?))", column, parameters=given)
    return fill(f"{{}} {operator} ?", column, parameters=given)


def _timestamp(comparison: Comparison, column: str) -> Fragment:
    """Compares a time as its users see it, in whole ms; ranges of the start are left to the index, which is in ns."""
    operator, value = comparison.operator, comparison.value
    if operator in ("=", "!=", "IN", "NOT IN"):
        whole_ms = Field("timestamp", "number")
        return compare(f"{column} / {_NS_PER_MS}", Comparison(whole_ms, operator, value))
    if not isinstance(value, (int, float)):
        return compare(column, comparison)
    value = max(-_FAR_MS, min(_FAR_MS, value))
    border = math.ceil(value) if operator in ("<", ">=") else math.floor(value) + 1
    return Fragment(f"{column} {'<' if operator in ('<', '<=') else '>='} ?", [border * _NS_PER_MS])


def parameter(field: Field, value: Value) -> Cell:
    """A value in the unit that its column holds."""
    if isinstance(value, tuple):
        raise TypeError(f"{field.name} is compared with several values")
    if isinstance(value, (int, float)) and field.kind in ("timestamp", "duration"):
        scaled = value * _NS_PER_MS
        return scaled if abs(scaled) < 2**63 else float(scaled)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return float(value)
    return value


def _label(comparison: Comparison) -> Fragment:
    kind = LABELS[comparison.field.name]
    if kind not in (LABEL_TAG, LABEL_METADATA):
        return _name_label(comparison, kind)
    key = comparison.field.key or ""
    if comparison.operator == "=" and isinstance(comparison.value, str):
        return Fragment(f"EXISTS (SELECT 1 FROM labels l WHERE {_ONE_LABEL})", [kind, key, comparison.value])
    labels = Sql("labels l", "l.trace = t.num AND l.kind = ? AND l.key = ?", [kind, key])
    return _some(labels, _any_value("l.value", comparison), comparison)


def _name_label(comparison: Comparison, kind: int) -> Fragment:
    if comparison.operator == "=":
        name = parameter(comparison.field, comparison.value)
        return Fragment(f"EXISTS (SELECT 1 FROM labels l WHERE {_ONE_LABEL})", [kind, name, ""])
    if comparison.operator.startswith(("!=", "NOT ", "IS ")):  # most traces meet it: look at each
        labels = Sql("labels l", "l.trace = t.num AND l.kind = ?", [kind])
        return _some(labels, compare("l.key", comparison), comparison)
    # names are few: those that the condition holds for are found first, by steps from each to the next
    condition = compare("m.name", comparison)
    return Fragment(
        "+t.num IN (WITH RECURSIVE m(name) AS (SELECT min(key) FROM labels WHERE kind = ? UNION ALL"
        " SELECT (SELECT min(key) FROM labels WHERE kind = ? AND key > m.name) FROM m WHERE m.name IS NOT NULL)"
        f" SELECT l.trace FROM m CROSS JOIN labels l ON l.kind = ? AND l.key = m.name WHERE {condition.text})",
        [kind, kind, kind, *condition.parameters],
    )


def _some(rows: Sql, condition: Fragment, comparison: Comparison) -> Fragment:
    """EXISTS over rows; IS NULL asks that there is no row with a value."""
    is_null = comparison.operator == "IS NULL"
    found = rows.matching(fill("NOT ({})" if is_null else "({})", condition))
    return Fragment(f"{'NOT ' if is_null else ''}EXISTS (SELECT 1 FROM {found.text})", found.parameters)


def _any_value(column: str | Fragment, comparison: Comparison) -> Fragment:
    """Compares text that may hold a number: with a text as text, with a number as a number."""
    value = comparison.value
    if isinstance(value, bool):
        return compare(fill("lower({})", column), Comparison(comparison.field, comparison.operator, str(value).lower()))
    if isinstance(value, (int, float)):
        return compare(fill("tracer_number({})", column), comparison)
    if isinstance(value, tuple) and all(
        isinstance(item, (int, float)) and not isinstance(item, bool) for item in value
    ):
        return compare(fill("tracer_number({})", column), comparison)
    if isinstance(value, tuple):
        texts = tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in value)
        return compare(column, Comparison(comparison.field, comparison.operator, texts))
    return compare(column, comparison)


def _assessment(comparison: Comparison) -> Fragment:
    field = comparison.field
    given = Sql(
        "assessments a", "a.trace = t.num AND a.type = ? AND a.name = ? AND NOT a.deleted", [field.name, field.key]
    )
    return _some(given, _any_value("a.text", comparison), comparison)


def _reviewers(comparison: Comparison) -> Fragment:
    """The people that gave feedback of a name, or their number."""
    given = Sql(
        "assessments a",
        "a.trace = t.num AND a.type = 'feedback' AND a.name = ? AND NOT a.deleted"
        " AND json_extract(a.source, '$.type') = 'HUMAN'",
        [comparison.field.key],
    )
    if comparison.field.name == "reviewer":
        return _some(given, compare("json_extract(a.source, '$.id')", comparison), comparison)
    found = Fragment(f"(SELECT count(DISTINCT json_extract(a.source, '$.id')) FROM {given.text})", given.parameters)
    return compare(found, comparison)


def _span(comparison: Comparison) -> Fragment:
    """Of a span that has ended, or of one that runs; IS NULL asks that neither has a value."""
    word = "AND" if comparison.operator == "IS NULL" else "OR"
    return fill("({})", join(word, [_ended_span(comparison), _running_span(comparison)]))


def _ended_span(comparison: Comparison) -> Fragment:
    name = comparison.field.name
    spans = Sql("spans s", SPANS_OF_TRACE)
    if name == "span.model":
        return _some(spans, _span_model(comparison), comparison)
    if name in _SPAN_COLUMNS:
        return _some(spans, compare(_SPAN_COLUMNS[name], comparison), comparison)
    value = Fragment(f"tracer_value(c.id, {PACKED}, {_POSITION_IN_BLOCK}, ?)", [_attribute(comparison.field)])
    return _some(Sql(f"spans s {BLOCK_OF_SPAN}", SPANS_OF_TRACE), _any_value(value, comparison), comparison)


def _running_span(comparison: Comparison) -> Fragment:
    name = comparison.field.name
    # few traces have one: the rest is passed by their state
    running = Sql("running r", "t.state IN ('IN_PROGRESS', 'INTERRUPTED') AND r.trace = t.num")
    if name in _SPAN_COLUMNS or name in _RUNNING_COLUMNS:
        return _some(running, compare(_RUNNING_COLUMNS.get(name, "NULL"), comparison), comparison)
    value = Fragment("tracer_running_value(r.record, ?)", [_attribute(comparison.field)])
    return _some(running, _any_value(value, comparison), comparison)


def _attribute(field: Field) -> str | None:
    return field.key if field.name == "span.attribute" else SPAN_KEYS[field.name]


def _span_model(comparison: Comparison) -> Fragment:
    model = compare("s.model", comparison)
    if comparison.operator in ("!=", "NOT IN", "NOT LIKE", "NOT ILIKE", "IS NULL", "IS NOT NULL"):
        return model
    return fill("(CASE WHEN {} THEN 1 ELSE {} END)", model, compare("s.request_model", comparison))
