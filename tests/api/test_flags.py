"""Flags of the public functions: what is neither True nor False is refused, since the text "no" is true for Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
import tracer.otel
from tracer.errors import InvalidArgumentError

NO = "no"


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("disable", lambda folder: tracer.autolog(disable=NO)),
        ("disable", lambda folder: tracer.openai.autolog(disable=NO)),
        ("disable", lambda folder: tracer.ollama.autolog(disable=NO)),
        ("disable", lambda folder: tracer.otel.autolog(disable=NO)),
        ("include_usage", lambda folder: tracer.openai.autolog(include_usage=NO)),
        ("capture_inputs", lambda folder: tracer.trace(capture_inputs=NO)),
        ("capture_outputs", lambda folder: tracer.trace(print, capture_outputs=NO)),
        ("allow_redacted", lambda folder: tracer.replay(folder / "there.json", record="new", allow_redacted=NO)),
        ("refuse_secrets", lambda folder: tracer.pyfunc.save_model(folder / "m", print, refuse_secrets=NO)),
    ],
)
def test_a_flag_that_is_a_text_is_refused_before_anything_happens(
    name: str, call: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} is 'no', expected True or False"):
        call(tmp_path)


def test_a_model_is_not_trusted_by_a_text(tmp_path: Path) -> None:
    tracer.pyfunc.save_model(tmp_path / "model", lambda model_input: model_input)

    with pytest.raises(InvalidArgumentError, match="trust is 'no', expected True or False"):
        tracer.pyfunc.load_model(tmp_path / "model", trust=NO)  # type: ignore[arg-type]
