"""Scorers for `evaluate`: those that need no model, and judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer._other_keywords import no_such_name
from tracer._tracking.scoring import Scorer, scorer
from tracer.genai.code_scorers import (
    contains,
    cost_below,
    exact_match,
    json_schema,
    json_valid,
    latency_below,
    levenshtein,
    no_tool_errors,
    regex,
    steps_below,
    tool_called,
    tools_in_order,
)
from tracer.genai.judges import (
    Completeness,
    ConversationCompleteness,
    Correctness,
    ExpectationsGuidelines,
    Guidelines,
    RelevanceToQuery,
    RetrievalGroundedness,
    RetrievalRelevance,
    RetrievalSufficiency,
    Safety,
    ToolCallCorrectness,
)

__all__ = [
    "Completeness",
    "ConversationCompleteness",
    "Correctness",
    "ExpectationsGuidelines",
    "Guidelines",
    "RelevanceToQuery",
    "RetrievalGroundedness",
    "RetrievalRelevance",
    "RetrievalSufficiency",
    "Safety",
    "Scorer",
    "ToolCallCorrectness",
    "contains",
    "cost_below",
    "exact_match",
    "json_schema",
    "json_valid",
    "latency_below",
    "levenshtein",
    "no_tool_errors",
    "regex",
    "scorer",
    "steps_below",
    "tool_called",
    "tools_in_order",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise no_such_name(__name__, name)
