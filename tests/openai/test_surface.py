"""The whole surface of the installed SDK: the operation of every path, and one span for one request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, USAGE, chat, completion, embedding, response, response_events
from tests.openai.sdk import HAS_RESPONSES
from tests.openai.server import Server, reply, sse
from tracer._openai.routes import operation_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # parts of the surface are on their way out

RECORDED = {
    "/agents/automations/{id}/invocations": "agents.automations.invocations",
    "/agents/sessions": "agents.sessions",
    "/agents/sessions/{id}/events": "agents.sessions.events",
    "/audio/speech": "text_to_speech",
    "/audio/transcriptions": "speech_to_text",
    "/audio/translations": "speech_to_text",
    "/batches": "batches",
    "/chat/completions": "chat",
    "/completions": "text_completion",
    "/decisions": "decisions",
    "/embeddings": "embeddings",
    "/evals/{id}/runs": "evals.runs",
    "/fine_tuning/alpha/graders/run": "graders.run",
    "/fine_tuning/jobs": "fine_tuning.jobs",
    "/images/edits": "generate_content",
    "/images/generations": "generate_content",
    "/images/variations": "generate_content",
    "/moderations": "moderations",
    "/responses": "chat",
    "/responses/compact": "responses.compact",
    "/threads/runs": "threads.runs",
    "/threads/{id}/runs": "threads.runs",
    "/threads/{id}/runs/{id}/submit_tool_outputs": "threads.runs.submit_tool_outputs",
    "/vector_stores/{id}/search": "retrieval",
    "/videos": "videos",
    "/videos/edits": "videos.edits",
    "/videos/extensions": "videos.extensions",
    "/videos/{id}/remix": "videos.remix",
}


def posted_paths() -> set[str]:
    """Every path that a resource of the SDK sends a POST to."""
    resources = Path(openai.__file__).parent / "resources"
    pattern = re.compile(r'self\._(?:post|get_api_list)\(\s*(?:path_template\(\s*)?f?"([^"?]+)')
    sources = [path.read_text(encoding="utf-8") for path in resources.rglob("*.py")]
    found = {match for source in sources for match in pattern.findall(source)}
    return {re.sub(r"\{\w+\}", "{id}", path) for path in found}


@pytest.mark.no_store
def test_the_sdk_is_read() -> None:
    assert {"/chat/completions", "/files", "/threads/{id}/runs"} <= posted_paths()


@pytest.mark.no_store
@pytest.mark.parametrize("path", sorted(posted_paths()))
def test_the_operation_of_every_posted_path(path: str) -> None:
    operation = operation_of(path.replace("{id}", "abc_123"))

    assert (operation.name if operation else None) == RECORDED.get(path)


CALLS: list[tuple[str, Any, Any]] = [
    ("chat.completions.create", {"model": "m", "messages": QUESTION}, chat()),
    ("chat.completions.with_raw_response.create", {"model": "m", "messages": QUESTION}, chat()),
    ("completions.create", {"model": "m", "prompt": "?"}, completion()),
    ("embeddings.create", {"model": "m", "input": "?", "encoding_format": "float"}, embedding([[0.5]])),
    ("moderations.create", {"input": "?"}, {"id": "modr_1", "model": "m", "results": []}),
    ("images.generate", {"prompt": "?"}, {"created": 1, "data": [], "usage": USAGE}),
    ("audio.transcriptions.create", {"model": "m", "file": ("a.wav", b"RIFF")}, {"text": "Hello."}),
    ("vector_stores.search", {"vector_store_id": "vs_1", "query": "?"}, {"object": "page", "data": []}),
    ("videos.create", {"prompt": "?"}, {"id": "video_1", "status": "queued"}),
    ("batches.create", {"completion_window": "24h", "endpoint": "/v1/responses", "input_file_id": "f"}, {"id": "b"}),
    ("evals.runs.create", {"eval_id": "e", "data_source": {"type": "jsonl", "source": {}}}, {"id": "r"}),
    ("fine_tuning.jobs.create", {"model": "m", "training_file": "f"}, {"id": "j"}),
    ("responses.create", {"model": "m", "input": "?"}, response()),
    ("responses.with_raw_response.create", {"model": "m", "input": "?"}, response()),
]
IDLE: list[tuple[str, Any]] = [
    ("models.list", {}),
    ("models.retrieve", {"model": "m"}),
    ("files.create", {"file": ("a.jsonl", b"{}"), "purpose": "batch"}),
    ("files.list", {}),
    ("batches.list", {}),
    ("vector_stores.create", {}),
    ("containers.create", {"name": "c"}),
    ("conversations.create", {}),
    ("evals.list", {}),
    ("videos.retrieve", {"video_id": "v"}),
    ("realtime.client_secrets.create", {}),
    ("beta.chatkit.sessions.create", {"user": "u", "workflow": {"id": "w"}}),
    ("skills.list", {}),
    ("webhooks.list", {}),
    ("audio.voices.create", {"name": "v", "audio_sample": b"RIFF", "consent": "c"}),
]


def method_of(client: Any, name: str) -> None:
    for part in name.split("."):
        if not hasattr(client, part):
            pytest.skip(f"this version of the SDK has no {name}")
        client = getattr(client, part)


@pytest.mark.parametrize(("name", "arguments", "body"), CALLS, ids=[name for name, _, _ in CALLS])
def test_one_request_is_one_span(
    name: str, arguments: Any, body: Any, server: Server, client: openai.OpenAI, call: Any, stored: Any
) -> None:
    method_of(client, name)
    server.will(reply(body))

    call(name, **arguments)

    assert (len(server.asked), len(stored.spans)) == (1, 1)
    assert stored.span.status == "UNSET"
    assert stored.span.inputs
    assert stored.span.outputs == body


@pytest.mark.parametrize(("name", "arguments"), IDLE, ids=[name for name, _ in IDLE])
def test_what_generates_nothing_is_no_span(
    name: str, arguments: Any, server: Server, client: openai.OpenAI, stored: Any
) -> None:
    method_of(client, name)
    server.will(reply({"object": "list", "data": [], "id": "x", "value": "s"}))

    method: Any = client
    for part in name.split("."):
        method = getattr(method, part)
    method(**arguments)

    assert (len(server.asked), stored.spans) == (1, [])


@pytest.mark.skipif(not HAS_RESPONSES, reason="this version of the SDK has no Responses API")
def test_helpers_retries_and_raw_responses_are_one_span_each(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    patient = client.with_options(max_retries=1)
    server.will(
        reply(chat()),
        reply({"error": {"message": "Busy."}}, status=500, retry_after_ms="1"),
        reply(response()),
        sse(*response_events(), done=False),
    )

    client.chat.completions.with_raw_response.create(model="m", messages=QUESTION)  # type: ignore[call-overload]
    patient.responses.create(model="m", input="?")
    for _ in client.responses.create(model="m", input="?", stream=True):
        pass

    assert len(server.asked) == 4
    assert sorted(span.attributes["tracer.retries"] for span in stored.spans) == [0, 0, 1]
