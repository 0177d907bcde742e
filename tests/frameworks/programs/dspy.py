"""DSPy with OpenInference's instrumentations of it and of LiteLLM, which it uses."""

from __future__ import annotations

import asyncio
from typing import Any

import dspy  # type: ignore[import-not-found]
from openinference.instrumentation.dspy import DSPyInstrumentor  # type: ignore[import-not-found]
from openinference.instrumentation.litellm import LiteLLMInstrumentor  # type: ignore[import-not-found]

from tests.frameworks.models import ANSWER, MODEL, QUESTION, Message

DSPyInstrumentor().instrument()
LiteLLMInstrumentor().instrument()
HAS_NO = ("tools",)  # they are part of the prompt
NOT_SENT = ("streamed: tokens", "streamed: cost", "streamed: statistics")
dspy.configure(lm=dspy.LM(f"openai/{MODEL}", cache=False, num_retries=0))


def answer_of(body: dict[str, Any]) -> Message:
    """The fields that the prompt asks for, each below its name."""
    prompt = str(body["messages"][-1]["content"])
    fields = {"reasoning": "I know.", "answer": ANSWER}
    if "next_tool_name" in prompt:
        has_result = "21" in prompt
        name = "finish" if has_result else "get_weather"
        arguments = "{}" if has_result else '{"city": "Lisbon"}'
        fields = {"next_thought": "Look.", "next_tool_name": name, "next_tool_args": arguments}
    texts = [f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items()]
    return {"role": "assistant", "content": "\n\n".join([*texts, "[[ ## completed ## ]]"])}


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def plain_program() -> None:
    dspy.Predict("question -> answer")(question=QUESTION)


def tools_program() -> None:
    dspy.ReAct("question -> answer", tools=[get_weather])(question=QUESTION)


def nested_program() -> None:
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return str(dspy.Predict("question -> answer")(question=f"{QUESTION} ({city})").answer)

    dspy.ReAct("question -> answer", tools=[get_weather])(question=QUESTION)


def streamed_program() -> None:
    async def main() -> None:
        async for _ in dspy.streamify(dspy.Predict("question -> answer"))(question=QUESTION):
            pass

    asyncio.run(main())


def async_program() -> None:
    asyncio.run(dspy.Predict("question -> answer").acall(question=QUESTION))


def error_program() -> None:
    plain_program()
