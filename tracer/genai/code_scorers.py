"""Scorers that need no model: of answers, and of the steps of a trace."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tracer._api.traces import Trace
from tracer._distribution import install_advice
from tracer._tracking.scoring import Scorer
from tracer.errors import InvalidArgumentError
from tracer.genai.material import called_tools, message_of, shown

_EXPECTED = "expected_response"
_MS_PER_SECOND = 1000

F = TypeVar("F", bound=Callable[..., Scorer])


def _makes_scorer(function: F) -> F:
    function.makes_scorer = True  # type: ignore[attr-defined]  # read by evaluate, which gets it uncalled by mistake
    return function


def _verdict(value: object, rationale: str | None = None) -> dict[str, object]:
    return {"value": value, "rationale": rationale}


def _expected(expectations: Mapping[str, Any] | None, key: str | None) -> Any:
    given = expectations or {}
    if key is None:
        key = _EXPECTED if _EXPECTED in given else next(iter(given)) if len(given) == 1 else None
    if key is None or key not in given:
        raise InvalidArgumentError(
            f"the row's expectations have {', '.join(given) or 'nothing'}; expected {key or _EXPECTED}, or name another"
            " with key=."
        )
    return given[key]


def _answer(outputs: Any) -> str:
    return message_of(outputs, "assistant")


@_makes_scorer
def exact_match(key: str | None = None, *, name: str = "exact_match") -> Scorer:
    """Whether the answer equals an expectation: that of the key, else ``expected_response``, else the only one."""

    def score(outputs: Any, expectations: Any) -> object:
        expected = _expected(expectations, key)
        right = outputs == expected or (isinstance(expected, str) and _answer(outputs) == expected)
        return _verdict(right, None if right else f"expected {shown(expected):.200}")

    return Scorer(score, name)


@_makes_scorer
def contains(*texts: str, key: str | None = None, ignore_case: bool = True, name: str = "contains") -> Scorer:
    """Whether the answer has all of these texts; without any, those of an expectation, one text or a list of them."""

    def score(outputs: Any, expectations: Any) -> object:
        wanted = texts or _expected(expectations, key)
        answer = _answer(outputs)
        said = answer.casefold() if ignore_case else answer
        missing = [
            text
            for text in ([wanted] if isinstance(wanted, str) else wanted)
            if (str(text).casefold() if ignore_case else str(text)) not in said
        ]
        return _verdict(not missing, f"not in it: {', '.join(map(str, missing))}" if missing else None)

    return Scorer(score, name)


@_makes_scorer
def regex(pattern: str | re.Pattern[str], *, name: str = "regex") -> Scorer:
    """Whether the pattern is found in the answer."""
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise InvalidArgumentError(f"pattern: got {pattern!r}, which is no regular expression: {error}.") from None

    def score(outputs: Any) -> object:
        found = compiled.search(_answer(outputs))
        return _verdict(found is not None, f"found {found[0]:.200}" if found else None)

    return Scorer(score, name)


def _json_of(outputs: Any) -> Any:
    """The answer as JSON: parsed where it is a text, also one in a fence. Raises ValueError."""
    if isinstance(outputs, (dict, list)) and "choices" not in outputs and "messages" not in outputs:
        return outputs
    text = _answer(outputs).strip()
    fenced = re.fullmatch(r"```\w*\n(.*?)\n?```", text, re.DOTALL)
    return json.loads(fenced[1] if fenced else text)


@_makes_scorer
def json_valid(*, name: str = "json_valid") -> Scorer:
    """Whether the answer is JSON."""

    def score(outputs: Any) -> object:
        try:
            _json_of(outputs)
        except ValueError as error:
            return _verdict(False, str(error))
        return _verdict(True)

    return Scorer(score, name)


@_makes_scorer
def json_schema(schema: Any, *, name: str = "json_schema") -> Scorer:
    """Whether the answer is JSON that a JSON schema, a dict, accepts.

    Raises ImportError where the package jsonschema is not installed.
    """
    try:
        import jsonschema  # type: ignore[import-untyped, unused-ignore]
        from jsonschema.validators import validator_for  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError(f"json_schema() needs the package jsonschema; {install_advice('scorers')}") from error
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise InvalidArgumentError(f"schema: is no JSON schema: {error.message}") from None
    validator = kind(schema)

    def score(outputs: Any) -> object:
        try:
            value = _json_of(outputs)
        except ValueError as error:
            return _verdict(False, str(error))
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        return _verdict(not errors, "; ".join(errors[:5]) or None)

    return Scorer(score, name)


@_makes_scorer
def levenshtein(key: str | None = None, *, name: str = "levenshtein") -> Scorer:
    """Similarity of the answer and an expectation, from 0 to 1: 1 less the share of letters to change.

    The package rapidfuzz calculates it where it is installed, which is faster.
    """

    def score(outputs: Any, expectations: Any) -> float:
        answer, expected = _answer(outputs), shown(_expected(expectations, key))
        longest = max(len(answer), len(expected))
        return 1.0 if longest == 0 else 1.0 - _edits(answer, expected) / longest

    return Scorer(score, name)


def _edits(one: str, other: str) -> int:
    try:
        from rapidfuzz.distance import Levenshtein  # type: ignore[import-not-found, unused-ignore]

        return int(Levenshtein.distance(one, other))
    except ImportError:
        pass
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        after = [row]
        for column, against in enumerate(other, 1):
            after.append(min(before[column] + 1, after[-1] + 1, before[column - 1] + (letter != against)))
        before = after
    return before[-1]


def _checked_limit(argument: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise InvalidArgumentError(f"{argument}: got {value!r}, expected a number that is not negative.")
    return float(value)


def _of_trace(check: Callable[[Trace], object], name: str) -> Scorer:
    def score(trace: Any) -> object:
        if trace is None:
            raise InvalidArgumentError(f"{name} needs a trace; tracer is off")
        return check(trace)

    return Scorer(score, name)


@_makes_scorer
def latency_below(*, seconds: float, name: str = "latency_below") -> Scorer:
    """Whether the trace took less than this."""
    limit = _checked_limit("seconds", seconds)

    def check(trace: Trace) -> object:
        took = trace.info.execution_duration
        if took is None:
            raise InvalidArgumentError("the trace has not ended")
        return _verdict(took < limit * _MS_PER_SECOND, f"{took / _MS_PER_SECOND:.3f} s")

    return _of_trace(check, name)


@_makes_scorer
def cost_below(usd: float, *, name: str = "cost_below") -> Scorer:
    """Whether the trace cost less than this; an error where the price of none of its calls is known."""
    limit = _checked_limit("usd", usd)

    def check(trace: Trace) -> object:
        if trace.info.cost is None:
            raise InvalidArgumentError("the cost of the trace is not known")
        cost = trace.info.cost.get("total_cost", 0.0)
        return _verdict(cost < limit, f"{cost:.6f} USD")

    return _of_trace(check, name)


@_makes_scorer
def steps_below(number: int, *, span_type: str | None = None, name: str = "steps_below") -> Scorer:
    """Whether the trace has fewer steps than this, of all types or of one such as "CHAT_MODEL"."""
    limit = _checked_limit("number", number)

    def check(trace: Trace) -> object:
        steps = len(trace.search_spans(span_type))
        return _verdict(steps < limit, f"{steps} steps")

    return _of_trace(check, name)


@_makes_scorer
def tool_called(
    tool: str, arguments: Mapping[str, Any] | None = None, *, times: int | None = None, name: str = "tool_called"
) -> Scorer:
    """Whether a tool was called, where they are given with these arguments among its own, and so many times."""

    def check(trace: Trace) -> object:
        calls = called_tools(trace)
        fitting = [call for call in calls if call.name == tool and _has(call.arguments, arguments)]
        called = ", ".join(f"{call.name}({shown(call.arguments):.100})" for call in calls) or "none"
        return _verdict(bool(fitting) if times is None else len(fitting) == times, f"called: {called}")

    return _of_trace(check, name)


def _has(arguments: Any, wanted: Mapping[str, Any] | None) -> bool:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return wanted is None
    given = arguments if isinstance(arguments, Mapping) else {}
    return all(given.get(key) == value for key, value in (wanted or {}).items())


@_makes_scorer
def tools_in_order(*tools: str, exactly: bool = False, name: str = "tools_in_order") -> Scorer:
    """Whether these tools were called in this order, with others between them, or none with ``exactly=True``."""
    if not tools:
        raise InvalidArgumentError(
            "tools_in_order: got no tools, expected their names: tools_in_order('find', 'book')."
        )

    def check(trace: Trace) -> object:
        called = [call.name for call in called_tools(trace)]
        rest = iter(called)
        right = called == list(tools) if exactly else all(tool in rest for tool in tools)
        return _verdict(right, f"called: {', '.join(called) or 'none'}")

    return _of_trace(check, name)


@_makes_scorer
def no_tool_errors(*, name: str = "no_tool_errors") -> Scorer:
    """Whether no tool of the trace failed."""

    def check(trace: Trace) -> object:
        failed = [f"{call.name}: {call.error}" for call in called_tools(trace) if call.error is not None]
        return _verdict(not failed, "; ".join(failed) or None)

    return _of_trace(check, name)
