"""Tracing of LiteLLM: each call of a model that it makes, to whichever provider, its router's and its proxy's too."""

from __future__ import annotations

from functools import partial

from tracer.provider import Door, Hook, Provider, StreamClass, autolog_of

from ._litellm.attempts import attempts_begin
from ._litellm.calls import OPERATIONS, read_call, read_error
from ._litellm.replies import reply_of, usage_at_end

__all__ = ["autolog", "provider"]

_STREAMS = "litellm.responses.streaming_iterator"

# The functions inside of LiteLLM's own wrapper, which retries: each attempt passes here. Each calls others of them, or
# the openai package, which are parts of the same call.
provider = Provider(
    name="litellm",
    module="litellm",
    supported="1.80.0 to 1.x",
    doors=tuple(
        Door(target, partial(read_call, operation), reply_of=reply_of) for target, operation in OPERATIONS.items()
    ),
    stream_classes=(
        StreamClass("litellm.litellm_core_utils.streaming_handler:CustomStreamWrapper", rest=usage_at_end),
        StreamClass("litellm.utils:TextCompletionStreamWrapper", rest=usage_at_end),
        StreamClass(f"{_STREAMS}:ResponsesAPIStreamingIterator"),
        StreamClass(f"{_STREAMS}:SyncResponsesAPIStreamingIterator"),
        StreamClass(f"{_STREAMS}:MockResponsesAPIStreamingIterator"),
        StreamClass(
            "litellm.responses.litellm_completion_transformation.streaming_iterator:LiteLLMCompletionStreamingIterator"
        ),
    ),
    hooks=(
        Hook("litellm.router:Router.async_function_with_fallbacks", attempts_begin),
        Hook("litellm.litellm_core_utils.fallback_utils:async_completion_with_fallbacks", attempts_begin),
    ),
    read_error=read_error,
    covers=("litellm",),  # spans of its callback "otel", made of the same calls
)


@autolog_of("litellm")
def autolog(*, disable: bool = False) -> None:
    """Record every call of a model that LiteLLM makes: chats, responses, embeddings, … sync, async, streamed.

    May be called before or after ``import litellm``, and any number of times. Where LiteLLM uses an SDK that has a
    provider too, the call is recorded once. ``disable=True`` puts LiteLLM back as it was.
    """
    provider.autolog(disable=disable)
