"""One program of a framework in a process of its own, and what is wrong with its trace: see run.py."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

import tracer  # noqa: E402
from tests.openai.replies import chat, chunk, delta, tool_call  # noqa: E402
from tests.openai.server import Asked, Scripted, Server, reply, sse  # noqa: E402

MODEL = "gpt-4o-mini"
QUESTION = "How warm is Lisbon?"
ANSWER = "It is 21 degrees."
CALL = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1", "get_weather", '{"city":"Lisbon"}')]}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
COST = 0.000024  # of one such call: 60 new, 40 cached, 20 output tokens
# what has no tool in its program, and what fails
WITH_TOOLS = ("tools", "nested")


class Model:
    """The scripted server of a model: asks for a tool once where some are offered, and counts what it answers."""

    def __init__(self, kind: str) -> None:
        self.answered = 0
        self._fails = kind == "error"

    def __call__(self, asked: Asked) -> Scripted:
        if self._fails:
            return reply({"error": {"message": "the model is tired", "type": "invalid_request_error"}}, status=400)
        self.answered += 1
        body = asked.json
        has_result = any(message.get("role") == "tool" for message in body["messages"])
        wants_tool = bool(body.get("tools")) and not has_result
        if not body.get("stream"):
            message = CALL if wants_tool else {"role": "assistant", "content": ANSWER}
            answer = chat(message, finish="tool_calls" if wants_tool else "stop", model=f"{MODEL}-2024-07-18")
            return reply({**answer, "usage": USAGE})
        words = [chunk(delta(content=f"{word} ")) for word in ANSWER.split()]
        pieces = [chunk(delta(role="assistant", content="")), *words, chunk(delta(finish="stop")), chunk(usage=USAGE)]
        return sse(*({**piece, "model": f"{MODEL}-2024-07-18"} for piece in pieces))


def faults(kind: str, model: Model, error: Exception | None) -> dict[str, list[str]]:
    """What is wrong with what was recorded, by aspect."""
    traces = tracer.search_traces()
    spans = [span for trace in traces for span in trace.data.spans]
    calls = [span for span in spans if span.span_type == "CHAT_MODEL"]
    found: dict[str, list[str]] = {}

    def expect(aspect: str, what: str, given: Any, wanted: Any) -> None:
        found.setdefault(aspect, []).extend([] if given == wanted else [f"{what} is {given!r}, not {wanted!r}"])

    ids = {span.span_id for span in spans}
    expect("one tree", "number of traces", len(traces), 1)
    orphans = [span.name for span in spans if span.parent_id and span.parent_id not in ids]
    expect("one tree", "steps without their parent", orphans, [])
    if kind == "error":
        expect("error", "that the program fails", error is not None, True)
        expect("error", "state of the call", {call.status for call in calls}, {"ERROR"})
        said = [f"{call.status} {call.events}" for call in calls]
        expect("error", "its message", any("tired" in each for each in said), True)
        return found
    expect("once", "number of calls", len(calls), model.answered)
    usage = [trace.info.token_usage or {} for trace in traces]
    for name, count in (("input_tokens", 100), ("output_tokens", 20), ("cache_read_input_tokens", 40)):
        expect("tokens", name, sum(one.get(name, 0) for one in usage), count * model.answered)
    cost = sum((trace.info.cost or {}).get("total_cost", 0.0) for trace in traces)
    expect("cost", "total", round(cost, 9), round(COST * model.answered, 9))
    expect("model", "names", {call.model for call in calls}, {f"{MODEL}-2024-07-18"})
    asked, said = text_of(calls[0], "input"), text_of(calls[-1], "output")
    expect("messages", "the question in the first call", QUESTION in asked, True)
    expect("messages", "the answer of the last call", ANSWER in " ".join(said.split()), True)
    previews = [str(trace.info.request_preview) + str(trace.info.response_preview) for trace in traces]
    expect("previews", "question and answer", QUESTION in previews[0] and ANSWER.split()[-1] in previews[0], True)
    kinds = {span.span_type for span in spans}
    expect("kinds", "steps of unknown kind", [span.name for span in spans if span.span_type == "UNKNOWN"], [])
    if kind in WITH_TOOLS:
        offered = json.dumps(calls[0].attributes.get("gen_ai.tool.definitions", ""))
        expect("tools", "the tool that was offered", "get_weather" in offered, True)
        expect("tools", "the call of the tool", "call_1" in text_of(calls[0], "output"), True)
        tools = [span for span in spans if span.span_type == "TOOL"]
        expect("tool steps", "their number", len(tools), 1 if "TOOL" in kinds or kind == "nested" else 0)
        for tool in tools:
            expect("tool steps", "inputs", "Lisbon" in json.dumps(tool.inputs), True)
            expect("tool steps", "outputs", "21" in json.dumps(tool.outputs), True)
    return found


def text_of(span: Any, side: str) -> str:
    return str(span.attributes.get(f"gen_ai.{side}.messages", ""))


def main(framework: str, kind: str, whose: str, store: str) -> None:
    model = Model(kind)
    server = Server()
    server.will(model)
    os.environ.update(OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="k", LITELLM_LOCAL_MODEL_COST_MAP="True")
    tracer.configure(store=store)
    tracer.autolog()
    if whose == "theirs":
        tracer.openai.autolog(disable=True)
    programs = importlib.import_module(f"tests.frameworks.programs.{framework}")
    program = getattr(programs, f"{kind}_program", None)
    if program is None or (whose == "theirs" and not programs.HAS_OWN_SPANS):
        print("{}")
        return
    error = None
    try:
        program()
    except Exception as raised:
        error = raised
        if kind != "error":
            raise
    print(json.dumps(faults(kind, model, error)))
    server.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
