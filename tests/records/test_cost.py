"""The cost of a call, compared with the price table itself and with known prices."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import pytest

from tracer import semconv
from tracer._records.cost import cost_of

pytestmark = pytest.mark.no_store

START = 1_795_231_152_604_000_000  # 2026-11-21


def cost(model: str, provider: str | None = None, host: str | None = None, **usage: int) -> dict[str, float] | None:
    attributes: dict[str, Any] = {
        semconv.REQUEST_MODEL: model,
        semconv.PROVIDER: provider,
        semconv.SERVER_ADDRESS: host,
    }
    return cost_of({"attributes": attributes, "start": START}, usage or {"input_tokens": 1000, "output_tokens": 100})


def test_input_and_output_are_priced() -> None:
    assert cost("gpt-4o-mini", "openai", "api.openai.com") == {
        "input_cost": 0.00015,
        "output_cost": 0.00006,
        "total_cost": 0.00021,
    }


def test_cached_input_is_cheaper_and_reasoning_is_part_of_the_output() -> None:
    usage = {"input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 800, "reasoning_output_tokens": 60}

    assert cost("gpt-4o-mini", "openai", "api.openai.com", **usage) == {
        "input_cost": pytest.approx((200 * 0.15 + 800 * 0.075) / 1e6),
        "output_cost": 0.00006,
        "total_cost": 0.00015,
    }


def test_cache_writes_cost_more() -> None:
    plain = cost("claude-sonnet-4-5", "anthropic", "api.anthropic.com", input_tokens=1000, output_tokens=0)
    written = cost("claude-sonnet-4-5", "anthropic", input_tokens=1000, output_tokens=0, cache_write_input_tokens=1000)

    assert plain is not None
    assert written is not None
    assert written["input_cost"] == pytest.approx(plain["input_cost"] * 1.25)


def test_what_is_cached_for_an_hour_costs_more_still() -> None:
    written = {"input_tokens": 1000, "output_tokens": 0, "cache_write_input_tokens": 500}

    mixed = cost("claude-sonnet-4-5", "anthropic", **written, cache_write_1h_input_tokens=200)
    without_such_a_price = cost("gpt-4o-mini", "openai", **written, cache_write_1h_input_tokens=200)

    assert mixed is not None
    assert mixed["input_cost"] == pytest.approx((500 * 3 + 300 * 3.75 + 200 * 6) / 1e6)
    assert without_such_a_price == cost("gpt-4o-mini", "openai", **written)


@pytest.mark.parametrize(
    ("model", "provider", "host"),
    [
        ("gpt-4o-mini", "azure.ai.openai", "res.openai.azure.com"),
        ("gpt-4o-mini", "openai", "res.openai.azure.com"),
        ("llama-3.3-70b-versatile", "groq", "api.groq.com"),
        ("llama-3.3-70b-versatile", "openai", "api.groq.com"),
        ("deepseek-chat", "openai", "api.deepseek.com"),
        ("mistral-large-latest", "mistral_ai", "api.mistral.ai"),
        ("openai/gpt-4o", "openai", "openrouter.ai"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "openai", "api.together.xyz"),
        ("gemini-2.5-flash", "gcp.gemini", "generativelanguage.googleapis.com"),
        ("claude-sonnet-4-5", "anthropic", None),
        ("gpt-4o", None, None),
        ("gpt-4o", "openai", "llm.example.com"),
        ("text-embedding-3-small", "openai", "api.openai.com"),
        ("gpt-4o", "openai", "localhost"),
        ("gpt-4o-mini-2024-07-18", "openai", "127.0.0.1"),
        ("gpt-4o", "some-provider", None),
        ("gpt-4o", "some-provider", "llm.example.com"),
        ("openai/gpt-4o-mini", None, None),
        ("openai/gpt-4o-mini", "litellm", "localhost"),
        ("anthropic/claude-sonnet-4-5", "openai", "llm.example.com"),
        ("azure/gpt-4o-mini", "openai", "localhost"),
        ("bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0", "litellm", None),
        ("gemini/gemini-2.5-flash", None, None),
        ("xai/grok-4", None, "localhost"),
        ("groq/llama-3.3-70b-versatile", None, None),
        ("openrouter/anthropic/claude-sonnet-4.5", None, None),
    ],
)
def test_a_known_seller_has_a_price(model: str, provider: str | None, host: str | None) -> None:
    price = cost(model, provider, host)

    assert price is not None
    assert price["total_cost"] > 0


@pytest.mark.parametrize(
    ("model", "provider", "host"),
    [
        ("no-such-model", "openai", "api.openai.com"),
        ("gpt-oss-120b", "openai", "localhost"),
        ("llama-3.3-70b", "openai", "127.0.0.1"),
        ("qwen3-32b", "openai", "[::1]"),
        ("mistral-large", "openai", "10.1.2.3"),
        ("deepseek-chat", "openai", "host.docker.internal"),
        ("text-embedding-nomic-embed-text-v1.5", "openai", "localhost"),
        ("gemma-3-27b", "openai", "vllm"),
        ("gpt-oss-120b", "openai", "llm.example.com"),
        ("llama3.2:1b", "ollama", "localhost"),
        ("llama3.2:1b", "ollama", None),
        ("llama3.2:1b", None, None),
        ("mistral", None, None),
        ("deepseek-r1:8b", None, None),
        ("gpt-oss:20b", None, None),
        ("some-model", "some-provider", None),
        ("openai/gpt-oss-20b", "openai", "localhost"),
        ("mistralai/mistral-small", "openai", "127.0.0.1"),
        ("google/gemma-3-27b", None, None),
        ("ollama/llama3.2", None, None),
        ("openai/no-such-model", None, None),
        ("whisper-large-v3", "groq", "api.groq.com"),
        ("", "openai", None),
    ],
)
def test_what_nobody_knows_has_no_price(model: str, provider: str | None, host: str | None) -> None:
    assert cost(model, provider, host) is None


@pytest.mark.parametrize("host", ["bedrock-runtime.eu-west-1.amazonaws.com", "vpce-1.bedrock.example.com", None])
def test_a_model_on_bedrock_costs_what_its_id_says(host: str | None) -> None:
    def price(**models: str) -> float:
        attributes = {f"gen_ai.{side}.model": name for side, name in models.items()}
        where = {semconv.PROVIDER: "aws.bedrock", semconv.SERVER_ADDRESS: host}
        found = cost_of({"attributes": {**attributes, **where}, "start": START}, {"input_tokens": 1_000_000})
        assert found is not None
        return found["total_cost"]

    name = "claude-sonnet-4-5-20250929"
    everywhere, regional = f"global.anthropic.{name}-v1:0", f"eu.anthropic.{name}-v1:0"

    assert [price(request=everywhere, response=name), price(request=regional, response=name)] == [3.0, 3.3]
    assert price(request="application-inference-profile/a1b2c3", response=name) == 3.3
    assert price(request="amazon.nova-micro-v1:0") == 0.035


def test_a_cost_that_the_provider_sent_wins() -> None:
    attributes = {semconv.REQUEST_MODEL: "gpt-4o", "tracer.cost.total": 0.5}

    assert cost_of({"attributes": attributes}, {"input_tokens": 1}) == {"total_cost": 0.5}
    assert cost_of({"attributes": {**attributes, "tracer.cost.input": 0.2}}, None) == {
        "total_cost": 0.5,
        "input_cost": 0.2,
    }
    assert cost_of({"attributes": {"tracer.cost.total": "much"}}, None) is None


def test_the_model_that_answered_is_priced_before_the_one_that_was_asked() -> None:
    attributes = {
        semconv.REQUEST_MODEL: "gpt-4o",
        semconv.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
        semconv.PROVIDER: "openai",
    }
    usage = {"input_tokens": 1000, "output_tokens": 100}

    assert cost_of({"attributes": attributes, "start": START}, usage) == cost("gpt-4o-mini", "openai")
    attributes[semconv.RESPONSE_MODEL] = "my-deployment"
    assert cost_of({"attributes": attributes, "start": START}, usage) == cost("gpt-4o", "openai")


@pytest.mark.parametrize(
    "provider", ["openai", "anthropic", "google", "groq", "deepseek", "mistral", "x-ai", "openrouter"]
)
def test_prices_are_those_of_the_table_at_any_time_and_length(provider: str) -> None:
    from genai_prices import Usage, calc_price
    from genai_prices.data import providers

    chosen = random.Random(provider)
    models = next(entry for entry in providers if entry.id == provider).models
    compared = 0
    for model in chosen.sample(models, min(10, len(models))):
        for _ in range(3):
            tokens = chosen.choice([chosen.randint(1, 5_000), chosen.randint(1, 500_000), 128_000, 200_000, 272_000])
            usage = {"input": tokens, "output": chosen.randint(0, 5_000), "read": chosen.randint(0, tokens // 2)}
            start = chosen.randint(1_700_000_000, 1_795_231_152)
            theirs = calc_price(
                Usage(input_tokens=usage["input"], output_tokens=usage["output"], cache_read_tokens=usage["read"]),
                model.id,
                provider_id=provider,
                genai_request_timestamp=datetime.fromtimestamp(start, timezone.utc),
            )
            ours = cost_of(
                {"attributes": {semconv.REQUEST_MODEL: model.id, semconv.PROVIDER: provider}, "start": start * 10**9},
                {"input_tokens": tokens, "output_tokens": usage["output"], "cache_read_input_tokens": usage["read"]},
            )
            if ours is None:  # not billed by the token
                assert theirs.total_price == 0
                continue
            compared += 1
            expected = (float(theirs.input_price), float(theirs.output_price), float(theirs.total_price))
            assert (ours["input_cost"], ours["output_cost"], ours["total_cost"]) == pytest.approx(expected, abs=1e-12)
    assert compared > 5


def test_a_call_whose_input_nobody_counted_has_no_price() -> None:
    assert cost("gpt-4o-mini", "openai", output_tokens=100) is None
    assert cost("text-embedding-3-small", "openai", input_tokens=100) is not None


def test_parts_that_exceed_their_whole_do_not_break_it() -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90, "audio_input_tokens": 70}

    assert cost("gpt-4o-mini", "openai", **usage) is not None


@pytest.mark.swallow_faults
@pytest.mark.parametrize(
    "record",
    [{}, {"attributes": None}, {"attributes": {semconv.REQUEST_MODEL: 5}}, {"start": "soon", "attributes": {}}],
)
def test_a_strange_record_has_no_price(record: dict[str, Any]) -> None:
    assert cost_of(record, {"input_tokens": 5}) is None


def test_the_table_is_not_loaded_before_something_is_priced() -> None:
    script = """
import sys
from tracer._records import cost
assert "genai_prices" not in sys.modules
assert cost.cost_of({"attributes": {}}, None) is None
local = {"gen_ai.request.model": "m", "server.address": "localhost"}
assert cost.cost_of({"attributes": local}, {"input_tokens": 1}) is None
assert "genai_prices" not in sys.modules and "pydantic" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_table_is_loaded_without_an_http_client_that_an_sdk_would_find_half_loaded() -> None:
    script = """
import sys
import tracer
with tracer.start_span("chat") as span:
    span.set_attributes({"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"})
    span.set_attributes({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10})
assert tracer.get_trace(span.trace_id).info.cost
assert "genai_prices" in sys.modules
assert not {"httpx", "httpx2", "httpcore", "anyio"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_updates_of_the_table_work_as_without_tracer() -> None:
    script = """
import sys
from tracer._records.cost import cost_of
attributes = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"}
assert cost_of({"attributes": attributes, "start": 1}, {"input_tokens": 1, "output_tokens": 1})
import genai_prices
with genai_prices.UpdatePrices(url="http://127.0.0.1:9/data.json") as updates:
    try:
        updates.wait(10)
    except Exception as error:
        print(type(error).__module__, type(error).__name__)
assert genai_prices.update_prices.httpx2.Client is sys.modules["httpx2"].Client
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (0, "httpx2 ConnectError\n"), done.stderr


def test_without_the_table_nothing_has_a_price_and_nothing_fails() -> None:
    script = """
import sys
sys.modules["genai_prices"] = None
from tracer._records.cost import cost_of
attributes = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"}
assert cost_of({"attributes": attributes, "start": 1}, {"input_tokens": 1, "output_tokens": 1}) is None
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0
    assert done.stderr.count("\n") <= 1
