"""Calls of the InferenceClient: chat, text, embeddings and other tasks, by its own and by other providers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="tests/run.py makes an environment with it")

import huggingface_hub
from huggingface_hub import InferenceClient

import tracer
from tests.openai.replies import QUESTION, TOOLS, USAGE, chat, error, lima, tool_call
from tests.openai.server import Server, reply, sse

Call = Callable[..., Any]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_has_messages_and_tokens(call: Call, server: Server, stored: Any, stream: bool) -> None:
    server.will(sse(*lima()) if stream else reply(chat(), x_request_id="req_1"))

    call("chat_completion", QUESTION, stream=stream, temperature=0.5, max_tokens=100)

    span = stored.span
    assert (span.name, span.span_type, stored.text) == ("chat", "CHAT_MODEL", "Lima.")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "What is the capital of Peru?"}]}]
    assert (span.token_usage["input_tokens"], span.token_usage["output_tokens"]) == (14, 9)
    assert span.attributes["gen_ai.provider.name"] == "hugging_face"
    assert span.attributes["gen_ai.response.model"] == "gpt-test-2026"
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert span.attributes["server.port"] == server.port
    assert span.attributes.get("tracer.stream.chunks") == (len(lima()) if stream else None)
    assert len(server.asked) == 1


def test_the_same_by_the_name_of_openai(client: InferenceClient, server: Server, stored: Any) -> None:
    server.will(reply(chat()))

    client.chat.completions.create(QUESTION)

    assert stored.text == "Lima."


def test_tools_and_their_calls(call: Call, server: Server, stored: Any) -> None:
    server.will(
        reply(chat({"role": "assistant", "tool_calls": [tool_call("c1", "weather", "{}")]}, finish="tool_calls"))
    )

    call("chat_completion", QUESTION, tools=TOOLS)

    assert stored.output[0]["parts"] == [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {}}]
    assert stored.json("gen_ai.tool.definitions")[0]["name"] == "weather"


def test_a_text(call: Call, server: Server, stored: Any) -> None:
    details = {"finish_reason": "length", "generated_tokens": 2, "prefill": [{"id": 1, "text": "The"}], "tokens": []}
    server.will(reply([{"generated_text": "Lima.", "details": details}]))

    call("text_generation", "The capital of Peru is", details=True, max_new_tokens=2, decoder_input_details=True)

    span = stored.span
    assert (span.name, span.span_type, stored.text) == ("text_completion", "LLM", "Lima.")
    assert span.token_usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert span.attributes["gen_ai.response.finish_reasons"] == ["length"]
    assert span.attributes["gen_ai.request.max_tokens"] == 2


def test_a_streamed_text(call: Call, server: Server, stored: Any) -> None:
    def token(text: str, **extra: Any) -> dict[str, Any]:
        return {"index": 1, "token": {"id": 5, "text": text, "logprob": -0.1, "special": text == "</s>"}, **extra}

    details = {"finish_reason": "eos_token", "generated_tokens": 3, "seed": None, "input_length": 6}
    server.will(sse(token("Li"), token("ma."), token("</s>", generated_text="Lima.", details=details), done=False))

    assert "".join(call("text_generation", "The capital of Peru is", stream=True)) == "Lima.</s>"

    span = stored.span
    assert stored.ending == ("UNSET", None, "Lima.")
    assert (span.token_usage["input_tokens"], span.token_usage["output_tokens"]) == (6, 3)
    assert span.attributes["tracer.stream.chunks"] == 3
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


def test_an_error_within_a_stream(call: Call, server: Server, stored: Any) -> None:
    token = {"index": 1, "token": {"id": 5, "text": "Li", "logprob": -0.1, "special": False}}
    server.will(sse(token, {"error": "Model is overloaded", "error_type": "overloaded"}, done=False))

    with pytest.raises(Exception, match="overloaded"):
        call("text_generation", "The capital of Peru is", stream=True)

    assert (stored.span.status, stored.span.attributes["error.type"], stored.text) == ("ERROR", "overloaded", "Li")


def test_embeddings(call: Call, server: Server, stored: Any) -> None:
    pytest.importorskip("numpy")
    server.will(reply([[0.25, 0.5, 0.75]]))

    call("feature_extraction", "Lima")

    span = stored.span
    assert (span.name, span.span_type, span.attributes["gen_ai.embeddings.dimension.count"]) == (
        "embeddings",
        "EMBEDDING",
        3,
    )
    assert (span.inputs["inputs"], span.outputs) == ("Lima", [[0.25, 0.5, 0.75]])


def test_other_tasks_have_what_was_asked_and_what_came(call: Call, server: Server, stored: Any) -> None:
    server.will(reply([{"summary_text": "Llamas."}]))

    call("summarization", "Llamas are …")

    assert (stored.span.name, stored.text) == ("summarization", "Llamas.")
    assert stored.input[0]["parts"] == [{"type": "text", "content": "Llamas are …"}]


def test_labels_are_kept_as_they_came(call: Call, server: Server, stored: Any) -> None:
    labels = [{"label": "POSITIVE", "score": 0.9}, {"label": "NEGATIVE", "score": 0.1}]
    server.will(reply([labels]))

    call("text_classification", "I like llamas.")

    assert (stored.span.name, stored.span.outputs) == ("text_classification", [labels])


@pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # of the package to its HTTP client
def test_sound_becomes_text(call: Call, server: Server, stored: Any) -> None:
    server.will(reply({"text": "Hello."}))

    call("automatic_speech_recognition", b"RIFF" + bytes(100))

    assert (stored.span.name, stored.text) == ("speech_to_text", "Hello.")
    assert stored.span.inputs["inputs"]["bytes"] == 104


def test_an_image_is_kept_as_an_attachment(client: InferenceClient, server: Server, stored: Any) -> None:
    pytest.importorskip("PIL")
    server.will(reply(PNG, content_type="image/png"))

    with pytest.raises(Exception):  # noqa: B017, PT011  # it is no whole picture
        client.text_to_image("A llama")

    span = stored.span
    assert span.name == "generate_content"
    assert stored.output[0]["parts"][0]["modality"] == "image"
    assert stored.attachment(span.outputs["content"]) == ("image/png", PNG)


def test_a_refusal_is_an_error_with_its_status(call: Call, server: Server, stored: Any) -> None:
    server.will(reply(error(), status=404, x_request_id="req_1"))

    with pytest.raises(Exception, match="404"):
        call("chat_completion", QUESTION)

    span = stored.span
    assert (span.status, span.attributes["http.response.status_code"]) == ("ERROR", 404)


def test_a_refusal_has_the_reason(client: InferenceClient, server: Server, stored: Any) -> None:
    server.will(reply(error(), status=404, x_request_id="req_1"))

    with pytest.raises(Exception, match="404"):
        client.chat_completion(QUESTION)

    span = stored.span
    assert span.attributes["tracer.provider.request_id"] == "req_1"
    assert span.attributes["error.type"].endswith("HfHubHTTPError") or "Error" in span.attributes["error.type"]


def test_a_timeout_is_an_error(server: Server, stored: Any) -> None:
    import threading

    held = threading.Event()
    server.will(sse(held))
    try:
        with pytest.raises(Exception):  # noqa: B017, PT011  # of which kind depends on the version
            InferenceClient(server.url, token="k", timeout=0.05).chat_completion(QUESTION)
    finally:
        held.set()

    assert stored.span.status == "ERROR"


@pytest.fixture
def routed(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server in place of the router."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", "http://router.huggingface.co/{provider}")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    forget_sessions()
    yield server
    forget_sessions()


def forget_sessions() -> None:
    """Have HTTP clients made anew, with the proxy of the environment."""
    for name in ("close_session", "reset_sessions"):
        getattr(huggingface_hub.utils, name, lambda: None)()


def test_the_provider_is_the_one_that_runs_the_model(
    routed: Server, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = pytest.importorskip("huggingface_hub.inference._providers._common")
    together = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    hf_api = pytest.importorskip("huggingface_hub.hf_api")
    given: dict[str, Any] = {"hf_model_id": "llama", "status": "live", "task": "conversational"}
    try:
        mapping: Any = hf_api.InferenceProviderMapping(provider="together", providerId=together, **given)
    except (AttributeError, TypeError):
        mapping = together
    monkeypatch.setitem(common.HARDCODED_MODEL_INFERENCE_MAPPING, "together", {"llama": mapping})
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}
    routed.will(reply(chat(usage=usage, model=together), x_inference_provider="together"))

    InferenceClient("llama", provider="together", token="hf_k").chat_completion(QUESTION)

    span = stored.span
    assert (span.name, span.attributes["gen_ai.provider.name"]) == (f"chat {together}", "together_ai")
    assert span.attributes["server.address"] == "router.huggingface.co"
    assert span.attributes["tracer.huggingface.provider"] == "together"
    [trace] = tracer.search_traces()
    assert 0 < trace.info.cost["total_cost"] < 5


def test_disabling_restores_the_package(call: Call, server: Server, stored: Any) -> None:
    server.will(reply(chat()))

    tracer.huggingface.autolog(disable=True)
    call("chat_completion", QUESTION)

    assert stored.spans == []


def test_a_program_that_makes_no_calls_loads_no_client() -> None:
    program = "import sys, tracer; tracer.huggingface.autolog(); import huggingface_hub; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "huggingface_hub.inference._client" not in ran.stdout.split()


def test_a_call_that_another_instrumentation_makes_a_span_of_is_one_step(
    call: Call, server: Server, stored: Any
) -> None:
    from opentelemetry import trace as otel_trace

    server.will(reply(chat(usage=USAGE)))
    tracer.otel.autolog()
    try:
        attributes = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 14}
        with otel_trace.get_tracer("other").start_as_current_span("chat_completion", attributes=attributes):
            call("chat_completion", QUESTION)
    finally:
        tracer.otel.autolog(disable=True)

    assert stored.span.name == "chat"
