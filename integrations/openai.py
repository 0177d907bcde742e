"""Tracing of the OpenAI SDK, and of everything that is called through it: Azure, Groq, DeepSeek, vLLM, OpenRouter, …"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer.provider import Door, Provider, Tap

if TYPE_CHECKING:  # where a type checker finds what the wheel installs as tracer._openai_door
    from integrations import openai_agents
    from integrations._openai_door import observe_response, read_call, read_error
else:
    from tracer import openai_agents
    from tracer._openai_door import observe_response, read_call, read_error

__all__ = ["autolog", "provider"]

_CLIENTS = ("openai._base_client:SyncAPIClient", "openai._base_client:AsyncAPIClient")

provider = Provider(
    name="openai",
    module="openai",
    supported="1.55.3 to 3.x",
    doors=tuple(Door(f"{client}.request", read_call, parameters=("options",)) for client in _CLIENTS),
    taps=tuple(Tap(f"{client}._process_response", observe_response, parameters=("response",)) for client in _CLIENTS),
    read_error=read_error,
)


def autolog(*, disable: bool = False) -> None:
    """Record every call made through the OpenAI SDK: chat, responses, completions, embeddings, sync, async, streamed.

    May be called before or after ``import openai``, and any number of times. ``disable=True`` puts the SDK back as it
    was. Runs of the OpenAI Agents SDK are recorded too: `tracer.openai_agents.autolog()`.
    """
    provider.autolog(disable=disable)
    openai_agents.autolog(disable=disable)
