"""Tracing of the Groq SDK: chat, transcriptions, speech and embeddings, sync, async and streamed."""

from __future__ import annotations

from tracer.provider import autolog_of

from ._openai.compatible import compatible_provider

__all__ = ["autolog", "provider"]

provider = compatible_provider("groq", supported="0.13.0 to 1.x")


@autolog_of("groq")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through the Groq SDK: chat, reasoning, tools, audio, … sync, async, streamed.

    May be called before or after ``import groq``, and any number of times. ``disable=True`` puts the SDK back as it
    was.
    """
    provider.autolog(disable=disable)
