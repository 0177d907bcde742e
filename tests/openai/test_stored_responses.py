"""Responses that the provider stores: retrieved, followed, cancelled, compacted."""

from __future__ import annotations

import inspect
from typing import Any

import openai
import pytest

from tests.openai.replies import RESPONSE_USAGE, response, response_events
from tests.openai.sdk import needs_responses
from tests.openai.server import Server, reply, sse

pytestmark = needs_responses


def has(client: Any, name: str) -> None:
    """Skip the test where the installed SDK is too old."""
    for part in name.split("."):
        if not hasattr(client, part):
            pytest.skip(f"this version of the SDK has no {name}")
        client = getattr(client, part)


def follows(client: openai.OpenAI) -> None:
    if "stream" not in inspect.signature(client.responses.retrieve).parameters:
        pytest.skip("this version of the SDK cannot follow a stored response")


@pytest.mark.parametrize(
    ("method", "verb"),
    [("responses.retrieve", "GET"), ("responses.cancel", "POST"), ("responses.delete", "DELETE")],
)
def test_retrieve_delete_and_cancel_are_not_recorded(
    method: str, verb: str, server: Server, client: openai.OpenAI, call: Any, stored: Any
) -> None:
    has(client, method)
    server.will(reply(response()))

    call(method, response_id="resp_1")

    assert [asked.method for asked in server.asked] == [verb]
    assert stored.spans == []


def test_counting_tokens_generates_nothing(server: Server, client: openai.OpenAI, call: Any, stored: Any) -> None:
    has(client, "responses.input_tokens.count")
    server.will(reply({"object": "response.input_tokens", "input_tokens": 3}))

    call("responses.input_tokens.count", model="m", input="?")

    assert (len(server.asked), stored.spans) == (1, [])


def test_conversations_generate_nothing(server: Server, client: openai.OpenAI, call: Any, stored: Any) -> None:
    has(client, "conversations.items")
    server.will(reply({"id": "conv_1", "object": "conversation"}))

    call("conversations.create", items=[{"type": "message", "role": "user", "content": "?"}])
    call("conversations.items.create", conversation_id="conv_1", items=[])

    assert (len(server.asked), stored.spans) == (2, [])


def test_a_conversation_is_named_by_its_calls(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(conversation={"id": "conv_1"})))

    call("responses.create", model="m", input="?", extra_body={"conversation": "conv_1"})

    assert stored.span.attributes["gen_ai.conversation.id"] == "conv_1"


def test_retrieve_with_stream_has_the_usage_of_a_background_response(
    server: Server, client: openai.OpenAI, call: Any, stored: Any
) -> None:
    follows(client)
    queued = response(status="queued", output=[], usage=None, background=True)
    server.will(reply(queued), sse(*response_events(), done=False))

    call("responses.create", model="m", input="?", extra_body={"background": True})
    call("responses.retrieve", response_id="resp_1", stream=True, starting_after=2)

    made, followed = sorted(stored.spans, key=lambda span: span.start_time_ns)
    assert (made.name, made.attributes["gen_ai.response.status"], made.token_usage) == ("chat m", "queued", None)
    assert "tracer.incomplete" not in made.attributes
    assert (followed.name, followed.span_type) == ("fetch_response", "CHAT_MODEL")
    assert followed.inputs == {"response_id": "resp_1", "stream": True, "starting_after": 2}
    assert followed.outputs == response()
    assert followed.token_usage["total_tokens"] == RESPONSE_USAGE["total_tokens"]
    assert len(server.asked) == 2


def test_a_response_that_is_followed_by_the_helper(server: Server, client: openai.OpenAI, stored: Any) -> None:
    has(client, "responses.stream")
    if "response_id" not in inspect.signature(client.responses.stream).parameters:
        pytest.skip("this version of the SDK cannot follow a stored response")
    server.will(sse(*response_events(), done=False))

    with client.responses.stream(response_id="resp_1") as events:
        final = events.get_final_response()

    assert final.output_text == "Lima."
    assert stored.span.name == "fetch_response"
    assert stored.span.outputs == response()


@pytest.mark.parametrize("how", ["with_raw_response", "with_streaming_response"])
def test_a_followed_response_that_is_read_raw(how: str, server: Server, client: openai.OpenAI, stored: Any) -> None:
    follows(client)
    server.will(sse(*response_events(), done=False))

    if how == "with_raw_response":
        assert len(list(client.responses.with_raw_response.retrieve("resp_1", stream=True).parse())) == 10
    else:
        with client.responses.with_streaming_response.retrieve("resp_1", stream=True) as body:
            assert len(list(body.parse())) == 10

    assert stored.span.outputs == response()
    assert "tracer.incomplete" not in stored.span.attributes


def test_a_compaction_has_prompt_and_tokens(server: Server, client: openai.OpenAI, call: Any, stored: Any) -> None:
    has(client, "responses.compact")
    compaction = {"id": "cmp_1", "type": "compaction", "encrypted_content": "gAAA"}
    server.will(
        reply(
            {
                "id": "resp_2",
                "object": "response.compaction",
                "created_at": 1,
                "output": [compaction],
                "usage": RESPONSE_USAGE,
            }
        )
    )

    call("responses.compact", model="m", input="A long talk", instructions="Be short.")

    span = stored.span
    assert (span.name, span.span_type) == ("responses.compact m", "LLM")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "A long talk"}]}]
    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be short."}]
    assert stored.output[0]["parts"] == [compaction]
    assert span.token_usage["cache_read_input_tokens"] == 3


def test_a_followed_response_that_does_not_exist(server: Server, client: openai.OpenAI, stored: Any) -> None:
    follows(client)
    server.will(reply({"error": {"message": "No response.", "code": "not_found"}}, status=404))

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1", stream=True)

    assert (stored.span.status, stored.span.attributes["http.response.status_code"]) == ("ERROR", 404)
