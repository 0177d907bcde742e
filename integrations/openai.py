"""Tracing of the OpenAI SDK and of every API that is called through it: Azure, Groq, DeepSeek, vLLM, OpenRouter, …"""

from __future__ import annotations

import importlib
import sys

from tracer._other_keywords import DONE
from tracer.errors import check_flags
from tracer.provider import Call, Door, Provider, Tap, autolog_of
from tracer.provider.import_hook import when_imported

from ._openai.chat import CHAT, COMPLETION
from ._openai.connections import CONNECTION_DOORS
from ._openai.door import read_call
from ._openai.include_usage import asking_for_usage
from ._openai.other import EMBEDDING
from ._openai.responses import RESPONSE
from ._stainless import StainlessSDK
from ._values import Arguments

__all__ = ["autolog", "provider"]

_SDK = StainlessSDK("openai", request_id_headers=("x-request-id", "apim-request-id"))
_CLIENTS = ("openai._base_client:SyncAPIClient", "openai._base_client:AsyncAPIClient")


def _read_call(arguments: Arguments) -> Call | None:
    call = read_call(arguments)
    if call is None or not provider.options.get("include_usage"):
        return call
    return asking_for_usage(call, arguments["options"])


provider = Provider(
    name="openai",
    module="openai",
    supported="1.55.3 to 3.x",
    doors=tuple(Door(f"{client}.request", _read_call, parameters=("options",)) for client in _CLIENTS),
    taps=tuple(
        Tap(f"{client}._process_response", _SDK.observe_response, parameters=("response",)) for client in _CLIENTS
    ),
    connection_doors=CONNECTION_DOORS,
    read_error=_SDK.read_error,
    read_later={
        "openai.chat": CHAT,
        "openai.completion": COMPLETION,
        "openai.embedding": EMBEDDING,
        "openai.response": RESPONSE,
    },
)


class _Agents:
    """Switches the provider of the Agents SDK, which is loaded only with that SDK."""

    def __init__(self) -> None:
        self._wanted = False
        self._is_awaited = False

    def follow(self, *, wanted: bool) -> None:
        self._wanted = wanted
        if "agents" in sys.modules:
            self._autolog()
        elif wanted and not self._is_awaited:
            self._is_awaited = True
            when_imported("agents", self._autolog)

    def _autolog(self) -> None:
        if self._wanted or "tracer.openai_agents" in sys.modules:
            importlib.import_module("tracer.openai_agents").autolog(disable=not self._wanted)


_agents = _Agents()


@autolog_of("openai", also={"disable_openai_agent_tracer": DONE})
def autolog(*, disable: bool = False, include_usage: bool = False) -> None:
    """Record every call made through the OpenAI SDK: chat, responses, images, audio, … sync, async, streamed.

    May be called before or after ``import openai``, and any number of times; the last call's settings count.
    ``disable=True`` puts the SDK back as it was. ``include_usage=True`` asks for the token counts of streamed
    completions where the program did not (``stream_options``), and hides the additional chunk from the program. Runs
    of the OpenAI Agents SDK are recorded too: `tracer.openai_agents.autolog()`.
    """
    check_flags(include_usage=include_usage)
    provider.autolog(disable=disable, include_usage=include_usage)
    _agents.follow(wanted=not disable)
