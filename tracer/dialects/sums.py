"""Steps that repeat what the calls below them say: an agent's model, and the tokens of all its calls.

The sum of an agent that has run before has the tokens of earlier runs too, and that of one which asks other agents has
not those of theirs. So the calls count, where an instrumentation is known to make a span of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer import semconv
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer._records.record import SpanRecord

_SCOPES = ("strands", "agent_framework", "openinference.instrumentation.smolagents", "pydantic-ai", "semantic_kernel")
_STEPS = (SpanType.AGENT, SpanType.CHAIN, SpanType.TASK, SpanType.TOOL, SpanType.WORKFLOW)
_SUM = "gen_ai.aggregated_usage."  # PydanticAI's name for it
_ASIDE = {
    **{key: _SUM + name for name, key in semconv.TOKEN_USAGE.items()},
    semconv.COST_TOTAL: f"{_SUM}cost",
    semconv.COST_INPUT: f"{_SUM}input_cost",
    semconv.COST_OUTPUT: f"{_SUM}output_cost",
    semconv.RESPONSE_MODEL: semconv.AGENT_MODEL,
    semconv.REQUEST_MODEL: semconv.AGENT_MODEL,
}


def read(reading: Reading) -> None:
    """Set aside what an agent of these instrumentations sums up."""
    if reading.span_type in _STEPS and reading.scope.startswith(_SCOPES):
        _set_aside(reading.attributes)


def put_above(record: SpanRecord) -> None:
    """Make a call of a model a step above the calls below it, which say the same."""
    record["type"] = SpanType.CHAIN
    _set_aside(record.get("attributes") or {})


def _set_aside(attributes: JsonObject) -> None:
    """Keep sums and names of models where no total takes them."""
    for key, name in _ASIDE.items():
        if key in attributes:
            attributes.setdefault(name, attributes.pop(key))
