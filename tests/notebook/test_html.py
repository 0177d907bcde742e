"""What a notebook gets of traces, evaluations and versions."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

import tracer
from tracer._api.traces import Trace, TraceList
from tracer.tracing import disable_notebook_display, enable_notebook_display

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> \u202e\x00\ud800 & \"quoted\" 'too' </style></div>"


class Reader(HTMLParser):
    """The elements, attributes and text of some HTML; fails where elements do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


def only_trace() -> Trace:
    (trace,) = tracer.search_traces()
    return trace


def read(value: object) -> Reader:
    html = value._repr_html_()  # type: ignore[attr-defined]
    html.encode()  # as a notebook writes it
    return Reader(html)


def evil_trace() -> Trace:
    with tracer.start_span(EVIL, span_type=EVIL) as span:
        span.set_inputs({EVIL: [EVIL]})
        tracer.set_span_chat_messages(
            span,
            [
                {"role": "system", "content": EVIL},
                {"role": EVIL, "content": [{"type": "image_url", "image_url": {"url": f"https://example.org/{EVIL}"}}]},
                {"role": "assistant", "tool_calls": [{"id": EVIL, "function": {"name": EVIL, "arguments": EVIL}}]},
                {"role": "tool", "tool_call_id": EVIL, "content": EVIL},
                {"role": "assistant", "content": EVIL},
            ],
        )
        span.set_attribute("gen_ai.response.model", EVIL)
        tracer.update_current_trace(tags={EVIL: EVIL}, session_id=EVIL)
    return only_trace()


def test_what_models_write_is_text() -> None:
    trace = evil_trace()

    for shown in (read(trace), read(TraceList([trace]))):
        assert shown.tags == {"details", "div", "span", "style", "summary"}
        assert shown.attributes == {"class", "open", "style", "title"} or shown.attributes == {
            "class",
            "style",
            "title",
        }
        assert "<script>alert(1)</script>" in shown.text


def test_a_trace_shows_its_tree_messages_tokens_and_errors() -> None:
    with pytest.raises(ValueError, match="too hot"), tracer.start_span("agent", span_type="AGENT"):
        with tracer.start_span("chat", span_type="CHAT_MODEL") as span:
            tracer.set_span_chat_messages(
                span, [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "Sunny"}]
            )
            span.set_attributes({"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 34})
        raise ValueError("too hot")

    text = read(only_trace()).text

    places = [text.index(part) for part in ("error", "2 steps", "1,200 → 34 tokens", "ValueError: too hot", "chat")]
    assert places == sorted(places)
    assert re.search(r"userWeather\?assistantSunny", text)


def test_steps_are_indented_by_their_depth() -> None:
    with tracer.start_span("a"), tracer.start_span("b"), tracer.start_span("c"):
        pass

    html = only_trace()._repr_html_()

    assert html is not None
    assert re.findall(r"t-step\" style=\"margin-left:([\d.]+)em", html) == ["0.0", "1.2", "2.4"]


def test_a_large_trace_takes_little_room() -> None:
    with tracer.start_span("root"):
        for number in range(300):
            with tracer.start_span(f"step {number}") as span:
                span.set_outputs("x" * 10_000)

    html = only_trace()._repr_html_()

    assert html is not None
    assert len(html) < 700_000
    assert "step 198" in html
    assert "step 199" not in html
    assert "and 101 more steps: tracer show" in html
    assert html.count("x" * 10_000) == 50
    assert "later steps are left out" in html


def test_a_chain_of_thousands_of_steps_and_a_deep_value_are_shown() -> None:
    value: object = "end"
    for _ in range(900):
        value = [value]
    with tracer.start_span("root") as span:
        span.set_outputs(value)
    trace = only_trace()
    spans = [
        {**trace.data.spans[0].to_dict(), "span_id": f"{n:016x}", "parent_id": f"{n - 1:016x}"} for n in range(3000)
    ]
    trace.data.spans = [tracer.Span(record) for record in spans]

    assert "2,800 more steps" in read(trace).text


def test_a_running_trace_is_shown() -> None:
    with tracer.start_span("slow"):
        trace = only_trace()

    assert "running" in read(trace).text


def test_an_evaluation_shows_its_scores() -> None:
    @tracer.scorer
    def right(outputs: object) -> dict[str, object]:
        return {"value": outputs == "4", "rationale": EVIL}

    def answer(question: str) -> str:
        return {"2+2": "4"}[question]

    rows = [{"inputs": {"question": "2+2"}}, {"inputs": {"question": "3+3"}}]
    shown = read(tracer.evaluate(rows, answer, [right]))

    assert shown.tags == {"b", "div", "span", "style", "table", "tbody", "td", "th", "thead", "tr"}
    for part in ("Evaluation of 2 rows", "right/mean1", "error_share0.5", "true <script>", "✗ KeyError: '3+3'"):
        assert part in shown.text


def test_a_version_shows_what_was_set_on_it() -> None:
    model = tracer.create_external_model("agent", params={"temperature": "0.1"}, tags={"git": "abc <b>"})

    text = read(model).text

    for part in ("agent", "ready", model.model_id, "params", "temperature0.1", "gitabc <b>"):
        assert part in text


def test_display_can_be_switched_off_and_on() -> None:
    with tracer.start_span("step"):
        pass
    trace = only_trace()

    disable_notebook_display()
    try:
        assert trace._repr_html_() is None
        assert TraceList([trace])._repr_html_() is None
    finally:
        enable_notebook_display()

    assert trace._repr_html_() is not None
