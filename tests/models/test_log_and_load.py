"""Logging models, what is on disk then, and loading them back."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.models.conftest import WriteModel
from tracer._tracking.logged_model import LoggedModel
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.models import (
    ChatModel,
    ModelError,
    PythonModel,
    ValidationError,
    load_model,
    log_model,
    save_model,
    set_model,
    validate_serving_input,
)

QUESTION = {"messages": [{"role": "user", "content": "What is a tram?"}]}


def content(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


def logged_trace(model: LoggedModel) -> Any:
    return tracer.search_traces(model_id=model.model_id)[0]


def test_a_model_from_a_file(echo: Path) -> None:
    model = log_model("echo", echo, tags={"team": "search"}, params={"mark": "none"}, model_type="chat")
    answer = load_model(model.model_uri).predict({**QUESTION, "max_tokens": 25, "custom_inputs": {"any": [1]}})

    assert content(answer) == "What is a tram?"
    assert answer["custom_outputs"] == {"seen": {"max_tokens": 25, "custom_inputs": {"any": [1]}}}
    assert (model.name, model.status.value, model.tags, model.model_type) == (
        "echo",
        "READY",
        {"team": "search"},
        "chat",
    )
    assert tracer.get_logged_model(model.model_id) == model


def test_every_prediction_is_one_trace_linked_to_its_version(echo: Path) -> None:
    model = log_model("echo", echo, input_example=False)
    loaded = load_model(model.model_uri)
    with tracer.set_active_model("something else"):
        loaded.predict(QUESTION)

    trace = logged_trace(model)
    (span,) = trace.data.spans
    assert (span.name, trace.info.state, trace.info.model_id) == ("echo", "OK", model.model_id)
    assert span.inputs == QUESTION
    assert content(span.outputs) == "What is a tram?"
    assert trace.info.token_usage == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert trace.info.request_preview == "What is a tram?"


def test_tokens_that_calls_below_report_do_not_count_twice(write_model: WriteModel) -> None:
    path = write_model(
        """
        import tracer
        class Above(ChatModel):
            def predict(self, context, messages, params):
                with tracer.start_span("llm", span_type="CHAT_MODEL") as span:
                    span.set_attributes({"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 20})
                return {"choices": [{"message": {"role": "assistant", "content": "x"}}],
                        "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
        set_model(Above())
        """
    )
    model = log_model("above", path, input_example=False)
    load_model(model.model_uri).predict(QUESTION)

    assert logged_trace(model).info.token_usage["total_tokens"] == 50


def test_a_prediction_inside_of_a_trace_is_a_part_of_it(echo: Path) -> None:
    model = log_model("echo", echo, input_example=False)
    loaded = load_model(model.model_uri)

    with tracer.start_span("request") as root:
        loaded.predict(QUESTION)

    trace = tracer.get_trace(root.trace_id)
    assert trace is not None
    assert [span.name for span in trace.data.spans] == ["request", "echo"]
    assert trace.info.model_id == model.model_id
    assert tracer.get_active_model_id() is None


def test_a_stream(echo: Path) -> None:
    model = log_model("echo", echo, input_example=False)

    chunks = list(load_model(model.model_uri).predict_stream(QUESTION))

    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    trace = logged_trace(model)
    assert (said, chunks[-1]["choices"][0]["finish_reason"]) == ("What is a tram? ", "stop")
    assert content(trace.data.spans[0].outputs) == said
    assert trace.info.state == "OK"


def test_a_stream_that_is_closed_stops_the_model(write_model: WriteModel, folder: Path) -> None:
    path = write_model(
        """
        class Endless(ChatModel):
            def predict(self, context, messages, params): ...
            def predict_stream(self, context, messages, params):
                try:
                    while True:
                        yield {"choices": [{"delta": {"content": "on "}}]}
                finally:
                    open("stopped", "w").close()
        set_model(Endless())
        """
    )
    model = log_model("endless", path, input_example=False)
    stream = load_model(model.model_uri).predict_stream(QUESTION)
    next(stream), next(stream)
    stream.close()  # type: ignore[attr-defined]

    assert (folder / "stopped").exists()
    assert content(logged_trace(model).data.spans[0].outputs) == "on on "


def test_streamed_choices_are_recorded_as_the_choices_that_they_make_up(write_model: WriteModel) -> None:
    path = write_model(
        """
        class Two(ChatModel):
            def predict(self, context, messages, params): ...
            def predict_stream(self, context, messages, params):
                for index, text in ((1, "o"), (0, "y"), (1, "no"[1:]), (0, "es")):
                    yield {"choices": [{"index": index, "delta": {"content": text}}]}
        set_model(Two())
        """
    )
    model = log_model("two", path, input_example=False)

    chunks = list(load_model(model.model_uri).predict_stream({**QUESTION, "n": 2}))

    assert [chunk["choices"][0]["index"] for chunk in chunks] == [1, 0, 1, 0]
    recorded = logged_trace(model).data.spans[0].outputs["choices"]
    assert [(each["index"], each["message"]["content"]) for each in recorded] == [(0, "yes"), (1, "oo")]


def test_without_predict_stream_the_answer_comes_in_one_piece(write_model: WriteModel) -> None:
    path = write_model(
        """
        class Plain(ChatModel):
            def predict(self, context, messages, params):
                message = {"role": "assistant", "content": "whole"}
                return {"choices": [{"message": message}], "usage": {"total_tokens": 5}}
        set_model(Plain())
        """
    )
    loaded = load_model(log_model("plain", path).model_uri)

    first, last = loaded.predict_stream(QUESTION)

    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "whole"}
    assert (last["choices"][0]["finish_reason"], last["usage"]) == ("stop", {"total_tokens": 5})


def test_a_model_that_is_asynchronous(write_model: WriteModel) -> None:
    import asyncio

    path = write_model(
        """
        import asyncio
        class Async(ChatModel):
            async def predict(self, context, messages, params):
                await asyncio.sleep(0)
                return {"choices": [{"message": {"role": "assistant", "content": "async"}}]}
            async def predict_stream(self, context, messages, params):
                yield {"choices": [{"delta": {"content": "a"}}]}
                await asyncio.sleep(0)
                yield {"choices": [{"delta": {"content": "b"}}]}
        set_model(Async())
        """
    )
    loaded = load_model(log_model("async", path).model_uri)

    async def main() -> list[str]:
        assert content(await loaded.apredict(QUESTION)) == "async"
        assert content(loaded.predict(QUESTION)) == "async"  # as in a notebook's cell
        return [chunk["choices"][0]["delta"]["content"] async for chunk in loaded.apredict_stream(QUESTION)]

    assert asyncio.run(main()) == ["a", "b"]
    assert content(loaded.predict(QUESTION)) == "async"


def test_the_folder_can_be_read_and_moved(echo: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("tram")
    model = log_model("echo", echo, model_config={"mark": "!"}, artifacts={"words": tmp_path / "words.txt"})

    place = model.artifact_location
    files = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    texts = "".join(path.read_text() for path in place.rglob("*") if path.is_file() and path.name != "echo.py")
    moved = tmp_path / "elsewhere"
    shutil.copytree(place, moved)

    assert files == [
        "artifacts/words/words.txt", "config.yaml", "echo.py", "input_example.json", "model.sig", "model.yaml",
        "requirements.txt",
    ]  # fmt: skip
    assert str(tmp_path) not in texts
    assert (place / "requirements.txt").read_text().startswith("# tracer ")
    assert content(load_model(moved).predict(QUESTION)) == "What is a tram?!"


def test_a_config_from_a_yaml_file_can_be_replaced_key_by_key(echo: Path, folder: Path) -> None:
    (folder / "config.yaml").write_text("mark: '?'\nother: 1\n")
    model = log_model("echo", echo, model_config="config.yaml")

    assert content(load_model(model.model_uri).predict(QUESTION)).endswith("tram??")
    assert content(load_model(model.model_uri, model_config={"mark": "!"}).predict(QUESTION)).endswith("tram?!")


def test_a_key_in_the_config_is_warned_of(echo: Path, caplog: pytest.LogCaptureFixture) -> None:
    log_model("plain", echo, model_config={"mark": "!"})
    assert caplog.text == ""

    log_model("keyed", echo, model_config={"api_key": "sk-proj-abcdefghijklmnopqrstuvwx"})
    assert "model_config seems to hold a key" in caplog.text


def test_model_config_at_the_top_of_a_file(write_model: WriteModel) -> None:
    path = write_model(
        """
        config = ModelConfig(development_config={"greeting": "dev"})
        set_model(lambda model_input: config.get("greeting") + model_input)
        """
    )

    assert load_model(log_model("unconfigured", path).model_uri).predict("!") == "dev!"
    model = log_model("configured", path, model_config={"greeting": "hello"})
    assert load_model(model.model_uri).predict("!") == "hello!"


def test_artifacts_come_by_name(write_model: WriteModel, folder: Path) -> None:
    (folder / "data.txt").write_text("data")
    path = write_model(
        """
        from pathlib import Path
        class Reader(PythonModel):
            def load_context(self, context):
                self.texts = {name: Path(path).read_text() for name, path in context.artifacts.items()}
            def predict(self, context, model_input, params=None):
                return [self.texts, model_input, params]
        set_model(Reader())
        """
    )
    model = log_model("reader", path, artifacts={"data": "data.txt", "code": "data.txt"})

    answer = load_model(model.model_uri).predict("x", params={"k": 1})
    assert answer == [{"data": "data", "code": "data"}, "x", {"k": 1}]


@pytest.mark.parametrize("key", ["../../evil", "/etc/evil", "a/b", "..", "", "c:evil", 5])
def test_names_of_artifacts_are_no_paths(echo: Path, key: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="artifacts: got the name"):
        log_model("echo", echo, artifacts={key: echo})
    assert list(tracer.search_logged_models()[0].artifact_location.parent.glob("*")) == []


def test_the_whole_project_as_an_artifact_leaves_the_store_out(echo: Path, folder: Path) -> None:
    tracer.configure(store=folder / "own.db")
    (folder / "index.db").write_text("the user's own")

    for _ in range(2):
        model = log_model("echo", echo, artifacts={"project": "."}, code_paths=["."])
    saved = save_model("saved", echo, artifacts={"project": "."})

    for place in (model.artifact_location, saved):
        copied = sorted(path.name for path in (place / "artifacts" / "project" / "app").iterdir())
        assert copied == ["echo.py", "index.db"]


class Counter(PythonModel):
    def __init__(self, start: int) -> None:
        self.start = start

    def predict(self, context: Any, model_input: int, params: Any = None) -> int:
        return self.start + model_input


def test_an_instance_is_pickled() -> None:
    assert load_model(log_model("counter", Counter(40), input_example=1).model_uri).predict(2) == 42


def test_a_function_is_a_model() -> None:
    model = log_model("double", lambda number: number * 2, input_example=1)

    assert load_model(model.model_uri).predict(21) == 42
    assert logged_trace(model).data.spans[0].outputs == 42


def test_requirements_are_what_the_code_imports_beside_tracer(write_model: WriteModel) -> None:
    path = write_model("from google import genai\nimport click, sys, tracer\nset_model(lambda x: x)")
    if importlib.util.find_spec("google.genai") is None:
        pytest.skip("google-genai is not installed")

    model = log_model("needs", path)

    lines = (model.artifact_location / "requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in lines[1:]] == ["PyYAML", "click", "google-genai"]
    with pytest.raises(InvalidArgumentError, match=r"write a list: \['openai'\]"):
        log_model("needs", path, pip_requirements="openai")


def test_a_pickle_says_what_it_needs(caplog: pytest.LogCaptureFixture) -> None:
    model = log_model("counter", Counter(40))

    lines = (model.artifact_location / "requirements.txt").read_text().splitlines()
    assert {"cloudpickle", "pytest"} <= {line.split("==")[0] for line in lines}
    assert f"code_paths=[{__file__!r}]" in caplog.text


def test_an_example_that_is_a_table(folder: Path) -> None:
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    table = pandas.DataFrame({"number": [1, 2], "at": pandas.to_datetime(["2026-01-01", None])})

    model = log_model("sum", lambda table: table["number"].sum(), input_example=table)

    stored = json.loads((model.artifact_location / "input_example.json").read_text())
    assert stored == {"input": [{"number": 1, "at": "2026-01-01T00:00:00"}, {"number": 2, "at": "NaT"}]}
    with pytest.raises(InvalidArgumentError, match="input_example: object is nothing that JSON can hold"):
        log_model("sum", lambda table: 1, input_example=object())


def test_what_cannot_be_pickled_says_what_to_do() -> None:
    import threading

    model = Counter(1)
    model.lock = threading.Lock()  # type: ignore[attr-defined]

    with pytest.raises(ModelError, match=r"load_context\(\)"):
        log_model("locked", model)


def test_uris_by_id_name_and_version(echo: Path) -> None:
    first = log_model("echo", echo, model_config={"mark": "1"})
    second = log_model("echo", echo, model_config={"mark": "2"})

    def mark(uri: Any) -> str:
        return content(load_model(uri).predict(QUESTION))[-1]

    assert [mark(first.model_uri), mark("models:/echo"), mark("models:/echo/latest")] == ["1", "2", "2"]
    assert [mark("models:/echo/1"), mark("models:/echo/2"), mark(second)] == ["1", "2", "2"]
    for uri in ("models:/nobody", "models:/echo/3", "models:/m-" + "0" * 32, "models:/", "runs:/a/b", "no/such/folder"):
        with pytest.raises(ModelNotFoundError):
            load_model(uri)
    for uri in ("mlflow-artifacts:/abc/model", "models:echo", "models://echo"):
        with pytest.raises(InvalidArgumentError, match="write models:/<name>"):
            load_model(uri)


def test_a_number_stays_with_its_version(echo: Path, write_model: WriteModel) -> None:
    first, second = (log_model("echo", echo, model_config={"mark": mark}) for mark in "12")
    with pytest.raises(ModelError):
        log_model("echo", write_model("x = 1"))
    third = log_model("echo", echo, model_config={"mark": "3"})
    shutil.rmtree(first.artifact_location)

    loaded = [load_model(f"models:/echo/{number}").model_id for number in (2, 3)]
    assert loaded == [second.model_id, third.model_id]
    with pytest.raises(ModelNotFoundError, match="has no files"):
        load_model("models:/echo/1")


def test_a_model_whose_logging_was_killed_is_not_the_newest(write_model: WriteModel, echo: Path) -> None:
    finished = log_model("echo", echo)
    program = f"""
import os, tracer
from tracer.models import log_model, PythonModel
tracer.configure(store={tracer.get_tracking_uri()!r})
class Killed(PythonModel):
    def predict(self, context, model_input):
        os.kill(os.getpid(), 9)
log_model("echo", Killed(), input_example=1)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9

    assert load_model("models:/echo").model_id == finished.model_id
    assert "PENDING" in {model.status.value for model in tracer.search_logged_models()}


def test_a_version_without_files_says_so() -> None:
    model = tracer.create_external_model("external")

    with pytest.raises(ModelNotFoundError, match="not with log_model"):
        load_model(model.model_uri)


def test_the_example_is_run_and_what_is_wrong_is_said(write_model: WriteModel) -> None:
    path = write_model(
        """
        class Wrong(ChatModel):
            def predict(self, context, messages, params):
                return {"choices": [{"message": {"role": "assistant"}}]}
        set_model(Wrong())
        """
    )

    with pytest.raises(ModelError) as caught:
        log_model("wrong", path)

    assert "Wrong.predict gave back no ChatCompletionResponse: choices[0].message.content: is missing" in str(
        caught.value
    )
    (model,) = tracer.search_logged_models()
    assert (model.status.value, model.artifact_location.exists()) == ("FAILED", False)
    assert logged_trace(model).info.state == "ERROR"


def test_the_example_that_is_given_is_the_one_that_is_run(echo: Path) -> None:
    model = log_model("echo", echo, input_example=(QUESTION, {"seed": 7}))

    assert logged_trace(model).data.spans[0].inputs == {**QUESTION, "seed": 7}
    assert logged_trace(model).info.model_id == model.model_id


def test_a_file_that_sets_no_model_takes_none_of_another_file(echo: Path, write_model: WriteModel) -> None:
    log_model("echo", echo)
    set_model(Counter(1))

    with pytest.raises(ModelError, match="has not called"):
        log_model("nothing", write_model("x = 1"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (ChatModel, "expected an instance: ChatModel()"),
        ("nothing.py", "there is no file"),
        (7, "expected an instance of"),
        (None, "got no python_model"),
    ],
)
def test_what_is_no_model_is_refused(given: Any, said: str, folder: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(said)):
        log_model("none", given)


def test_wrong_requests_name_the_field(echo: Path) -> None:
    loaded = load_model(log_model("echo", echo).model_uri)

    with pytest.raises(ValidationError, match=r"messages\[0\].content: is missing"):
        loaded.predict({"messages": [{"role": "user"}]})
    with pytest.raises(ValidationError, match="messages: is missing"):
        loaded.predict({})
    with pytest.raises(ValidationError, match="expected"):
        loaded.predict(7)


def test_serving_input_is_checked_without_a_server(echo: Path) -> None:
    model = log_model("echo", echo)

    assert content(validate_serving_input(model.model_uri, QUESTION)) == "What is a tram?"
    assert content(validate_serving_input(model.model_uri, '{"messages": [{"role": "user", "content": "x"}]}')) == "x"
    with pytest.raises(ValidationError, match="content"):
        validate_serving_input(model.model_uri, {"messages": [{"role": "user"}]})
    with pytest.raises(InvalidArgumentError, match="no JSON"):
        validate_serving_input(model.model_uri, "{")


def test_save_model_into_a_folder_of_ones_own(echo: Path, folder: Path) -> None:
    save_model("saved", echo)

    assert content(load_model("saved").predict(QUESTION)) == "What is a tram?"
    with pytest.raises(InvalidArgumentError, match="exists already"):
        save_model("saved", echo)


def test_code_that_was_changed_since_is_not_run(echo: Path) -> None:
    model = log_model("echo", echo)
    (model.artifact_location / "echo.py").write_text("raise SystemExit\n")

    with pytest.raises(ModelError, match=r"echo\.py .* was changed"):
        load_model(model.model_uri)


def test_a_model_is_logged_and_asked_also_while_tracer_is_off(echo: Path) -> None:
    tracer.disable()
    try:
        model = log_model("echo", echo)
        answer = load_model(model.model_uri).predict(QUESTION)
    finally:
        tracer.enable()

    assert content(answer) == "What is a tram?"
    assert tracer.search_traces(model_id=model.model_id) == []
