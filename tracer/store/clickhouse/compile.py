"""From a checked filter expression to a condition on the table ``traces``, with every value a bound parameter.

Each comparison is true or false, never NULL: one with something absent is false.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import cast

from tracer.semconv import INPUTS, OUTPUTS
from tracer.store.clickhouse.places import hour_of, traces_of
from tracer.store.clickhouse.spans import SHOWN
from tracer.store.clickhouse.words import words_of
from tracer.store.filter import And, Comparison, Expression, Field, Not, Or
from tracer.store.named_versions import version_is
from tracer.store.numbers import NUMBER
from tracer.store.sql import Cells, Fragment, Sql, fill, join
from tracer.store.sqlite.compile import parameter

_NS_PER_MS = 1_000_000
_FAR_NS = 2**63
_FAR_MS = 9_000_000_000_000  # the farthest that ns in 64 bits reach
_COLUMNS = {
    "trace_id": "trace_id",
    "client_request_id": "client_request_id",
    "name": "name",
    "state": "state",
    "duration": "duration",
    "tokens": "total_tokens",
    "tokens.input": "input_tokens",
    "tokens.output": "output_tokens",
    "spans": "spans",
    "errors": "errors",
    "cost": "cost",
    "session": "session",
    "user": "user",
    "run_id": "run_id",
    "model_id": "model_id",
    "version": "model_id",  # to order by
    "experiment_id": "toString(experiment)",
    "experiment": "experiment_name",
    "request": "request_preview",
    "response": "response_preview",
    "feedbacks": "arrayCount(x -> x = 'feedback', a.type)",
    # for programs only
    "seq": "seq",
}
_TIMES = {"timestamp": "start", "end": "(start + duration)"}
_ORDER = ("<", "<=", ">", ">=")
_MAPS = {"tag": "tags", "metadata": "metadata"}
_NAMES = {
    "model": "models",
    "provider": "providers",
    "prompt": "prompts",
    "failed_step": "failed_steps",
    "exception": "exceptions",
}
_SPAN_COLUMNS = {
    "span.id": "s.id",
    "span.name": "s.name",
    "span.type": "s.type",
    "span.status": "s.status",
    "span.provider": "s.provider",
    "span.duration": "s.duration",
    "span.tokens": "s.total_tokens",
    "span.cost": "s.cost",
    "span.error": "s.message",
}
_SPAN_KEYS = {"span.inputs": INPUTS, "span.outputs": OUTPUTS}
_NEGATIVE = ("!=", "NOT IN", "NOT LIKE", "NOT ILIKE", "NOT CONTAINS", "IS NULL", "IS NOT NULL")
_LONG_VALUE = (
    "if(JSONType(record, 'json', {0}) = 'String', JSONExtractString(record, 'json', {0}),"
    " if(JSONHas(record, 'json', {0}), JSONExtractRaw(record, 'json', {0}),"
    " if(JSONType(record, 'attributes', {0}) = 'String', JSONExtractString(record, 'attributes', {0}),"
    " JSONExtractRaw(record, 'attributes', {0}))))"
)
# kana, CJK ideographs, Hangul: mostly written without spaces
_UNSPACED = re.compile("[\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
_WORD = re.compile(r"[^\W_]+")

# of a text in ASCII the words are not kept
_WORDS = "if(words = '', concat(' ', replaceRegexpAll(low, '[^0-9a-z]+', ' '), ' '), words)"

NOTHING = Fragment("false")
# of a text or an attribute that is searched for: a condition that a search of later hours alone replaces
OF_ALL_HOURS = "(hour >= 0)"
LISTED = Sql("traces FINAL", "NOT deleted AND start IS NOT NULL")


def selected(expression: Expression | None) -> Sql:
    """``FROM … WHERE …`` of all listed traces that meet the filter."""
    return LISTED if expression is None else LISTED.matching(compile_expression(expression))


def compile_expression(expression: Expression) -> Fragment:
    """The condition of a filter."""
    if isinstance(expression, Not):
        return fill("NOT ({})", compile_expression(expression.part))
    if isinstance(expression, (And, Or)):
        parts = [compile_expression(part) for part in expression.parts]
        return fill("({})", join("AND" if isinstance(expression, And) else "OR", parts))
    return _comparison(expression)


def _comparison(comparison: Comparison) -> Fragment:
    name = comparison.field.name
    if name == "text":
        return _text(comparison)
    if name in _TIMES:
        return _timestamp(comparison, _TIMES[name])
    if name == "trace_id" and comparison.operator in ("=", "IN"):
        given = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
        return traces_of([str(each) for each in given]) if given else NOTHING
    if name == "start_ns":  # for programs only
        return _in_hours(compare("start", comparison), comparison.operator, comparison.value)
    if name == "version":
        versions = Sql("documents FINAL", "kind = 'model' AND id = 'said' AND NOT deleted")
        named = "JSONExtractString(content, 'name', 2)"
        found = version_is(compare, comparison, column="model_id", versions=versions, id="owner", name=named)
        return fill("ifNull({}, 0)", found)  # IN of an absent one is NULL, which NOT does not turn around
    if name in _COLUMNS:
        return compare(_COLUMNS[name], comparison)
    if name in _MAPS:
        return _map_value(comparison, _MAPS[name])
    if name in _NAMES:
        return _some(["x"], [_NAMES[name]], compare("x", comparison), comparison)
    if name in ("feedback", "expectation"):
        return _assessment(comparison)
    if name in ("reviewer", "reviewers"):
        return _reviewers(comparison)
    if name in _SPAN_COLUMNS or name == "span.model":
        return _span(comparison)
    return _attribute(comparison)


def compare(column: str | Fragment, comparison: Comparison) -> Fragment:
    """One comparison of a column, in the unit that the column holds."""
    operator, value = comparison.operator, comparison.value
    if operator in ("IS NULL", "IS NOT NULL"):
        return fill(f"({{}} {operator})", column)
    if operator in ("IN", "NOT IN"):
        given = [parameter(comparison.field, item) for item in (value if isinstance(value, tuple) else ())]
        if not given:
            return NOTHING if operator == "IN" else fill("({} IS NOT NULL)", column)
        tested = join("OR", [fill("{} = ?", column, parameters=[each]) for each in given])
        return fill("ifNull({}({}), 0)", "NOT " if operator == "NOT IN" else "", tested)
    bound = parameter(comparison.field, value)
    if operator in ("=", "!=", "<", "<=", ">", ">="):
        return fill(f"ifNull({{}} {operator} ?, 0)", column, parameters=[bound])
    kind, negated = operator.removeprefix("NOT "), operator.startswith("NOT ")
    return fill("ifNull({}{}, 0)", "NOT " if negated else "", match(kind, as_text(column), str(value)))


def with_list(text: str, values: Sequence[str]) -> Fragment:
    """A condition whose one question mark is a list."""
    return Fragment(text, cast("Cells", [list(values)]))


def as_text(column: str | Fragment) -> Fragment:
    """A column as a text."""
    return fill("CAST({}, 'Nullable(String)')", column)


def match(kind: str, text: Fragment, value: str, low: Fragment | None = None) -> Fragment:
    """LIKE, ILIKE or CONTAINS of a text; ``low`` is the text in small letters, where it is at hand."""
    if kind == "LIKE":
        return fill("({} LIKE ?)", text, parameters=[_pattern(value)])
    small = low or fill("lowerUTF8({})", text)
    if kind == "ILIKE":
        return fill("({} LIKE ?)", small, parameters=[_pattern(value.lower())])
    return fill("(position({}, ?) > 0)", small, parameters=[value.lower()])


def _pattern(value: str) -> str:
    return value.replace("\\", "\\\\")  # a pattern of ours has no escapes


def _timestamp(comparison: Comparison, column: str) -> Fragment:
    """Compares a time as its users see it, in whole ms."""
    operator, value = comparison.operator, comparison.value
    if operator in ("=", "!=", "IN", "NOT IN"):
        whole_ms = Field("timestamp", "number")
        return compare(f"intDiv({column}, {_NS_PER_MS})", Comparison(whole_ms, operator, value))
    if not isinstance(value, (int, float)):
        return compare(column, comparison)
    value = max(-_FAR_MS, min(_FAR_MS, value))
    border = math.ceil(value) if operator in ("<", ">=") else math.floor(value) + 1
    sign = "<" if operator in ("<", "<=") else ">="
    condition = Fragment(f"ifNull({column} {sign} ?, 0)", [border * _NS_PER_MS])
    return _in_hours(condition, sign, border * _NS_PER_MS) if column == "start" else condition


def _in_hours(condition: Fragment, operator: str, start: object) -> Fragment:
    """A condition on the start of a trace, with the hours that it can be met in, by which rows are sorted."""
    if operator not in _ORDER or not isinstance(start, (int, float)):
        return condition
    hour = hour_of(int(max(-_FAR_NS, min(_FAR_NS, start))))
    return fill(f"(hour {'<=' if operator.startswith('<') else '>='} {hour} AND {{}})", condition)


def _map_value(comparison: Comparison, column: str) -> Fragment:
    key = comparison.field.key or ""
    has_key = Fragment(f"mapContains({column}, ?)", [key])
    if comparison.operator in ("IS NULL", "IS NOT NULL"):
        return has_key if comparison.operator == "IS NOT NULL" else fill("NOT {}", has_key)
    return fill("({} AND {})", has_key, _any_value(Fragment(f"{column}[?]", [key]), comparison))


def _some(names: Sequence[str], arrays: Sequence[str], condition: Fragment, comparison: Comparison) -> Fragment:
    """Whether one of some elements meets a condition; IS NULL asks that there is none with a value."""
    is_null = comparison.operator == "IS NULL"
    text = f"{'NOT ' if is_null else ''}arrayExists(({', '.join(names)}) -> {{}}, {', '.join(arrays)})"
    return fill(text, fill("NOT ({})", condition) if is_null else condition)


def _any_value(column: str | Fragment, comparison: Comparison) -> Fragment:
    """Compares text that may hold a number: with a text as text, with a number as a number."""
    value = comparison.value
    if isinstance(value, bool):
        lowered = Comparison(comparison.field, comparison.operator, str(value).lower())
        return compare(fill("lowerUTF8({})", column), lowered)
    if _is_number(value) or (isinstance(value, tuple) and all(map(_is_number, value))):
        return compare(number_in(column), comparison)
    if isinstance(value, tuple):
        texts = tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in value)
        return compare(column, Comparison(comparison.field, comparison.operator, texts))
    return compare(column, comparison)


def number_in(column: str | Fragment) -> Fragment:
    """The number that a text is (tracer/store/numbers.py), or NULL."""
    return fill(f"nullIf(nullIf(toFloat64OrNull(extract({{}}, '^({NUMBER})$')), inf), -inf)", column)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _assessment(comparison: Comparison) -> Fragment:
    field = comparison.field
    is_null = comparison.operator == "IS NULL"
    condition = Fragment("x IS NOT NULL") if is_null else _any_value("x", comparison)
    named = fill("(y = ? AND n = ? AND {})", condition)
    named = Fragment(named.text, [field.name, field.key or "", *condition.parameters])
    return fill(f"{'NOT ' if is_null else ''}arrayExists((y, n, x) -> {{}}, a.type, a.name, a.text)", named)


def _reviewers(comparison: Comparison) -> Fragment:
    """The people that gave feedback of a name, or their number."""
    is_theirs = "x <> '' AND y = 'feedback' AND n = ?"
    key = comparison.field.key or ""
    if comparison.field.name == "reviewers":
        people = f"arrayFilter((x, y, n) -> {is_theirs}, a.reviewer, a.type, a.name)"
        return compare(Fragment(f"length(arrayDistinct({people}))", [key]), comparison)
    is_null = comparison.operator == "IS NULL"
    condition = Fragment("1") if is_null else compare("x", comparison)
    named = Fragment(f"({is_theirs} AND {condition.text})", [key, *condition.parameters])
    return fill(f"{'NOT ' if is_null else ''}arrayExists((x, y, n) -> {{}}, a.reviewer, a.type, a.name)", named)


def _span(comparison: Comparison) -> Fragment:
    if comparison.field.name != "span.model":
        return _some(["x"], [_SPAN_COLUMNS[comparison.field.name]], compare("x", comparison), comparison)
    condition = compare("x", comparison)
    if comparison.operator not in _NEGATIVE:
        condition = fill("({} OR {})", condition, compare("y", comparison))
    return _some(["x", "y"], ["s.model", "s.request_model"], condition, comparison)


def _attribute(comparison: Comparison) -> Fragment:
    """Of a span's attribute: short values have cells of their own, longer ones are read in the record."""
    field = comparison.field
    key = (field.key if field.name == "span.attribute" else _SPAN_KEYS[field.name]) or ""
    has_short, has_long = Fragment("mapContains(attributes, ?)", [key]), Fragment("has(long_keys, ?)", [key])
    if comparison.operator in ("IS NULL", "IS NOT NULL"):
        has_any = fill("({} OR {})", has_short, has_long)
        return fill("{}{}", "NOT " if comparison.operator == "IS NULL" else "", trace_with_span(has_any))
    long_value = Fragment(_LONG_VALUE.format("?"), [key] * _LONG_VALUE.count("{0}"))
    short = fill("({} AND {})", has_short, _any_value(Fragment("attributes[?]", [key]), comparison))
    long = fill("({} AND {})", has_long, _any_value(long_value, comparison))
    return fill("({} OR {})", trace_with_span(short), trace_with_span(long))


def trace_with_span(condition: Fragment) -> Fragment:
    """Traces with a span that meets a condition on the table ``spans``."""
    source = f"SELECT trace_id, life FROM spans FINAL WHERE {OF_ALL_HOURS} AND {SHOWN}"
    return fill("((trace_id, life) IN (" + source + " AND {}))", condition)


# ---- texts


def _text(comparison: Comparison) -> Fragment:
    operator, value = comparison.operator, str(comparison.value)
    if operator in ("=", "!="):
        found = _words(value)
    else:
        said, low = Fragment("if(said = '', low, said)"), Fragment("low")
        found = fill("(low <> '' AND {})", match(operator.removeprefix("NOT "), said, value, low))
    named = found if found is NOTHING else trace_with_span(found)
    return fill("NOT ({})", named) if operator.startswith(("!=", "NOT ")) else named


def _words(text: str) -> Fragment:
    """Every word, in any order; "a phrase" in its order; a word with * at its end as a beginning.

    Scripts that put no spaces between words are searched for as parts of the text.
    """
    conditions: list[Fragment] = []
    whole: list[str] = []
    for phrase, rest in re.findall(r'"([^"]*)"|([^"\s]+)', text):
        written = _WORD.findall(phrase or rest)
        unspaced = [word for word in written if _UNSPACED.search(word)]
        conditions += [Fragment("(position(low, ?) > 0)", [word.lower()]) for word in unspaced]
        if unspaced or not written:
            continue
        words = [word for each in written for word in words_of(each)]
        is_beginning = rest.endswith("*")
        whole += words[:-1] if is_beginning else words
        if is_beginning or len(words) > 1:
            sought = f" {' '.join(words)}{'' if is_beginning else ' '}"
            conditions.append(Fragment(f"(position({_WORDS}, ?) > 0)", [sought]))
    if whole:
        conditions.insert(0, _has_words(whole))
    return fill("({})", join("AND", conditions)) if conditions else NOTHING


def _has_words(words: Sequence[str]) -> Fragment:
    """Both columns have an index; a word in ASCII may be found by either of them."""
    return fill("({} OR {})", with_list("hasAllTokens(low, ?)", words), with_list("hasAllTokens(words, ?)", words))
