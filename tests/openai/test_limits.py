"""`tracer.limit`: calls that would spend more are not sent."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import chat
from tests.openai.server import Server, reply, sse
from tracer._engine import limits
from tracer.errors import InvalidArgumentError, LimitExceededError
from tracer.provider import Call, FrameworkSpans, Operation, Reply, ReportedCall, Request

PRICED = "gpt-4o-mini"


@pytest.fixture(autouse=True)
def answers(server: Server) -> None:
    server.will(reply(answer()))


def answer(**changes: Any) -> Any:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500}
    return chat(model=PRICED, usage=usage, **changes)


def ask(client: Any, text: str = "Capital of Peru?", model: str = PRICED, **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def asked_until_refused(client: Any, most: int = 20, **more: Any) -> LimitExceededError:
    with pytest.raises(LimitExceededError) as caught:
        for number in range(most):
            ask(client, f"{number}", **more)
    return caught.value


def test_limit_of_calls_refuses_the_next_one_before_it_is_sent(server: Server, client: openai.OpenAI) -> None:
    with tracer.limit(calls=3):
        error = asked_until_refused(client)

    assert (error.reached, error.used, error.allowed, len(server.asked)) == ("calls", 3, 3, 3)


def test_limit_of_tokens_counts_what_ended(server: Server, client: openai.OpenAI) -> None:
    with tracer.limit(tokens=3_000):
        error = asked_until_refused(client)

    assert (error.reached, error.used, len(server.asked)) == ("tokens", 3_000, 2)


def test_limit_of_cost_counts_usd(server: Server, client: openai.OpenAI) -> None:
    price = 1_000 * 0.15e-6 + 500 * 0.60e-6

    with tracer.limit(cost=price * 2.5):
        error = asked_until_refused(client)

    assert (error.reached, len(server.asked)) == ("cost", 3)
    assert error.used == pytest.approx(3 * price)


def test_message_of_a_limit_names_the_calls_and_how_to_allow_more(client: openai.OpenAI) -> None:
    @tracer.trace
    def plan() -> None:
        ask(client)

    with tracer.limit(calls=2):
        plan()
        ask(client, model="gpt-4o")
        error = asked_until_refused(client)

    assert str(error) == (
        "limit(calls=2) refused 'chat gpt-4o-mini': 2 of 2 calls are used in this block. Spent by: "
        "chat gpt-4o: 1 call, 1500 tokens, 0.00045 USD; chat gpt-4o-mini in plan: 1 call, 1500 tokens, 0.00045 USD. "
        "To allow more, raise calls, as in calls=4; to be warned only, pass mode='warn'."
    )


def test_error_of_a_limit_can_be_pickled(client: openai.OpenAI) -> None:
    with tracer.limit(calls=1):
        error = asked_until_refused(client)

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.reached, again.used, again.allowed) == (str(error), "calls", 1, 1)


def test_refused_call_is_recorded_as_a_failed_step_without_tokens(client: openai.OpenAI, stored: Any) -> None:
    with tracer.limit(calls=1), pytest.raises(LimitExceededError), tracer.start_span("app"):
        ask(client)
        ask(client, "More?")

    [refused] = [span for span in stored.spans if "More?" in str(span.inputs)]
    assert (refused.name, refused.status, refused.attributes["error.type"]) == (
        "chat gpt-4o-mini",
        "ERROR",
        "tracer.errors.LimitExceededError",
    )
    assert (refused.token_usage, refused.cost) == (None, None)
    assert refused.status.description.startswith("LimitExceededError: limit(calls=1) refused 'chat gpt-4o-mini in app'")


def test_limit_of_repeats_refuses_the_identical_request(server: Server, client: openai.OpenAI) -> None:
    with tracer.start_span("agent"), tracer.limit(repeats=2):
        ask(client, "a")
        ask(client, "b")
        ask(client, "a")
        with pytest.raises(LimitExceededError, match="this very request was sent 2 times already"):
            ask(client, "a")
        ask(client, "b")

    assert len(server.asked) == 4


def test_identical_requests_of_several_traces_are_no_repeats(server: Server, client: openai.OpenAI) -> None:
    with tracer.limit(repeats=1):
        for _ in range(3):
            with tracer.start_span("agent"):
                ask(client)

    assert len(server.asked) == 3


def test_limit_counts_streams_at_their_end(server: Server, client: openai.OpenAI) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": PRICED}
    delta = {"choices": [{"index": 0, "delta": {"content": "Lima."}, "finish_reason": "stop"}]}
    server.will(sse({**chunk, **delta}, {**chunk, "choices": [], "usage": usage}))

    with tracer.limit(tokens=20) as budget:
        list(ask(client, stream=True, stream_options={"include_usage": True}))
        first = budget.spent
        list(ask(client, stream=True, stream_options={"include_usage": True}))
        with pytest.raises(LimitExceededError):
            ask(client, stream=True)

    assert (first.calls, first.tokens) == (1, 15)


def test_limit_holds_for_async_calls_and_their_tasks(server: Server, run: Any) -> None:
    async def scenario(client: Any) -> list[Any]:
        with tracer.limit(calls=3):
            return await asyncio.gather(*(ask(client, str(n)) for n in range(8)), return_exceptions=True)

    results = run(scenario)

    assert [isinstance(result, LimitExceededError) for result in results].count(True) == 5
    assert len(server.asked) == 3


def test_limit_counts_across_threads_that_start_in_the_block(server: Server, client: openai.OpenAI) -> None:
    refused: list[int] = []

    def work(number: int) -> None:
        try:
            ask(client, str(number))
        except LimitExceededError:
            refused.append(number)

    with tracer.limit(calls=4):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(6)))
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (len(server.asked), len(refused)) == (4, 5)


def test_pool_thread_of_a_block_does_not_take_it_to_work_of_others(server: Server, run: Any) -> None:
    async def scenario(client: Any) -> None:
        def nothing_else() -> int:
            with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as own:
                return len([ask(own, str(number)) for number in range(3)])

        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        outside = contextvars.copy_context()
        with tracer.limit(calls=1):
            await asyncio.to_thread(len, "the thread is started here")
            work = outside.run(asyncio.create_task, asyncio.to_thread(nothing_else))
            assert await work == 3

    run(scenario)


def test_limit_does_not_hold_for_threads_outside_of_the_block(server: Server, client: openai.OpenAI) -> None:
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(20)
        for number in range(3):
            ask(client, str(number))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with tracer.limit(calls=1):
        ask(client)
        inside.set()
        assert done.wait(20)
    thread.join()

    assert len(server.asked) == 4


def call_twice(url: str, store: str, results: Any) -> None:
    tracer.configure(store=store)
    tracer.openai.autolog()
    with openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0) as client:
        for number in range(2):
            try:
                ask(client, str(number))
                results.put("sent")
            except LimitExceededError as error:
                results.put(error.reached)
    tracer.shutdown()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_limit_counts_across_processes(
    method: str, server: Server, client: openai.OpenAI, store_url: str, tmp_path: Any
) -> None:
    context = multiprocessing.get_context(method)
    results = context.Queue()
    store = store_url if method == "fork" else f"sqlite:///{tmp_path}/other.db"  # a store of the child's own

    with tracer.limit(calls=3):
        ask(client)
        processes = [context.Process(target=call_twice, args=(server.url, store, results)) for _ in range(2)]
        for process in processes:
            process.start()
        outcomes = [results.get(timeout=60) for _ in range(4)]
        for process in processes:
            process.join(60)
        error = asked_until_refused(client)

    assert sorted(outcomes) == ["calls", "calls", "sent", "sent"]
    assert (error.used, len(server.asked)) == (3, 3)


def test_limit_of_a_block_ends_with_it(server: Server, client: openai.OpenAI) -> None:
    budget = tracer.limit(calls=1)

    for _ in range(2):
        with budget:
            ask(client)
    ask(client)

    assert len(server.asked) == 3


def test_inner_limits_count_for_the_outer_one(server: Server, client: openai.OpenAI) -> None:
    with tracer.limit(calls=3):
        for _ in range(3):
            with tracer.limit(calls=1):
                ask(client)
        error = asked_until_refused(client)

    assert error.allowed == 3


def test_decorator_limits_each_call_of_a_function(server: Server, client: openai.OpenAI) -> None:
    @tracer.limit(calls=2)
    def agent(calls: int) -> str:
        """Answers."""
        for number in range(calls):
            ask(client, str(number))
        return "done"

    assert (agent(2), agent(2), agent.__doc__) == ("done", "done", "Answers.")
    with pytest.raises(LimitExceededError):
        agent(3)


def test_decorator_limits_coroutines_and_generators(run: Any, client: openai.OpenAI, server: Server) -> None:
    @tracer.limit(calls=1)
    def steps() -> Iterator[int]:
        for number in range(2):
            ask(client, str(number))
            yield number

    async def scenario(asynchronous: Any) -> None:
        @tracer.limit(calls=1)
        async def once(calls: int) -> None:
            for number in range(calls):
                await ask(asynchronous, str(number))

        @tracer.limit(calls=1)
        async def items() -> AsyncIterator[int]:
            for number in range(2):
                await ask(asynchronous, str(number))
                yield number

        await once(1)
        with pytest.raises(LimitExceededError):
            await once(2)
        async for _ in items():
            await ask(asynchronous, "outside")
            break
        with pytest.raises(LimitExceededError):
            [item async for item in items()]

    generator = steps()
    next(generator)
    ask(client, "outside")
    with pytest.raises(LimitExceededError):
        next(generator)
    run(scenario)


def test_limit_per_trace_counts_each_trace(server: Server, client: openai.OpenAI) -> None:
    tracer.configure(limit=tracer.limit(calls=2, per="trace"))

    for _ in range(2):
        with tracer.start_span("agent"):
            ask(client)
            ask(client)
            with pytest.raises(LimitExceededError, match="in this trace"):
                ask(client)
    assert len(server.asked) == 4


@pytest.mark.parametrize("per", ["session", "user"])
def test_limit_per_session_and_user_counts_over_traces(per: Any, server: Server, client: openai.OpenAI) -> None:
    key = "session_id" if per == "session" else "user"

    def turn(who: str) -> None:
        with tracer.start_span("turn"):
            tracer.update_current_trace(**{key: who})
            ask(client)

    with tracer.limit(calls=2, per=per):
        turn("ada")
        turn("bob")
        turn("ada")
        with pytest.raises(LimitExceededError, match=f"in this {per}"):
            turn("ada")
        turn("bob")

    with tracer.limit(calls=2, per=per), pytest.raises(LimitExceededError), tracer.tracing.context(**{key: "bob"}):
        ask(client)


def test_limit_per_day_lasts_beyond_blocks_and_has_a_name_of_its_own(server: Server, client: openai.OpenAI) -> None:
    with tracer.limit(calls=2, per="day"):
        ask(client)
        ask(client)
    with tracer.limit(calls=2, per="day", name="nightly"):
        ask(client)
    with tracer.limit(calls=2, per="day"), pytest.raises(LimitExceededError, match=r"today \(UTC\)"):
        ask(client)


def test_setting_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: Server, client: openai.OpenAI, store_url: str
) -> None:
    monkeypatch.setenv("TRACER_LIMIT", "calls=1 per=day")
    monkeypatch.setenv("TRACER_STORE", store_url)
    tracer.reset()
    monkeypatch.delenv("TRACER_LIMIT")

    error = asked_until_refused(client)
    tracer.configure(limit=False)
    ask(client)

    assert (error.allowed, len(server.asked)) == (1, 2)


@pytest.mark.parametrize(
    "begin",
    [
        "import openai, tracer; tracer.openai.autolog()",
        "import tracer; tracer.openai.autolog(); import openai",
        "import tracer, openai; tracer.trace(print)(end=''); tracer.openai.autolog()",
    ],
)
def test_a_program_is_limited_by_its_environment(begin: str, server: Server, store_url: str) -> None:
    server.will(lambda asked: reply(chat()))
    program = f"""
{begin}
client = openai.OpenAI(max_retries=0)
def ask():
    client.chat.completions.create(model="m", messages=[{{"role": "user", "content": "?"}}])
ask()
try:
    ask()
except tracer.errors.LimitExceededError as error:
    print(error.reached)
"""
    settings = {
        "TRACER_LIMIT": "calls=1 per=day",
        "TRACER_STORE": store_url,
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": "k",
    }

    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == ("calls\n", "")
    assert len(server.asked) == 1


def test_mode_warn_sends_and_logs_once(server: Server, client: openai.OpenAI, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tracer"), tracer.limit(calls=1, mode="warn"):
        for number in range(4):
            ask(client, str(number))

    [message] = [record.getMessage() for record in caplog.records if "limit(" in record.getMessage()]
    assert "limit(calls=1) does not refuse 'chat gpt-4o-mini': 1 of 1 calls are used in this block" in message
    assert message.endswith("To allow more, raise calls, as in calls=2.")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("unpriced", "sent"), [({"call": 0.4}, 3), ({"million_tokens": 1_000}, 1)], ids=["by calls", "by tokens"]
)
def test_unknown_price_counts_as_told(unpriced: Any, sent: int, server: Server, client: openai.OpenAI) -> None:
    server.will(reply({**answer(), "model": "acme-llm"}))

    with tracer.limit(cost=1.0, unpriced=unpriced):
        asked_until_refused(client, model="acme-llm")

    assert len(server.asked) == sent


def test_unknown_price_counts_for_calls_and_tokens_and_is_told(
    server: Server, client: openai.OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    server.will(reply({**answer(), "model": "acme-llm"}))

    with caplog.at_level(logging.WARNING, "tracer"), tracer.limit(cost=1.0, calls=2) as budget:
        error = asked_until_refused(client, model="acme-llm")

    assert (error.reached, budget.spent.unpriced, budget.spent.cost) == ("calls", 2, 0.0)
    assert sum("the price of chat acme-llm is not known" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("how", ["disabled", "sampled out", "no content"])
def test_limit_holds_also_where_nothing_is_recorded(how: str, server: Server, client: openai.OpenAI) -> None:
    if how == "disabled":
        tracer.disable()
    elif how == "sampled out":
        tracer.configure(sample_rate=0.0)
    else:
        tracer.configure(capture_content=False)

    with tracer.limit(tokens=1_501) as budget:
        error = asked_until_refused(client)

    assert (len(server.asked), error.used, budget.spent.calls) == (2, 3_000, 2)
    tracer.enable()
    assert len(tracer.search_traces()) == (3 if how == "no content" else 0)


def test_failed_calls_count_as_calls_without_cost(server: Server, client: openai.OpenAI) -> None:
    server.will(reply({"error": {"message": "busy"}}, status=500))

    with tracer.limit(calls=2, cost=1.0, unpriced={"call": 0.9}) as budget:
        for number in range(2):
            with pytest.raises(openai.InternalServerError):
                ask(client, str(number))
        with pytest.raises(LimitExceededError):
            ask(client)

    assert (budget.spent.calls, budget.spent.cost) == (2, 0.0)


def test_without_a_limit_nothing_of_it_runs(client: openai.OpenAI, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(limits, "in_use", False)  # as in a program that never had one
    ask(client)
    ran = []

    def note(frame: Any, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename == limits.__file__:
            ran.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        ask(client)
    finally:
        sys.setprofile(None)

    assert ran == []
    assert not [name for name in os.listdir(tmp_path) if "limits" in name]


@pytest.mark.swallow_faults
def test_calls_are_sent_where_nothing_can_be_counted(server: Server, client: openai.OpenAI, tmp_path: Any) -> None:
    (tmp_path / "tracer.db.limits").mkdir()

    with tracer.limit(calls=1):
        for number in range(3):
            ask(client, str(number))

    assert len(server.asked) == 3


def test_limit_counts_what_a_framework_reports(client: openai.OpenAI) -> None:
    operation = Operation(
        "chat", lambda body: Request(model=PRICED), lambda body: Reply(model=PRICED, usage={"input_tokens": 9})
    )
    with tracer.limit(tokens=9) as budget:
        FrameworkSpans("acme").record_call(ReportedCall(Call(operation, {"a": 1}), {"b": 2}), start_time_ns=1)
        with pytest.raises(LimitExceededError):
            ask(client)

    assert (budget.spent.calls, budget.spent.tokens) == (1, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "got nothing to limit"),
        ({"cost": -1}, "cost: got -1"),
        ({"calls": 1.5}, "calls: got 1.5"),
        ({"calls": 1, "per": "week"}, "per: got 'week'"),
        ({"calls": 1, "mode": "stop"}, "mode: got 'stop'"),
        ({"cost": 1, "unpriced": {"image": 1}}, "unpriced: got"),
    ],
)
def test_limit_says_what_is_wrong_with_its_arguments(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        tracer.limit(**arguments)


@pytest.mark.parametrize("setting", ["cost", "cost=5", "cost=5 per=day now", "weeks=3"])
def test_setting_of_a_limit_says_what_is_wrong(setting: str) -> None:
    with pytest.raises(InvalidArgumentError, match="limit: "):
        tracer.configure(limit=setting)
