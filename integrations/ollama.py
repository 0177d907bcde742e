"""Tracing of the Ollama SDK: models on the user's machine and at ollama.com."""

from __future__ import annotations

from tracer.provider import Door, Provider, Tap, autolog_of

from ._ollama.door import observe_response, read_call, read_error
from ._ollama.text import CHAT, GENERATE

__all__ = ["autolog", "provider"]

# module-level functions that were imported before autolog() call these methods too
_CLIENTS = ("ollama._client:Client", "ollama._client:AsyncClient")

provider = Provider(
    name="ollama",
    module="ollama",
    supported="0.4.0 to 0.6.x",
    doors=tuple(Door(f"{client}._request", read_call, parameters=("cls", "args", "stream")) for client in _CLIENTS),
    taps=tuple(Tap(f"{client}._request_raw", observe_response, after=True) for client in _CLIENTS),
    read_error=read_error,
    read_later={"ollama.chat": CHAT, "ollama.generate": GENERATE},
)


@autolog_of("ollama")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through the Ollama SDK: chat, generate, embed, web search, sync, async, streamed.

    May be called before or after ``import ollama``, and any number of times. ``disable=True`` puts the SDK back as it
    was.
    """
    provider.autolog(disable=disable)
