"""`tracer demo`: the real SDK, real HTTP, one trace with all that the agent did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import Ran
from tracer.demo.server import DemoServer

Command = Callable[..., Ran]


@pytest.fixture
def quick_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo without its pauses."""
    monkeypatch.setattr("tracer.cli.demo._SECONDS_PER_REPLY", 0.0)
    monkeypatch.setattr("tracer.cli.demo._SECONDS_PER_CHUNK", 0.0)


def test_the_demo_traces_sync_async_and_streamed_calls(quick_demo: None, tracer_command: Command) -> None:
    ran = tracer_command("demo")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Scripted: no model is asked and no key needed.")
    assert "tracer show latest --full" in ran.out
    trace = tracer.search_traces()[0]
    assert sorted((span.name, span.status == "ERROR") for span in trace.data.spans) == [
        ("ask colleagues", False),
        *[("chat gpt-4o-mini", False)] * 4,
        *[("get_weather", False)] * 2,
        ("get_weather", True),
        ("trip agent", False),
    ]
    streamed = [span for span in trace.data.spans if span.get_attribute("gen_ai.request.stream")]
    assert [span.outputs["choices"][0]["message"]["content"] for span in streamed] == [trace.data.spans[0].outputs]
    assert trace.info.token_usage is not None
    assert "→ LookupError: no weather station in Atlantis" in tracer_command("show", "--full").out


def test_the_demo_leaves_the_sdk_as_it_was(quick_demo: None, tracer_command: Command) -> None:
    from openai._base_client import SyncAPIClient

    before = SyncAPIClient.request

    tracer_command("demo")

    assert SyncAPIClient.request is before


def test_live_talks_to_the_given_provider(tracer_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with DemoServer() as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)

        ran = tracer_command("demo", "--live", "--model", "my-model")

    assert ran.code == 0
    assert ran.out.startswith(f"Live: the replies come from {provider.base_url}.")
    assert "chat my-model" in ran.out


def test_live_without_a_key_is_wrong_usage(tracer_command: Command) -> None:
    ran = tracer_command("demo", "--live")

    assert ran.code == 2
    assert "--live needs an API key in OPENAI_API_KEY" in ran.err


def test_a_provider_that_fails_leaves_its_trace_to_look_at(
    tracer_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DemoServer() as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url + "/nowhere")

        ran = tracer_command("demo", "--live")

    assert ran.code == 1
    assert "the agent failed: NotFoundError" in ran.err
    assert "Traceback" not in ran.err
    assert "✗ NotFoundError" in ran.out


def test_without_openai_the_demo_names_what_to_install(
    tracer_command: Command, monkeypatch: pytest.MonkeyPatch, store_url: str, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)

    ran = tracer_command("demo")

    assert ran.code == 1
    assert "pip install '.[openai]' in a clone of tracer" in " ".join(ran.err.split())
    assert not (tmp_path / "tracer.db").exists()


def test_recording_that_is_off_is_said_so(
    quick_demo: None, tracer_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer.configure(sample_rate=0.0)

    ran = tracer_command("demo")

    assert ran.code == 1
    assert "nothing was recorded" in ran.err
