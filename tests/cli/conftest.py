"""A command line to call in this process, and stores with traces to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tracer import cli
from tracer.store import open_store

TRACE_ID = "4f2a1b3c4d5e6f708192a3b4c5d6e7f8"
SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def tracer_command(capfdbinary: pytest.CaptureFixture[bytes], store_url: str) -> Callable[..., Ran]:
    """``tracer …`` on the test's own store, unless the arguments name another."""

    def call(*arguments: str) -> Ran:
        capfdbinary.readouterr()
        has_store = (
            "--store" in arguments
            or "--help" in arguments
            or not arguments
            or arguments[0].startswith("-")
            or arguments[0] == "copy"
        )
        given = [] if has_store else ["--store", store_url]
        code = cli.run([*arguments, *given])
        out, err = capfdbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return call


@pytest.fixture
def write(store_url: str) -> Callable[..., None]:
    """Puts records into the test's own store as the drainer would."""

    def append(*records: dict[str, Any], owner: str = "1-test") -> None:
        store = open_store(store_url)
        store.append([orjson.dumps(record) for record in records], owner=owner)
        store.close()

    return append


def span(name: str, number: int = 1, parent: int | None = None, **fields: Any) -> dict[str, Any]:
    """The record of a span that ran for a second."""
    record: dict[str, Any] = {
        "kind": "span",
        "trace_id": TRACE_ID,
        "span_id": f"{number:016x}",
        "name": name,
        "type": "CHAIN",
        "start": START + number * 1000,
        "end": START + SECOND,
        "status": "OK",
    }
    if parent is not None:
        record["parent_id"] = f"{parent:016x}"
    return {**record, **fields}


def chat(
    number: int, parent: int | None, given: Sequence[Any], produced: Sequence[Any], **fields: Any
) -> dict[str, Any]:
    """The record of a chat call."""
    return span(
        "chat gpt-4o",
        number,
        parent,
        type="CHAT_MODEL",
        attributes={
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.output_tokens": 34,
        },
        json={"gen_ai.input.messages": list(given), "gen_ai.output.messages": list(produced)},
        **fields,
    )


def said(role: str, text: str, **fields: Any) -> dict[str, Any]:
    """A message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": text}], **fields}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    place = tmp_path / "empty"
    place.mkdir()
    monkeypatch.chdir(place)
    return place
