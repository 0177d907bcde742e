"""How Ollama's calls look in the terminal."""

from __future__ import annotations

import ollama
from click.testing import CliRunner

import tracer
from tests.ollama.replies import QUESTION, chat, ndjson, piece, said
from tests.openai.server import Server, reply
from tracer.cli.group import tracer_command


def shown(store_url: str, *arguments: str) -> str:
    ran = CliRunner().invoke(tracer_command, [*arguments, "--store", store_url], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_a_trace_in_full(server: Server, client: ollama.Client, store_url: str) -> None:
    weather = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    server.will(
        reply(chat(said("", thinking="A tool?", tool_calls=[weather]))),
        ndjson(piece("Fine.")),
        reply({"error": "model 'none' not found"}, status=404),
    )
    result = {"role": "tool", "content": "sunny", "tool_name": "get_weather"}

    with tracer.start_span("agent"):
        asked = client.chat(model="llama3.2", messages=QUESTION, options={"temperature": 0.2})
        list(client.chat(model="llama3.2", messages=[*QUESTION, asked.message, result], stream=True))
        try:
            client.generate(model="none", prompt="?")
        except ollama.ResponseError:
            pass

    full = shown(store_url, "show", "latest", "--full")
    assert "temperature 0.2 · finish stop · loading 1.50 s" in full
    assert "prompt 250 ms · generation 500 ms" in full
    assert "12 tokens in" in full
    assert '    reasoning\n      A tool?\n    get_weather(city="Paris")' in full
    assert "ended early: unfinished" in full
    assert "  assistant · reply\n    Fine." in full
    assert "✗ ResponseError: model 'none' not found" in full
    assert "$" not in full


def test_models_without_a_price_have_no_cost_in_the_statistics(
    server: Server, client: ollama.Client, store_url: str
) -> None:
    server.will(reply(chat()))

    client.chat(model="gpt-oss:20b", messages=QUESTION)

    assert "$" not in shown(store_url, "stats") + shown(store_url, "list")
