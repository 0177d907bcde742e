"""Tracing of Hugging Face's InferenceClient: chat, text, embeddings and all other tasks, of every provider it calls."""

from __future__ import annotations

from tracer.provider import Door, Provider, Tap, autolog_of

from ._huggingface.door import observe_response, read_call, read_error, reply_of
from ._huggingface.tasks import TEXT_GENERATION
from ._openai.chat import CHAT, COMPLETION

__all__ = ["autolog", "provider"]

_CHECK = "hf_raise_for_status"  # which gets the HTTP response
_READ_LATER = {
    "huggingface.chat": CHAT,
    "huggingface.completion": COMPLETION,
    "huggingface.text_generation": TEXT_GENERATION,
}


def _provider_of(module: str, client: str) -> Provider:
    """The provider for a client, whose module the package imports when it is first asked for."""
    return Provider(
        name="huggingface",
        module=module,
        distribution="huggingface_hub",
        supported="0.28.1 to 2.x",
        doors=(
            Door(f"{module}:{client}._inner_post", read_call, parameters=("request_parameters",), reply_of=reply_of),
        ),
        taps=(Tap((f"{module}:{_CHECK}", f"huggingface_hub.utils._http:{_CHECK}"), observe_response, ("response",)),),
        read_error=read_error,
        read_later=_READ_LATER,
    )


provider = _provider_of("huggingface_hub.inference._client", "InferenceClient")
_async_provider = _provider_of("huggingface_hub.inference._generated._async_client", "AsyncInferenceClient")


@autolog_of("huggingface_hub")
def autolog(*, disable: bool = False) -> None:
    """Record every call made through Hugging Face's `InferenceClient`: chat, text, embeddings and other tasks.

    Sync, async and streamed, by whichever provider. May be called before or after ``import huggingface_hub``, and any
    number of times. ``disable=True`` puts the SDK back as it was.
    """
    provider.autolog(disable=disable)
    _async_provider.autolog(disable=disable)
