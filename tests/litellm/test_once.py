"""LiteLLM beside the openai package's provider and OpenTelemetry; switching on and off; its proxy."""

from __future__ import annotations

import pytest

pytest.importorskip("litellm", reason="tests/run.py makes an environment with it")

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import litellm
import litellm.main
import litellm.responses.main
import litellm.router
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tracer
from tests.docs.test_examples import EXAMPLES
from tests.litellm.conftest import Calls
from tests.litellm.test_calls import ANSWERED, COST, COUNTS, MINI, named
from tests.openai.replies import chat, lima
from tests.openai.server import Server, reply, sse, unreachable_port
from tests.originals import contents_of
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-of-the-proxy-in-these-tests-9f31c2"


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
def test_with_the_openai_packages_provider_on_each_call_is_there_once(
    server: Server, stored: Calls, openai_like: dict[str, Any], is_async: bool, streamed: bool
) -> None:
    server.will(sse(*named(lima())) if streamed else reply(chat(model=ANSWERED)))
    asked = {**MINI, **openai_like, "stream": streamed}
    if streamed:
        asked["stream_options"] = {"include_usage": True}

    async def ask() -> None:
        answer = await litellm.acompletion(**asked)
        if streamed:
            async for _ in answer:
                pass

    tracer.openai.autolog()
    try:
        if is_async:
            asyncio.run(ask())
        else:
            answer = litellm.completion(**asked)
            list(answer) if streamed else None
    finally:
        tracer.openai.autolog(disable=True)

    assert stored.tree() == ["chat gpt-4o-mini CHAT_MODEL UNSET"]
    [trace] = tracer.search_traces()
    assert trace.info.token_usage == COUNTS
    assert trace.info.cost["total_cost"] == pytest.approx(COST)


def test_a_call_of_the_openai_package_after_one_of_litellm_is_recorded_by_its_own_provider(
    server: Server, stored: Calls, openai_like: dict[str, Any]
) -> None:
    import openai

    server.will(reply(chat(model=ANSWERED)))
    tracer.openai.autolog()
    try:
        litellm.completion(**MINI, **openai_like)
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
        client.chat.completions.create(model="gpt-4o-mini", messages=MINI["messages"])
    finally:
        tracer.openai.autolog(disable=True)

    assert len(stored.spans) == 2


def test_without_litellms_provider_the_openai_packages_records_it(
    server: Server, stored: Calls, openai_like: dict[str, Any]
) -> None:
    server.will(reply(chat(model=ANSWERED)))
    tracer.litellm.autolog(disable=True)
    tracer.openai.autolog()
    try:
        litellm.completion(**MINI, **openai_like)
    finally:
        tracer.openai.autolog(disable=True)

    assert stored.tree() == ["chat gpt-4o-mini CHAT_MODEL UNSET"]


def test_its_own_callback_for_opentelemetry_makes_no_second_step_through_the_bridge(
    server: Server, stored: Calls, openai_like: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # it looks for the proxy, which takes long to load
    monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", None)
    from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig

    theirs, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    monkeypatch.setattr(litellm, "callbacks", [OpenTelemetry(OpenTelemetryConfig(), tracer_provider=provider)])
    server.will(reply(chat(model=ANSWERED)))

    tracer.otel.autolog(provider)
    try:
        litellm.completion(**MINI, **openai_like)
        assert until(theirs.get_finished_spans)
    finally:
        tracer.otel.autolog(disable=True)

    assert stored.tree() == ["chat gpt-4o-mini CHAT_MODEL UNSET"]


def test_the_examples_of_its_page_run(server: Server, tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("\n\n".join(EXAMPLES["litellm.md"]))
    server.will(reply(chat(model=ANSWERED)))
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "k"}

    ran = subprocess.run(
        [sys.executable, page], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=600
    )

    assert ran.returncode == 0, ran.stderr


def test_disable_puts_back_the_very_originals() -> None:
    patched = (CustomStreamWrapper, litellm.router.Router)
    tracer.litellm.autolog(disable=True)
    before = contents_of(*patched)
    inner = litellm.main.completion.__wrapped__.__code__

    tracer.litellm.autolog()
    assert contents_of(*patched) != before
    tracer.litellm.autolog(disable=True)

    assert contents_of(*patched) == before
    assert litellm.main.completion.__wrapped__.__code__ is inner


@pytest.mark.slow
def test_the_proxy_records_each_call_once(server: Server, stored: Calls, store_url: str, tmp_path: Path) -> None:
    pytest.importorskip("apscheduler", reason="needs litellm[proxy]")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
model_list:
  - model_name: small
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: {server.url}/v1
      api_key: k
"""
    )
    program = f"""
import tracer
tracer.configure(store={store_url!r})
tracer.litellm.autolog()
tracer.openai.autolog()
import os
os.environ.update(CONFIG_FILE_PATH={str(config)!r}, LITELLM_MASTER_KEY={KEY!r})
import uvicorn
from litellm.proxy.proxy_server import app
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error")
"""
    port = unreachable_port()
    server.will(reply(chat(model=ANSWERED)))
    asked = b'{"model": "small", "messages": [{"role": "user", "content": "hi"}], "user": "ann"}'
    with subprocess.Popen([sys.executable, "-c", program.replace("PORT", str(port))], cwd=ROOT) as proxy:
        try:
            answer = post(f"http://127.0.0.1:{port}/v1/chat/completions", asked)
        finally:
            proxy.terminate()

    assert b"Lima." in answer
    calls = [span for span in stored.spans if span.span_type == "CHAT_MODEL"]
    assert [call.name for call in calls] == ["chat gpt-4o-mini"]
    assert len(tracer.search_traces("user = 'ann'")) == 1


def post(url: str, body: bytes) -> bytes:
    """The answer, once the server is there."""
    request = urllib.request.Request(url, body, {"content-type": "application/json", "authorization": f"Bearer {KEY}"})
    for _ in range(1200):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as refused:
            raise AssertionError(refused.read()) from refused
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)
