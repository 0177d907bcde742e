"""A server of MCP that tests start: ``program.py <transport> <port> [<store>]``; without a store it has no tracer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

_, TRANSPORT, PORT, *STORE = sys.argv

if STORE:
    import tracer

    tracer.configure(store=STORE[0])
    if STORE[1:] == ["otel"]:
        tracer.otel.autolog()
    tracer.mcp.autolog()

from tests.mcp.servers import make_server  # noqa: E402


def run(server: Any) -> None:
    if TRANSPORT == "stdio":
        server.run(transport="stdio")
        return
    import uvicorn

    app = server.streamable_http_app()
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="error")


run(make_server())
