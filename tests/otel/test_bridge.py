"""Spans that a program makes with OpenTelemetry are recorded, in one tree with tracer's own.

OpenTelemetry takes one global provider a process, so that each test is a program of its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import TracerProvider

import tracer
from tracer.errors import InvalidArgumentError

Run = Callable[..., str]

_OTEL = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
    from opentelemetry.trace import set_span_in_context, use_span
    sent = InMemorySpanExporter()
    def provider(**options):
        made = TracerProvider(**options)
        made.add_span_processor(SimpleSpanProcessor(sent))
        return made
    def tree():
        for found in tracer.search_traces():
            spans = sorted(found.data.spans, key=lambda span: span.start_time_ns)
            names = {span.span_id: span.name for span in spans}
            say(" ".join(f"{names.get(span.parent_id, '-')}>{span.name}" for span in spans) + " " + found.info.state)
"""


def program(*parts: str) -> str:
    return textwrap.dedent(_OTEL) + "".join(map(textwrap.dedent, parts))


TREE = """
    other = trace.get_tracer("other")
    with other.start_as_current_span("request"):
        with tracer.start_span("agent"):
            with other.start_as_current_span("query"):
                with tracer.start_span("call"):
                    pass
        with other.start_as_current_span("answer"):
            pass
    tree()
"""
WHOLE_TREE = "->request request>agent agent>query query>call request>answer OK\n"


@pytest.mark.parametrize(
    "begin",
    [
        "trace.set_tracer_provider(provider())\ntracer.otel.autolog()\n",
        "tracer.otel.autolog()\ntrace.set_tracer_provider(provider())\n",
        "early = trace.get_tracer('early')\ntracer.otel.autolog()\ntrace.set_tracer_provider(provider())\n",
        "tracer.otel.autolog()\n",  # a program without a provider
        "tracer.autolog()\ntracer.otel.autolog()\n",
    ],
    ids=["set before", "set later", "with an earlier tracer", "never set", "twice"],
)
def test_spans_of_the_global_provider_and_ours_are_one_tree(run: Run, begin: str) -> None:
    assert run(program(begin, TREE)) == WHOLE_TREE


@pytest.mark.parametrize("begin", ["", "trace.set_tracer_provider(provider())"], ids=["never set", "set below it"])
def test_the_first_span_of_another_is_below_a_step_of_ours(run: Run, begin: str) -> None:
    said = run(
        program(
            f"""
            tracer.otel.autolog()
            with tracer.start_span("agent"):
                {begin or "pass"}
                with trace.get_tracer("other").start_as_current_span("query"):
                    pass
            tree()
            """
        )
    )

    assert said == "->agent agent>query OK\n"


def test_a_provider_set_after_the_first_spans_takes_over(run: Run) -> None:
    said = run(
        program(
            """
            tracer.otel.autolog()
            other = trace.get_tracer("other")
            with other.start_as_current_span("before"):
                pass
            trace.set_tracer_provider(provider())
            with other.start_as_current_span("after"):
                pass
            tree()
            say([span.name for span in sent.get_finished_spans()])
            """
        )
    )

    assert said.splitlines() == ["->after OK", "->before OK", "['after']"]


def test_a_provider_that_is_not_the_global_one(run: Run) -> None:
    begin = "own = provider()\ntracer.otel.autolog(own)\ntrace.get_tracer = own.get_tracer\n"

    assert run(program(begin, TREE)) == WHOLE_TREE


def test_the_exporters_of_the_program_get_its_own_spans_alone(run: Run) -> None:
    said = run(
        program(
            "trace.set_tracer_provider(provider())\ntracer.otel.autolog()\n",
            TREE,
            "say([span.name for span in sent.get_finished_spans()])",
        )
    )

    assert said.splitlines()[1] == "['query', 'answer', 'request']"


def test_a_trace_that_the_programs_sampler_leaves_out_does_not_leave_out_ours(run: Run) -> None:
    begin = "trace.set_tracer_provider(provider(sampler=ALWAYS_OFF))\ntracer.otel.autolog()\n"

    assert run(program(begin, TREE)) == "->agent agent>call OK\n"


def test_disable_takes_it_back(run: Run) -> None:
    said = run(
        program(
            """
            trace.set_tracer_provider(provider())
            tracer.otel.autolog()
            tracer.otel.autolog(disable=True)
            """,
            TREE,
            "tracer.autolog()\ntracer.autolog(disable=True)\n",
            TREE,
        )
    )

    assert said.splitlines()[-2:] == ["->agent agent>call OK"] * 2


def test_a_running_trace_of_another_is_visible_and_belongs_to_the_version(run: Run) -> None:
    said = run(
        program(
            """
            tracer.set_active_model(name="shop-v1")
            tracer.otel.autolog()
            with trace.get_tracer("other").start_as_current_span("request"):
                [found] = tracer.search_traces()
                say(f"{found.info.state} {found.info.name} {found.info.model_id == tracer.get_active_model_id()}")
            say(tracer.get_last_active_trace_id() == found.info.trace_id)
            """
        )
    )

    assert said.splitlines() == ["IN_PROGRESS request True", "True"]


def test_what_others_say_of_a_call_is_read(run: Run) -> None:
    said = run(
        program(
            """
            tracer.otel.autolog()
            call = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 20,
                "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Hello"}]}]',
                "session.id": "s-1",
            }
            with trace.get_tracer("other").start_as_current_span("chat", attributes=call) as span:
                span.record_exception(ValueError("no"))
                span.set_status(trace.Status(trace.StatusCode.ERROR, "no"))
            [found] = tracer.search_traces()
            [span] = found.data.spans
            say((span.span_type, span.model, span.token_usage["total_tokens"], span.status, found.info.session_id))
            say((found.info.state, found.info.response_preview, found.info.cost["total_cost"] > 0))
            """
        )
    )

    assert said.splitlines() == ["('CHAT_MODEL', 'gpt-4o-mini', 120, 'ERROR', 's-1')", "('ERROR', 'Hello', True)"]


@pytest.mark.parametrize(
    "switch", ["tracer.configure(capture_content=False)", "tracer.configure(sample_rate=0.0)", "tracer.disable()"]
)
def test_settings_hold_for_the_spans_of_others(run: Run, switch: str) -> None:
    said = run(
        program(
            f"tracer.otel.autolog()\n{switch}\n",
            """
            with trace.get_tracer("other").start_as_current_span("request", attributes={"input.value": "secret words"}):
                pass
            tracer.enable()
            tree()
            say("secret words" in str([found.to_dict() for found in tracer.search_traces()]))
            """,
        )
    )

    assert said.splitlines()[-1] == "False"
    assert len(said.splitlines()) == (2 if "content" in switch else 1)


def test_dialects_of_installed_packages_are_looked_for_in_the_background(run: Run) -> None:
    said = run(
        program(
            """
            from importlib import metadata
            asked, entry_points = [], metadata.entry_points
            def find(**given):
                asked.append(threading.current_thread().name)
                return entry_points(**given)
            metadata.entry_points = find
            tracer.otel.autolog()
            for thread in threading.enumerate():
                if thread.name == "tracer-dialects":
                    thread.join()
            with trace.get_tracer("other").start_as_current_span("request", attributes={"input.value": "words"}):
                pass
            tree()
            say(asked)
            """
        )
    )

    assert said.splitlines() == ["->request OK", "['tracer-dialects']"]


def test_a_bad_provider_is_told() -> None:
    with pytest.raises(InvalidArgumentError, match=r"provider is 5, expected a TracerProvider.*add_span_processor"):
        tracer.otel.autolog(5)


class WithoutHash(TracerProvider):
    """As logfire's, which is a dataclass."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize("kind", [TracerProvider, WithoutHash])
def test_the_same_provider_is_watched_once(kind: type[TracerProvider]) -> None:
    provider = kind()
    try:
        tracer.otel.autolog(provider)
        tracer.otel.autolog(provider)
        with provider.get_tracer("other").start_as_current_span("request"):
            pass
        [found] = tracer.search_traces()
        assert [span.name for span in found.data.spans] == ["request"]
    finally:
        tracer.otel.autolog(disable=True)
