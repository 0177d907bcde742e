"""Exchanges recorded against real providers give the same result from a cassette and from a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.openai.exchanges import EXCHANGES, FILE, call, name_of, scripted
from tests.openai.server import Server
from tracer._redaction.secrets import REDACTED
from tracer.errors import CassetteError

pytestmark = pytest.mark.skipif(not EXCHANGES, reason=f"no recorded exchanges at {FILE}")


@pytest.mark.parametrize("exchange", EXCHANGES, ids=name_of)
def test_recorded_exchanges_are_replayed(exchange: dict[str, Any], server: Server, cassette: Path) -> None:
    server.will(scripted(exchange))
    tracer.openai.autolog()
    try:
        with tracer.record(cassette):
            first = call(exchange, server)
        tracer.flush()
        trace_id = tracer.get_last_active_trace_id()
        assert trace_id is not None
    finally:
        tracer.openai.autolog(disable=True)
    server.will()  # whoever asks it now gets no answer

    if REDACTED in cassette.read_text():  # links to pictures are signed
        for source in (cassette, trace_id):
            with pytest.raises(CassetteError, match="secret"), tracer.replay(source):
                pass
        return
    with tracer.replay(cassette):
        assert repr(call(exchange, server)) == repr(first)
    if exchange["body"] == "R3":  # what is no JSON, a trace does not have
        with pytest.raises(CassetteError, match="its reply was not recorded"), tracer.replay(trace_id):
            pass
        return
    with tracer.replay(trace_id):
        assert said(call(exchange, server)) == said(first)


def said(result: Any) -> object:
    """What a result says; of a null a trace does not tell whether it was sent."""
    if isinstance(result, Exception):
        return type(result), str(result)
    if isinstance(result, list):
        return [said(each) for each in result]
    return result.model_dump(exclude_none=True)
