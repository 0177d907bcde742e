"""The tracer server: one ASGI app with the JSON API, OTLP in, live updates and the trace UI."""

from __future__ import annotations

from tracer.server.app import create_app
from tracer.server.running import running_server
from tracer.server.settings import ServerSettings

__all__ = ["ServerSettings", "create_app", "running_server"]
