"""Judges: scorers that ask a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tracer._json import JsonObject
from tracer._other_keywords import OF_JUDGES, no_such_name, takes_also
from tracer._tracking.scoring import Aggregation
from tracer.errors import InvalidArgumentError
from tracer.genai.built_in_judges import (
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
from tracer.genai.chat_models import Model
from tracer.genai.judge import Judge, Judged
from tracer.genai.material import conversation_text, shown, trace_text
from tracer.genai.verdicts import value_schema

__all__ = [
    "Completeness",
    "ConversationCompleteness",
    "Correctness",
    "ExpectationsGuidelines",
    "Guidelines",
    "Judge",
    "RelevanceToQuery",
    "RetrievalGroundedness",
    "RetrievalRelevance",
    "RetrievalSufficiency",
    "Safety",
    "ToolCallCorrectness",
    "make_judge",
]

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_VARIABLES = ("inputs", "outputs", "expectations", "trace", "conversation")


@takes_also(OF_JUDGES)
def make_judge(
    name: str,
    instructions: str,
    *,
    model: Model | None = None,
    description: str | None = None,
    feedback_value_type: Any = None,
    inference_params: Mapping[str, object] | None = None,
    aggregations: Iterable[Aggregation] | None = None,
) -> Judge:
    """A judge with instructions of your own, which name the values to judge.

    ``{{ inputs }}``, ``{{ outputs }}``, ``{{ expectations }}``, ``{{ trace }}`` (its steps as a tree) and
    ``{{ conversation }}`` (all traces of the session) are at least one of them there. ``model`` is a name such as
    ``openai:/gpt-4.1-mini``, ``anthropic:/claude-haiku-4-5`` or ``ollama:/llama3.2``, or a function that takes the
    prompt and gives the reply. ``feedback_value_type`` is bool, int, float, str, a list or a ``Literal`` of texts; by
    default any of bool, number and text.
    """
    judge = _OwnJudge(name, instructions, value_schema(feedback_value_type), model, inference_params, aggregations)
    judge.description = description
    return judge


class _OwnJudge(Judge):
    def __init__(
        self,
        name: str,
        instructions: str,
        value: JsonObject,
        model: Model | None,
        inference_params: Mapping[str, object] | None,
        aggregations: Iterable[Aggregation] | None,
    ) -> None:
        used = _VARIABLE.findall(instructions) if isinstance(instructions, str) else []
        unknown = [variable for variable in used if variable not in _VARIABLES]
        if unknown or not used:
            given = f"there is {{{{ {unknown[0]} }}}}" if unknown else f"got {instructions!r:.80}"
            known = ", ".join(f"{{{{ {variable} }}}}" for variable in _VARIABLES)
            raise InvalidArgumentError(f"instructions: {given}, expected a text with at least one of {known}.")
        super().__init__(name, model=model, inference_params=inference_params, aggregations=aggregations)
        self.value = value
        self.instructions = instructions
        self._used = tuple(dict.fromkeys(used))
        self.of_session = "conversation" in used

    def criteria(self, judged: Judged) -> str:
        """The instructions; the material for each variable is in tags of the same name."""
        return _VARIABLE.sub(lambda found: f"<{found[1]}>", self.instructions)

    def material(self, judged: Judged) -> dict[str, str]:
        """The texts for the variables in the instructions."""
        return {variable: self._text(variable, judged) for variable in self._used}

    def _text(self, variable: str, judged: Judged) -> str:
        if variable == "conversation":
            if not judged.session:
                raise InvalidArgumentError(f"{self.name} needs a trace or a session for {{{{ conversation }}}}.")
            return conversation_text(judged.session)
        if variable == "trace":
            if judged.trace is None:
                raise InvalidArgumentError(f"{self.name} needs a trace for {{{{ trace }}}}.")
            return trace_text(judged.trace)
        return shown(getattr(judged, variable))


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise no_such_name(__name__, name)
