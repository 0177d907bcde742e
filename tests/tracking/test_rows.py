"""Rows of an evaluation: each a trace of its own, whatever the app, the scorers and the table are like."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.openai.replies import chat
from tests.openai.server import Server, reply
from tracer.errors import InvalidArgumentError

openai = pytest.importorskip("openai", exc_type=ImportError)

QUESTIONS = [{"inputs": {"question": text}} for text in ("one", "two", "three")]


@pytest.fixture
def provider() -> Iterator[Server]:
    running = Server()
    running.will(lambda _: reply(chat(usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})))
    yield running
    running.close()


def test_what_a_judge_asks_is_not_booked_on_the_version(provider: Server) -> None:
    tracer.openai.autolog()
    model = tracer.create_external_model("judged")
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:

        def answer(question: str) -> str:
            return str(ask(question))

        def judge(outputs: str) -> float:
            ask(f"Is this right? {outputs}")
            return 1.0

        def ask(text: str) -> Any:
            messages: Any = [{"role": "user", "content": text}]
            return client.chat.completions.create(model="m", messages=messages).choices[0].message.content

        result = tracer.evaluate(QUESTIONS, answer, [judge], model_id=model.model_id)
    tracer.openai.autolog(disable=True)

    (version,) = tracer.compare_versions("judged")
    assert (version.traces, version.tokens, version.scores) == (3, 45, {"judge": 1.0})
    assert len(tracer.search_traces(run_id=result.run_id)) == 3
    assert len(tracer.search_traces()) == 6


def test_rows_inside_of_a_span_are_traces_of_their_own() -> None:
    with tracer.start_span("outer") as outer:
        result = tracer.evaluate(QUESTIONS, lambda question: question)

    ids = {row.trace_id for row in result.rows}
    assert len(ids | {outer.trace_id}) == 4


def test_asynchronous_apps_and_scorers_share_one_loop(provider: Server) -> None:
    client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0)
    loops = set()
    scored: list[str] = []

    async def answer(question: str) -> Any:
        loops.add(id(asyncio.get_running_loop()))
        messages: Any = [{"role": "user", "content": question}]
        return (await client.chat.completions.create(model="m", messages=messages)).choices[0].message.content

    async def said(outputs: str) -> bool:
        loops.add(id(asyncio.get_running_loop()))
        scored.append(outputs)
        if len(scored) == 9:
            await client.close()
        return bool(outputs)

    result = tracer.evaluate(QUESTIONS * 3, answer, [said], workers=2)

    assert [row.error for row in result.rows] == [None] * 9
    assert (result.metrics["said/mean"], len(loops)) == (1, 1)


def test_ctrl_c_asks_no_further_row(tmp_path: Path, own_store: str) -> None:
    program = f"""
import signal, time, tracer
from pathlib import Path
tracer.configure(store={own_store!r})
def answer(number):
    Path(f"asked-{{number}}").touch()
    print("asked", flush=True)
    while not Path("go-on").exists():
        time.sleep(0.01)
signal.signal(signal.SIGINT, signal.default_int_handler)
tracer.evaluate([{{"inputs": {{"number": n}}}} for n in range(100)], answer, workers=2)
"""
    running = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE)  # fmt: skip
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    os.kill(running.pid, signal.SIGINT)
    errors = list(iter(running.stderr.readline, "KeyboardInterrupt\n"))  # the interpreter now waits for both rows
    (tmp_path / "go-on").touch()
    running.communicate(timeout=60)

    assert errors[0].startswith("Traceback")
    assert len(list(tmp_path.glob("asked-*"))) <= 2
    (run,) = tracer.search_runs()
    assert run.info.status == "KILLED"


def test_traces_that_were_there_belong_to_the_run_and_the_version() -> None:
    model = tracer.create_external_model("later")
    with tracer.start_span("earlier") as free:
        free.set_outputs("x")
    with tracer.set_active_model("production"), tracer.start_span("taken") as taken:
        taken.set_outputs("x")

    result = tracer.evaluate(
        [{"trace": free.trace_id, "outputs": 0}, {"trace": taken.trace_id}], model_id=model.model_id
    )

    assert [row.outputs for row in result.rows] == [0, "x"]
    assert {trace.trace_id for trace in tracer.search_traces(run_id=result.run_id)} == {free.trace_id, taken.trace_id}
    assert [trace.trace_id for trace in tracer.search_traces(model_id=model.model_id)] == [free.trace_id]


def test_an_evaluation_while_tracer_is_off() -> None:
    model = tracer.create_external_model("off")
    tracer.disable()
    try:
        result = tracer.evaluate(
            [{**row, "expectations": {"answer": "x"}} for row in QUESTIONS],
            lambda question: question,
            [lambda outputs: len(outputs)],
            model_id=model.model_id,
        )
    finally:
        tracer.enable()

    assert result.metrics["<lambda>/mean"] == 11 / 3
    assert [row.trace_id for row in result.rows] == [None] * 3


@pytest.mark.parametrize(
    ("given", "mean"),
    [
        ("numpy.bool_(True)", 1.0),
        ("numpy.float32(0.5)", 0.5),
        ("{'value': numpy.int64(3)}", 3.0),
        ("[{'name': 'score', 'value': numpy.float64(2)}]", 2.0),
    ],
)
def test_numbers_of_numpy(given: str, mean: float) -> None:
    numpy = pytest.importorskip("numpy", exc_type=ImportError)

    @tracer.scorer(name="score")
    def score(outputs: str) -> Any:
        return eval(given, {"numpy": numpy})

    result = tracer.evaluate(QUESTIONS, lambda question: question, [score])

    assert result.metrics == {"score/mean": mean, "rows": 3, "error_share": 0}
    assert type(result.rows[0].scores[0].value) in (bool, float, int)


def test_a_score_that_is_not_a_number_is_left_out_of_the_mean() -> None:
    values = {"one": 1.0, "two": float("nan"), "three": 3.0}

    result = tracer.evaluate(QUESTIONS, lambda question: question, [tracer.scorer(lambda outputs: values[outputs])])

    assert result.metrics["<lambda>/mean"] == 2.0


def test_a_score_with_a_wrong_name_is_an_error_of_its_scorer() -> None:
    result = tracer.evaluate(QUESTIONS[:1], lambda question: question, [tracer.scorer(lambda: {"name": 5, "value": 1})])

    assert "a score's name is 5" in str(result.rows[0].scores[0].error)


def test_a_function_whose_parameter_is_called_data() -> None:
    result = tracer.evaluate([{"inputs": {"data": 1}}], lambda data: data + 1)

    assert result.rows[0].outputs == 2


def test_empty_cells_of_a_table_are_what_is_not_there() -> None:
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    table = pandas.DataFrame(
        [
            {"inputs": {"question": "one"}, "outputs": "given", "expectations": {"answer": "given"}},
            {"inputs": {"question": "two"}},
        ]
    )

    result = tracer.evaluate(table, lambda question: question)

    assert [row.outputs for row in result.rows] == ["given", "two"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"predict_fn": 5}, "predict_fn: got"),
        ({"predict_fn": len, "scorers": len}, r"scorers: got .* expected a list"),
        ({"predict_fn": len, "data": [{"inputs": 1, "expectations": {"": 1}}]}, r"data\[0\]\.expectations"),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        tracer.evaluate(**{"data": QUESTIONS, **arguments})
