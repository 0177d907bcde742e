"""Settings: argument over environment over default; sampling by trace; off is off; errors that help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.openai.server import unreachable_port
from tracer._engine.runtime import runtime
from tracer.errors import InvalidArgumentError, StoreError

ROOT = Path(__file__).parents[2]


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sample_rate": 2}, "sample_rate: got 2, expected a number from 0.0"),
        ({"sample_rate": "x"}, "sample_rate: got 'x'"),
        ({"store": "mysql://x"}, "sqlite:///tracer.db"),
        ({"store": ""}, "store: got ''"),
        ({"store": "sqlite:///:memory:"}, "tempfile"),
        ({"enabled": "perhaps"}, "enabled: got 'perhaps', expected true or false"),
        ({"exporters": [object()]}, "has no export()"),
        ({"span_processors": [3]}, "neither an OpenTelemetry SpanProcessor nor a function"),
        ({"tracer_provider": object()}, "expected an opentelemetry.sdk.trace.TracerProvider"),
        ({"max_value_bytes": 5}, "at least 1024"),
        ({"experiment": " "}, "experiment: got ' '"),
        ({"service_name": 3}, "service_name: got 3"),
    ],
)
def test_a_bad_setting_is_refused_and_nothing_changes(arguments: dict[str, Any], words: str) -> None:
    before = runtime().settings
    with pytest.raises(InvalidArgumentError) as caught:
        tracer.configure(capture_content=False, **arguments)

    assert words in str(caught.value)
    assert runtime().settings == before


def test_what_is_not_given_stays() -> None:
    tracer.configure(sample_rate=0.5)
    tracer.configure(capture_content=False)

    assert (runtime().settings.sample_rate, runtime().settings.capture_content) == (0.5, False)


def test_the_environment_wins_over_the_default_and_an_argument_over_both(tmp_path: Path) -> None:
    code = (
        "import tracer\nfrom tracer._engine.runtime import runtime\n"
        "print(runtime().settings.sample_rate, tracer.get_tracking_uri(), runtime().settings.experiment)\n"
        "tracer.configure(sample_rate=0.75)\nprint(runtime().settings.sample_rate)\n"
        "tracer.reset()\nprint(runtime().settings.sample_rate)"
    )
    done = run(code, tmp_path, TRACER_SAMPLE_RATE="0.25", TRACER_STORE="sqlite:///other.db", TRACER_EXPERIMENT="e")

    first, second, third = done.stdout.splitlines()
    assert first == f"0.25 sqlite:////{str(tmp_path / 'other.db').lstrip('/')} e"
    assert (second, third) == ("0.75", "0.25")


def test_a_bad_variable_is_named_in_one_log_line_and_the_program_runs(tmp_path: Path) -> None:
    done = run("import tracer\nwith tracer.start_span('a'):\n    print('ran')", tmp_path, TRACER_SAMPLE_RATE="lots")

    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "TRACER_SAMPLE_RATE: got 'lots'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_tracer_enabled_0_writes_nothing_at_all(tmp_path: Path) -> None:
    code = (
        "import tracer\n@tracer.trace\ndef f(x): return x\nassert f(3) == 3\n"
        "with tracer.start_span('s') as span:\n"
        "    span.set_inputs(1); span.set_attribute('a', 1); span.add_event('e')\n"
        "    tracer.update_current_trace(tags={'a': 'b'})\n"
        "def g():\n    got = yield 1\n    return got\ng = tracer.trace(g)\n"
        "it = g(); assert next(it) == 1\n"
        "tracer.set_span_chat_messages(span, [{'role': 'user', 'content': 'x'}])\n"
        "assert tracer.get_last_active_trace_id() is None and tracer.get_current_active_span() is None\n"
        "import threading; assert threading.active_count() == 1\n"
    )
    done = run(code, tmp_path, TRACER_ENABLED="0")

    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_disable_and_enable_switch_recording() -> None:
    tracer.disable()
    with tracer.start_span("off"):
        pass
    assert tracer.get_last_active_trace_id() is None
    tracer.enable()
    with tracer.start_span("on") as span:
        pass

    assert [t.info.trace_id for t in tracer.search_traces()] == [span.trace_id]


def test_after_shutdown_nothing_is_recorded_until_enable() -> None:
    with tracer.start_span("before"):
        pass
    tracer.shutdown()
    with tracer.start_span("between"):
        pass
    tracer.enable()
    with tracer.start_span("after"):
        pass

    assert sorted(t.data.spans[0].name for t in tracer.search_traces()) == ["after", "before"]


def test_sample_rate_decides_by_trace() -> None:
    tracer.configure(sample_rate=0.5)
    for _ in range(400):
        with tracer.start_span("root"), tracer.start_span("child"):
            pass

    traces = tracer.search_traces(max_results=1000)
    assert 120 < len(traces) < 280
    assert all(len(t.data.spans) == 2 for t in traces)


def test_a_sample_rate_of_zero_records_nothing() -> None:
    tracer.configure(sample_rate=0.0)
    with tracer.start_span("root") as span:
        assert not span.is_recording()

    assert tracer.search_traces() == []


def test_experiments_hold_traces() -> None:
    tracer.set_experiment("one")
    with tracer.start_span("a") as a:
        pass
    tracer.set_experiment("two")
    with tracer.start_span("b"):
        pass

    assert [t.info.trace_id for t in tracer.search_traces(experiment_names=["one"])] == [a.trace_id]


def test_the_store_can_be_a_path(tmp_path: Path) -> None:
    tracer.configure(store=tmp_path / "a b" / "ü.db")
    with tracer.start_span("s") as span:
        pass

    assert tracer.get_trace(span.trace_id) is not None
    assert (tmp_path / "a b" / "ü.db").exists()


def test_changing_the_store_leaves_earlier_traces_in_the_old_one(tmp_path: Path) -> None:
    with tracer.start_span("first") as first:
        pass
    old = tracer.get_tracking_uri()
    tracer.set_tracking_uri(tmp_path / "second.db")
    assert tracer.get_trace(first.trace_id) is None
    tracer.set_tracking_uri(old)

    assert tracer.get_trace(first.trace_id) is not None


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile", "databricks-uc", "uc:catalog.schema"])
def test_a_tracking_uri_of_another_product_is_no_file_name(uri: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"store: got '{uri}', which is no store of tracer. Give a file"):
        tracer.set_tracking_uri(uri)


def test_a_file_may_have_such_a_name(tmp_path: Path) -> None:
    tracer.set_tracking_uri(f"{tmp_path}/databricks")
    with tracer.start_span("a"):
        pass

    assert len(tracer.search_traces()) == 1


def test_a_store_in_a_new_folder_says_that_it_makes_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracer.set_tracking_uri(tmp_path / "old.db")
    assert caplog.messages == []
    tracer.set_tracking_uri(tmp_path / "new" / "folder" / "x.db")

    assert caplog.messages == [f"tracer makes the folder {tmp_path}/new/folder for its store: there is none"]


def test_a_variable_that_names_no_store_is_an_error_where_traces_are_read(tmp_path: Path) -> None:
    code = (
        "import tracer\n"
        "from tracer.errors import StoreError\n"
        "with tracer.start_span('a'): pass\n"
        "try: tracer.search_traces()\n"
        "except StoreError as error: print(error)\n"
        "tracer.configure(store='tracer.db')\n"
        "[trace] = tracer.search_traces()\n"
        "print(trace.info.experiment)\n"
    )
    done = run(code, tmp_path, TRACER_STORE="postgresql://host/traces", TRACER_EXPERIMENT="support")

    expected = "TRACER_STORE: got 'postgresql://host/traces', expected 'sqlite:///tracer.db' (relative), "
    said, experiment = done.stdout.splitlines()
    assert said.startswith(expected)
    assert said.endswith(f"Until then this program records into sqlite:///{tmp_path}/tracer.db.")
    assert experiment == "support", "the other variables hold"
    assert done.stderr.startswith(f"tracer ignores an environment variable: {expected}")


def test_a_server_that_is_down_says_where_the_records_wait(tmp_path: Path) -> None:
    tracer.set_tracking_uri(f"http://127.0.0.1:{unreachable_port()}")
    with pytest.raises(StoreError, match=r"cannot reach the tracer server .* refused$"):
        tracer.search_traces()
    with tracer.start_span("a") as span:
        pass

    with pytest.raises(StoreError, match=r"waits in its journal, and is sent when the server answers$"):
        tracer.get_trace(span.trace_id)


@pytest.mark.parametrize("timeout", ["5s", None, True])
def test_a_timeout_of_flush_that_is_no_number_is_refused(timeout: Any) -> None:
    with pytest.raises(tracer.errors.InvalidArgumentError, match=r"timeout: got .*, expected a number of seconds"):
        tracer.flush(timeout)


def test_a_value_of_many_items_that_is_cut_is_logged_with_the_bound_of_items(caplog: pytest.LogCaptureFixture) -> None:
    with tracer.start_span("many") as span:
        span.set_outputs([0] * 40_000)

    assert "tracer cut tracer.outputs: one value may have max_value_bytes=1048576, and some 32,000 items" in caplog.text
