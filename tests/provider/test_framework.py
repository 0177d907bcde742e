"""The kit for frameworks that tell of their steps, by a framework made up for these tests."""

from __future__ import annotations

import contextvars
import importlib
import logging
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.provider import acme_sdk as sdk_source
from tests.provider import invented
from tracer.provider import Call, FrameworkSpans, Hook, Provider, ReportedCall, set_failure, suppress_tracing

BODY = {"model": "acme-1", "messages": [{"role": "user", "content": "Capital of Peru?"}]}


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    monkeypatch.syspath_prepend(str(Path(sdk_source.__file__).parent))
    sys.modules.pop("acme_sdk", None)
    yield importlib.import_module("acme_sdk")
    invented.autolog(disable=True)
    sys.modules.pop("acme_sdk", None)
    invented.provider._state.patches.clear()


@pytest.fixture
def steps() -> Iterator[FrameworkSpans]:
    made = FrameworkSpans("tracer.acme")
    yield made
    assert made._open == {}


def spans() -> list[Any]:
    traces = tracer.search_traces(max_results=100)
    return [span for trace in traces for span in tracer.get_trace(trace.info.trace_id).data.spans]


def shape() -> dict[str, str | None]:
    """The name of each span's parent."""
    names = {span.span_id: span.name for span in spans()}
    return {span.name: names.get(span.parent_id) for span in spans()}


def end(steps: FrameworkSpans, key: Any) -> None:
    step = steps.leave(key)
    assert step is not None
    set_failure(step.span, step.error)
    step.span.end()


def test_a_hook_may_change_what_the_method_gets(sdk: Any) -> None:
    class Changed:
        changed: Mapping[str, Any] = {"body": {"model": "none"}}

        def returned(self, result: object) -> None: ...
        def raised(self, error: BaseException) -> None: ...

    changing = Provider(
        name="acme", module="acme_sdk", hooks=(Hook("acme_sdk:Client.send", lambda arguments: Changed()),)
    )
    changing.autolog()
    with pytest.raises(sdk.AcmeError):
        sdk.Client().send("/chat", BODY)
    changing.autolog(disable=True)


def told(reply: Any = None, **more: Any) -> ReportedCall:
    return ReportedCall(Call(invented.OPERATIONS["/chat"], BODY, "acme"), reply, **more)


def test_steps_nest_by_what_is_current(steps: FrameworkSpans) -> None:
    steps.start("run", "run", span_type="WORKFLOW")
    with tracer.start_span("mine"):
        steps.start("tool", "tool", span_type="TOOL")
        end(steps, "tool")
    end(steps, "run")

    assert shape() == {"run": None, "mine": "run", "tool": "mine"}
    assert tracer.get_current_active_span() is None


def test_a_step_can_be_given_its_parent_and_need_not_be_current(steps: FrameworkSpans) -> None:
    run = steps.start("run", "run", span_type="WORKFLOW")
    steps.start("aside", "aside", span_type="TASK", is_current=False)
    steps.start("tool", "tool", span_type="TOOL")
    assert run is not None
    steps.start("below run", "below run", span_type="TOOL", parent=run.span)
    for key in ("below run", "tool", "aside", "run"):
        end(steps, key)

    assert shape() == {"run": None, "aside": "run", "tool": "run", "below run": "run"}


def test_a_call_that_is_over_is_recorded_with_its_own_times(steps: FrameworkSpans) -> None:
    step = steps.start("run", "run", span_type="AGENT", is_current=False)
    assert step is not None
    reply = {"model": "acme-1", "text": "Lima.", "stop": "end", "in": 3, "out": 2}
    begun = step.span.start_time_ns + 1_000
    steps.record_call(told(reply), parent=step.span, start_time_ns=begun, end_time_ns=begun + 5_000)
    end(steps, "run")

    run, call = sorted(spans(), key=lambda span: span.start_time_ns)
    assert (call.name, call.parent_id, call.token_usage["output_tokens"]) == ("chat acme-1", run.span_id, 2)
    assert (call.start_time_ns, call.end_time_ns) == (begun, begun + 5_000)


def test_an_exception_on_its_way_through_a_step_is_seen(steps: FrameworkSpans) -> None:
    def work() -> None:
        steps.start("a", "a", span_type="TASK")
        try:
            raise LookupError("gone")
        finally:
            end(steps, "a")

    with pytest.raises(LookupError):
        work()

    [span] = spans()
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "LookupError")


def test_an_exception_that_was_handled_around_a_step_is_not_its_own(steps: FrameworkSpans) -> None:
    try:
        raise LookupError("gone")
    except LookupError:
        steps.start("a", "a", span_type="TASK")
        end(steps, "a")

    assert spans()[0].status == "UNSET"


def test_a_failure_without_content_has_its_kind_alone(steps: FrameworkSpans) -> None:
    step = steps.start("a", "a", span_type="TASK")
    assert step is not None
    set_failure(step.span, LookupError("a secret"), has_content=False)
    end(steps, "a")

    [span] = spans()
    assert (span.status, span.attributes["error.type"], span.events) == ("ERROR", "LookupError", [])
    assert "secret" not in str(span.attributes)


def test_what_an_owner_leaves_open_is_ended(steps: FrameworkSpans) -> None:
    owner = object()
    steps.start("kept", "kept", span_type="TASK", is_current=False)
    steps.start("left", "left", span_type="TASK", owner=owner, is_current=False)
    steps.announce("call", lambda: told({**reply(), "text": "Li"}), owner=owner, is_current=False)

    steps.end_all(owner)
    end(steps, "kept")

    ended = {span.name: span.attributes.get("tracer.incomplete") for span in spans()}
    assert ended == {"left": "dropped", "chat acme-1": "dropped", "kept": None}
    assert steps.leave("left") is None


def reply() -> dict[str, Any]:
    return dict(sdk_source.REPLY)


def test_an_announced_call_that_passes_a_door_is_the_doors(sdk: Any, steps: FrameworkSpans) -> None:
    invented.autolog()

    steps.start("agent", "agent", span_type="AGENT")
    steps.announce("call", lambda: told(reply()))
    sdk.Client().send("/chat", BODY)
    steps.end_call("call")
    end(steps, "agent")

    assert shape() == {"agent": None, "chat acme-1": "agent"}
    assert len(spans()) == 2


def test_the_call_of_a_door_is_below_the_announced_ones_step_where_no_step_is_current(
    sdk: Any, steps: FrameworkSpans
) -> None:
    invented.autolog()
    step = steps.start("agent", "agent", span_type="AGENT", is_current=False)
    assert step is not None

    steps.announce("call", lambda: told(reply()), parent=step.span)
    sdk.Client().send("/chat", BODY)
    steps.end_call("call")
    end(steps, "agent")

    assert shape() == {"agent": None, "chat acme-1": "agent"}


def test_the_call_of_a_door_is_below_a_step_of_the_programs_inside_the_announced_call(
    sdk: Any, steps: FrameworkSpans
) -> None:
    invented.autolog()

    with tracer.start_span("agent") as agent:
        steps.announce("call", lambda: told(reply()), parent=agent)
        with tracer.start_span("prepare"):
            sdk.Client().send("/chat", BODY)
        steps.end_call("call")

    assert shape() == {"agent": None, "prepare": "agent", "chat acme-1": "prepare"}


def test_of_a_call_that_is_announced_inside_another_only_the_inner_one_is_recorded(steps: FrameworkSpans) -> None:
    steps.announce("outer", lambda: told(reply()))
    steps.announce("inner", lambda: told(reply()))
    steps.end_call("inner")
    steps.end_call("outer")

    assert len(spans()) == 1


def test_a_call_after_an_announced_one_that_has_ended_elsewhere_is_nobodys(sdk: Any, steps: FrameworkSpans) -> None:
    invented.autolog()
    steps.announce("call", lambda: told(reply()))
    contextvars.Context().run(steps.end_call, "call")

    sdk.Client().send("/chat", BODY)

    assert len(spans()) == 2


def test_an_announced_call_that_passes_no_door_is_recorded_as_it_was_told(sdk: Any, steps: FrameworkSpans) -> None:
    steps.start("agent", "agent", span_type="AGENT")
    steps.announce("call", lambda: told(reply()))
    sdk.Client().send("/chat", BODY)
    steps.end_call("call")
    end(steps, "agent")

    [call] = [span for span in spans() if span.span_type == "CHAT_MODEL"]
    assert shape() == {"agent": None, "chat acme-1": "agent"}
    assert (call.inputs, call.outputs) == (BODY, sdk.REPLY)
    assert call.token_usage == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert call.attributes["gen_ai.provider.name"] == "acme"


def test_an_announced_call_of_which_nothing_is_told_is_not_recorded(steps: FrameworkSpans) -> None:
    steps.announce("call", lambda: None)
    steps.end_call("call")

    assert spans() == []


def test_an_announced_call_is_not_recorded_where_recording_is_switched_off_before_it_ends(
    steps: FrameworkSpans,
) -> None:
    steps.announce("call", lambda: told(reply()))
    tracer.disable()
    steps.end_call("call")
    tracer.enable()

    assert spans() == []


def test_an_announced_call_that_failed(steps: FrameworkSpans) -> None:
    steps.announce("call", lambda: told(error="overloaded"))
    steps.end_call("call")

    assert (spans()[0].name, spans()[0].status) == ("chat acme-1", "ERROR")


@pytest.mark.parametrize("way", ["off", "suppressed"])
def test_nothing_is_recorded_where_nothing_is_to_be(way: str, steps: FrameworkSpans) -> None:
    def work() -> None:
        assert steps.start("a", "a", span_type="TASK") is None
        steps.announce("call", lambda: told(reply()))
        steps.end_call("call")

    if way == "suppressed":
        with suppress_tracing():
            work()
    else:
        tracer.disable()
        work()
        tracer.enable()

    assert spans() == []


class HookEnds:
    """The ends of a hook: arguments, results and error types of its calls, in their order."""

    def __init__(self) -> None:
        self.ends: list[Any] = []

    def begin(self, arguments: Mapping[str, Any]) -> HookEnds:
        self.ends.append(arguments["path"])
        return self

    def returned(self, result: Any) -> None:
        self.ends.append(result)

    def raised(self, error: BaseException) -> None:
        self.ends.append(type(error))


def test_a_hook_gets_the_call_and_its_end(sdk: Any) -> None:
    hook = HookEnds()
    framework = Provider(name="acme", module="acme_sdk", hooks=(Hook("acme_sdk:Client.send", hook.begin),))
    original = vars(sdk.Client)["send"]

    framework.autolog()
    result = sdk.Client().send("/chat", BODY)
    with pytest.raises(sdk.AcmeError):
        sdk.Client().send("/chat", {"model": "none"})
    framework.autolog(disable=True)

    assert hook.ends == ["/chat", result, "/chat", sdk.AcmeError]
    assert vars(sdk.Client)["send"] is original


def test_a_hook_that_not_every_version_has_may_be_missing(sdk: Any) -> None:
    hook = HookEnds()
    hooks = (
        Hook("acme_sdk:Client.gone", hook.begin, is_optional=True),
        Hook("acme_sdk:Client.send", hook.begin, is_optional=True),
    )
    framework = Provider(name="acme", module="acme_sdk", hooks=hooks)

    framework.autolog()
    result = sdk.Client().send("/chat", BODY)
    framework.autolog(disable=True)

    assert hook.ends == ["/chat", result]


@pytest.mark.swallow_faults
@pytest.mark.parametrize("broken", ["begin", "returned", "raised"])
def test_a_hook_with_faults_changes_nothing(broken: str, sdk: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("mine")

    hook = HookEnds()
    setattr(hook, broken, fail)
    framework = Provider(
        name="acme", module="acme_sdk", hooks=(Hook("acme_sdk:Client.send", lambda given: hook.begin(given)),)
    )
    framework.autolog()

    with caplog.at_level(logging.WARNING, "tracer"):
        assert sdk.Client().send("/chat", BODY) == sdk.REPLY
        with pytest.raises(sdk.AcmeError):
            sdk.Client().send("/chat", {"model": "none"})
    framework.autolog(disable=True)

    assert len(caplog.records) == 1


def test_another_package_of_the_sdks_name_is_left_alone(sdk: Any, caplog: pytest.LogCaptureFixture) -> None:
    framework = Provider(
        name="acme", module="acme_sdk", shown_by="acme_sdk.inside", hooks=(Hook("acme_sdk:Gone.send", lambda _: None),)
    )

    with caplog.at_level(logging.WARNING, "tracer"):
        framework.autolog()

    assert caplog.records == []
