"""Programs written for MLflow run with nothing but the word `mlflow` replaced, against local servers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forked import Forking
from tests.openai.replies import chat, completion, embedding, error, message_item, response
from tests.openai.sdk import needs_responses
from tests.openai.server import Asked, Scripted, Server, reply
from tests.openai.test_tutorials import answer_ollama, answer_openai
from tracer.server import running_server

_CHECKOUT = Path(__file__).parents[2]
pytestmark = pytest.mark.no_store


Run = Callable[..., str]


@pytest.fixture
def run(forking: Forking) -> Run:
    """``run(program, folder, server, answer, NAME="value")``: what a program of MLflow's prints once it is tracer's."""

    def run(program: str, folder: Path, server: Server, answer: Callable[[Asked], Scripted], **environment: str) -> str:
        server.will(answer)
        file = folder / "program.py"
        file.write_text(program.replace("mlflow", "tracer"), encoding="utf-8")
        addresses = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{server.url}/v1", "OLLAMA_HOST": server.url}
        done = forking.run(
            str(file), cwd=folder, env={**os.environ, "PYTHONPATH": str(_CHECKOUT), **addresses, **environment}
        )
        assert done.returncode == 0, done.stderr
        assert "tracer" not in done.stderr
        return done.stdout

    return run


# ---- a provider traced by hand: decorators around ollama.chat, tools, a loop ----

BY_HAND = """
from functools import wraps

import mlflow
from mlflow.entities import SpanType
from mlflow.tracing.utils import set_span_chat_messages, set_span_chat_tools
from ollama import chat as ollama_chat


def traced_chat(function):
    @wraps(function)
    def call(*args, **kwargs):
        with mlflow.start_span(name="ollama.chat", span_type=SpanType.CHAT_MODEL) as span:
            span.set_attribute("model_name", kwargs["model"])
            span.set_inputs({"messages": kwargs["messages"], "tools": kwargs.get("tools", [])})
            set_span_chat_messages(span, kwargs["messages"])
            if kwargs.get("tools"):
                set_span_chat_tools(span, kwargs["tools"])
            response = function(*args, **kwargs)
            span.set_outputs(response)
            message = {"role": response.message.role, "content": response.message.content}
            calls = response.message.tool_calls or []
            if calls:
                message["tool_calls"] = [
                    {"id": str(n), "type": "function",
                     "function": {"name": each.function.name, "arguments": dict(each.function.arguments)}}
                    for n, each in enumerate(calls)
                ]
            set_span_chat_messages(span, [message], append=True)
            return response

    return call


def the_trace():
    return mlflow.get_trace(mlflow.get_last_active_trace_id())


mlflow.set_experiment(experiment_name="by hand")
chat = traced_chat(ollama_chat)
QUESTION = {"role": "user", "content": "What is a tip of 22 % on $235.32?"}
TOOL = {"type": "function", "function": {"name": "calculate_tip", "description": "a tip",
        "parameters": {"type": "object", "properties": {"bill_amount": {"type": "number"}}}}}
"""


def test_c_a_decorated_chat(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("ollama", exc_type=ImportError)
    program = (
        BY_HAND
        + """
chat(model="llama3.2", messages=[QUESTION])
trace = the_trace()
[span] = trace.data.spans
assert (span.name, span.span_type, trace.info.experiment) == ("ollama.chat", SpanType.CHAT_MODEL, "by hand")
assert span.get_attribute("model_name") == "llama3.2"
assert span.get_attribute("mlflow.chat.messages") == [
    QUESTION, {"role": "assistant", "content": "A model has weights."}]
assert span.get_attribute("mlflow.spanInputs")["messages"] == [QUESTION]
assert span.outputs["message"]["content"] == "A model has weights."  # of a pydantic object
print("ok")
"""
    )

    assert run(program, tmp_path, server, answer_ollama) == "ok\n"


def test_c_a_decorated_chat_with_tools(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("ollama", exc_type=ImportError)
    program = (
        BY_HAND
        + """
chat(model="llama3.2", messages=[QUESTION], tools=[TOOL])
[span] = the_trace().data.spans
assert span.get_attribute("mlflow.chat.tools") == [TOOL]
[asked, answered] = span.get_attribute("mlflow.chat.messages")
[called] = answered["tool_calls"]
assert called["function"]["name"] == "calculate_tip"
assert "235.32" in called["function"]["arguments"]
print("ok")
"""
    )

    assert run(program, tmp_path, server, answer_ollama) == "ok\n"


def test_c_a_loop_that_runs_tools(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("ollama", exc_type=ImportError)
    program = (
        BY_HAND
        + """
class ToolExecutor:
    @mlflow.trace(span_type=SpanType.TOOL)
    def calculate_tip(self, bill_amount, tip_percentage=20):
        return round(bill_amount * tip_percentage / 100, 2)

    @mlflow.trace(name="run tools", span_type=SpanType.AGENT, attributes={"kind": "loop"})
    def run(self, messages):
        response = chat(model="llama3.2", messages=messages, tools=[TOOL])
        messages = [*messages, response.message]
        for call in response.message.tool_calls or []:
            result = getattr(self, call.function.name)(**call.function.arguments)
            messages.append({"role": "tool", "content": str(result)})
        return chat(model="llama3.2", messages=messages).message.content


assert ToolExecutor().run([QUESTION]) == "A model has weights."
trace = the_trace()
assert [s.span_type for s in trace.data.spans] == ["AGENT", "CHAT_MODEL", "TOOL", "CHAT_MODEL"]
tool = trace.search_spans(span_type=SpanType.TOOL)[0]
assert tool.get_attribute("mlflow.spanInputs") == {"bill_amount": 235.32, "tip_percentage": 22}
assert tool.outputs == 51.77
assert trace.data.spans[0].get_attribute("kind") == "loop"
assert len(trace.data.spans[3].inputs["messages"]) == 3
print("ok")
"""
    )

    assert run(program, tmp_path, server, answer_ollama) == "ok\n"


def test_c_providers_have_an_autolog_of_their_own(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("ollama", exc_type=ImportError)
    program = """
import mlflow
import ollama

mlflow.ollama.autolog(log_traces=True, silent=True)
ollama.chat(model="llama3.2", messages=[{"role": "user", "content": "Hello"}])
[span] = mlflow.get_trace(mlflow.get_last_active_trace_id()).data.spans
print(span.get_attribute("mlflow.spanType"), span.get_attribute("mlflow.chat.tokenUsage")["total_tokens"])
"""

    assert run(program, tmp_path, server, answer_ollama) == "CHAT_MODEL 11\n"


# ---- OpenAI ----

OPENAI = """
import json

import mlflow
import openai
from mlflow.entities import SpanStatusCode, SpanType, TraceState

mlflow.openai.autolog()
mlflow.set_experiment("OpenAI")
client = openai.OpenAI()
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]


def the_trace():
    return mlflow.get_trace(mlflow.get_last_active_trace_id())


def the_span():
    [span] = the_trace().data.spans
    return span
"""


def test_e_chat_and_responses_on_a_tracking_server(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        """
import os
import mlflow
mlflow.set_tracking_uri(os.environ["SERVER"])
"""
        + OPENAI
        + """
client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, temperature=0.1, max_tokens=100)
trace = the_trace()
assert trace.info.state == TraceState.OK
assert trace.info.request_id == trace.info.trace_id
[span] = trace.data.spans
assert span.get_attribute("mlflow.spanInputs")["temperature"] == 0.1
assert span.get_attribute("mlflow.llm.model").startswith("gpt-")
assert span.get_attribute("mlflow.llm.provider") == "openai"
print(mlflow.search_traces(return_type="list")[0].info.trace_id == trace.info.trace_id)
"""
    )
    with running_server(f"sqlite:///{tmp_path / 'server.db'}") as url:
        assert run(program, tmp_path, server, answer_openai, SERVER=url) == "True\n"


@needs_responses
def test_e_responses(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
client.responses.create(model="gpt-4o-mini", input="What is the capital of France?")
span = the_span()
assert span.get_attribute("mlflow.chat.messages")[0]["content"] == "What is the capital of France?"
print(span.get_attribute("mlflow.spanType"))
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "CHAT_MODEL\n"


@needs_responses
def test_e_streams(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
import asyncio

text = ""
for chunk in client.chat.completions.create(
    model="gpt-4o-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
):
    text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
span = the_span()
assert span.get_attribute("mlflow.chat.messages")[-1] == {"role": "assistant", "content": text}
assert span.get_attribute("mlflow.chat.tokenUsage")["total_tokens"] == 13
assert len(span.events) > 2
for event in client.responses.create(model="gpt-4o-mini", input="Hello", stream=True):
    pass
assert the_span().outputs["status"] == "completed"


async def main():
    async with openai.AsyncOpenAI() as client:
        stream = await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
        async for _ in stream:
            pass
        await client.responses.create(model="gpt-4o-mini", input="Hello")


asyncio.run(main())
print(len(mlflow.search_traces(filter_string="attributes.status = 'OK'", flush=True)))
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "4\n"


AGENT = (
    OPENAI
    + """
@mlflow.trace(span_type=SpanType.TOOL)
def get_weather(city: str) -> str:
    return "rainy"


TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


@mlflow.trace(span_type=SpanType.AGENT)
def run_tool_agent(question: str):
    messages = [{"role": "user", "content": question}]
    message = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS).choices[0].message
    messages.append(message)
    for call in message.tool_calls:
        result = get_weather(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content


run_tool_agent("What's the weather like in Paris today?")
trace = mlflow.get_trace(trace_id=mlflow.get_last_active_trace_id())
"""
)


def test_e_an_agent_with_its_token_usage_in_all(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        AGENT
        + """
assert [s.span_type for s in trace.data.spans] == ["AGENT", "CHAT_MODEL", "TOOL", "CHAT_MODEL"]
usage = trace.info.token_usage
print(usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])
print(json.loads(trace.info.trace_metadata["mlflow.trace.tokenUsage"]) == usage)
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "18 8 26\nTrue\n"


def test_e_an_agent_with_its_token_usage_by_call(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        AGENT
        + """
for span in trace.data.spans:
    if usage := span.get_attribute("mlflow.chat.tokenUsage"):
        print(usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "9 4 13\n" * 2


@needs_responses
def test_e_an_agent_over_responses(run: Run, server: Server, tmp_path: Path) -> None:
    call = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "get_weather",
            "arguments": '{"city": "Paris"}', "status": "completed"}  # fmt: skip

    def answer(asked: Asked) -> Scripted:
        is_first = len(asked.json["input"]) == 1
        return reply(response(call) if is_first else response(message_item("Rainy.")))

    program = (
        OPENAI
        + """
@mlflow.trace(span_type=SpanType.TOOL)
def get_weather(city):
    return "rainy"


@mlflow.trace(span_type=SpanType.AGENT)
def run_tool_agent(question):
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
    messages = [{"role": "user", "content": question}]
    reply = client.responses.create(model="gpt-4o-mini", input=messages, tools=tools)
    for item in reply.output:
        result = get_weather(**json.loads(item.arguments))
        messages += [item, {"type": "function_call_output", "call_id": item.call_id, "output": result}]
    return client.responses.create(model="gpt-4o-mini", input=messages).output_text


print(run_tool_agent("Weather?"), [s.span_type for s in the_trace().data.spans])
"""
    )

    expected = "Rainy. ['AGENT', 'CHAT_MODEL', 'TOOL', 'CHAT_MODEL']\n"
    assert run(program, tmp_path, server, answer) == expected


def test_e_structured_outputs(run: Run, server: Server, tmp_path: Path) -> None:
    content = {"role": "assistant", "content": '{"name": "fair", "day": "Friday"}'}
    program = (
        OPENAI
        + """
from pydantic import BaseModel


class Event(BaseModel):
    name: str
    day: str


parse = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
event = parse(model="gpt-4o-mini", messages=MESSAGES, response_format=Event).choices[0].message.parsed
span = the_span()
assert event.day == "Friday"
schema = span.get_attribute("mlflow.spanInputs")["response_format"]["json_schema"]["schema"]
assert schema["required"] == ["name", "day"]
print(json.loads(span.get_attribute("mlflow.chat.messages")[-1]["content"])["day"])
"""
    )

    assert run(program, tmp_path, server, lambda asked: reply(chat(content))) == "Friday\n"


@needs_responses
def test_e_tools_of_the_provider_and_reasoning(run: Run, server: Server, tmp_path: Path) -> None:
    items = [
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "news"}},
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Thinking."}]},
        message_item(),
    ]
    program = (
        OPENAI
        + """
client.responses.create(model="gpt-4o-mini", input="News?", tools=[{"type": "web_search"}], reasoning={"effort": "low"})
span = the_span()
assert span.get_attribute("mlflow.chat.tools") == [{"type": "web_search"}]
parts = [part["type"] for message in span.get_attribute("gen_ai.output.messages") for part in message["parts"]]
assert "reasoning" in parts and len(parts) == 3, parts
print(span.get_attribute("mlflow.spanInputs")["reasoning"])
"""
    )

    assert run(program, tmp_path, server, lambda asked: reply(response(*items))) == "{'effort': 'low'}\n"


def test_e_embeddings(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
import asyncio

client.embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")
span = the_span()
assert span.get_attribute("mlflow.spanType") == SpanType.EMBEDDING
assert span.get_attribute("mlflow.spanOutputs")["data"][0]["embedding"] == [0.5, 0.25]


async def main():
    async with openai.AsyncOpenAI() as client:
        await client.embeddings.create(model="text-embedding-3-small", input=["Hello"], encoding_format="float")


asyncio.run(main())
print(the_span().get_attribute("mlflow.chat.tokenUsage")["input_tokens"])
"""
    )

    assert run(program, tmp_path, server, lambda asked: reply(embedding([[0.5, 0.25]]))) == "5\n"


def test_e_exceptions(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
try:
    client.chat.completions.create(model="no-such-model", messages=MESSAGES)
except openai.NotFoundError:
    pass
trace = the_trace()
[span] = trace.data.spans
assert trace.info.state == TraceState.ERROR
assert span.status.status_code == SpanStatusCode.ERROR
[event] = [event for event in span.events if event.name == "exception"]
print(event.attributes["exception.type"].rpartition(".")[2], "No such model" in span.status.description)
"""
    )

    answer = reply(error(), status=404)
    assert run(program, tmp_path, server, lambda asked: answer) == "NotFoundError True\n"


def test_e_settings_of_a_call(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say", temperature=0.5, max_tokens=7)
span = the_span()
inputs = span.get_attribute("mlflow.spanInputs")
print(inputs["model"], inputs["temperature"], inputs["max_tokens"], span.model_name)
"""
    )

    answer = reply(completion())
    name = "gpt-3.5-turbo-instruct"
    assert run(program, tmp_path, server, lambda asked: answer).startswith(f"{name} 0.5 7 ")


def test_e_agents_sdk(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("agents", exc_type=ImportError)
    program = """
import mlflow
from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

mlflow.openai.autolog(disable_openai_agent_tracer=True)
model = OpenAIChatCompletionsModel("gpt-4o-mini", AsyncOpenAI())
result = Runner.run_sync(Agent(name="Guide", instructions="Be kind.", model=model), "Hello")
trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
print(len(trace.search_spans(span_type="CHAT_MODEL")), trace.info.token_usage["total_tokens"])
"""

    assert run(program, tmp_path, server, answer_openai, OPENAI_AGENTS_DISABLE_TRACING="0") == "1 13\n"


def test_e_autolog_off(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
def is_recorded():
    before = mlflow.get_last_active_trace_id()
    client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    return mlflow.get_last_active_trace_id() != before


print(is_recorded())
mlflow.openai.autolog(disable=True)
print(is_recorded())
mlflow.autolog(silent=True)
print(is_recorded())
mlflow.autolog(disable=True)
print(is_recorded())
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "True\nFalse\nTrue\nFalse\n"


def test_e_a_prompt_is_registered_loaded_and_used(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
mlflow.genai.register_prompt(name="greeting", template="Say hello to {{ name }}.", commit_message="first")
mlflow.genai.set_prompt_alias("greeting", alias="production", version=1)
with mlflow.start_span("greet"):
    prompt = mlflow.genai.load_prompt("prompts:/greeting@production")
    client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": prompt.format(name="Ada")}])
[trace] = mlflow.search_traces("prompt = 'greeting/1'", return_type="list")
assert trace.data.spans[1].get_attribute("mlflow.chat.messages")[0]["content"] == "Say hello to Ada."
print("ok")
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "ok\n"


# ---- versions of an app ----


def test_d_versions_are_set_made_linked_and_searched(run: Run, server: Server, tmp_path: Path) -> None:
    program = """
import mlflow


@mlflow.trace
def answer(question):
    return question.upper()


active = mlflow.set_active_model(name="my-agent-v1.0")
answer("first")
with mlflow.set_active_model(name="my-agent-v1.1") as inside:
    answer("second")
answer("third")
assert mlflow.get_active_model_id() == active.model_id
assert isinstance(active, mlflow.ActiveModel) and isinstance(active, mlflow.entities.LoggedModel)
traces = mlflow.search_traces(model_id=active.model_id, return_type="list")
assert [trace.data.response for trace in traces] == ['"THIRD"', '"FIRST"']
[other] = mlflow.search_traces(model_id=inside.model_id, return_type="list")
assert other.info.request_metadata["mlflow.modelId"] == inside.model_id

made = mlflow.create_external_model(
    name="my-agent-v2.0", model_type="agent", params={"llm": "gpt-4o"}, tags={"team": "search"})
assert (made.model_uri, str(made.status), made.status == "READY") == (f"models:/{made.model_id}", "READY", True)
mlflow.set_logged_model_tags(made.model_id, {"stage": "candidate"})
mlflow.log_model_params({"temperature": "0.1"}, model_id=made.model_id)
mlflow.delete_logged_model_tag(made.model_id, "team")
found = mlflow.get_logged_model(made.model_id)
assert (found.params, found.tags) == ({"llm": "gpt-4o", "temperature": "0.1"}, {"stage": "candidate"})
table = mlflow.search_logged_models(
    filter_string="name LIKE 'my-agent%'", order_by=[{"field_name": "name", "ascending": False}],
    output_format="pandas")
assert list(table["name"]) == ["my-agent-v2.0", "my-agent-v1.1", "my-agent-v1.0"]
started = mlflow.initialize_logged_model(name="slow", params={"a": "b"})
assert mlflow.last_logged_model().model_id == started.model_id
assert mlflow.finalize_logged_model(started.model_id, "READY").status == "READY"
mlflow.clear_active_model()
assert mlflow.get_active_model_id() is None
print("ok")
"""

    assert run(program, tmp_path, server, answer_openai) == "ok\n"


# ---- an app behind the chat schema ----

CHAT_MODEL = """
import mlflow
from mlflow.models import set_model
from mlflow.pyfunc import ChatModel
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage, ChatParams


class Echo(ChatModel):
    def load_context(self, context):
        self.greeting = context.model_config.get("greeting", "Hello")

    def predict(self, context, messages: list[ChatMessage], params: ChatParams) -> ChatCompletionResponse:
        text = self.think(messages[-1].content)[: params.max_tokens]
        return ChatCompletionResponse(
            choices=[ChatChoice(index=0, message=ChatMessage(role="assistant", content=text))],
            usage={}, model="echo", custom_outputs=params.custom_inputs)

    @mlflow.trace(name="think", span_type="func")
    def think(self, text):
        return f"{self.greeting}, {text}"


set_model(Echo())
"""


def test_a_and_b_a_chat_model_is_logged_loaded_called_and_traced(run: Run, server: Server, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(CHAT_MODEL.replace("mlflow", "tracer"), encoding="utf-8")
    program = """
import mlflow

EXAMPLE = {"messages": [{"role": "user", "content": "you"}]}
with mlflow.start_run():
    info = mlflow.pyfunc.log_model(
        name="echo", python_model="echo.py", model_config={"greeting": "Good day"}, input_example=EXAMPLE)
assert info.signature.inputs and info.signature.outputs and "python_function" in info.flavors
loaded = mlflow.pyfunc.load_model(info.model_uri)
assert loaded.model_config == {"greeting": "Good day"}
assert loaded.input_example["messages"][0]["content"] == "you"
reply = loaded.predict({**EXAMPLE, "max_tokens": 8, "custom_inputs": {"seed": "321"}})
assert reply["choices"][0]["message"] == {"role": "assistant", "content": "Good day"}, reply
assert reply["custom_outputs"] == {"seed": "321"}
again = mlflow.pyfunc.load_model(info.model_uri, model_config={"greeting": "Hi"})
assert again.predict(EXAMPLE)["choices"][0]["message"]["content"] == "Hi, you"
trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
assert [span.name for span in trace.data.spans] == ["echo", "think"]
assert trace.info.model_id == info.model_id

mlflow.register_model(info.model_uri, "greeter")
from mlflow import set_registered_model_alias
set_registered_model_alias("greeter", "champion", 1)
assert mlflow.pyfunc.load_model("models:/greeter@champion").predict(EXAMPLE)["model"] == "echo"


class Double(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[int], params=None) -> list[int]:
        return [number * (params or {}).get("times", 2) for number in model_input]


other = mlflow.pyfunc.log_model(name="double", python_model=Double(), input_example=([1, 2], {"times": 3}))
model = mlflow.pyfunc.load_model(other.model_uri)
assert model.predict([2, 3], params={"times": 5}) == [10, 15]
assert model.metadata.signature == other.signature
try:
    model.predict(["x"])
except mlflow.errors.TracerError as error:
    assert "[0]" in str(error), error
print("ok")
"""

    assert run(program, tmp_path, server, answer_openai) == "ok\n"


# ---- what such programs do beside ----


def test_sessions_feedback_and_tables(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    program = (
        OPENAI
        + """
from mlflow.entities import AssessmentSource, AssessmentSourceType, Feedback

with mlflow.tracing.context(tags={"release": "7"}):
    client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)


@mlflow.trace
def answer(question):
    mlflow.update_current_trace(metadata={"mlflow.trace.session": "s", "mlflow.trace.user": "ann"})
    return "Paris"


answer("Capital?")
trace_id = mlflow.get_last_active_trace_id()
source = AssessmentSource(source_type=AssessmentSourceType.HUMAN, source_id="ann")
mlflow.log_feedback(trace_id=trace_id, name="good", value=True, source=source)
mlflow.log_assessment(trace_id=trace_id, assessment=Feedback(name="tone", value=0.5))
trace = mlflow.get_trace(trace_id, silent=True)
assert [a.feedback.value for a in trace.search_assessments()] == [True, 0.5]
[found] = mlflow.search_traces(filter_string="metadata.`mlflow.trace.session` = 's'", return_type="list")
assert found.info.request_metadata["mlflow.trace.user"] == "ann"
table = mlflow.search_traces(
    experiment_ids=[mlflow.get_experiment_by_name("OpenAI").experiment_id], order_by=["timestamp_ms DESC"],
    return_type="pandas")
assert list(table["request"])[0] == {"question": "Capital?"}
with mlflow.start_run(run_name="r", description="d"):
    mlflow.log_param("lr", 0.1)
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.set_tags({"a": 1})
    mlflow.log_text("text", "a/b.txt")
    mlflow.log_dict({"a": 1}, "a.json")
runs = mlflow.search_runs(experiment_names=["OpenAI"], filter_string="metrics.loss < 1", output_format="pandas")
print(table["tags"][1], runs["params.lr"][0])
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "{'release': '7'} 0.1\n"


def test_a_client_of_endpoints(run: Run, server: Server, tmp_path: Path) -> None:
    program = (
        OPENAI
        + """
from mlflow import deployments

reply = deployments.get_deploy_client("openai").predict(endpoint="gpt-4o-mini", inputs={"messages": MESSAGES})
print(reply["choices"][0]["message"]["content"], the_span().get_attribute("mlflow.chat.tokenUsage")["total_tokens"])
"""
    )

    assert run(program, tmp_path, server, answer_openai) == "Lima. 13\n"
