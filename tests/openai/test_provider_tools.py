"""Tools that the provider runs itself, and those of its kinds that the program runs: parts, streams, terminal."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, chat, message_item, response, response_events
from tests.openai.sdk import needs_responses
from tests.openai.server import Server, reply, sse
from tracer import cli

pytestmark = needs_responses

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
B64 = base64.b64encode(PNG).decode()

TOOLS = [
    {"type": "web_search"},
    {"type": "file_search", "vector_store_ids": ["vs_1"]},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "computer_use_preview", "display_width": 800, "display_height": 600, "environment": "linux"},
    {"type": "mcp", "server_label": "wiki", "server_url": "https://mcp.example", "require_approval": "never"},
    {"type": "image_generation"},
    {"type": "custom", "name": "sql", "format": {"type": "text"}},
]
SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "Lima"},
}
FILES = {
    "id": "fs_1",
    "type": "file_search_call",
    "status": "completed",
    "queries": ["capital"],
    "results": [{"file_id": "file_1", "filename": "peru.md", "score": 0.9, "text": "Lima is the capital."}],
}
CODE = {
    "id": "ci_1",
    "type": "code_interpreter_call",
    "status": "completed",
    "container_id": "cntr_1",
    "code": "x = 1\nprint(x)",
    "outputs": [{"type": "logs", "logs": "1"}],
}
MCP = {
    "id": "mcp_1",
    "type": "mcp_call",
    "name": "lookup",
    "server_label": "wiki",
    "arguments": '{"page": "Peru"}',
    "output": "A country.",
    "error": None,
}
MCP_TOOLS = {"id": "mcpl_1", "type": "mcp_list_tools", "server_label": "wiki", "tools": [{"name": "lookup"}]}
APPROVAL = {
    "id": "mcpr_1",
    "type": "mcp_approval_request",
    "name": "lookup",
    "server_label": "wiki",
    "arguments": '{"page": "Peru"}',
}
IMAGE = {
    "id": "ig_1",
    "type": "image_generation_call",
    "status": "completed",
    "result": B64,
    "revised_prompt": "A llama",
}
COMPUTER = {
    "id": "cu_1",
    "type": "computer_call",
    "call_id": "c1",
    "status": "completed",
    "pending_safety_checks": [],
    "action": {"type": "click", "button": "left", "x": 1, "y": 2},
}
SHELL = {"id": "sh_1", "type": "shell_call", "call_id": "c2", "action": {"commands": ["ls"]}, "status": "completed"}
SHELL_OUTPUT = {
    "id": "sho_1",
    "type": "shell_call_output",
    "call_id": "c2",
    "output": [{"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
}
CUSTOM = {"id": "ct_1", "type": "custom_tool_call", "call_id": "c3", "name": "sql", "input": "select 1"}


def said(item: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("id", *left_out)}


PARTS: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (SEARCH, [{"type": "server_tool_call", "id": "ws_1", "name": "web_search", "server_tool_call": said(SEARCH)}]),
    (
        FILES,
        [
            {
                "type": "server_tool_call",
                "id": "fs_1",
                "name": "file_search",
                "server_tool_call": said(FILES, "results"),
            },
            {
                "type": "server_tool_call_response",
                "id": "fs_1",
                "server_tool_call_response": {"type": "file_search_call", "results": FILES["results"]},
            },
        ],
    ),
    (
        CODE,
        [
            {
                "type": "server_tool_call",
                "id": "ci_1",
                "name": "code_interpreter",
                "server_tool_call": said(CODE, "outputs"),
            },
            {
                "type": "server_tool_call_response",
                "id": "ci_1",
                "server_tool_call_response": {"type": "code_interpreter_call", "outputs": CODE["outputs"]},
            },
        ],
    ),
    (
        MCP,
        [
            {
                "type": "server_tool_call",
                "id": "mcp_1",
                "name": "lookup",
                "server_tool_call": {**said(MCP, "output", "error"), "arguments": {"page": "Peru"}},
            },
            {
                "type": "server_tool_call_response",
                "id": "mcp_1",
                "server_tool_call_response": {"type": "mcp_call", "output": "A country."},
            },
        ],
    ),
    (MCP_TOOLS, [MCP_TOOLS]),
    (APPROVAL, [APPROVAL]),
    (COMPUTER, [{"type": "tool_call", "id": "c1", "name": "computer", "arguments": COMPUTER["action"]}]),
    (SHELL, [{"type": "tool_call", "id": "c2", "name": "shell", "arguments": SHELL["action"]}]),
    (SHELL_OUTPUT, [{"type": "tool_call_response", "id": "c2", "response": SHELL_OUTPUT["output"]}]),
    (CUSTOM, [{"type": "tool_call", "id": "c3", "name": "sql", "arguments": "select 1"}]),
]


@pytest.mark.parametrize(("item", "parts"), PARTS, ids=[item["type"] for item, _ in PARTS])
def test_items_as_parts(item: Any, parts: Any, server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(response(item)))

    client.responses.create(model="m", input="?", tools=TOOLS)

    assert stored.output[0]["parts"] == parts
    assert stored.json("gen_ai.tool.definitions") == TOOLS
    assert stored.span.outputs["output"] == [item]


@pytest.mark.parametrize(("item", "parts"), PARTS, ids=[item["type"] for item, _ in PARTS])
def test_items_as_parts_of_a_conversation_and_of_a_stream(
    item: Any, parts: Any, server: Server, call: Any, stored: Any
) -> None:
    begun = {**item, "status": "in_progress", "action": None, "output": None}
    events = [
        {"type": "response.created", "response": response(status="in_progress", output=[], usage=None)},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response(item)},
    ]
    server.will(sse(*events, done=False))

    call("responses.create", model="m", input=[item], stream=True)

    assert (stored.input[0]["parts"], stored.output[0]["parts"]) == (parts, parts)


def test_a_tool_that_is_answered_in_the_reply_is_not_waited_for(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(SHELL, SHELL_OUTPUT, message_item())))

    call("responses.create", model="m", input="?")

    assert stored.output[0]["finish_reason"] == "stop"


@pytest.mark.parametrize("item", [COMPUTER, SHELL, CUSTOM], ids=lambda item: item["type"])
def test_a_tool_that_the_program_runs_is_waited_for(item: Any, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(item)))

    call("responses.create", model="m", input="?")

    assert stored.span.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]


def test_a_generated_image_is_a_picture_among_the_parts(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(IMAGE)))

    call("responses.create", model="m", input="Draw a llama", tools=[{"type": "image_generation"}])

    asked, picture = stored.output[0]["parts"]
    assert asked == {
        "type": "server_tool_call",
        "id": "ig_1",
        "name": "image_generation",
        "server_tool_call": said(IMAGE, "result"),
    }
    assert (picture["type"], picture["mime_type"]) == ("blob", "image/png")
    assert stored.attachment(picture["content"]) == ("image/png", PNG)
    assert stored.span.outputs["output"][0]["result"] == picture["content"]


def test_partial_images_of_a_stream_are_attachments(server: Server, call: Any, stored: Any) -> None:
    partial = {
        "type": "response.image_generation_call.partial_image",
        "item_id": "ig_1",
        "output_index": 0,
        "partial_image_index": 0,
        "partial_image_b64": B64,
    }
    server.will(sse(partial, {"type": "response.completed", "response": response(IMAGE)}, done=False))

    call("responses.create", model="m", input="Draw a llama", stream=True)

    chunks = [event.attributes["tracer.chunk"] for event in stored.span.events]
    assert all("tracer-attachment:" in chunk and B64[:100] not in chunk for chunk in chunks)
    assert stored.attachment(stored.output[0]["parts"][1]["content"]) == ("image/png", PNG)


def test_a_screenshot_that_is_given_back_is_an_attachment(server: Server, client: Any, stored: Any) -> None:
    server.will(reply(response()))
    screenshot = {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{B64}"}

    client.responses.create(model="m", input=[{"type": "computer_call_output", "call_id": "c1", "output": screenshot}])

    [part] = stored.input[0]["parts"]
    assert (part["type"], part["id"]) == ("tool_call_response", "c1")
    assert stored.attachment(part["response"]["image_url"]) == ("image/png", PNG)


def test_pictures_and_files_in_a_request(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(response()))
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "https://pictures.example/1.png", "detail": "low"},
        {"type": "input_image", "file_id": "file_1", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
    ]

    client.responses.create(model="m", input=[{"role": "user", "content": content}])  # type: ignore[misc,list-item]

    assert [part["type"] for part in stored.input[0]["parts"]] == ["text", "uri", "file", "blob"]


def test_logprobs_annotations_and_service_tier_are_kept(server: Server, call: Any, stored: Any) -> None:
    cited = {"type": "url_citation", "title": "Peru", "url": "https://peru.example", "start_index": 0, "end_index": 4}
    logprob = {"token": "Lima.", "logprob": -0.1, "top_logprobs": []}
    text = {"type": "output_text", "text": "Lima.", "annotations": [cited], "logprobs": [logprob]}
    server.will(reply(response(message_item(content=[text]), service_tier="priority")))

    call("responses.create", model="m", input="?", extra_body={"service_tier": "auto"})

    assert stored.output[0]["parts"] == [
        {"type": "text", "content": "Lima.", "annotations": [cited], "logprobs": [logprob]}
    ]
    attributes = stored.span.attributes
    assert (attributes["openai.request.service_tier"], attributes["openai.response.service_tier"]) == (
        "auto",
        "priority",
    )


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_a_structured_output_is_recorded_with_its_schema(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(message_item('{"city": "Lima"}'))))
    form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}

    call("responses.create", model="m", input="?", text={"format": form})

    assert stored.json("tracer.request.output_schema") == {"name": "answer", "strict": True, "schema": SCHEMA}
    assert stored.span.attributes["gen_ai.output.type"] == "json"


def test_a_structured_chat_is_recorded_with_its_schema(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat({"role": "assistant", "content": '{"city": "Lima"}'})))
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}

    call("chat.completions.create", model="m", messages=QUESTION, response_format=form)

    assert stored.json("tracer.request.output_schema") == {"name": "answer", "schema": SCHEMA}


def test_everything_can_be_read_in_the_terminal(
    server: Server, client: openai.OpenAI, stored: Any, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cited = {"type": "url_citation", "title": "Peru", "url": "https://peru.example", "start_index": 0, "end_index": 4}
    text = {"type": "output_text", "text": "Lima.", "annotations": [cited]}
    server.will(reply(response(SEARCH, FILES, CODE, MCP, IMAGE, COMPUTER, message_item(content=[text]))))
    form = {"type": "json_schema", "name": "answer", "schema": SCHEMA}
    settings: Any = {"tools": TOOLS, "text": {"format": form}}

    client.responses.create(model="m", input="What is the capital of Peru?", **settings)

    assert cli.run(["show", stored.span.trace_id, "--full", "--store", store_url]) == 0
    shown = capsys.readouterr().out
    for line in (
        "tools offered: web_search, file_search, code_interpreter, computer_use_preview, mcp, image_generation, sql",
        "asked for JSON: answer",
        'web_search(query="Lima") by the provider',
        'file_search(queries=["capital"]) by the provider',
        "peru.md",
        "print(x)",
        'lookup(server_label="wiki", arguments={"page":"Peru"}) by the provider',
        "→ A country.",
        "    [image/png, 1.0 KiB, sha256 ",
        'computer(type="click", button="left", x=1, y=2)',
        "↪ Peru https://peru.example",
    ):
        assert line in shown, shown


def test_deltas_of_the_providers_tools(server: Server, client: openai.OpenAI, stored: Any) -> None:
    begun = {**CODE, "code": "", "outputs": None, "status": "in_progress"}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "x = 1\n"},
        {"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "print(x)"},
        {"type": "response.output_item.added", "output_index": 1, "item": {**MCP, "arguments": "", "output": None}},
        {"type": "response.mcp_call_arguments.delta", "output_index": 1, "delta": '{"page": '},
        {"type": "response.mcp_call_arguments.delta", "output_index": 1, "delta": '"Peru"}'},
    ]
    server.will(sse(*events, *response_events()[:1], done=False))

    with client.responses.create(model="m", input="?", stream=True) as stream:
        for number, _ in enumerate(stream):
            if number == 5:
                break

    calls = [part["server_tool_call"] for part in stored.output[0]["parts"]]
    assert [calls[0]["code"], calls[1]["arguments"]] == ["x = 1\nprint(x)", {"page": "Peru"}]
