"""A judge with a real server, llama.cpp's, and a real, tiny model: without sense, but of the asked form."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracer
from tests.garbage import collect_garbage
from tracer.genai.scorers import Safety

xllamacpp = pytest.importorskip("xllamacpp", reason="the package xllamacpp is not installed")
pytest.importorskip("gguf", reason="the package gguf is not installed")

from tests.openai.tiny_model import write_model  # noqa: E402


def test_a_served_model_gives_a_verdict_of_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "tiny.gguf", context=4096)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(tmp_path / "tiny.gguf")
    settings.n_ctx, settings.n_parallel, settings.warmup = 4096, 1, False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    running = xllamacpp.Server(settings)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{running.listening_address}/v1")

    score = Safety(model="openai:/tiny", inference_params={"temperature": 0, "max_tokens": 2000})(outputs="Hello")

    assert score.value in ("yes", "no")
    trace = tracer.get_trace(score.metadata["tracer.judge.trace_id"])
    assert trace is not None
    assert trace.info.token_usage is not None
    assert trace.info.token_usage["output_tokens"] > 20
    del running
    collect_garbage()
