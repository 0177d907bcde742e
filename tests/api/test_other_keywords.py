"""Keywords of MLflow's functions are taken for ours, or refused by an error that names what to write."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer._other_keywords import NAMES, OF_AUTOLOG, OF_SPANS
from tracer.errors import InvalidArgumentError
from tracer.provider import _EXTRAS, BUILT_IN

ROOT = Path(__file__).resolve().parents[2]

# the parameters of MLflow's functions of the same names, mlflow 3.17
OF_MLFLOW = {
    "create_experiment": "name artifact_location tags trace_location",
    "create_external_model": "name source_run_id tags params model_type experiment_id",
    "delete_assessment": "trace_id assessment_id",
    "delete_logged_model_tag": "model_id key",
    "delete_run": "run_id",
    "delete_trace_tag": "trace_id key",
    "end_run": "status",
    "finalize_logged_model": "model_id status",
    "get_artifact_uri": "artifact_path",
    "get_assessment": "trace_id assessment_id",
    "get_experiment": "experiment_id",
    "get_experiment_by_name": "name",
    "get_last_active_trace_id": "thread_local",
    "get_logged_model": "model_id",
    "get_run": "run_id",
    "get_trace": "trace_id silent flush",
    "log_artifact": "local_path artifact_path run_id",
    "log_assessment": "trace_id assessment",
    "log_dict": "dictionary artifact_file run_id",
    "log_expectation": "trace_id name value source metadata span_id",
    "log_feedback": "trace_id name value source error rationale metadata span_id",
    "log_metric": "key value step synchronous timestamp run_id model_id dataset",
    "log_metrics": "metrics step synchronous run_id timestamp model_id dataset",
    "log_model_params": "params model_id",
    "log_param": "key value synchronous",
    "log_params": "params synchronous run_id",
    "log_text": "text artifact_file run_id",
    "override_feedback": "trace_id assessment_id value rationale source metadata",
    "search_experiments": "view_type max_results filter_string order_by",
    "search_logged_models": "experiment_ids filter_string datasets max_results order_by output_format",
    "search_runs": (
        "experiment_ids filter_string run_view_type max_results order_by output_format search_all_experiments "
        "experiment_names"
    ),
    "search_traces": (
        "experiment_ids filter_string max_results order_by extract_fields run_id return_type model_id "
        "sql_warehouse_id include_spans locations flush"
    ),
    "set_active_model": "name model_id",
    "set_experiment": "experiment_name experiment_id trace_location",
    "set_logged_model_tags": "model_id tags",
    "set_tag": "key value synchronous",
    "set_tags": "tags synchronous",
    "set_trace_tag": "trace_id key value",
    "set_tracking_uri": "uri",
    "start_run": "run_id experiment_id run_name nested parent_run_id tags description log_system_metrics",
    "start_span_no_context": (
        "name span_type parent_span inputs attributes tags metadata experiment_id start_time_ns log_level links "
        "description"
    ),
    "trace": (
        "func name span_type attributes output_reducer trace_destination sampling_ratio_override log_level links "
        "description"
    ),
    "update_assessment": "trace_id assessment_id assessment",
    "update_current_trace": (
        "tags metadata client_request_id request_preview response_preview state model_id session_id user"
    ),
}


@pytest.mark.parametrize("name", OF_MLFLOW)
def test_every_keyword_of_mlflow_is_taken_or_has_an_answer(name: str) -> None:
    function = getattr(tracer, name)
    known = {*inspect.signature(function).parameters, *getattr(function, "other_keywords", ())}

    assert [keyword for keyword in OF_MLFLOW[name].split() if keyword not in known] == []


def test_the_same_holds_for_blocks_and_autolog() -> None:
    of_blocks = ["name", "span_type", "attributes", "trace_destination", "log_level", "run_id", "links", "description"]
    of_autolog = [
        "log_input_examples",
        "log_model_signatures",
        "log_models",
        "log_datasets",
        "log_traces",
        "disable",
        "exclusive",
        "disable_for_unsupported_versions",
        "silent",
        "extra_tags",
    ]

    assert set(of_blocks) <= {*inspect.signature(tracer.start_span).parameters, *OF_SPANS}
    assert set(of_autolog) <= {*inspect.signature(tracer.autolog).parameters, *OF_AUTOLOG}
    assert {*inspect.signature(tracer.openai.autolog).parameters, *tracer.openai.autolog.other_keywords} >= {
        "disable", "exclusive", "disable_for_unsupported_versions", "silent", "log_traces",
        "disable_openai_agent_tracer",
    }  # fmt: skip


def test_keywords_that_are_other_words_are_taken() -> None:
    tracer.set_experiment(experiment_name="support")  # type: ignore[call-arg]
    with tracer.start_span("a") as span:
        pass

    found = tracer.get_trace(span.trace_id, silent=True, flush=True)  # type: ignore[call-arg]
    experiment = tracer.get_experiment_by_name("support")
    assert experiment is not None
    assert found is not None
    assert found.info.experiment == "support"
    for given in ("support", experiment.experiment_id):
        [listed] = tracer.search_traces(locations=[given], flush=True)  # type: ignore[call-overload]
        assert listed.trace_id == span.trace_id
    tracer.set_experiment(experiment_id="0")
    assert tracer.set_experiment(experiment_id=experiment.experiment_id).name == "support"


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: tracer.search_traces(extract_fields=["a"]),
        "search_traces() has no extract_fields=; write search_traces(…)",
    ),  # type: ignore[call-overload]
    (lambda: tracer.search_runs(run_view_type=2), "search_runs() has no run_view_type=; leave it out: runs that"),  # type: ignore[call-overload]
    (lambda: tracer.start_run(parent_run_id="x"), "start_run() has no parent_run_id=; write nested=True inside"),  # type: ignore[call-arg]
    (lambda: tracer.trace(sampling_ratio_override=0.1), "trace() has no sampling_ratio_override=; write tracer.conf"),  # type: ignore[call-overload]
    (lambda: tracer.start_span("a", description="d"), "start_span() has no description=; write attributes={'descr"),  # type: ignore[arg-type]
    (lambda: tracer.openai.autolog(log_traces=False), "autolog() has no log_traces=; write disable=True"),
    (lambda: tracer.autolog(exclude_flavors=["mcp"]), "autolog() has no exclude_flavors=; write tracer.autolog(), t"),  # type: ignore[arg-type]
    (lambda: tracer.log_metric("a", 1, model_id="m"), "log_metric() has no model_id=; write tracer.log_model_metrics"),  # type: ignore[call-arg]
    (
        lambda: tracer.set_experiment(name="a", experiment_name="b"),
        "set_experiment() got experiment_name= and name=, whi",
    ),  # type: ignore[call-arg]
]


@pytest.mark.parametrize(("call", "error"), REFUSED, ids=[error.partition(";")[0] for _, error in REFUSED])
def test_a_keyword_without_a_meaning_here_names_what_to_write(call: Callable[[], Any], error: str) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        call()

    assert str(raised.value).startswith(error)


def test_a_value_that_asks_for_what_happens_anyway_is_taken() -> None:
    try:
        tracer.openai.autolog(log_traces=True, silent=True, exclusive=False, disable_openai_agent_tracer=False)
    finally:
        tracer.openai.autolog(disable=True)
    tracer.search_runs(run_view_type=1, search_all_experiments=True)  # type: ignore[call-overload]

    @tracer.trace(sampling_ratio_override=None)  # type: ignore[call-overload]
    def step() -> int:
        return 1

    assert step() == 1
    assert len(tracer.search_traces()) == 1


def test_a_keyword_that_nobody_knows_is_a_type_error() -> None:
    for call in (tracer.get_trace, tracer.start_span, tracer.autolog, tracer.start_run):
        with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
            call(no_such=1)  # type: ignore[operator]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_elsewhere_says_where(name: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(tracer, name)

    assert str(raised.value).casefold().endswith(f"has no attribute {name!r}. {NAMES[name]}.".casefold())


@pytest.mark.no_store
def test_such_a_name_in_an_import_says_so_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "from tracer import MlflowClient"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert ran.stderr.splitlines()[-1].startswith("ImportError: cannot import name 'MlflowClient' from 'tracer'. Its")


def test_experiment_ids_in_the_place_of_the_filter() -> None:
    with pytest.raises(InvalidArgumentError, match=r"experiments go by keyword: experiment_ids=\['0'\]"):
        tracer.search_traces(["0"])  # type: ignore[call-overload]


def test_a_block_that_is_taken_for_a_span_says_where_the_span_is() -> None:
    block = tracer.start_span("retrieve")

    with pytest.raises(
        AttributeError, match=r"has no 'set_inputs': .* `with tracer.start_span\('retrieve'\) as span: …`"
    ):
        block.set_inputs({"q": 1})
    assert not hasattr(block, "_repr_html_")


def test_a_list_of_traces_that_is_taken_for_a_table_says_so() -> None:
    with tracer.start_span("a"):
        pass
    found = tracer.search_traces()

    with pytest.raises(TypeError, match=r"no column 'request'; write search_traces\(…\)\.to_pandas\(\)"):
        found["request"]  # type: ignore[call-overload]
    with pytest.raises(AttributeError, match=r"has no 'iterrows'; write search_traces\(…\)\.to_pandas\(\)"):
        found.iterrows()
    assert [trace.info.name for trace in found[:1]] == ["a"]


def test_a_provider_whose_sdk_is_missing_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.provider._is_installed", lambda package: package != "anthropic")
    monkeypatch.setattr("tracer._fault._logged", set())
    caplog.set_level(logging.WARNING, "tracer")
    try:
        tracer.autolog()
        assert caplog.messages == []
        tracer.anthropic.autolog()
        tracer.anthropic.autolog()
        tracer.mistral.autolog()
    finally:
        tracer.autolog(disable=True)

    [message] = caplog.messages
    assert message.startswith(
        "tracer.anthropic.autolog() has nothing to record: the package anthropic is not installed here "
        "(pip install '.[anthropic]' in a clone of tracer"
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_provider_has_an_extra_that_installs_its_sdk(name: str) -> None:
    assert _EXTRAS.get(name, name) in (metadata("tracer-autolog").get_all("Provides-Extra") or ())
