"""Log records that belong to spans are part of them, also where a program has no logger provider."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

Run = Callable[..., str]

_OTEL = """
    import json, logging, warnings
    from opentelemetry import _logs, trace
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.trace import TracerProvider
    warnings.simplefilter("error")
    sent = InMemoryLogRecordExporter()
    def provider():
        made = LoggerProvider(shutdown_on_exit=False)
        made.add_log_record_processor(SimpleLogRecordProcessor(sent))
        return made
    def emit(name, body=None, logger=None, **attributes):
        record = LogRecord(timestamp=time.time_ns(), event_name=name, body=body, attributes=attributes or None)
        (logger or _logs.get_logger("app")).emit(record)
    def messages():
        for found in tracer.search_traces():
            for span in found.data.spans:
                texts = [
                    f"{message['role']}={message['parts'][0]['content']}"
                    for side in ("input", "output")
                    for message in json.loads(span.attributes.get(f"gen_ai.{side}.messages") or "[]")
                ]
                say(f"{span.name}: {' '.join(texts)}")
"""

CALL = """
    with trace.get_tracer("other").start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}):
        emit("gen_ai.user.message", {"content": "Where to?"})
        emit("app.started")
        emit("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Lisbon"}})
"""
SAID = "chat: user=Where to? assistant=Lisbon\n"


def program(*parts: str) -> str:
    return textwrap.dedent(_OTEL) + "".join(map(textwrap.dedent, parts))


@pytest.mark.parametrize(
    "begin",
    [
        "_logs.set_logger_provider(provider())\ntracer.otel.autolog()\n",
        "tracer.otel.autolog()\n_logs.set_logger_provider(provider())\n",
        "early = _logs.get_logger('early')\ntracer.otel.autolog()\n_logs.set_logger_provider(provider())\n",
        "trace.set_tracer_provider(TracerProvider())\ntracer.otel.autolog()\n",  # without a logger provider
        "own = provider()\ntracer.otel.autolog()\ntracer.otel.autolog(own)\n_logs.get_logger = own.get_logger\n",
    ],
    ids=["set before", "set later", "with an earlier logger", "never set", "not the global one"],
)
def test_the_messages_in_log_records_are_part_of_their_span(run: Run, begin: str) -> None:
    assert run(program(begin, CALL, "messages()")) == SAID


def test_log_records_made_of_their_fields_alone_are_read_too(run: Run) -> None:
    said = run(
        program(
            """
            tracer.otel.autolog()
            logger = _logs.get_logger("app")
            with trace.get_tracer("other").start_as_current_span("chat"):
                logger.emit(event_name="gen_ai.user.message", body={"content": "Where to?"})
                logger.emit(body="gen_ai.user.message", attributes={"event.name": 5})
            messages()
            """
        )
    )

    assert said == "chat: user=Where to?\n"


def test_the_exporters_of_the_program_get_what_they_got(run: Run) -> None:
    said = run(
        program(
            "_logs.set_logger_provider(provider())\ntracer.otel.autolog()\n",
            CALL,
            "say([(r.log_record.event_name, r.log_record.body) for r in sent.get_finished_logs()][:2])",
        )
    )

    assert said == "[('gen_ai.user.message', {'content': 'Where to?'}), ('app.started', None)]\n"


def test_a_log_record_after_its_span_or_below_a_step_of_ours(run: Run) -> None:
    said = run(
        program(
            """
            tracer.otel.autolog()
            with trace.get_tracer("other").start_as_current_span("chat") as span:
                pass
            with trace.use_span(span):
                emit("gen_ai.choice", {"message": {"content": "late"}})
            with tracer.start_span("agent"):
                emit("gen_ai.user.message", {"content": "of ours"})
            emit("gen_ai.user.message", {"content": "of no span"})
            tracer.flush()
            messages()
            """
        )
    )

    assert sorted(said.splitlines()) == ["agent: user=of ours", "chat: assistant=late"]


@pytest.mark.parametrize(
    "switch", ["tracer.otel.autolog(disable=True)", "tracer.configure(capture_content=False)", "tracer.disable()"]
)
def test_settings_hold_for_log_records(run: Run, switch: str) -> None:
    said = run(program("tracer.otel.autolog()\n", f"{switch}\n", CALL, "tracer.enable()\nmessages()"))

    assert said in ("", "chat: \n")
