"""Programs written for MLflow run when the word is replaced: homes of names, arguments, requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

import tracer
from tests.models.conftest import ROOT, WriteModel
from tests.models.serve import Served
from tests.openai.server import Server
from tracer.cli.group import tracer_command
from tracer.models import log_model

MODEL_FILE = """
from mlflow.models import set_model
from mlflow.pyfunc import ChatModel
from mlflow.types.llm import ChatMessage, ChatCompletionResponse, ChatChoice, ChatParams
import openai

class Assistant(ChatModel):
    def load_context(self, context):
        self.client = openai.OpenAI()
        self.models = context.model_config.get("models", {})

    def predict(self, context, messages: list[ChatMessage], params: ChatParams | None = None):
        reply = self.client.chat.completions.create(
            model=self.models["judge"], messages=[message.to_dict() for message in messages],
            max_tokens=params.max_tokens,
        ).to_dict()
        return ChatCompletionResponse(
            choices=[ChatChoice(index=0, message=ChatMessage(**reply["choices"][0]["message"]))], usage={},
            model=self.models["judge"],
        )

set_model(Assistant())
"""
CHAT = """
import mlflow
from mlflow.models import infer_signature, convert_input_example_to_serving_input, validate_serving_input
from mlflow.models import ModelConfig, ModelSignature, get_model_info
from mlflow.types.llm import (
    ChatChoice, ChatChoiceDelta, ChatChoiceLogProbs, ChatChunkChoice, ChatCompletionChunk, ChatCompletionRequest,
    ChatCompletionResponse, ChatMessage, ChatParams, FunctionToolCallArguments, FunctionToolDefinition, ParamProperty,
    ParamType, TokenLogProb, TokenUsageStats, ToolCall, ToolDefinition, ToolParamsSchema, TopTokenLogProb,
)

config = {"models": {"judge": "gpt-4o-mini"}}
example = {"messages": [{"role": "user", "content": "How are scones made?"}]}
with mlflow.start_run() as run:
    model_info = mlflow.pyfunc.log_model(
        artifact_path="model", python_model="model_file.py", model_config=config, input_example=example,
    )
assert model_info.run_id == run.info.run_id and model_info.signature is not None
loaded = mlflow.pyfunc.load_model(model_info.model_uri)
assert loaded.model_config == config and loaded.input_example == example
assert loaded.metadata.signature == model_info.signature
assert loaded.predict(data={**example, "max_tokens": 25})["choices"][0]["message"]["content"]
serving_input = convert_input_example_to_serving_input(example)
assert validate_serving_input(model_info.model_uri, serving_input=serving_input)["choices"]
print(loaded.metadata.get_input_schema()["properties"].keys() >= {"messages", "max_tokens"})
"""
PYTHON = """
import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

class AddN(PythonModel):
    def __init__(self, n):
        self.n = n

    def predict(self, context, model_input, params=None):
        n = (params or {}).get("n", self.n)
        return [number + n for number in model_input]

mlflow.pyfunc.save_model(path="add_n", python_model=AddN(5), input_example=([1, 2], {"n": 1}))
loaded = mlflow.pyfunc.load_model("add_n")
print(loaded.predict([1, 2]), loaded.predict([1, 2], params={"n": 1}))
print(type(loaded.unwrap_python_model()).__name__, loaded.metadata.signature.params is not None)
try:
    loaded.predict(["x"])
except ValueError as error:
    print(error)

@mlflow.trace
def shout(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]

with mlflow.start_run():
    info = mlflow.pyfunc.log_model(name="shout", python_model=shout, input_example=["a"])
print(mlflow.pyfunc.load_model(info.model_uri).predict(["b"]), info.name)
"""


def run(program: str, folder: Path, **environment: str) -> str:
    place = folder / "program.py"
    place.write_text(program.replace("mlflow", "tracer"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(place)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.no_store
def test_a_chat_models_program(folder: Path, provider: Server) -> None:
    (folder / "model_file.py").write_text(MODEL_FILE.replace("mlflow", "tracer"), encoding="utf-8")

    said = run(CHAT, folder, OPENAI_API_KEY="k", OPENAI_BASE_URL=f"{provider.url}/v1")

    assert said == "True\n"


@pytest.mark.no_store
def test_a_python_models_program(folder: Path) -> None:
    assert run(PYTHON, folder).splitlines() == [
        "[6, 7] [2, 3]",
        "AddN True",
        "input[0]: is 'x' (str), expected a whole number",
        "['B'] shout",
    ]


def test_the_homes_have_what_they_list() -> None:
    import tracer.types.llm
    import tracer.types.responses

    for home in (tracer.pyfunc, tracer.types.llm, tracer.types.responses):
        assert [name for name in home.__all__ if not getattr(home, name).__doc__] == []
    assert tracer.pyfunc.log_model is tracer.models.log_model
    with pytest.raises(AttributeError, match="write a ResponsesAgent"):
        _ = tracer.pyfunc.ChatAgent
    with pytest.raises(AttributeError, match=r"'tracer\.pyfunc' has no attribute 'nothing'"):
        _ = tracer.pyfunc.nothing


# ---- requests ----

ANYTHING = """
class Anything(PythonModel):
    def predict(self, context, model_input, params=None):
        if hasattr(model_input, "columns"):
            model_input = {"table": list(model_input.columns), "rows": len(model_input)}
        return {"got": model_input, "params": params}
set_model(Anything())
"""
CHAT_EXAMPLE = ({"messages": [{"role": "user", "content": "x"}]}, {"max_tokens": 1})


@pytest.fixture
def anything(write_model: WriteModel, own_store: str) -> Iterator[str]:
    log_model("anything", write_model(ANYTHING))
    tracer.flush()
    served = Served("--model-uri=models:/anything", own_store, "-h", "127.0.0.1", "--env-manager", "local", "-t", "60")
    yield served.root + "/invocations"
    assert served.close() == 0, served.errors


def test_forms_of_a_served_request(anything: str) -> None:
    def asked(body: Any) -> Any:
        return httpx.post(anything, json=body, timeout=60).json()

    split = {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}
    table = {"table": ["a", "b"], "rows": 2}
    assert asked({"instances": [1, 2]}) == {"predictions": {"got": [1, 2], "params": None}}
    assert asked({"inputs": [1], "params": {"k": 1}}) == {"predictions": {"got": [1], "params": {"k": 1}}}
    assert asked({"dataframe_split": split}) == {"predictions": {"got": table, "params": None}}
    assert asked({"dataframe_records": [{"a": 1, "b": 2}] * 2}) == {"predictions": {"got": table, "params": None}}
    assert asked({"messages": []}) == {"got": {"messages": []}, "params": None}
    assert asked({"question": "x"}) == {"predictions": {"got": {"question": "x"}, "params": None}}
    for body, problem in (
        ({"dataframe_split": {"data": 1}}, "dataframe_split: is no table"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "dataframe_split: is no table: "),
        ({"dataframe_records": {}}, "dataframe_records: is no list"),
        ({"instances": [1], "x": 2}, 'x: stands beside "instances"'),
    ):
        assert problem in asked(body)["error"]["message"]


def test_params_of_a_chat_are_those_of_the_signature(write_model: WriteModel, own_store: str) -> None:
    log_model("anything", write_model(ANYTHING), input_example=CHAT_EXAMPLE)
    tracer.flush()
    served = Served("models:/anything", own_store)
    try:
        body = {"messages": [{"role": "user", "content": "y"}], "max_tokens": 5, "other": 1}
        answer = httpx.post(served.root + "/invocations", json=body, timeout=60)
        refused = httpx.post(served.root + "/invocations", json={**body, "max_tokens": "a"}, timeout=60)
    finally:
        assert served.close() == 0, served.errors

    assert answer.json() == {"got": {"messages": body["messages"], "other": 1}, "params": {"max_tokens": 5}}
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "params.max_tokens")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-h"], 0, "-m, --model-uri URI"),
        (["-m", "models:/x", "models:/x"], 2, "once"),
        ([], 2, "such as models:/my-agent, once"),
        (["-m", "models:/x", "--env-manager", "conda"], 2, "the model runs in this Python"),
        (["-m", "nothing", "-p", "0"], 1, "no model in nothing"),
    ],
)
def test_options_of_serving(arguments: list[str], code: int, said: str, folder: Path) -> None:
    result = CliRunner().invoke(tracer_command, ["models", "serve", *arguments])

    told = result.output + str(result.exception or "")
    assert (result.exit_code, said in " ".join(told.split())) == (code, True), told
