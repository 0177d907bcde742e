"""Google's Agent Development Kit with its own OpenTelemetry, its models through LiteLLM."""

from __future__ import annotations

import asyncio
import os
from typing import Any

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from google.adk.agents import LlmAgent  # type: ignore[import-not-found]
from google.adk.agents.run_config import RunConfig, StreamingMode  # type: ignore[import-not-found]
from google.adk.models.lite_llm import LiteLlm  # type: ignore[import-not-found]
from google.adk.runners import InMemoryRunner  # type: ignore[import-not-found]
from google.adk.tools.agent_tool import AgentTool  # type: ignore[import-not-found]
from google.genai import types

from tests.frameworks.models import MODEL, QUESTION


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def agent(name: str = "weather", *tools: Any) -> LlmAgent:
    return LlmAgent(name=name, model=LiteLlm(f"openai/{MODEL}", max_retries=0), tools=list(tools))


def run(agent: LlmAgent, **settings: Any) -> None:
    async def main() -> None:
        runner = InMemoryRunner(agent, app_name="weather_app")
        session = await runner.session_service.create_session(app_name="weather_app", user_id="ann")
        message = types.Content(role="user", parts=[types.Part(text=QUESTION)])
        async for _ in runner.run_async(
            user_id="ann", session_id=session.id, new_message=message, run_config=RunConfig(**settings)
        ):
            pass

    asyncio.run(main())


def plain_program() -> None:
    run(agent())


def tools_program() -> None:
    run(agent("weather", get_weather))


def nested_program() -> None:
    run(agent("outer", AgentTool(agent("get_weather"))))


def streamed_program() -> None:
    run(agent(), streaming_mode=StreamingMode.SSE)


def async_program() -> None:
    run(agent("weather", get_weather_later))


async def get_weather_later(city: str) -> str:
    """The weather of a city."""
    return get_weather(city)


def error_program() -> None:
    run(agent())
