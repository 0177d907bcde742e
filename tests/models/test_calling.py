"""How a model's methods are called: which arguments they get, and in which event loop they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.models.conftest import WriteModel
from tests.openai.server import Server
from tracer.models import ChatModel, ChatParams, ModelError, PythonModel, ValidationError, load_model, log_model

QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}


def told(*arguments: Any) -> list[str]:
    return [type(argument).__name__ for argument in arguments]


class AnyName(PythonModel):
    def predict(self, ctx: Any, x: Any) -> Any:  # type: ignore[override]
        return told(ctx, x)


class InputAlone(PythonModel):
    def predict(self, x: Any) -> Any:  # type: ignore[override]
        return told(x)


class InputAndParams(PythonModel):
    def predict(self, x: Any, params: Any = None) -> Any:  # type: ignore[override]
        return told(x, params)


class Three(PythonModel):
    def predict(self, _: Any, x: Any, settings: Any) -> Any:  # type: ignore[override]
        return told(_, x, settings)


class OwnDefault(PythonModel):
    def predict(self, context: Any, x: Any, scale: int = 2) -> Any:  # type: ignore[override]
        return told(context, x, scale)


def keyword(x: Any, *, params: Any) -> Any:
    return told(x, params)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (AnyName(), ["PythonModelContext", "str"]),
        (InputAlone(), ["str"]),
        (InputAndParams(), ["str", "dict"]),
        (Three(), ["PythonModelContext", "str", "dict"]),
        (OwnDefault(), ["PythonModelContext", "str", "int"]),
        (lambda x: told(x), ["str"]),
        (lambda x, scale=2: told(x, scale), ["str", "int"]),
        (lambda x, settings: told(x, settings), ["str", "dict"]),
        (lambda x, *more, params=None: told(x, params), ["str", "dict"]),
        (keyword, ["str", "dict"]),
    ],
)
def test_a_method_gets_what_its_signature_asks_for(model: Any, arguments: list[str]) -> None:
    logged = log_model("signature", model, input_example=("x", {"k": 1}))

    assert load_model(logged.model_uri).predict("x", {"k": 1}) == arguments


class Unnamed(ChatModel):
    def predict(self, _: Any, messages: Any) -> Any:  # type: ignore[override]
        return {"choices": [{"message": {"role": "assistant", "content": messages[-1].content}}]}


class NoContext(ChatModel):
    def predict(self, messages: Any, params: Any) -> Any:  # type: ignore[override]
        return {"choices": [{"message": {"role": "assistant", "content": f"{messages[-1].content} {params.seed}"}}]}


@pytest.mark.parametrize(("model", "said"), [(Unnamed(), "Hello"), (NoContext(), "Hello 3")])
def test_a_chat_model_too(model: Any, said: str) -> None:
    loaded = load_model(log_model("chat", model).model_uri)

    for params in ({"seed": 3}, ChatParams(seed=3)):
        assert loaded.predict(QUESTION, params)["choices"][0]["message"]["content"] == said
    with pytest.raises(ValidationError, match="params: is 'x', expected a dict"):
        loaded.predict(QUESTION, "x")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="extra: is 5, expected a dict"):
        loaded.predict({**QUESTION, "extra": 5})


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


class Object:
    async def __call__(self, number: int) -> int:
        return await doubled(number)


@pytest.mark.parametrize("make", [lambda: doubled, Object])
def test_coroutines_and_asynchronous_objects_are_models(make: Callable[[], Any]) -> None:
    loaded = load_model(log_model("doubled", make(), input_example=1).model_uri)

    assert [loaded.predict(21), asyncio.run(loaded.apredict(21))] == [42, 42]


def test_a_client_made_in_load_context_answers_call_after_call(
    write_model: WriteModel, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", exc_type=ImportError)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    path = write_model(
        """
        import openai
        class Async(ChatModel):
            def load_context(self, context):
                self.client = openai.AsyncOpenAI(max_retries=0)
            async def predict(self, context, messages, params):
                messages = [m.to_dict() for m in messages]
                reply = await self.client.chat.completions.create(model="m", messages=messages)
                if len(messages) > 1:
                    await self.client.close()
                return ChatCompletionResponse(choices=[{"message": reply.choices[0].message}])
        set_model(Async())
        """
    )
    loaded = load_model(log_model("async", path, input_example=False).model_uri)

    asked = [QUESTION, QUESTION, {"messages": QUESTION["messages"] * 2}]
    answers = [loaded.predict(question)["choices"][0]["message"]["role"] for question in asked]

    assert answers == ["assistant"] * 3


def test_load_context_is_no_coroutine(write_model: WriteModel) -> None:
    path = write_model(
        """
        class Async(PythonModel):
            async def load_context(self, context): ...
            def predict(self, context, model_input): ...
        set_model(Async())
        """
    )

    with pytest.raises(ModelError, match="load_context is a coroutine"):
        log_model("async", path)
