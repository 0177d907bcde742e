"""What is wrong with the trace of a program, compared with what the scripted server counted."""

from __future__ import annotations

from typing import Any

import tracer
from tests.frameworks.models import ANSWER, QUESTION, AnthropicModel, OpenAIModel
from tracer._api.queries import statistics

Model = OpenAIModel | AnthropicModel
Cells = dict[str, list[str]]  # what is wrong, by aspect; no entry for what no program shows
OF_CALLS = frozenset({"once", "tokens", "cost", "statistics", "messages", "tools", "model"})
_GROUPS = ("model", "provider", "name", "type")


class Checks:
    """The checks of one program's trace; with a provider of tracer's for the SDK below, or by the bridge alone."""

    def __init__(self, model: Model, *, is_ours: bool) -> None:
        self.model = model
        self.is_ours = is_ours
        self.found: Cells = {}
        # an agent that is made before it runs is a trace of its own
        self.traces = [one for one in tracer.search_traces() if not str(one.info.name).startswith("create_agent")]
        self.spans = [span for trace in self.traces for span in trace.data.spans]
        self.model_steps = [span for span in self.spans if span.span_type == "CHAT_MODEL"]

    def expect(self, aspect: str, what: str, given: Any, wanted: Any) -> None:
        wrong = [] if given == wanted else [f"{what} is {given!r}, not {wanted!r}"]
        self.found.setdefault(aspect, []).extend(wrong)

    def tree(self) -> None:
        ids = {span.span_id for span in self.spans}
        orphans = [span.name for span in self.spans if span.parent_id and span.parent_id not in ids]
        self.expect("one tree", "number of traces", len(self.traces), 1)
        self.expect("one tree", "steps without their parent", orphans, [])

    def error(self) -> None:
        said = [f"{step.attributes} {step.status.description} {step.events}" for step in self.model_steps]
        self.expect("error", "that the model was asked", bool(self.model.refused), True)
        self.expect("error", "state of the calls", {step.status for step in self.model_steps}, {"ERROR"})
        self.expect("error", "its message", any("tired" in each for each in said), True)

    def counts(self) -> None:
        count, counted = self.model.answered, self.model.counted
        ids = {step.span_id for step in self.model_steps}
        # two instrumentations of one call make two steps, one below the other, unless tracer records it
        calls = [step for step in self.model_steps if self.is_ours or step.parent_id not in ids]
        self.expect("once", "number of calls", len(calls), count)
        called = sum(row.calls for row in statistics("model"))
        self.expect("once", "number of calls in statistics", called, len(self.model_steps))
        usage = [trace.info.token_usage or {} for trace in self.traces]
        for name, tokens in counted.items():
            self.expect("tokens", name, sum(one.get(name, 0) for one in usage), tokens * count)
        cost = sum((trace.info.cost or {}).get("total_cost", 0.0) for trace in self.traces)
        self.expect("cost", "total", round(cost, 9), round(self.model.cost * count, 9))
        for group in _GROUPS:
            rows = statistics(group)  # the numbers of the dashboard
            given = [sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows)]
            wanted = [counted["input_tokens"] * count, counted["output_tokens"] * count]
            self.expect("statistics", f"tokens by {group}", given, wanted)
            cost = sum(row.cost or 0.0 for row in rows)
            self.expect("statistics", f"cost by {group}", round(cost, 9), round(self.model.cost * count, 9))

    def content(self) -> None:
        asked, said = ("".join(_text_of(step, side) for step in self.model_steps) for side in ("input", "output"))
        names = {str(step.model).rpartition("/")[2] for step in self.model_steps}
        previews = " ".join(f"{trace.info.request_preview} {trace.info.response_preview}" for trace in self.traces)
        unknown = [span.name for span in self.spans if span.span_type == "UNKNOWN"]
        self.expect("messages", "the question in a call", QUESTION in asked, True)
        self.expect("messages", "the answer of a call", ANSWER in " ".join(said.split()), True)
        self.expect("model", "names that are wrong", sorted(names - set(self.model.names)), [])
        self.expect("previews", "what is missing", [text for text in (QUESTION, ANSWER) if text not in previews], [])
        self.expect("kinds", "steps of unknown kind", unknown, [])

    def tools(self) -> None:
        offered = [span for span in self.spans if "weather" in str(span.attributes.get("gen_ai.tool.definitions"))]
        said = "".join(_text_of(step, "output") for step in self.model_steps)
        steps = [span for span in self.spans if span.span_type == "TOOL" and _names_the_tool(span)]
        self.expect("tools", "the tool that was offered", bool(offered), True)
        self.expect("tools", "the call of the tool", "call_1" in said, True)
        self.expect("tool steps", "their number", len(steps), 1)
        for step in steps:
            self.expect("tool steps", "inputs", "Lisbon" in str(step.inputs), True)
            self.expect("tool steps", "outputs", "21" in str(step.outputs), True)


def faults(kind: str, model: Model, *, is_ours: bool) -> Cells:
    """What is wrong with what a program recorded, by aspect."""
    checks = Checks(model, is_ours=is_ours)
    checks.tree()
    if kind == "error":
        checks.error()
        return checks.found
    checks.counts()
    checks.content()
    if kind in ("tools", "nested"):
        checks.tools()
    return checks.found


def _names_the_tool(span: Any) -> bool:
    names = (span.name, span.attributes.get("tool.name"), span.attributes.get("gen_ai.tool.name"))
    return any("weather" in str(name) for name in names)


def _text_of(span: Any, side: str) -> str:
    return str(span.attributes.get(f"gen_ai.{side}.messages", ""))
