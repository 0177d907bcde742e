"""The models that judges ask: an SDK's, by ``provider:/model``, or a function."""

from __future__ import annotations

import inspect
import os
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Union

from tracer import semconv
from tracer._api.tracing import start_span
from tracer._background_loop import BackgroundLoop
from tracer._distribution import install_advice
from tracer._fault import guard
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, JudgeError
from tracer.genai.material import shown
from tracer.messages import set_span_chat_messages
from tracer.provider import suppress_tracing

Model = Union[str, Callable[[str], object]]
Messages = Sequence[Mapping[str, str]]

_RETRIES = 5  # with pauses that double from half a second, or as long as the server asks for
_LONGEST_REPLY = 4096  # tokens, for an API that requires a limit
_BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})
# providers whose chat API is OpenAI's: their address, unless their own …_BASE_URL is set, and their key
_COMPATIBLE = {
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
}


@dataclass(frozen=True)
class Reply:
    """A model's reply: a text, or an object where one was requested, and the tokens used."""

    content: Any
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class ChatModel(ABC):
    """A model for judges; ``name`` is its name in the source of an assessment."""

    name: str

    @abstractmethod
    def ask(self, messages: Messages, schema: JsonObject) -> Any:
        """The reply as text or as an object; ``schema`` is the schema of the object."""


def chat_model(model: Model, parameters: Mapping[str, object] | None = None) -> ChatModel:
    """The model of a name such as ``openai:/gpt-4.1-mini``, or of a function. Raises InvalidArgumentError."""
    if callable(model):
        return _Function(model)
    provider, colon, name = str(model).partition(":/")
    name = name.lstrip("/")
    if not isinstance(model, str) or not colon or not name or provider not in (*_SDKS, *_COMPATIBLE):
        known = ", ".join(sorted(f"{known}:/…" for known in (*_SDKS, *_COMPATIBLE)))
        raise InvalidArgumentError(
            f"model: got {model!r}, expected a name such as 'openai:/gpt-4.1-mini' (there are {known}), or a function "
            "that takes the prompt."
        )
    kind = _SDKS.get(provider, _OpenAI)
    return kind(provider, name, parameters or {})


class _Function(ChatModel):
    def __init__(self, function: Callable[[str], object]) -> None:
        self.name = str(getattr(function, "__name__", None) or type(function).__name__)
        self._function = function
        self._loop = BackgroundLoop()

    def ask(self, messages: Messages, schema: JsonObject) -> Any:
        reply = self._function("\n\n".join(message["content"] for message in messages))
        if inspect.isawaitable(reply):
            reply = self._loop.run(reply)
        return reply


class _Sdk(ChatModel):
    """A model behind an SDK. Its call is recorded here, once, whether the SDK's calls are recorded or not."""

    package: str

    def __init__(self, provider: str, model: str, parameters: Mapping[str, object]) -> None:
        self.name = f"{provider}:/{model}"
        self._provider = provider
        self._model = model
        self._parameters = dict(parameters)
        self._client: tuple[int, Any] | None = None  # of the process that made it

    def ask(self, messages: Messages, schema: JsonObject) -> Any:
        with start_span(f"chat {self._model}", span_type=semconv.SpanType.CHAT_MODEL) as span:
            span.set_attributes(
                {
                    semconv.OPERATION: "chat",
                    semconv.PROVIDER: self._provider,
                    semconv.REQUEST_MODEL: self._model,
                }
            )
            with guard("recording a judge's question"):
                set_span_chat_messages(span, [dict(message) for message in messages])
            client = self._connected()
            address = getattr(getattr(client, "base_url", None), "host", None)  # of a server of one's own: no price
            if address:
                span.set_attribute(semconv.SERVER_ADDRESS, address)
            with suppress_tracing():
                reply = self._call(client, messages, schema)
            with guard("recording a judge's reply"):
                told = {
                    semconv.RESPONSE_MODEL: reply.model,
                    semconv.USAGE_INPUT: reply.input_tokens,
                    semconv.USAGE_OUTPUT: reply.output_tokens,
                }
                span.set_attributes({key: value for key, value in told.items() if value is not None})
                set_span_chat_messages(span, [{"role": "assistant", "content": shown(reply.content)}], append=True)
        return reply.content

    def _connected(self) -> Any:
        if self._client is None or self._client[0] != os.getpid():  # connections are not shared with a fork
            try:
                client = self._connect()
            except ImportError as error:
                raise JudgeError(
                    f"the model {self.name} needs the package {self.package}; {install_advice(self.package)}"
                ) from error
            self._client = (os.getpid(), client)
            close = getattr(client, "close", None) or client._client.close  # older releases of ollama have no close()
            weakref.finalize(self, _close, os.getpid(), close).atexit = False
        return self._client[1]

    @abstractmethod
    def _connect(self) -> Any: ...

    @abstractmethod
    def _call(self, client: Any, messages: Messages, schema: JsonObject) -> Reply: ...


class _OpenAI(_Sdk):
    package = "openai"
    _has_schemas = True

    def _connect(self) -> Any:
        import openai

        if self._provider in _COMPATIBLE:
            place, variable = _COMPATIBLE[self._provider]
            place = os.environ.get(f"{self._provider.upper()}_BASE_URL", place)
            if not os.environ.get(variable):
                raise JudgeError(f"the model {self.name} needs a key in the environment variable {variable}")
            return openai.OpenAI(base_url=place, api_key=os.environ[variable], max_retries=_RETRIES)
        # a server of one's own often wants no key, the SDK wants one
        key = os.environ.get("OPENAI_API_KEY") or ("none" if os.environ.get("OPENAI_BASE_URL") else None)
        return openai.OpenAI(api_key=key, max_retries=_RETRIES)

    def _call(self, client: Any, messages: Messages, schema: JsonObject) -> Reply:
        import openai

        ask = partial(client.chat.completions.create, model=self._model, messages=messages, **self._parameters)
        if self._has_schemas:
            wanted = {"name": "verdict", "schema": schema, "strict": True}
            try:
                return self._reply(ask(response_format={"type": "json_schema", "json_schema": wanted}))
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if "response_format" not in str(error) and "json_schema" not in str(error):
                    raise
                self._has_schemas = False  # the prompt contains the schema as well
        return self._reply(ask())

    @staticmethod
    def _reply(completion: Any) -> Reply:
        message, usage = completion.choices[0].message, completion.usage
        refusal = getattr(message, "refusal", None)
        if refusal:
            raise JudgeError(f"the model refused to judge: {refusal}")
        return Reply(
            message.content or "",
            completion.model,
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
        )


class _Anthropic(_Sdk):
    package = "anthropic"

    def _connect(self) -> Any:
        import anthropic

        return anthropic.Anthropic(max_retries=_RETRIES)

    def _call(self, client: Any, messages: Messages, schema: JsonObject) -> Reply:
        message = client.messages.create(
            model=self._model,
            system="\n\n".join(each["content"] for each in messages if each["role"] == "system"),
            messages=[dict(each) for each in messages if each["role"] != "system"],
            tools=[{"name": "verdict", "description": "Give the verdict.", "input_schema": schema}],
            tool_choice={"type": "tool", "name": "verdict"},
            **{"max_tokens": _LONGEST_REPLY, **self._parameters},
        )
        verdicts = [block.input for block in message.content if block.type == "tool_use"]
        text = "".join(block.text for block in message.content if block.type == "text")
        return Reply(
            verdicts[0] if verdicts else text, message.model, message.usage.input_tokens, message.usage.output_tokens
        )


class _Ollama(_Sdk):
    package = "ollama"

    def _connect(self) -> Any:
        import ollama

        return ollama.Client()

    def _call(self, client: Any, messages: Messages, schema: JsonObject) -> Reply:
        # a copy: the SDK changes its arguments
        said = [dict(each) for each in messages]
        reply = _patiently(
            lambda: client.chat(model=self._model, messages=said, format=schema, options=self._parameters or None)
        )
        return Reply(reply["message"]["content"], reply["model"], reply["prompt_eval_count"], reply["eval_count"])


def _close(process: int, close: Callable[[], object]) -> None:
    if process == os.getpid():
        close()


_SDKS: dict[str, type[_Sdk]] = {"anthropic": _Anthropic, "ollama": _Ollama, "openai": _OpenAI}


def _patiently(call: Callable[[], Any]) -> Any:
    """The call's result, tried again where the server is busy: this SDK does not do so itself."""
    for retry in range(_RETRIES):
        try:
            return call()
        except Exception as error:
            if getattr(error, "status_code", None) not in _BUSY:
                raise
        time.sleep(0.5 * 2**retry)
    return call()
