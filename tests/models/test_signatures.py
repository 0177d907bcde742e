"""Signatures: inferred from type hints and examples, and what is checked by them; what is said of a logged model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pandas
import pydantic
import pytest

import tracer
from tests.models.conftest import WriteModel
from tracer.errors import InvalidArgumentError
from tracer.models import (
    ModelSignature,
    PythonModel,
    ValidationError,
    convert_input_example_to_serving_input,
    get_model_info,
    infer_signature,
    load_model,
    log_model,
    predict,
    save_model,
    validate_serving_input,
)

REQUEST = {"messages": [{"role": "user", "content": "hi"}]}


class Echo(PythonModel):
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return {"got": str(model_input), "params": params}


class Hinted(PythonModel):
    def predict(self, model_input: list[str]) -> list[str]:  # type: ignore[override]
        return [text.upper() for text in model_input]


class Question(pydantic.BaseModel):
    text: str
    limit: int = 3


def answered(question: Question) -> dict[str, int]:
    return {type(question).__name__: question.limit}


def test_what_log_model_returns_says_everything_of_the_model(folder: Path) -> None:
    with tracer.start_run() as run:
        info = log_model(
            "echo", Echo(), input_example=(REQUEST, {"max_tokens": 5, "stop": ["x"]}), metadata={"team": "search"}
        )

    assert info == tracer.get_logged_model(info.model_id)
    assert (info.model_uuid, info.run_id, info.model_uri) == (
        info.model_id,
        run.info.run_id,
        f"models:/{info.model_id}",
    )
    assert (info.metadata, info.artifact_path) == ({"team": "search"}, str(info.artifact_location))
    assert info.saved_input_example_info == {"artifact_path": "input_example.json", "params": "true"}
    assert info.flavors["python_function"]["python_model"] == "model.pkl"
    assert info.flavors["python_function"]["streamable"] is False
    assert info.signature is not None
    assert info.signature.inputs["properties"]["messages"]["type"] == "array"
    assert info.signature.outputs["properties"]["got"] == {"type": "string"}
    assert info.signature.params["properties"] == {
        "max_tokens": {"type": "integer"}, "stop": {"type": "array", "items": {"type": "string"}},
    }  # fmt: skip
    assert get_model_info(info.model_uri).signature == info.signature


def test_a_loaded_model_has_its_config_example_and_metadata(folder: Path) -> None:
    info = log_model("echo", Echo(), input_example=(REQUEST, {"k": 1}), model_config={"a": 1, "b": 2})

    loaded = load_model(info.model_uri, model_config={"b": 3})

    assert loaded.model_config == {"a": 1, "b": 3}
    assert loaded.input_example == REQUEST
    assert loaded.metadata.signature == info.signature
    assert loaded.metadata.get_input_schema() == info.get_input_schema() == info.signature.inputs  # type: ignore[union-attr]
    assert loaded.metadata.get_params_schema() == {"type": "object", "properties": {"k": {"type": "integer"}}}
    assert (loaded.metadata.model_id, loaded.metadata.flavors) == (info.model_id, info.flavors)


def test_a_folder_says_the_same_without_a_version(folder: Path) -> None:
    path = save_model("saved", Echo(), input_example=[1, 2])

    info = get_model_info(path)

    assert (info.model_id, info.name, info.model_uri) == ("", "saved", "saved")
    assert info.signature is not None
    assert info.signature.inputs == {"type": "array", "items": {"type": "integer"}}
    assert load_model(info).predict([3])["got"] == "[3]"


@pytest.mark.parametrize(
    ("example", "asked", "params", "problem"),
    [
        (REQUEST, {"messages": [{"role": "user"}]}, None, "input.messages[0].content: is missing"),
        (REQUEST, {"messages": "hi"}, None, "input.messages: is 'hi' (str), expected a list"),
        (REQUEST, {"question": 1}, None, "input.messages: is missing"),
        (REQUEST, "hi", None, "input: is 'hi' (str), expected a dict with messages"),
        ((REQUEST, {"k": 1}), REQUEST, {"k": "a"}, "params.k: is 'a' (str), expected a whole number"),
        ((REQUEST, {"k": 1}), REQUEST, 5, "params: is 5 (int), expected a dict with k"),
        (1, 1.5, None, "input: is 1.5 (float), expected a whole number"),
        ([1.5], [True], None, "input[0]: is True (bool), expected a number"),
        ({"a": 1}, pandas.DataFrame({"b": [1]}), None, "input.a: is missing; the columns are b"),
        (pandas.DataFrame({"a": [1]}), pandas.DataFrame({"b": [1]}), None, "input.a: is missing; the columns are b"),
        ([{"a": 1, "b": None}, {"a": 2.5}], [{"a": "x"}], None, "input[0].a: is 'x' (str), expected a number"),
    ],
)
def test_inputs_and_params_unlike_the_example_name_the_place(
    example: Any, asked: Any, params: Any, problem: str, folder: Path
) -> None:
    loaded = load_model(log_model("echo", Echo(), input_example=example).model_uri)

    with pytest.raises(ValidationError) as raised:
        loaded.predict(asked, params=params)

    assert problem == str(raised.value)
    trace = tracer.get_trace(str(tracer.get_last_active_trace_id()))
    assert trace is not None
    assert trace.info.state == "ERROR"


@pytest.mark.parametrize(
    ("example", "asked", "params"),
    [
        (REQUEST, {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "more": 1}, None),
        (REQUEST, {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, {"any": 1}),
        ({**REQUEST, "temperature": 1}, REQUEST, None),
        ((REQUEST, {"k": 1}), REQUEST, {"k": 2.0, "other": "x"}),
        (1.5, 2, None),
        (1, numpy.int64(2), {"k": numpy.float32(1)}),
        ([1.5], numpy.array([1.0, 2.0]), None),
        ("a", numpy.str_("b"), None),
        (True, numpy.bool_(False), None),
        (None, object, None),
        (pandas.DataFrame({"a": [1]}), [{"a": 5}], None),
    ],
)
def test_what_is_like_the_example_reaches_the_model_as_it_is(
    example: Any, asked: Any, params: Any, folder: Path
) -> None:
    loaded = load_model(log_model("echo", Echo(), input_example=example).model_uri)

    assert loaded.predict(asked, params=params) == {"got": str(asked), "params": params}


def test_type_hints_are_the_signature_and_are_checked(folder: Path) -> None:
    info = log_model("hinted", Hinted())
    loaded = load_model(info.model_uri)

    assert info.signature is not None
    assert info.signature.to_dict() == {
        "inputs": {"type": "array", "items": {"type": "string"}},
        "outputs": {"type": "array", "items": {"type": "string"}},
    }
    assert loaded.predict(["a"]) == ["A"]
    assert loaded.predict(pandas.DataFrame({"x": ["b"]})) == ["B"]
    for asked, problem in ((5, "input: input should be a valid list; got 5"), ([5], "input[0]: input should be a")):
        with pytest.raises(ValidationError) as raised:
            loaded.predict(asked)
        assert str(raised.value).startswith(problem)


def test_a_function_gets_the_type_that_its_hint_names(folder: Path) -> None:
    loaded = load_model(log_model("answered", answered, input_example={"text": "x"}).model_uri)

    assert loaded.predict({"text": "x", "limit": 5}) == {"Question": 5}
    with pytest.raises(ValidationError, match=r"^input\.text: is missing$"):
        loaded.predict({"limit": 1})


def test_hints_that_are_no_data_and_names_for_type_checkers_alone_check_nothing(write_model: WriteModel) -> None:
    path = write_model(
        """
        class Any_(PythonModel):
            def predict(self, context, model_input: "Unknown", params=None):
                return model_input

        class Frames(PythonModel):
            def predict(self, context, model_input: type(lambda: 1), params=None):
                return model_input

        set_model(Frames())
        """
    )

    assert load_model(log_model("frames", path).model_uri).predict(5) == 5


def test_a_signature_may_be_given(folder: Path) -> None:
    signature = infer_signature({"a": 1}, "x", {"k": 0.5})
    loaded = load_model(log_model("echo", Echo(), signature=signature).model_uri)

    assert loaded.metadata.signature == signature
    assert ModelSignature.from_dict(json.loads(json.dumps(signature.to_dict()))) == signature
    with pytest.raises(ValidationError, match=r"^input\.a: is missing$"):
        loaded.predict({"b": 1})
    assert ModelSignature(inputs=list[int]).inputs == {"type": "array", "items": {"type": "integer"}}
    for wrong in ("text", 5):
        with pytest.raises(InvalidArgumentError, match="infer_signature"):
            log_model("echo", Echo(), signature=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="infer_signature"):
        ModelSignature()


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("a", {"type": "string"}),
        (True, {"type": "boolean"}),
        ([1, 2.5], {"type": "array", "items": {"type": "number"}}),
        ([1, "a"], {"type": "array", "items": {}}),
        ([], {"type": "array", "items": {}}),
        ({"a": None}, {"type": "object", "properties": {"a": {}}, "required": []}),
        (
            [{"a": 1}, {"b": 2}],
            {"type": "array", "items": {
                "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": []}},
        ),
        (pandas.Series([1.0]), {"type": "array", "items": {"type": "number"}}),
        (
            pandas.DataFrame({"a": ["x"]}),
            {"type": "array", "items": {
                "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
        ),
    ],
)  # fmt: skip
def test_schemas_of_values(value: Any, schema: Any) -> None:
    assert infer_signature(value).inputs == schema


def test_chat_models_have_the_signature_of_the_chat_schema(echo: Path) -> None:
    info = log_model("echo", echo)

    assert info.signature is not None
    assert {"messages", "temperature", "tools"} <= set(info.signature.inputs["properties"])
    assert info.signature.outputs["required"] == ["choices"]


def test_models_of_before_are_not_checked(folder: Path) -> None:
    path = save_model("saved", Echo(), input_example=1)
    from tracer.models.manifest import read_manifest, rewrite_manifest

    manifest = read_manifest(path)
    manifest.signature = {}
    rewrite_manifest(path, manifest)

    assert load_model(path).predict("x")["got"] == "x"


@pytest.mark.parametrize(
    ("example", "body"),
    [
        (REQUEST, REQUEST),
        ((REQUEST, {"k": 1}), {"inputs": REQUEST, "params": {"k": 1}}),
        ([1, 2], {"inputs": [1, 2]}),
        ({"a": "b"}, {"inputs": {"a": "b"}}),
        (pandas.DataFrame({"a": [1]}), {"dataframe_split": {"columns": ["a"], "data": [[1]]}}),
    ],
)
def test_examples_become_the_bodies_of_requests_and_back(example: Any, body: Any, folder: Path) -> None:
    text = convert_input_example_to_serving_input(example)
    info = log_model("echo", Echo(), input_example=example)

    assert json.loads(str(text)) == body
    data, params = example if isinstance(example, tuple) else (example, None)
    assert validate_serving_input(info.model_uri, text) == {"got": str(data), "params": params}


def test_predict_asks_a_model_once(folder: Path) -> None:
    info = log_model("echo", Echo(), input_example=1)
    Path("in.json").write_text('{"inputs": 2, "params": {"k": 1}}')

    assert predict(info.model_uri, 5, env_manager="local")["got"] == "5"
    assert predict(model_uri=info.model_uri, input_path="in.json", output_path="out.json")["got"] == "2"
    assert json.loads(Path("out.json").read_text()) == {"got": "2", "params": {"k": 1}}
    with pytest.raises(InvalidArgumentError, match=r"env_manager: .* the model runs in this Python"):
        predict(info.model_uri, 5, env_manager="uv")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"conda_env": {}}, InvalidArgumentError, "conda_env: .*pip_requirements"),
        ({"artifact_path": "x", "name": "y"}, InvalidArgumentError, "give the name"),
        ({"modelconfig": {}}, TypeError, "'modelconfig'. Did you mean 'model_config'?"),
        ({"model_config": "nope.yaml"}, InvalidArgumentError, r"model_config: there is no file 'nope\.yaml'"),
        ({"model_config": "."}, InvalidArgumentError, r"model_config: cannot read"),
    ],
)
def test_arguments_that_are_spelt_otherwise_say_what_to_write(
    arguments: Any, error: type[Exception], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=message):
        log_model(python_model=Echo(), **arguments)


def test_artifact_path_is_the_name_and_what_is_none_is_no_argument(folder: Path) -> None:
    info = log_model(artifact_path="echo", python_model=Echo(), conda_env=None, extra_pip_requirements=["numpy"])

    assert info.name == "echo"
    assert "numpy" in (info.artifact_location / "requirements.txt").read_text().splitlines()
    with pytest.raises(InvalidArgumentError, match=r"suppress_warnings: .*leave it out"):
        load_model(info.model_uri, suppress_warnings=True)
